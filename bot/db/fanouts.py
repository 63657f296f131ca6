"""Deliveries of a campaign, made for its subscribers in segments, and held until their language is ready."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import (
    CTE,
    ColumnElement,
    Row,
    Select,
    Text,
    and_,
    case,
    column,
    func,
    literal,
    select,
    update,
    values,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.core.models import Campaign, Sending, SubscriberStatus
from bot.db.tables import deliveries, subscribers
from digest.db.bulk import insert_into, parts
from digest.db.types import UtcDateTime

_COLUMNS = deliveries.c
_MOMENTS = 300  # in one statement, with three variables each: below the limit of 999 of older SQLite versions
ALL_CHANNELS = select(subscribers.c.channel).distinct().scalar_subquery()
"""The index starts with the channel, so queries over all deliveries name the channels."""


When = Callable[[time | None, ZoneInfo], datetime]
"""A function from the delivery time and zone of a subscriber to the due moment. None means as soon as possible."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Subscribers with ids after `after`, up to `upto`."""

    after: int
    upto: int

    def condition(self) -> ColumnElement[bool]:
        """Match the rows of `subscribers` in this segment."""
        number = subscribers.c.id
        return and_(number > self.after, number <= self.upto)


async def segment(connection: AsyncConnection, after: int, size: int) -> Segment | None:
    """Return the next `size` subscribers after the id `after`; None if there are no more."""
    number = subscribers.c.id
    some = select(number).where(number > after).order_by(number).limit(size).subquery()
    last = await connection.scalar(select(func.max(some.c.id)))
    return None if last is None else Segment(after, last)


async def create_deliveries(
    connection: AsyncConnection,
    campaign: Campaign,
    when: When,
    at: datetime,
    *,
    quiet: bool,
    among: Segment,
    joined_until: int,
) -> int:
    """Create a delivery for each active subscriber of `among`; with `quiet`, only for those who want a notice on quiet
    days.

    Subscribers who joined after `joined_until` get none, and nobody gets two. A delivery is held if the campaign is not
    ready in the subscriber's language. Returns how many were created.
    """
    # Without the concatenation SQLite would read the index of all active subscribers for each segment.
    is_active = subscribers.c.standing.concat("") == SubscriberStatus.ACTIVE.value
    wanted = [is_active, among.condition(), subscribers.c.joined <= joined_until]
    if quiet:
        wanted.append(subscribers.c.quiet_line)
    chosen = await _lock(connection, wanted)
    created = await _insert_at(connection, campaign, _moments(chosen, when), at, wanted)
    if created < sum(row.subscribers for row in chosen):
        # Some already had a delivery, or changed their delivery time in between: the worker postpones an attempt that
        # comes before it.
        at_once = _rows_of(campaign, literal(campaign.due_at, UtcDateTime), at).where(*wanted)
        created += await _insert(connection, at_once)
    return created


async def _lock(connection: AsyncConnection, wanted: Sequence[ColumnElement[bool]]) -> Sequence[Row[Any]]:
    """Lock the subscribers who are `wanted`, and count them by delivery time and zone.

    The lock makes a deletion of the subscriber wait, or skips a subscriber who is being deleted.
    """
    columns = subscribers.c
    locked = select(columns.hour, columns.zone).where(*wanted).order_by(columns.id)
    each = locked.with_for_update(key_share=True, read=True).subquery().c
    counted = select(each.hour, each.zone, func.count().label("subscribers")).group_by(each.hour, each.zone)
    return (await connection.execute(counted)).all()


def _moments(chosen: Sequence[Row[Any]], when: When) -> list[tuple[str, str, datetime]]:
    """Return the due moment of each hour, empty if none was chosen, and zone."""
    return [
        (
            row.hour or "",
            row.zone,
            when(time.fromisoformat(row.hour) if row.hour else None, ZoneInfo(row.zone)),
        )
        for row in chosen
    ]


async def _insert_at(
    connection: AsyncConnection,
    campaign: Campaign,
    moments: Sequence[tuple[str, str, datetime]],
    at: datetime,
    wanted: Sequence[ColumnElement[bool]],
) -> int:
    """Insert the deliveries to those who are `wanted` and have the hour and zone of one of `moments`."""
    columns, created = subscribers.c, 0
    for start in range(0, len(moments), _MOMENTS):
        some = _table(moments[start : start + _MOMENTS]).c
        is_theirs = and_(func.coalesce(columns.hour, "") == some.hour, columns.zone == some.zone)
        created += await _insert(connection, _rows_of(campaign, some.due_at, at).where(*wanted, is_theirs))
    return created


def _table(moments: Sequence[tuple[str, str, datetime]]) -> CTE:
    """Return `moments` as a table."""
    columns = column("hour", Text), column("zone", Text), column("due_at", UtcDateTime)
    return values(*columns, name="moments").data(moments).cte("moments")


def _rows_of(campaign: Campaign, due_at: ColumnElement[datetime], at: datetime) -> Select[Any]:
    """Select deliveries to subscribers that are due at `due_at`, in the order of the subscribers."""
    columns = subscribers.c
    state: ColumnElement[str] = literal(Sending.DUE.value)
    if campaign.languages is not None:
        is_ready = columns.language.in_(sorted(campaign.languages))
        state = case((is_ready, Sending.DUE.value), else_=Sending.HELD.value)
    row = {
        "dispatch_id": literal(campaign.id),
        "subscriber_id": columns.id,
        "channel": columns.channel,
        "state": state,
        "due_at": due_at,
        "next_at": due_at,
        "changed_at": literal(at, UtcDateTime),
        "part": literal(0),
        "tries": literal(0),
    }
    return select(*(value.label(name) for name, value in row.items())).order_by(columns.id)


async def _insert(connection: AsyncConnection, given: Select[Any]) -> int:
    """Insert the deliveries that do not exist yet, and return how many."""
    insert = insert_into(connection, deliveries).from_select(list(given.selected_columns.keys()), given)
    once = insert.on_conflict_do_nothing(index_elements=[_COLUMNS.dispatch_id, _COLUMNS.subscriber_id])
    # Otherwise SQLAlchemy forgets the driver's row count of an INSERT.
    count = (await connection.execute(once.execution_options(preserve_rowcount=True))).rowcount
    if count < 0:  # SQLite's driver counts no rows of an INSERT after WITH
        count = await connection.scalar(select(func.changes())) or 0
    return count


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
