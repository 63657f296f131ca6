"""Sign-up: the form on the home page, and the confirmation page of the link in the mail. Unsubscribing by one click,
without a login (RFC 8058).
"""

from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from bot.core import mailboxes
from bot.core.mailboxes import InvalidMailboxError, Mailbox
from bot.core.models import ChannelName, ChatKind, Preferences, RequestedPreferences, Subscriber
from bot.links import ExpiredLinkError
from bot.subscriptions import preferences
from bot.web import forms
from bot.web.editions import newest
from bot.web.forms import SubmittedForm
from bot.web.pages import Pages


async def ask_unsubscribe(pages: Pages, request: Request) -> Response:
    """Show the button. Only pressing it ends the subscription, because programs open links too."""
    number = pages.links.read_unsubscribe(request.path_params["token"])
    if number is None:
        return pages.message(request, "no_such_link", 404)
    if await _subscriber(pages, request, number) is None:
        return pages.message(request, "gone", 404)
    return pages.page(request, "unsubscribe")


async def unsubscribe(pages: Pages, request: Request) -> Response:
    """End the subscription at once, whatever the body: mail programs post their own, the page an empty one.

    Repeating it has no effect and the same answer. If the subscription was deleted, the answer says that this link does
    nothing, so that someone who signed up again is not told that they left. Mail programs take that for success too.
    """
    number = pages.links.read_unsubscribe(request.path_params["token"])
    if number is None:
        return pages.message(request, "no_such_link", 404)
    subscriber = await _subscriber(pages, request, number)
    if subscriber is None:
        return pages.message(request, "gone")
    await pages.subscriptions.unsubscribe(subscriber)
    return pages.message(request, "left")


async def _subscriber(pages: Pages, request: Request, number: int) -> Subscriber | None:
    """Return the subscriber `number`, in whose language the answer is; None if it was deleted."""
    found = await pages.subscriptions.get(number)
    if found is not None:
        pages.speak(request, found.preferences.language)
    return found


_TRAP = "website"  # invisible to people; programs that fill in every field also fill this one


async def home(pages: Pages, request: Request) -> Response:
    """Show the home page: the sign-up form, if there is a newsletter, and the newest editions."""
    nobody = _nobody(pages, request)
    values = forms.shown_preferences(nobody, pages.offer(nobody.zone)) | {"address": ""}
    return await _home(pages, request, values)


async def sign_up(pages: Pages, request: Request) -> Response:
    """Take the sign-up form. The answer is the same whether or not the address is known."""
    form = await forms.read_form(request)
    nobody = _nobody(pages, request)
    subscriber, faults = forms.fill_preferences(form, forms.PREFERENCES, pages.offer(nobody.zone), nobody)
    mailbox = _mailbox(form)
    if mailbox is None or faults:
        faults = faults if mailbox else ("address", *faults)
        values = forms.typed_preferences(form) | {"address": form.text("address")}
        return await _home(pages, request, values, faults, 422)
    if not form.text(_TRAP):
        preferences = RequestedPreferences(
            subscriber.preferences, subscriber.hour, subscriber.zone, subscriber.quiet_line
        )
        await pages.subscriptions.sign_up(mailbox, preferences, network=pages.network(request), how="form")
    return pages.message(request, "sent")


async def ask_link(pages: Pages, request: Request) -> Response:
    """Show the form that requests a link to the preferences."""
    return pages.page(request, "link", address="", expired=False)


async def send_link(pages: Pages, request: Request) -> Response:
    """Take that form. The answer is the same whether or not the address is known."""
    form = await forms.read_form(request)
    mailbox = _mailbox(form)
    if mailbox is None:
        return pages.page(
            request, "link", 422, faults=("address",), address=form.text("address"), expired=False
        )
    if not form.text(_TRAP):
        await pages.subscriptions.send_link(mailbox, network=pages.network(request))
    return pages.message(request, "link_sent")


async def ask_confirmation(pages: Pages, request: Request) -> Response:
    """Show the confirmation page with its button. Programs that scan mail open links, but press no buttons."""
    number = await _confirmable(pages, request)
    return pages.page(request, "confirm") if isinstance(number, int) else number


async def confirm(pages: Pages, request: Request) -> Response:
    """Confirm the sign-up after the button was pressed."""
    number = await _confirmable(pages, request)
    if not isinstance(number, int):
        return number
    made = await pages.subscriptions.confirm(number)
    if made is None:  # pressed twice at the same time
        return pages.message(request, "used", 410)
    return pages.page(
        request,
        "confirmed",
        subscriber=made,
        zone=preferences.zone_name(made.zone),
        usual=preferences.usual_time(pages.plan.calendar, pages.now(), made.zone),
        preferences=urlsplit(pages.links.preferences(made.id)).path,
    )


async def _home(
    pages: Pages, request: Request, values: dict[str, Any], faults: tuple[str, ...] = (), status: int = 200
) -> Response:
    offer = pages.offer(pages.plan.calendar.zone)
    days = tuple(await newest(pages))
    return pages.page(request, "home", status, faults=faults, values=values, offer=offer, days=days)


async def _confirmable(pages: Pages, request: Request) -> int | Response:
    """Return the id of the sign-up that a link confirms, or the page that explains why it does not."""
    try:
        number = pages.links.confirming(request.path_params["token"])
    except ExpiredLinkError:
        return pages.message(request, "expired", 410)
    if number is None:
        return pages.message(request, "forged", 404)
    found = await pages.subscriptions.signing_up(number)
    if found is None:
        return pages.message(request, "expired", 410)
    if found.preferences is not None:
        pages.speak(request, found.preferences.preferences.language)
    return number if found.confirmed_at is None else pages.message(request, "used", 410)


def _nobody(pages: Pages, request: Request) -> Subscriber:
    """Return a new subscriber with the default values of the form."""
    plan = pages.plan
    choices = Preferences(pages.language(request))
    return Subscriber(0, ChannelName.MAIL, "", ChatKind.MAILBOX, choices, plan.calendar.zone)


def _mailbox(form: SubmittedForm) -> Mailbox | None:
    try:
        return mailboxes.parse(form.text("address"))
    except InvalidMailboxError:
        return None
