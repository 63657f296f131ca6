"""Unsubscribing by one click, without a login (RFC 8058)."""

from starlette.requests import Request
from starlette.responses import Response

from bot.core.models import Subscriber
from bot.web.pages import Pages


async def ask(pages: Pages, request: Request) -> Response:
    """Show the button. Only pressing it ends the subscription, because programs open links too."""
    number = pages.links.leaving(request.path_params["token"])
    if number is None:
        return pages.message(request, "no_such_link", 404)
    if await _subscriber(pages, request, number) is None:
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
    subscriber = await _subscriber(pages, request, number)
    if subscriber is None:
        return pages.message(request, "gone")
    await pages.subscriptions.leave(subscriber)
    return pages.message(request, "left")


async def _subscriber(pages: Pages, request: Request, number: int) -> Subscriber | None:
    """Return the subscriber `number`, in whose language the answer is; None if it was deleted."""
    found = await pages.subscriptions.get(number)
    if found is not None:
        pages.speak(request, found.choices.language)
    return found
