"""The preferences page, which the link in each mail opens: change, pause, export and deletion."""

import json
from urllib.parse import quote, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from bot.core.models import Subscriber
from bot.links import ExpiredLinkError
from bot.web import forms
from bot.web.forms import SubmittedForm
from bot.web.pages import Pages


async def show(pages: Pages, request: Request) -> Response:
    """Show the form with the current preferences."""
    subscriber = await _reader(pages, request)
    return _form(pages, request, subscriber) if isinstance(subscriber, Subscriber) else subscriber


async def save(pages: Pages, request: Request) -> Response:
    """Save the form. If a field is invalid, nothing is changed and the input is shown again."""
    subscriber = await _reader(pages, request)
    if not isinstance(subscriber, Subscriber):
        return subscriber
    form, offer = await forms.read_form(request), pages.offer(subscriber.zone)
    _, faults = forms.fill_preferences(form, forms.ALL, offer, subscriber)
    if faults:
        return _form(pages, request, subscriber, form, faults)
    changed = await pages.subscriptions.change(
        subscriber, lambda stored: forms.fill_preferences(form, forms.ALL, offer, stored)[0]
    )
    return _form(pages, request, changed, saved=True)


async def export(pages: Pages, request: Request) -> Response:
    """Send everything stored about the subscriber as a file."""
    subscriber = await _reader(pages, request)
    if not isinstance(subscriber, Subscriber):
        return subscriber
    known = await pages.subscriptions.data_of_mailbox(subscriber)
    document = json.dumps(known, ensure_ascii=False, indent=2, default=str)
    headers = {"Content-Disposition": 'attachment; filename="arxiv-daily.json"'}
    return Response(document, media_type="application/json", headers=headers)


async def ask_deletion(pages: Pages, request: Request) -> Response:
    """Ask for confirmation, because the deletion is final."""
    subscriber = await _reader(pages, request)
    if not isinstance(subscriber, Subscriber):
        return subscriber
    return pages.page(request, "delete", subscriber=subscriber, here=_path(pages, request))


async def delete(pages: Pages, request: Request) -> Response:
    """Delete everything stored about the subscriber."""
    subscriber = await _reader(pages, request)
    if not isinstance(subscriber, Subscriber):
        return subscriber
    await pages.subscriptions.forget(subscriber)
    return pages.message(request, "deleted")


def _form(
    pages: Pages,
    request: Request,
    subscriber: Subscriber,
    form: SubmittedForm | None = None,
    faults: tuple[str, ...] = (),
    *,
    saved: bool = False,
) -> Response:
    offer = pages.offer(subscriber.zone)
    return pages.page(
        request,
        "preferences",
        422 if faults else 200,
        faults=faults,
        subscriber=subscriber,
        offer=offer,
        values=forms.typed_preferences(form) if form else forms.shown_preferences(subscriber, offer),
        saved=saved,
        here=_path(pages, request),
        leave=urlsplit(pages.links.unsubscribe(subscriber.id)).path,
    )


def _path(pages: Pages, request: Request) -> str:
    return f"{pages.root}/preferences/{quote(request.path_params['token'], safe='')}"


async def _reader(pages: Pages, request: Request) -> Subscriber | Response:
    """Return the subscriber of a link, or the page that explains why the link is invalid."""
    try:
        number = pages.links.preferring(request.path_params["token"])
    except ExpiredLinkError:
        if not pages.newsletter:  # there is nothing that could send a new link
            return pages.message(request, "no_such_link", 410)
        return pages.page(request, "link", 410, address="", expired=True)
    if number is None:
        return pages.message(request, "no_such_link", 404)
    found = await pages.subscriptions.get(number)
    if found is None:  # deleted; a new sign-up has links with another number
        return pages.message(request, "gone", 404)
    pages.speak(request, found.preferences.language)
    return found
