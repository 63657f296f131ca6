"""Deliveries of a campaign, made for its subscribers in segments, and held until their language is ready."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.core.models import Campaign, Sending, SubscriberStatus
from bot.db.tables import deliveries, subscribers
from digest.db.bulk import insert_into, parts

_COLUMNS = deliveries.c
ALL_CHANNELS = select(subscribers.c.channel).distinct().scalar_subquery()
"""The index starts with the channel, so queries over all deliveries name the channels."""


When = Callable[[time | None, ZoneInfo], datetime]
"""A function from the delivery time and zone of a subscriber to the due moment. None means as soon as possible."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Subscribers with ids after `after`, up to `upto`; None means to the last."""

    after: int = 0
    upto: int | None = None

    def condition(self) -> ColumnElement[bool]:
        """Match the rows of `subscribers` in this segment."""
        number = subscribers.c.id
        behind = number > self.after
        return behind if self.upto is None else and_(behind, number <= self.upto)


EVERYONE = Segment()


async def segment(connection: AsyncConnection, after: int, size: int) -> Segment | None:
    """Return the next `size` subscribers after the id `after`; None if there are no more."""
    number = subscribers.c.id
    some = select(number).where(number > after).order_by(number).limit(size).subquery()
    last = await connection.scalar(select(func.max(some.c.id)))
    return None if last is None else Segment(after, last)


async def open_for(
    connection: AsyncConnection,
    campaign: Campaign,
    when: When,
    at: datetime,
    *,
    quiet: bool,
    among: Segment = EVERYONE,
    joined_until: int | None = None,
) -> int:
    """Create a delivery for each active subscriber of `among`; with `quiet`, only for those who want a notice on quiet
    days.

    Subscribers who joined after `joined_until` get none, and nobody gets two. A delivery is held if the campaign is not
    ready in the subscriber's language. Returns how many were created.
    """
    columns = subscribers.c
    wanted = [columns.standing == SubscriberStatus.ACTIVE, among.condition()]
    if quiet:
        wanted.append(columns.quiet_line)
    if joined_until is not None:
        wanted.append(columns.joined <= joined_until)
    named = select(columns.id, columns.channel, columns.language, columns.hour, columns.zone).where(*wanted)
    # Read all rows at once, so that a change of the delivery time in the meantime is not lost. The lock makes a
    # deletion of the subscriber wait, or skips a subscriber who is being deleted.
    found = (
        await connection.execute(named.order_by(columns.id).with_for_update(key_share=True, read=True))
    ).all()
    moments = {
        (hour, zone): when(time.fromisoformat(hour) if hour else None, ZoneInfo(zone))
        for hour, zone in {(row.hour, row.zone) for row in found}
    }
    rows = [_row(campaign, row, moments[row.hour, row.zone], at) for row in found]
    if not rows:
        return 0
    insert = insert_into(connection, deliveries)
    once = insert.on_conflict_do_nothing(index_elements=[_COLUMNS.dispatch_id, _COLUMNS.subscriber_id])
    # Otherwise SQLAlchemy forgets the driver's row count of an INSERT.
    result = await connection.execute(once.execution_options(preserve_rowcount=True), rows)
    return result.rowcount


def _row(campaign: Campaign, row: Any, due_at: datetime, at: datetime) -> dict[str, Any]:
    return {
        "dispatch_id": campaign.id,
        "subscriber_id": row.id,
        "channel": row.channel,
        "state": Sending.DUE if campaign.is_ready_in(row.language) else Sending.HELD,
        "due_at": due_at,
        "next_at": due_at,
        "changed_at": at,
        "part": 0,
        "tries": 0,
    }


async def release(connection: AsyncConnection, campaign: Campaign, at: datetime, limit: int) -> int:
    """Make at most `limit` held deliveries of `campaign` due whose language is ready. Returns how many."""
    held = (
        select(_COLUMNS.id).join(subscribers).where(_held(), _COLUMNS.dispatch_id == campaign.id).limit(limit)
    )
    if campaign.languages is not None:
        held = held.where(subscribers.c.language.in_(sorted(campaign.languages)))
    found = (await connection.scalars(held.with_for_update(of=deliveries))).all()
    for some in parts(found):
        ready = update(deliveries).where(_COLUMNS.id.in_(some), _COLUMNS.state == Sending.HELD)
        await connection.execute(ready.values(state=Sending.DUE, changed_at=at))
    return len(found)


async def held_languages(connection: AsyncConnection) -> dict[int, set[str]]:
    """Return the languages of held deliveries, by the id of their campaign."""
    query = select(_COLUMNS.dispatch_id, subscribers.c.language).select_from(deliveries.join(subscribers))
    found: dict[int, set[str]] = {}
    for number, language in await connection.execute(query.where(_held()).distinct()):
        found.setdefault(number, set()).add(language)
    return found


def _held() -> ColumnElement[bool]:
    return and_(_COLUMNS.channel.in_(ALL_CHANNELS), _COLUMNS.state == Sending.HELD)
