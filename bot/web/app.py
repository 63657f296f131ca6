"""The whole web part: routes and middleware."""

from collections.abc import Awaitable, Callable, Collection, Mapping

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from bot.web import editions, leaving, monitoring, preferences, subscribe, words
from bot.web.metrics import Counting, Metrics
from bot.web.monitoring import Check
from bot.web.pages import Handler, Pages
from bot.web.protection import Protection
from digest.core.errors import DigestError

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
        _route(pages, "/", subscribe.home, subscribe.sign_up if pages.newsletter else None),
        # Unsubscribe links of earlier mails work even if no new mail is sent.
        _route(pages, "/unsubscribe/{token}", leaving.ask, leaving.leave),
        _route(pages, "/preferences/{token}", preferences.show, preferences.save),
        _route(pages, "/preferences/{token}/data.json", preferences.export),
        _route(pages, "/preferences/{token}/delete", preferences.ask_deletion, preferences.delete),
    ]
    if pages.newsletter:
        routes += [
            _route(pages, "/confirm/{token}", subscribe.ask_confirmation, subscribe.confirm),
            _route(pages, "/preferences", subscribe.ask_link, subscribe.send_link),
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
        Counting(app, metrics.requests), pages.root, https=pages.links.base.startswith("https://")
    )


def _route(pages: Pages, path: str, get: Handler, post: Handler | None = None) -> Route:
    async def answer(request: Request) -> Response:
        if request.method == "POST" and post is not None:
            return await post(pages, request)
        return await get(pages, request)

    return Route(path, answer, methods=["GET", "POST"] if post else ["GET"])


def _still(name: str, kind: str) -> Handler:
    """Create the handler of a static file, which changes only with the program."""
    body = words.environment().get_template(f"web/{name}").render().encode()
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
