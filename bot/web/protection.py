"""Protection of all requests and answers: security headers and time limits."""

import asyncio
from urllib.parse import unquote

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

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
