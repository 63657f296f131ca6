"""Deliveries: which subscriber gets which campaign, and the result."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Date,
    Row,
    Table,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.core.models import Campaign, Delivery, Mark, Sending, Subscriber, SubscriberStatus
from bot.db import unknown_messages
from bot.db.campaigns import campaign as campaign_of
from bot.db.fanouts import ALL_CHANNELS
from bot.db.subscribers import subscriber_of
from bot.db.tables import deliveries, dispatches, renderings, subscribers
from bot.db.unknown_messages import Decision
from digest.db.bulk import BATCH, parts, rows_among
from digest.db.types import UtcDateTime

_COLUMNS = deliveries.c
_REMEMBERED = timedelta(days=365)


async def due(
    connection: AsyncConnection,
    channel: str,
    at: datetime,
    limit: int,
    held: Iterable[int] = (),
    *,
    skipped: int = 0,
) -> list[Delivery]:
    """Return the deliveries to send on `channel` at `at`, oldest first, after the first `skipped`.

    Deliveries to the subscribers `held` are left out, because it is not their turn.
    """
    query = select(deliveries).where(_is_due(channel, at, held)).order_by(_COLUMNS.next_at, _COLUMNS.id)
    rows = (await connection.execute(query.limit(limit).offset(skipped))).all()
    again = await unknown_messages.to_send_again(connection, [row.id for row in rows])
    readers_ = await _by_id(connection, subscribers, [row.subscriber_id for row in rows])
    named = await _by_id(connection, dispatches, [row.dispatch_id for row in rows])
    sent = {number: campaign_of(row) for number, row in named.items()}
    belied, told = await _quiet_lines(connection, rows, sent)
    return [
        Delivery(
            id=row.id,
            campaign=sent[row.dispatch_id],
            subscriber=subscriber_of(readers_[row.subscriber_id]),
            due_at=row.due_at,
            rendering=row.rendering_id,
            part=row.part,
            tries=row.tries,
            repeated=row.repeated,
            again=again.get(row.id, ()),
            is_belied=row.dispatch_id in belied,
            is_after_quiet=(sent[row.dispatch_id].edition_date, row.subscriber_id) in told,
        )
        for row in rows
    ]


async def _quiet_lines(
    connection: AsyncConnection, rows: Sequence[Row[Any]], sent: Mapping[int, Campaign]
) -> tuple[set[int], set[tuple[date | None, int]]]:
    """Find superseded quiet-day notices among the deliveries `rows` of the campaigns `sent`.

    Returns the ids of campaigns that announced a quiet day whose papers turned up later, and pairs of day and
    subscriber for those who got such a notice before the edition of that day.
    """
    days = {each.edition_date for each in sent.values() if each.edition_date is not None}
    edition, quiet = dispatches.alias(), dispatches.alias()
    both = select(quiet.c.id, quiet.c.quiet_date).join_from(
        quiet, edition, edition.c.edition_date == quiet.c.quiet_date
    )
    lines = {row.id: row.quiet_date for row in await rows_among(connection, both, quiet.c.quiet_date, days)}
    query = select(_COLUMNS.dispatch_id, _COLUMNS.subscriber_id).where(
        _COLUMNS.dispatch_id.in_(lines), _COLUMNS.state.in_((Sending.SENDING, *_ENDED))
    )
    readers_ = {row.subscriber_id for row in rows} if lines else set()
    got = await rows_among(connection, query, _COLUMNS.subscriber_id, readers_)
    return lines.keys() & sent.keys(), {(lines[row.dispatch_id], row.subscriber_id) for row in got}


async def count_due(connection: AsyncConnection, channel: str, at: datetime, held: Iterable[int] = ()) -> int:
    """Count what `due` would return without a limit."""
    query = select(func.count()).select_from(deliveries).where(_is_due(channel, at, held))
    return (await connection.scalar(query)) or 0


def _is_due(channel: str, at: datetime, held: Iterable[int]) -> ColumnElement[bool]:
    due_ = and_(_COLUMNS.channel == channel, _COLUMNS.state == Sending.DUE, _COLUMNS.next_at <= at)
    others = list(held)
    return and_(due_, _COLUMNS.subscriber_id.not_in(others)) if others else due_


async def waiting(
    connection: AsyncConnection, subscriber: Subscriber, at: datetime
) -> list[tuple[int, Campaign]]:
    """Return the deliveries to `subscriber` that have not begun and are due after `at`."""
    query = select(_COLUMNS.id.label("delivery"), dispatches).select_from(deliveries.join(dispatches))
    waits = query.where(
        _COLUMNS.subscriber_id == subscriber.id,
        _COLUMNS.state.in_((Sending.DUE, Sending.HELD)),
        _COLUMNS.part == 0,
        _COLUMNS.next_at > at,
    )
    return [(row.delivery, campaign_of(row)) for row in await connection.execute(waits)]


async def postpone(connection: AsyncConnection, number: int, until: datetime) -> None:
    """Set the next attempt of the delivery `number`, if it still waits, to `until`, earlier or later than before."""
    waits = _COLUMNS.state.in_((Sending.DUE, Sending.HELD))
    query = update(deliveries).where(_COLUMNS.id == number, waits)
    await connection.execute(query.values(next_at=until))


async def recompose(connection: AsyncConnection, subscriber_id: int) -> None:
    """Drop the messages of the subscriber's deliveries that have not begun, so that they are composed anew.

    A message that may have arrived is kept, because it is sent a second time as it was.
    """
    waits = update(deliveries).where(
        _COLUMNS.subscriber_id == subscriber_id,
        _COLUMNS.state.in_((Sending.DUE, Sending.HELD)),
        _COLUMNS.part == 0,
        ~_COLUMNS.repeated,
    )
    await connection.execute(waits.values(rendering_id=None))


async def next_at(connection: AsyncConnection) -> datetime | None:
    """Return the time of the next attempt of any delivery."""
    query = select(func.min(_COLUMNS.next_at, type_=UtcDateTime)).where(
        _COLUMNS.channel.in_(ALL_CHANNELS), _COLUMNS.state == Sending.DUE
    )
    moment: datetime | None = await connection.scalar(query)
    return moment


async def mark(
    connection: AsyncConnection, numbers: Collection[int], mark: Mark, at: datetime, *, in_doubt: bool = False
) -> set[int]:
    """Apply `mark` to the deliveries `numbers`. Returns the ids of those that were changed.

    A delivery is not marked as being sent if its subscriber has left, is paused beyond the mark's day, or if another
    process is sending it. With `in_doubt`, the same mark may have been made a moment ago and is accepted.
    """
    kept = {f"b_{name}": getattr(mark, name) for name in _KEPT}
    values = {"b_state": mark.state, "b_reason": mark.reason, "b_at": at, **kept}
    marked: set[int] = set()
    for some in parts(numbers):
        parameters = {**values, "b_numbers": some}
        if mark.unknown is not None:
            await unknown_messages.note(connection, some, mark.unknown, mark.reason, at)
        if mark.settled is not None:
            await unknown_messages.settle(connection, some, mark.settled)
        if mark.state is Sending.SENDING:
            parameters["b_day"] = mark.day
            before = [Sending.SENDING if mark.once_more else Sending.DUE]
            parameters["b_before"] = [Sending.DUE, Sending.SENDING] if in_doubt else before
            marked.update(await connection.scalars(_MARK_AS_BEING_SENT, parameters))
        else:
            await connection.execute(_MARK_AS_ENDED if mark.state in _ENDED else _MARK, parameters)
            marked.update(some)
    return marked


_ENDED = (Sending.SENT, Sending.UNKNOWN)
_KEPT = {
    "part": "part",
    "next_at": "next_at",
    "tries": "tries",
    "rendering": "rendering_id",
    "repeated": "repeated",
    "in_flight": "in_flight",
}
# Thousands of marks are made a second, so the statements are built once.
_MARK = (
    update(deliveries)
    .where(_COLUMNS.id.in_(bindparam("b_numbers", expanding=True)))
    .values(
        state=bindparam("b_state"),
        reason=bindparam("b_reason"),
        changed_at=bindparam("b_at"),
        **{
            column: func.coalesce(bindparam(f"b_{name}", type_=_COLUMNS[column].type), _COLUMNS[column])
            for name, column in _KEPT.items()
        },
    )
)
# The first process to mark a delivery sends it: PostgreSQL's lock against other processes is lost if the server
# restarts. The subscriber is checked for each delivery, because an IN makes SQLite scan all subscribers.
_MARK_AS_BEING_SENT = _MARK.where(
    _COLUMNS.state.in_(bindparam("b_before", expanding=True)),
    or_(
        _COLUMNS.part <= func.coalesce(bindparam("b_in_flight"), _COLUMNS.part),
        unknown_messages.is_to_be_sent_again(_COLUMNS.id, bindparam("b_in_flight")),
    ),
    exists().where(
        subscribers.c.id == _COLUMNS.subscriber_id,
        subscribers.c.standing == SubscriberStatus.ACTIVE,
        or_(
            subscribers.c.paused_until.is_(None),
            subscribers.c.paused_until <= bindparam("b_day", type_=Date),
        ),
    ),
).returning(_COLUMNS.id)


# Nothing is left to send, except what the operator has ordered to be resent in the meantime.
_MARK_AS_ENDED = _MARK.values(
    state=case(
        (unknown_messages.is_to_be_sent_again(_COLUMNS.id), Sending.DUE.value),
        (unknown_messages.is_lacking(_COLUMNS.id), Sending.UNKNOWN.value),
        else_=bindparam("b_state"),
    ),
    reason=func.coalesce(bindparam("b_reason"), unknown_messages.reason(_COLUMNS.id)),
)


async def reader_of(connection: AsyncConnection, number: int) -> int | None:
    """Return the id of the subscriber of the delivery `number`."""
    found: int | None = await connection.scalar(select(_COLUMNS.subscriber_id).where(_COLUMNS.id == number))
    return found


async def abandon(connection: AsyncConnection, channel: str, at: datetime, *, repeats: bool) -> int:
    """Mark messages that were being sent when the program ended as unknown. Returns how many there are.

    Their later messages become due. With `repeats` each message is sent once more instead, unless that was done before.
    """
    cut = _COLUMNS.channel == channel, _COLUMNS.state == Sending.SENDING
    found = 0
    if repeats:
        again = update(deliveries).where(*cut, ~_COLUMNS.repeated, _COLUMNS.part <= _IN_FLIGHT)
        values = {"state": Sending.DUE, "reason": _CUT, "repeated": True, "changed_at": at}
        found += (await connection.execute(again.values(values))).rowcount
    await unknown_messages.note_all(connection, select(_COLUMNS.id, _IN_FLIGHT).where(*cut), _CUT, at)
    done = case((_COLUMNS.part > _IN_FLIGHT, _COLUMNS.part), else_=_IN_FLIGHT + 1)
    count = select(func.json_array_length(renderings.c.parts)).where(renderings.c.id == _COLUMNS.rendering_id)
    more = or_(unknown_messages.is_to_be_sent_again(_COLUMNS.id), done < count.scalar_subquery())
    lost = update(deliveries).where(*cut)
    values = {"part": done, "tries": 0, "repeated": False, "reason": _CUT, "changed_at": at}
    state = case((more, Sending.DUE.value), else_=Sending.UNKNOWN.value)
    return found + (await connection.execute(lost.values(state=state, **values))).rowcount


_CUT = "interrupted"
_IN_FLIGHT = func.coalesce(_COLUMNS.in_flight, _COLUMNS.part)


async def replace_message(
    connection: AsyncConnection, number: int, rendering: int, message: int, count: int, at: datetime
) -> None:
    """Continue the delivery `number` with `rendering`, in which `count` messages replace `message`."""
    await unknown_messages.make_room(connection, number, message, count)
    behind = case((_COLUMNS.part > message, _COLUMNS.part + count - 1), else_=_COLUMNS.part)
    values = {"state": Sending.DUE, "reason": None, "rendering_id": rendering, "changed_at": at}
    await connection.execute(update(deliveries).where(_COLUMNS.id == number).values(part=behind, **values))


async def counts(connection: AsyncConnection, dispatch_id: int) -> dict[Sending, int]:
    """Count the deliveries of a campaign by state."""
    query = select(_COLUMNS.state, func.count()).where(_COLUMNS.dispatch_id == dispatch_id)
    return {
        Sending(state): count for state, count in await connection.execute(query.group_by(_COLUMNS.state))
    }


async def is_under_way(connection: AsyncConnection, dispatch_id: int, at: datetime) -> bool:
    """Return whether part of a campaign is being sent, or due by `at`."""
    now = or_(_COLUMNS.state == Sending.SENDING, and_(_COLUMNS.state == Sending.DUE, _COLUMNS.next_at <= at))
    query = (
        select(_COLUMNS.id)
        .where(_COLUMNS.channel.in_(ALL_CHANNELS), now)
        .where(_COLUMNS.dispatch_id == dispatch_id)
    )
    return await connection.scalar(query.limit(1)) is not None


async def send_again(connection: AsyncConnection, dispatch_id: int, at: datetime) -> int:
    """Resend the messages of a campaign with unknown delivery. Returns how many there are."""
    count = await unknown_messages.decide(connection, dispatch_id, Decision.AGAIN)
    ended = (
        update(deliveries)
        .where(_COLUMNS.id.in_(unknown_messages.DELIVERIES_TO_SEND_AGAIN))
        .where(_COLUMNS.dispatch_id == dispatch_id)
        .where(_COLUMNS.state.not_in((Sending.DUE, Sending.SENDING)))
    )
    values = {"state": Sending.DUE, "reason": None, "due_at": at, "next_at": at, "changed_at": at, "tries": 0}
    await connection.execute(ended.values(values))
    return count


async def prune(connection: AsyncConnection, at: datetime, limit: int = BATCH) -> int:
    """Delete at most `limit` finished deliveries of campaigns older than a year. Returns how many."""
    old = select(dispatches.c.id).where(dispatches.c.made_at < at - _REMEMBERED)
    ended = _COLUMNS.state.not_in((Sending.DUE, Sending.SENDING))
    some = select(_COLUMNS.id).where(_COLUMNS.dispatch_id.in_(old), ended).limit(limit)
    numbers = (await connection.scalars(some)).all()
    await unknown_messages.delete_of(connection, numbers)
    for few in parts(numbers):
        await connection.execute(delete(deliveries).where(_COLUMNS.id.in_(few)))
    return len(numbers)


async def of_subscriber(connection: AsyncConnection, number: int) -> list[dict[str, Any]]:
    """Export all deliveries of a subscriber."""
    query = (
        select(
            dispatches.c.subject,
            func.coalesce(dispatches.c.edition_date, dispatches.c.quiet_date).label("edition_date"),
            _COLUMNS.state,
            _COLUMNS.reason,
            _COLUMNS.due_at,
            _COLUMNS.changed_at,
        )
        .select_from(deliveries.join(dispatches))
        .where(_COLUMNS.subscriber_id == number)
        .order_by(_COLUMNS.id)
    )
    return [dict(row) for row in (await connection.execute(query)).mappings()]


async def _by_id(connection: AsyncConnection, table: Table, numbers: list[int]) -> dict[int, Row[Any]]:
    return {row.id: row for row in await rows_among(connection, select(table), table.c.id, numbers)}
