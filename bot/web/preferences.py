"""The preferences page, which the link in each mail opens: change, pause, export and deletion."""

import json
from urllib.parse import quote, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from bot.core.models import Subscriber
from bot.db import bounces, deliveries, signups, subscribers
from bot.delivery import fanout
from bot.links import ExpiredLinkError
from bot.web import forms, wanted
from bot.web.forms import Form
from bot.web.pages import Pages
from digest.db import engine as database


async def show(pages: Pages, request: Request) -> Response:
    """Show the form with the current preferences."""
    reader = await _reader(pages, request)
    return _form(pages, request, reader) if isinstance(reader, Subscriber) else reader


async def save(pages: Pages, request: Request) -> Response:
    """Save the form. If a field is invalid, nothing is changed and the input is shown again."""
    reader = await _reader(pages, request)
    if not isinstance(reader, Subscriber):
        return reader
    form, offer = await forms.read(request), pages.offer(reader.zone)
    _, faults = wanted.fill(form, wanted.ALL, offer, reader)
    if faults:
        return _form(pages, request, reader, form, faults)
    async with database.writing(pages.app.engine) as connection:
        changed = await subscribers.change(
            connection, reader.id, lambda stored: wanted.fill(form, wanted.ALL, offer, stored)[0], pages.now()
        )
        if changed is not None and (changed.hour, changed.zone) != (reader.hour, reader.zone):
            await fanout.reschedule(connection, changed, pages.now())
    pages.wake()
    return _form(pages, request, changed or reader, saved=True)


async def export(pages: Pages, request: Request) -> Response:
    """Send everything stored about the subscriber as a file."""
    reader = await _reader(pages, request)
    if not isinstance(reader, Subscriber):
        return reader
    async with database.reading(pages.app.engine) as connection:
        known = {
            "mailbox": await subscribers.known_of(connection, reader),
            "signups": await signups.of_address(connection, reader.address),
            "deliveries": await deliveries.of_subscriber(connection, reader.id),
            "returned": await bounces.of_subscriber(connection, reader.id),
        }
    document = json.dumps(known, ensure_ascii=False, indent=2, default=str)
    headers = {"Content-Disposition": 'attachment; filename="arxiv-daily.json"'}
    return Response(document, media_type="application/json", headers=headers)


async def ask_deletion(pages: Pages, request: Request) -> Response:
    """Ask for confirmation, because the deletion is final."""
    reader = await _reader(pages, request)
    if not isinstance(reader, Subscriber):
        return reader
    return pages.page(request, "delete", reader=reader, here=_path(pages, request))


async def delete(pages: Pages, request: Request) -> Response:
    """Delete everything stored about the subscriber."""
    reader = await _reader(pages, request)
    if not isinstance(reader, Subscriber):
        return reader
    async with database.writing(pages.app.engine) as connection:
        await subscribers.forget(connection, reader.id)
    return pages.message(request, "deleted")


def _form(
    pages: Pages,
    request: Request,
    reader: Subscriber,
    form: Form | None = None,
    faults: tuple[str, ...] = (),
    *,
    saved: bool = False,
) -> Response:
    offer = pages.offer(reader.zone)
    return pages.page(
        request,
        "preferences",
        422 if faults else 200,
        faults=faults,
        reader=reader,
        offer=offer,
        values=wanted.typed(form) if form else wanted.shown(reader, offer),
        saved=saved,
        here=_path(pages, request),
        leave=urlsplit(pages.links.unsubscribe(reader.id)).path,
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
    async with database.reading(pages.app.engine) as connection:
        found = await subscribers.get(connection, number)
    if found is None:  # deleted; a new sign-up has links with another number
        return pages.message(request, "gone", 404)
    pages.speak(request, found.choices.language)
    return found
