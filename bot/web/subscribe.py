"""Sign-up: the form on the home page, and the confirmation page of the link in the mail."""

from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from bot.core import mailboxes
from bot.core.mailboxes import InvalidMailboxError, Mailbox
from bot.core.models import ChannelName, Choices, Kind, Subscriber, Wishes
from bot.links import ExpiredLinkError
from bot.subscriptions import hours, zones
from bot.web import forms, wanted
from bot.web.editions import newest
from bot.web.forms import Form
from bot.web.pages import Pages

_TRAP = "website"  # invisible to people; programs that fill in every field also fill this one


async def home(pages: Pages, request: Request) -> Response:
    """Show the home page: the sign-up form, if there is a newsletter, and the newest editions."""
    nobody = _nobody(pages, request)
    values = wanted.shown(nobody, pages.offer(nobody.zone)) | {"address": ""}
    return await _home(pages, request, values)


async def sign_up(pages: Pages, request: Request) -> Response:
    """Take the sign-up form. The answer is the same whether or not the address is known."""
    form = await forms.read(request)
    nobody = _nobody(pages, request)
    reader, faults = wanted.fill(form, wanted.WISHES, pages.offer(nobody.zone), nobody)
    mailbox = _mailbox(form)
    if mailbox is None or faults:
        faults = faults if mailbox else ("address", *faults)
        values = wanted.typed(form) | {"address": form.text("address")}
        return await _home(pages, request, values, faults, 422)
    if not form.text(_TRAP):
        wishes = Wishes(reader.choices, reader.hour, reader.zone, reader.quiet_line)
        await pages.subscriptions.sign_up(mailbox, wishes, network=pages.network(request), how="form")
    return pages.message(request, "sent")


async def ask_link(pages: Pages, request: Request) -> Response:
    """Show the form that requests a link to the preferences."""
    return pages.page(request, "link", address="", expired=False)


async def send_link(pages: Pages, request: Request) -> Response:
    """Take that form. The answer is the same whether or not the address is known."""
    form = await forms.read(request)
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
        reader=made,
        zone=zones.name(made.zone),
        usual=hours.usual_time(pages.app.plan.calendar, pages.now(), made.zone),
        preferences=urlsplit(pages.links.preferences(made.id)).path,
    )


async def _home(
    pages: Pages, request: Request, values: dict[str, Any], faults: tuple[str, ...] = (), status: int = 200
) -> Response:
    offer = pages.offer(pages.app.plan.calendar.zone)
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
    if found.wishes is not None:
        pages.speak(request, found.wishes.choices.language)
    return number if found.confirmed_at is None else pages.message(request, "used", 410)


def _nobody(pages: Pages, request: Request) -> Subscriber:
    """Return a new subscriber with the default values of the form."""
    plan = pages.app.plan
    choices = Choices(pages.language(request))
    return Subscriber(0, ChannelName.MAIL, "", Kind.MAILBOX, choices, plan.calendar.zone)


def _mailbox(form: Form) -> Mailbox | None:
    try:
        return mailboxes.parse(form.text("address"))
    except InvalidMailboxError:
        return None
