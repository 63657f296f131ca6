"""Editions as pages, and as a feed (RFC 4287)."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, date, datetime
from email.utils import format_datetime, parsedate_to_datetime
from hashlib import sha256
from urllib.parse import urlsplit

from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from bot.web.pages import Pages
from digest.core.models import Edition
from digest.db import editions as closed_editions
from digest.db import engine as database
from digest.render import page

_LISTED = 60  # editions: a quarter of a year
_FED = 10
_CACHED = "public, max-age=300"


@dataclass(frozen=True, slots=True)
class _Entry:
    """An edition in the feed."""

    id: str
    day: date
    address: str
    updated: datetime
    content: Markup


async def newest(pages: Pages) -> list[date]:
    """Return the days of the newest editions, newest first."""
    async with database.reading(pages.engine) as connection:
        return list(await closed_editions.archived(connection, _LISTED))


async def all_(pages: Pages, request: Request) -> Response:
    """Show the list of the newest editions."""
    return pages.page(request, "editions", days=await newest(pages))


async def one(pages: Pages, request: Request) -> Response:
    """Show the whole edition of a day in the language of the page."""
    wanted, language = _date(request.path_params["day"]), pages.language(request)

    async def papers() -> Markup | None:
        edition = await pages.stored_edition(wanted, language)
        return None if edition is None else await _papers(pages, edition)

    shown = await pages.cache.get(("edition", wanted, language), papers)
    if shown is None:
        raise HTTPException(404)
    made = pages.page(request, "edition", day=wanted, papers=shown)
    made.headers["Cache-Control"] = _CACHED
    return made


async def feed(pages: Pages, request: Request) -> Response:
    """Return the feed of the newest editions, without readings. Answers 304 if the client has it already."""
    language = pages.language(request)

    async def made() -> tuple[bytes, datetime | None]:
        entries = await _entries(pages, language)
        text = pages.render("feed.xml", language, entries=entries, feed_id=_id(pages, "feed", language))
        return _storable(text).encode(), max((each.updated for each in entries), default=None)

    body, updated = await pages.cache.get(("feed", language), made)
    headers = {
        "ETag": tag_of(body),
        "Cache-Control": _CACHED,
        "Vary": "Accept-Language",
    }
    if updated is not None:
        headers["Last-Modified"] = format_datetime(updated.replace(microsecond=0), usegmt=True)
    if is_known(request, headers["ETag"], updated):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/atom+xml", headers=headers)


def tag_of(body: bytes) -> str:
    """Return the ETag of `body`."""
    return f'"{sha256(body).hexdigest()[:32]}"'


def is_known(request: Request, tag: str, updated: datetime | None) -> bool:
    """Return whether the client has this version already (RFC 9110 §13.2.2). An ETag, if given, decides. Pure."""
    given = request.headers.get("if-none-match")
    if given is not None:
        return given.strip() == "*" or tag in (each.strip().removeprefix("W/") for each in given.split(","))
    since = request.headers.get("if-modified-since")
    if since is None or updated is None:
        return False
    try:
        return updated.replace(microsecond=0) <= parsedate_to_datetime(since).replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return False


async def _entries(pages: Pages, language: str) -> list[_Entry]:
    async with database.reading(pages.engine) as connection:
        archived = await closed_editions.archived(connection, _FED)
    found = []
    for date_, updated in archived.items():
        edition = await pages.stored_edition(date_, language)
        if edition is not None:
            address = pages.links.edition(date_, language)
            content = await _papers(pages, edition, address)
            found.append(_Entry(_id(pages, str(date_), language), date_, address, updated, content))
    return found


async def _papers(pages: Pages, edition: Edition, address: str | None = None) -> Markup:
    return await asyncio.to_thread(page.papers, edition, pages.plan.calendar.zone, address)


def _id(pages: Pages, what: str, language: str) -> str:
    """Return an id that stays the same if the pages move within their host (RFC 4151)."""
    return f"tag:{urlsplit(pages.links.base).hostname},2026:arxiv-daily/{what}/{language}"


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise HTTPException(404) from None


def _storable(text: str) -> str:
    """Return `text` without the characters that XML 1.0 cannot contain (§2.2)."""
    return "".join(sign for sign in text if sign in "\t\n\r" or (sign >= " " and sign not in "\ufffe\uffff"))
