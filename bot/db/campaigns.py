"""Campaigns, and the messages composed for them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Column, Row, and_, delete, exists, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.core.models import Campaign, Part, Sending, Subject
from bot.db import unknown_messages
from bot.db.subscribers import last_to_join
from bot.db.tables import deliveries, dispatches, renderings
from digest.db import bulk
from digest.db.bulk import BATCH, insert_into
from digest.db.tables import editions

_DRAFT_LIFETIME = timedelta(days=1)
_KEPT = timedelta(days=365)


async def open_(
    connection: AsyncConnection,
    subject: Subject,
    day: date | None,
    due_at: datetime,
    at: datetime,
    text: str | None = None,
    languages: Collection[str] | None = None,
) -> Campaign | None:
    """Create a campaign without deliveries. Returns None if this edition or quiet day already has one.

    `languages` are those in which it is ready; None means all.
    """
    column = _date_column(subject)
    insert = insert_into(connection, dispatches).on_conflict_do_nothing(index_elements=[column])
    row = {
        "subject": subject,
        column.name: day,
        "text": text,
        "due_at": due_at,
        "made_at": at,
        "languages": None if languages is None else sorted(languages),
        "joined_until": await last_to_join(connection),
    }
    number = await connection.scalar(insert.returning(dispatches.c.id), row)
    return None if number is None else await find(connection, number)


async def add_languages(
    connection: AsyncConnection, number: int, languages: Collection[str] | None
) -> Campaign:
    """Add `languages` in which the existing campaign `number` is ready; None means all."""
    query = select(dispatches).where(dispatches.c.id == number).with_for_update()
    known = campaign((await connection.execute(query)).one())
    together = None if languages is None or known.languages is None else known.languages | {*languages}
    if together != known.languages:
        values = {"languages": None if together is None else sorted(together)}
        await connection.execute(update(dispatches).where(dispatches.c.id == number).values(values))
    return replace(known, languages=together)


@dataclass(frozen=True, slots=True)
class Fanout:
    """The progress of a campaign's fan-out: to subscribers up to the id `reached`, or to all.

    Subscribers who joined after `joined_until` wait for the next campaign.
    """

    campaign: Campaign
    reached: int
    joined_until: int
    is_done: bool


async def fanout(connection: AsyncConnection, number: int, *, lock: bool = False) -> Fanout | None:
    """Return the fan-out of the campaign `number`; with `lock`, other processes are kept out until the transaction
    ends.
    """
    query = select(dispatches).where(dispatches.c.id == number)
    row = (await connection.execute(query.with_for_update() if lock else query)).first()
    if row is None:
        return None
    return Fanout(campaign(row), row.reached, row.joined_until or 0, row.given_at is not None)


async def note_reached(connection: AsyncConnection, number: int, subscriber: int) -> None:
    """Record that the campaign `number` has reached the subscribers up to this one."""
    await connection.execute(update(dispatches).where(dispatches.c.id == number).values(reached=subscriber))


async def note_fanned_out(connection: AsyncConnection, number: int, at: datetime) -> None:
    """Record that the fan-out of the campaign `number` is complete."""
    await connection.execute(update(dispatches).where(dispatches.c.id == number).values(given_at=at))


async def unfinished(connection: AsyncConnection) -> list[Campaign]:
    """Return the campaigns whose fan-out began and is incomplete, oldest first."""
    query = select(dispatches).where(dispatches.c.given_at.is_(None), dispatches.c.subject != Subject.DRAFT)
    return [campaign(row) for row in await connection.execute(query.order_by(dispatches.c.id))]


async def not_fanned_out(connection: AsyncConnection, since: date) -> list[date]:
    """Return the days since `since` of closed editions that did not reach everybody, oldest first."""
    days = select(editions.c.date).outerjoin(dispatches, dispatches.c.edition_date == editions.c.date)
    open_ = days.where(editions.c.date >= since, dispatches.c.given_at.is_(None))
    return list(await connection.scalars(open_.order_by(editions.c.date)))


async def of_day(
    connection: AsyncConnection, day: date, subject: Subject = Subject.EDITION
) -> Campaign | None:
    """Return the campaign of the edition of `day`; with the `subject` QUIET, the notice that there is none."""
    row = (await connection.execute(select(dispatches).where(_date_column(subject) == day))).first()
    return None if row is None else campaign(row)


def _date_column(subject: Subject) -> Column[Any]:
    return dispatches.c.quiet_date if subject is Subject.QUIET else dispatches.c.edition_date


async def find(connection: AsyncConnection, number: int) -> Campaign | None:
    """Return the campaign with this id."""
    row = (await connection.execute(select(dispatches).where(dispatches.c.id == number))).first()
    return None if row is None else campaign(row)


async def confirm(connection: AsyncConnection, number: int, at: datetime) -> Campaign | None:
    """Turn the draft `number` into a broadcast. Returns None if there is no such draft, or it is too old."""
    columns = dispatches.c
    fresh = columns.made_at >= at - _DRAFT_LIFETIME
    result = await connection.execute(
        update(dispatches)
        .where(columns.id == number, columns.subject == Subject.DRAFT, fresh)
        .values(subject=Subject.BROADCAST, due_at=at, joined_until=await last_to_join(connection))
    )
    return await find(connection, number) if result.rowcount else None


async def discard(connection: AsyncConnection, number: int) -> bool:
    """Delete the draft `number`, so that it can no longer be sent. Returns False if it was no draft."""
    columns = dispatches.c
    gone = delete(dispatches).where(columns.id == number, columns.subject == Subject.DRAFT)
    return bool((await connection.execute(gone)).rowcount)


async def latest(connection: AsyncConnection, limit: int) -> list[Campaign]:
    """Return the newest campaigns, newest first."""
    sent = select(dispatches).where(dispatches.c.subject != Subject.DRAFT)
    rows = await connection.execute(sent.order_by(dispatches.c.id.desc()).limit(limit))
    return [campaign(row) for row in rows]


async def rendering(connection: AsyncConnection, dispatch_id: int, choices: str) -> int | None:
    """Return the id of the messages for `choices`, if they exist."""
    columns = renderings.c
    query = select(columns.id).where(columns.dispatch_id == dispatch_id, columns.choices == choices)
    return await connection.scalar(query)


async def keep_rendering(
    connection: AsyncConnection, dispatch_id: int, choices: str, parts: Sequence[Part], at: datetime
) -> int:
    """Store the messages for `choices` and return their id. If there are stored messages already, those remain."""
    insert = insert_into(connection, renderings).on_conflict_do_nothing(
        index_elements=[renderings.c.dispatch_id, renderings.c.choices]
    )
    row = {"dispatch_id": dispatch_id, "choices": choices, "parts": list(parts), "made_at": at}
    await connection.execute(insert, row)
    number = await rendering(connection, dispatch_id, choices)
    if number is None:
        raise AssertionError("a rendering was kept a moment ago")
    return number


async def parts(connection: AsyncConnection, number: int) -> tuple[Part, ...]:
    """Return the messages of the rendering `number`."""
    return tuple(await connection.scalar(select(renderings.c.parts).where(renderings.c.id == number)) or ())


async def renew(connection: AsyncConnection, day: date) -> None:
    """Compose the edition of `day` again for all who have received nothing of it so far.

    Subscribers who have received a part get the rest of the earlier messages.
    """
    of_day = select(dispatches.c.id).where(dispatches.c.edition_date == day).scalar_subquery()
    edition = dispatches.c.edition_date == day
    await connection.execute(update(dispatches).where(edition).values(revision=dispatches.c.revision + 1))
    untouched = (
        deliveries.c.dispatch_id == of_day,
        deliveries.c.rendering_id.is_not(None),
        deliveries.c.state == Sending.DUE,
        deliveries.c.part == 0,
        ~deliveries.c.repeated,
    )
    await connection.execute(update(deliveries).where(*untouched).values(rendering_id=None))


async def prune(connection: AsyncConnection, at: datetime, age: timedelta, limit: int = BATCH) -> int:
    """Delete messages of campaigns older than `age`, except those that the operator may resend.

    At most `limit` deliveries are detached from them first. Returns how many rows were changed.
    """
    old = and_(renderings.c.made_at < at - age, renderings.c.id.not_in(unknown_messages.RENDERINGS_TO_KEEP))
    which = select(renderings.c.id).where(old)
    some = select(deliveries.c.id).where(deliveries.c.rendering_id.in_(which)).limit(limit)
    numbers = (await connection.scalars(some)).all()
    for few in bulk.parts(numbers):
        await connection.execute(update(deliveries).where(deliveries.c.id.in_(few)).values(rendering_id=None))
    if len(numbers) == limit:
        return limit
    return len(numbers) + await bulk.delete_some(connection, renderings, old, limit - len(numbers))


async def prune_texts(connection: AsyncConnection, at: datetime, limit: int = BATCH) -> int:
    """Delete drafts that can no longer be confirmed, and broadcasts older than a year whose deliveries are deleted.

    Editions are never deleted, so that none is sent twice. Returns how many were deleted, at most `limit`.
    """
    columns = dispatches.c
    drafts = and_(columns.subject == Subject.DRAFT, columns.made_at < at - _DRAFT_LIFETIME)
    used = or_(*(exists().where(each.c.dispatch_id == columns.id) for each in (deliveries, renderings)))
    old = and_(columns.subject == Subject.BROADCAST, columns.made_at < at - _KEPT, ~used)
    return await bulk.delete_some(connection, dispatches, or_(drafts, old), limit)


def campaign(row: Row[Any]) -> Campaign:
    """Convert a row of the table."""
    languages = None if row.languages is None else frozenset(row.languages)
    day = row.edition_date or row.quiet_date
    return Campaign(row.id, Subject(row.subject), day, row.text, row.due_at, languages, row.revision)
