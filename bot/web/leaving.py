"""Unsubscribing by one click, without a login (RFC 8058)."""

from starlette.requests import Request
from starlette.responses import Response

from bot.db import subscribers
from bot.mail import signup
from bot.web.pages import Pages
from digest.db import engine as database


async def ask(pages: Pages, request: Request) -> Response:
    """Show the button. Only pressing it ends the subscription, because programs open links too."""
    number = pages.links.leaving(request.path_params["token"])
    if number is None:
        return pages.message(request, "no_such_link", 404)
    if not await _is_known(pages, request, number):
        return pages.message(request, "gone", 404)
    return pages.page(request, "unsubscribe")


async def leave(pages: Pages, request: Request) -> Response:
    """End the subscription at once, whatever the body: mail programs post their own, the page an empty one.

    Repeating it has no effect and the same answer. If the subscription was deleted, the answer says that this link does
    nothing, so that someone who signed up again is not told that they left. Mail programs take that for success too.
    """
    number = pages.links.leaving(request.path_params["token"])
    if number is None:
        return pages.message(request, "no_such_link", 404)
    if not await _is_known(pages, request, number):
        return pages.message(request, "gone")
    await signup.leave(pages.app.engine, number, pages.now())
    return pages.message(request, "left")


async def _is_known(pages: Pages, request: Request, number: int) -> bool:
    """Return whether there is such a subscription. If so, the answer is in its language."""
    async with database.reading(pages.app.engine) as connection:
        found = await subscribers.get(connection, number)
    if found is not None:
        pages.speak(request, found.choices.language)
    return found is not None
