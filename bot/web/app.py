"""The whole web part: routes, security headers, limits on time and connections, and the server that runs them.

The server runs in the program's own event loop and does not change signal handlers.
"""

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any
from urllib.parse import unquote

import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from bot.web import editions, forms, monitoring, preferences, subscription
from bot.web.monitoring import Check, CountingMiddleware, Metrics
from bot.web.pages import Handler, Pages, network
from digest.core.errors import DigestError

# No scripts, nothing from other sites, no frames, and forms that post only to this site.
_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",  # URLs of pages contain tokens
}
_TRANSPORT = "max-age=31536000"  # seconds
_BODY_SECONDS, _ALL_SECONDS = 10.0, 60.0


class Protection:
    """Middleware for the whole site; `root` is the path prefix of its public URLs, and `https` tells whether they are
    secure.

    Some proxies pass on the whole path, some only the part after `root`; both work.
    """

    def __init__(self, app: ASGIApp, root: str, *, https: bool) -> None:
        self._app = app
        self._root = unquote(root)  # decoded, like the paths of requests
        self._headers = _HEADERS | ({"Strict-Transport-Security": _TRANSPORT} if https else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        started = False

        async def protected(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                self._protect(MutableHeaders(scope=message))
            await send(message)

        try:
            async with asyncio.timeout(_ALL_SECONDS):
                await self._app(self._inside(scope), self._hurried(receive), protected)
        except TimeoutError:
            if started:
                raise
            await protected({"type": "http.response.start", "status": 503, "headers": []})
            await protected({"type": "http.response.body", "body": b""})

    def _protect(self, headers: MutableHeaders) -> None:
        for name, value in self._headers.items():
            headers[name] = value
        if "cache-control" not in headers:
            headers["Cache-Control"] = "no-store"
            headers["X-Robots-Tag"] = "noindex"

    def _inside(self, scope: Scope) -> Scope:
        path = scope["path"]
        if self._root and (path == self._root or path.startswith(f"{self._root}/")):
            scope["path"] = path.removeprefix(self._root) or "/"
        return scope

    def _hurried(self, receive: Receive) -> Receive:
        """Limit the time for a body to arrive. A receive after it waits for the client to disconnect, for any time."""
        deadline = asyncio.get_running_loop().time() + _BODY_SECONDS
        complete = False

        async def received() -> Message:
            nonlocal complete
            if complete:
                return await receive()
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(408) from None
            complete = not message.get("more_body", False)
            return message

        return received


PLACES = 500
"""Simultaneous connections: about half of the 1,024 descriptors that a process usually has."""
_ASKING_SECONDS = 10.0  # from the first byte of a request to the last of its headers
_READING_SECONDS = 20.0  # for a client to read what the buffers hold: 64 KB


class BoundedConnection(H11Protocol):
    """A connection that is closed if a request does not arrive, or its answer is not read, in time.

    Uvicorn limits only the pause between two requests, accepts as many connections as there are descriptors, and waits
    forever for a client to read. Here an idle connection loses its place: after some seconds, and at once to a new one
    if all places are taken. So idle connections cannot shut others out, whether or not all come from the address of a
    proxy.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._asking: asyncio.TimerHandle | None = None
        self._reading: asyncio.TimerHandle | None = None
        self.is_ended = False
        self.waits_since = self.loop.time()
        self.network = ""

    @property
    def only_holds_a_place(self) -> bool:
        """Return whether no work is done for the connection: it is idle, still sending its request, or not reading."""
        # Before the first request there is no cycle, whatever uvicorn's type says.
        is_answered = self.cycle is None or self.cycle.response_complete  # type: ignore[redundant-expr]
        return is_answered or self.cycle.more_body or self.flow.write_paused

    def end(self) -> None:
        """Close the connection immediately, discarding unsent data."""
        self.is_ended = True
        self.transport.abort()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Accept the connection if there is a free place, or one whose connection is idle."""
        super().connection_made(transport)
        self.network = network(self.client[0]) if self.client else ""
        self._hurry()
        present = [
            each for each in self.connections if isinstance(each, BoundedConnection) and not each.is_ended
        ]
        if len(present) > PLACES:
            (_to_go(each for each in present if each is not self) or self).end()

    def data_received(self, data: bytes) -> None:
        """Receive part of a request. Slow sending does not extend the deadline."""
        super().data_received(data)
        if self._is_at_work():
            self._rest()
        elif self._asking is None:
            self._hurry()

    def on_response_complete(self) -> None:
        """Start the deadline for reading the answer, which is completely written."""
        self.waits_since = self.loop.time()
        self._have_read()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Start the deadline for reading, because the client reads too slowly."""
        super().pause_writing()
        self._have_read()

    def resume_writing(self) -> None:
        """Restart the deadline for reading, because the client has caught up."""
        super().resume_writing()
        self._have_read()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the deadlines."""
        self.is_ended = True
        self._rest()
        if self._reading is not None:
            self._reading.cancel()
        super().connection_lost(exc)

    def _is_at_work(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete  # type: ignore[redundant-expr]

    def _hurry(self) -> None:
        self._asking = self.loop.call_later(_ASKING_SECONDS, self.end)

    def _rest(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
            self._asking = None

    def _have_read(self) -> None:
        """End the connection after some time, unless the client has read by then what is waiting now."""
        if self._reading is not None:
            self._reading.cancel()
        self._reading = self.loop.call_later(_READING_SECONDS, self._end_unread)

    def _end_unread(self) -> None:
        is_unread = not self._is_at_work() and self.transport.get_write_buffer_size() > 0
        if is_unread or self.flow.write_paused or self.transport.is_closing():
            self.end()


def _to_go(present: Iterable[BoundedConnection]) -> BoundedConnection | None:
    """Choose the connection to close: of the network with the most connections, the one idle for the longest. Pure."""
    found = [*present]
    many = Counter(each.network for each in found)
    idle = [each for each in found if each.only_holds_a_place]
    return min(idle, key=lambda each: (-many[each.network], each.waits_since), default=None)


_BACKLOG = 100  # connections that asyncio accepts at once, before any of them is refused a place
_LAST_SECONDS = 3  # for requests in progress at shutdown


class WebError(DigestError):
    """The server cannot listen on the address."""


@asynccontextmanager
async def listening(app: ASGIApp, host: str, port: int) -> AsyncIterator[None]:
    """Serve `app` at that address while the block runs. Raises WebError."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=BoundedConnection,
        ws="none",  # a WebSocket would escape the count of connections
        backlog=_BACKLOG,
        lifespan="off",
        log_level="warning",
        access_log=False,  # paths contain tokens
        server_header=False,
        timeout_graceful_shutdown=_LAST_SECONDS,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve())
    try:
        while not server.started:
            if task.done():
                raise WebError(f"The server cannot listen on {host}:{port}: set WEB_HOST and WEB_PORT.")
            await asyncio.sleep(0.01)
        yield
    finally:
        server.should_exit = True
        await asyncio.gather(task, return_exceptions=True)


class _Server(uvicorn.Server):
    """A uvicorn server that leaves exiting and signals to the program."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signal handlers unchanged."""
        yield

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until `should_exit`. Returns if the address is in use."""
        with suppress(SystemExit):
            await super().serve(sockets)


_LARGEST_BYTES = 64 * 1024  # bytes of a form; Telegram's updates have a limit of their own
_FAULTS = {404: "not_found", 405: "not_allowed", 408: "too_slow", 413: "too_large"}
_log = structlog.get_logger()

Answer = Callable[[Request, Exception], Awaitable[Response]]


def site(
    pages: Pages,
    checks: Mapping[str, Check] | None = None,
    hook: Route | None = None,
    channels: Collection[str] = (),
) -> ASGIApp:
    """Build the site: pages, feed, health checks, metrics, and Telegram's `hook` if there is one.

    `channels` are those of the settings.
    """
    metrics = Metrics()
    routes = [
        _route(pages, "/style.css", _still("style.css", "text/css")),
        _route(pages, "/icon.svg", _still("icon.svg", "image/svg+xml")),
        _route(pages, "/editions/", editions.all_),
        _route(pages, "/editions/{day}", editions.one),
        _route(pages, "/feed.atom", editions.feed),
        _route(pages, "/health", monitoring.healthy(checks or {}, channels)),
        _route(pages, "/health/ready", monitoring.ready(checks or {}, channels)),
        _route(pages, "/health/live", monitoring.live),
        _route(pages, "/metrics", metrics.show),
        _route(pages, "/", subscription.home, subscription.sign_up if pages.newsletter else None),
        # Unsubscribe links of earlier mails work even if no new mail is sent.
        _route(pages, "/unsubscribe/{token}", subscription.ask_unsubscribe, subscription.unsubscribe),
        _route(pages, "/preferences/{token}", preferences.show, preferences.save),
        _route(pages, "/preferences/{token}/data.json", preferences.export),
        _route(pages, "/preferences/{token}/delete", preferences.ask_deletion, preferences.delete),
    ]
    if pages.newsletter:
        routes += [
            _route(pages, "/confirm/{token}", subscription.ask_confirmation, subscription.confirm),
            _route(pages, "/preferences", subscription.ask_link, subscription.send_link),
        ]
    if hook is not None:
        routes.append(hook)
    app = Starlette(
        routes=routes,
        exception_handlers={
            HTTPException: _refused(pages),
            DigestError: _failed(pages, "busy", 503),
            Exception: _failed(pages, "went_wrong", 500),
        },
        max_body_size=_LARGEST_BYTES,
    )
    app.router.redirect_slashes = False  # it would build the URL from the request's Host header
    return Protection(
        CountingMiddleware(app, metrics.requests), pages.root, https=pages.links.base.startswith("https://")
    )


def _route(pages: Pages, path: str, get: Handler, post: Handler | None = None) -> Route:
    async def answer(request: Request) -> Response:
        if request.method == "POST" and post is not None:
            return await post(pages, request)
        return await get(pages, request)

    return Route(path, answer, methods=["GET", "POST"] if post else ["GET"])


def _still(name: str, kind: str) -> Handler:
    """Create the handler of a static file, which changes only with the program."""
    body = forms.environment().get_template(f"web/{name}").render().encode()
    headers = {"ETag": editions.tag_of(body), "Cache-Control": "public, max-age=86400"}

    async def answer(_: Pages, request: Request) -> Response:
        if editions.is_known(request, headers["ETag"], None):
            return Response(status_code=304, headers=headers)
        return Response(body, media_type=kind, headers=headers)

    return answer


def _refused(pages: Pages) -> Answer:
    async def answer(request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise TypeError(error)
        made = pages.message(request, _FAULTS.get(error.status_code, "unusable"), error.status_code)
        made.headers.update(error.headers or {})
        return made

    return answer


def _failed(pages: Pages, name: str, status: int) -> Answer:
    async def answer(request: Request, error: Exception) -> Response:
        route = getattr(request.scope.get("route"), "path", "unknown")
        _log.error("page_failed", route=route, error=type(error).__name__)
        return pages.message(request, name, status)

    return answer
