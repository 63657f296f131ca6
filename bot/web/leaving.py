"""The way out: one click, without a login (RFC 8058)."""

from starlette.requests import Request
from starlette.responses import Response

from bot.mail import signup
from bot.web.pages import Pages


async def ask(pages: Pages, request: Request) -> Response:
    """A button. Only pressing it ends the subscription: programs open links too."""
    if pages.links.leaving(request.path_params["token"]) is None:
        return pages.message(request, "no_such_link", 404)
    return pages.page(request, "unsubscribe")


async def leave(pages: Pages, request: Request) -> Response:
    """Ends the subscription at once, whatever stands in the body: mail programs post their own, the page an empty one.

    The same again does no harm, and the answer is the same, so that nobody learns who is subscribed.
    """
    number = pages.links.leaving(request.path_params["token"])
    if number is None:
        return pages.message(request, "no_such_link", 404)
    await signup.leave(pages.app.engine, number, pages.now())
    return pages.message(request, "left")
