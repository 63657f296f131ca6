"""What a report does to the subscription that it is about.

A mailbox that is gone, or a complaint, ends it at once; a refusal on a second day ends it; who leaves by mail has left.
What was late, or refused for what it is or where it is from, is only noted. A report that comes again does nothing.

The strikes of `subscribers` are not used here: they are cleared whenever a server takes a mail, and a relay takes
every mail before it is told that the mailbox does not.
"""

import asyncio
from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.links import Links
from bot.mail import bounces as reports
from bot.mail.bounces import Kind, Report
from bot.models import Standing, Subscriber
from bot.store import bounces, deliveries, subscribers
from digest.store import engine as database

_log = structlog.get_logger()
_STRIKES = 2  # days
_MEMORY = timedelta(days=14)  # longer than arXiv's holidays: two refusals in a row are never further apart
_KEPT = timedelta(days=365)


class Outcome(StrEnum):
    """What became of a report."""

    ENDED = "ended"
    LEFT = "left"
    NOTED = "noted"
    """Kept; the subscription stays as it is."""
    KNOWN = "known"
    """It came before."""
    ASIDE = "aside"
    """It reports nothing, or is about nobody whom we know."""


async def take(engine: AsyncEngine, mail: bytes, links: Links, at: datetime) -> Outcome:
    """Reads `mail` and acts on it. Raises StoreError."""
    return await act(engine, await asyncio.to_thread(reports.read, mail, links), at)


async def forget_old(engine: AsyncEngine, at: datetime) -> None:
    """Forgets the reports of more than a year ago. Raises StoreError."""
    async with database.writing(engine) as connection:
        await bounces.prune(connection, at - _KEPT)


async def act(engine: AsyncEngine, report: Report, at: datetime) -> Outcome:
    """Does what `report` asks for, in one transaction, once. Raises StoreError."""
    async with database.writing(engine) as connection:
        about = await _about(connection, report)
        number = about.id if about else None
        if not await bounces.take(connection, report.id, report.kind, report.detail, number, at):
            return Outcome.KNOWN
        if about is None:
            return Outcome.ASIDE
        outcome = await _change(connection, about, report, at)
    _log.info("bounced", subscriber=number, kind=report.kind, detail=report.detail, outcome=outcome)
    return outcome


async def _about(connection: AsyncConnection, report: Report) -> Subscriber | None:
    number = report.subscriber
    if number is None and report.delivery is not None:
        number = await deliveries.reader_of(connection, report.delivery)
    return None if number is None else await subscribers.get(connection, number)


async def _change(connection: AsyncConnection, about: Subscriber, report: Report, at: datetime) -> Outcome:
    since = max(at - _MEMORY, about.consent.at) if about.consent else at - _MEMORY
    refusals = await bounces.moments(connection, about.id, Kind.HARD, since)

    def edit(reader: Subscriber) -> Subscriber:
        return changed(reader, report, refusals)

    after = await subscribers.change(connection, about.id, edit, at)
    if after is None or after.standing is about.standing:
        return Outcome.NOTED
    return Outcome.LEFT if after.standing is Standing.LEFT else Outcome.ENDED


def changed(reader: Subscriber, report: Report, refusals: Collection[datetime]) -> Subscriber:
    """The subscriber after `report`; `refusals` are those of late, this one among them. Pure."""
    if reader.standing is not Standing.ACTIVE:
        return reader
    days = {moment.astimezone(UTC).date() for moment in refusals}
    match report.kind:
        case Kind.LEAVING:
            return replace(reader, standing=Standing.LEFT)
        case Kind.COMPLAINT:
            return replace(reader, standing=Standing.ENDED, reason="complaint")
        case Kind.GONE:
            return _ended(reader, report)
        case Kind.HARD if len(days) >= _STRIKES:
            return _ended(reader, report)
    return reader


def _ended(reader: Subscriber, report: Report) -> Subscriber:
    return replace(reader, standing=Standing.ENDED, reason=f"bounced {report.detail or ''}".rstrip())
