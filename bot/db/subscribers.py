"""Subscribers: addresses on channels, with their preferences."""

from collections.abc import Iterable, Sequence
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row, RowMapping, and_, case, delete, func, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.core.models import ChatKind, Consent, Detail, Edit, Preferences, Subscriber, SubscriberStatus
from bot.db import paper_requests, pending_answers
from bot.db.tables import bounces, deliveries, signups, subscribers, unknown_messages, within_address
from digest.core import keywords
from digest.core.models import Extent
from digest.db.bulk import BATCH, insert_all, insert_into, rows_among
from digest.db.types import UtcDateTime


async def find(connection: AsyncConnection, channel: str, address: str) -> Subscriber | None:
    """Return the subscriber at `address`, active or not."""
    query = select(subscribers).where(subscribers.c.channel == channel, subscribers.c.address == address)
    row = (await connection.execute(query)).first()
    return None if row is None else subscriber_of(row)


async def at(
    connection: AsyncConnection, channel: str, address: str, *, lock: bool = False
) -> list[Subscriber]:
    """Return the subscribers at `address` and its topics; with `lock`, no deliveries are created for them meanwhile."""
    columns = subscribers.c
    query = select(subscribers).where(columns.channel == channel, within_address(columns.address, address))
    query = query.order_by(columns.id)
    rows = await connection.execute(query.with_for_update() if lock else query)
    return [subscriber_of(row) for row in rows]


async def add(connection: AsyncConnection, new: Subscriber, at: datetime) -> Subscriber:
    """Store `new` unless its address is known, and return the subscriber at that address."""
    row = row_of(new) | {"channel": new.channel, "address": new.address, "made_at": at, "changed_at": at}
    row["joined"] = await _next_to_join(connection) if new.status is SubscriberStatus.ACTIVE else 0
    columns = subscribers.c
    insert = insert_into(connection, subscribers).on_conflict_do_nothing(
        index_elements=[columns.channel, columns.address]
    )
    await connection.execute(insert, row)
    known = await find(connection, new.channel, new.address)
    if known is None:
        raise AssertionError(f"a subscriber on {new.channel} was added a moment ago")
    return known


async def get(connection: AsyncConnection, number: int, *, lock: bool = False) -> Subscriber | None:
    """Return the subscriber `number`, unless it was deleted; with `lock`, other changes wait for this transaction."""
    query = select(subscribers).where(subscribers.c.id == number)
    row = (await connection.execute(query.with_for_update() if lock else query)).first()
    return None if row is None else subscriber_of(row)


async def add_all(connection: AsyncConnection, new: Sequence[Subscriber], at: datetime) -> None:
    """Add those of `new`, all on one channel, whose address is unknown. Known subscribers stay unchanged."""
    columns = subscribers.c
    insert = insert_into(connection, subscribers).on_conflict_do_nothing(
        index_elements=[columns.channel, columns.address]
    )
    common = {"made_at": at, "changed_at": at, "joined": await _next_to_join(connection)}
    rows = [row_of(each) | {"channel": each.channel, "address": each.address} | common for each in new]
    await insert_all(connection, insert, rows)


async def known(
    connection: AsyncConnection, channel: str, addresses: Iterable[str]
) -> dict[str, SubscriberStatus]:
    """Return the status of those of `addresses` that are known."""
    query = select(subscribers.c.address, subscribers.c.standing).where(subscribers.c.channel == channel)
    rows = await rows_among(connection, query, subscribers.c.address, addresses)
    return {row.address: SubscriberStatus(row.standing) for row in rows}


async def listed(connection: AsyncConnection, after: int = 0) -> Sequence[RowMapping]:
    """Return all stored fields of the next `BATCH` subscribers whose id is greater than `after`, by id."""
    query = select(subscribers).where(subscribers.c.id > after).order_by(subscribers.c.id).limit(BATCH)
    return (await connection.execute(query)).mappings().all()


async def at_address(connection: AsyncConnection, address: str) -> list[Subscriber]:
    """Return the subscribers at `address` on all channels."""
    rows = await connection.execute(select(subscribers).where(subscribers.c.address == address))
    return [subscriber_of(row) for row in rows]


async def change(connection: AsyncConnection, number: int, edit: Edit, at: datetime) -> Subscriber | None:
    """Apply `edit` to the stored subscriber and return the result. Concurrent changes wait for each other."""
    query = select(subscribers).where(subscribers.c.id == number).with_for_update()
    row = (await connection.execute(query)).first()
    if row is None:
        return None
    before = subscriber_of(row)
    after = edit(before)
    if after != before:
        changes = row_of(after) | {"changed_at": at}
        if after.status is SubscriberStatus.ACTIVE and before.status is not SubscriberStatus.ACTIVE:
            changes["joined"] = await _next_to_join(connection)
        await connection.execute(update(subscribers).where(subscribers.c.id == number).values(changes))
    return after


async def last_to_join(connection: AsyncConnection) -> int:
    """Return the `joined` number of the latest subscription."""
    return int(await connection.scalar(select(func.max(subscribers.c.joined))) or 0)


async def _next_to_join(connection: AsyncConnection) -> int:
    return await last_to_join(connection) + 1


async def move(connection: AsyncConnection, number: int, address: str, at: datetime) -> Subscriber | None:
    """Move the subscriber `number` to a new `address`. Returns None if another active subscriber has that address.

    An inactive subscriber there is deleted. Requests move to the new address in any case.
    """
    query = select(subscribers).where(subscribers.c.id == number).with_for_update()
    row = (await connection.execute(query)).first()
    if row is None:
        return None
    moving = subscriber_of(row)
    if moving.address == address:  # the move was already recorded
        return moving
    await paper_requests.move(connection, moving.address, address)
    await pending_answers.move(connection, moving.address, address)
    there = await find(connection, moving.channel, address)
    if there is not None and there.status is SubscriberStatus.ACTIVE:
        await end(connection, number, "moved", at)
        return None
    if there is not None:
        await _remove(connection, there.id)
    await connection.execute(
        update(subscribers).where(subscribers.c.id == number).values(address=address, changed_at=at)
    )
    return await find(connection, moving.channel, address)


async def end(connection: AsyncConnection, number: int, reason: str, at: datetime) -> None:
    """End the subscription for `reason`, because the address cannot be reached. Preferences are kept for a return."""
    changes = {"standing": SubscriberStatus.ENDED, "reason": reason, "changed_at": at}
    await connection.execute(update(subscribers).where(subscribers.c.id == number).values(changes))


async def revive(
    connection: AsyncConnection, channel: str, reason: str, since: datetime, at: datetime
) -> None:
    """Restore the subscriptions on `channel` that ended for `reason` since then, unless they had failed for longer."""
    columns = subscribers.c
    ended = update(subscribers).where(
        columns.channel == channel,
        columns.standing == SubscriberStatus.ENDED,
        columns.reason == reason,
        columns.changed_at >= since,
        func.coalesce(columns.failing_since, since, type_=UtcDateTime) >= since,
    )
    changes = {"standing": SubscriberStatus.ACTIVE, "reason": None, "strikes": 0, "failing_since": None}
    await connection.execute(ended.values(changes | {"changed_at": at}))


async def fail(
    connection: AsyncConnection, number: int, at: datetime, *, gap: timedelta, strike: bool
) -> Subscriber | None:
    """Record a failure of the address at `at`. With `strike`, it refused a message. Returns the subscriber.

    A failure that comes more than `gap` after the last one starts a new series.
    """
    columns = subscribers.c
    is_over = and_(columns.failed_at.is_not(None), columns.failed_at < at - gap)
    moment = literal(at, UtcDateTime)
    changes = {
        "failing_since": case((is_over, moment), else_=func.coalesce(columns.failing_since, moment)),
        "failed_at": at,
        "strikes": columns.strikes + strike,
    }
    failing = update(subscribers).where(columns.id == number).values(changes).returning(*columns)
    row = (await connection.execute(failing)).first()
    return None if row is None else subscriber_of(row)


async def count_active(connection: AsyncConnection, channel: str) -> int:
    """Count the active subscribers on `channel`."""
    columns = subscribers.c
    query = select(func.count()).where(
        columns.channel == channel, columns.standing == SubscriberStatus.ACTIVE
    )
    return (await connection.scalar(query)) or 0


async def count_at(connection: AsyncConnection, channel: str, domain: str) -> int:
    """Count the subscribers on `channel`, active or not, whose address is at `domain`."""
    columns = subscribers.c
    query = select(func.count()).where(
        columns.channel == channel, columns.address.endswith(f"@{domain}", autoescape=True)
    )
    return (await connection.scalar(query)) or 0


async def clear_strikes(connection: AsyncConnection, number: int) -> None:
    """Record that the address accepted a message."""
    changes = {"strikes": 0, "failing_since": None}
    await connection.execute(update(subscribers).where(subscribers.c.id == number).values(changes))


async def forget(connection: AsyncConnection, number: int) -> None:
    """Delete the subscriber and all dependent data, including the person's requests in groups."""
    query = select(subscribers.c.address).where(subscribers.c.id == number).with_for_update()
    address = await connection.scalar(query)
    if address is not None:
        await _remove(connection, number)
        await _forget_requests(connection, address)
        await connection.execute(delete(signups).where(signups.c.address == address))


async def forget_chat(
    connection: AsyncConnection, channel: str, address: str, day: paper_requests.Day
) -> None:
    """Delete all subscribers at `address` and its topics. Only the number of requests of `day` remains."""
    for each in await at(connection, channel, address, lock=True):
        await _remove(connection, each.id)
    await paper_requests.keep_count(connection, address, day)
    await _forget_requests(connection, address)


async def _forget_requests(connection: AsyncConnection, address: str) -> None:
    await paper_requests.forget(connection, address)
    await pending_answers.forget(connection, address)


async def _remove(connection: AsyncConnection, number: int) -> None:
    await connection.execute(delete(bounces).where(bounces.c.subscriber_id == number))
    theirs = select(deliveries.c.id).where(deliveries.c.subscriber_id == number)
    await connection.execute(delete(unknown_messages).where(unknown_messages.c.delivery_id.in_(theirs)))
    await connection.execute(delete(deliveries).where(deliveries.c.subscriber_id == number))
    await connection.execute(delete(subscribers).where(subscribers.c.id == number))


async def languages(connection: AsyncConnection) -> dict[str, Extent]:
    """Return the languages of active subscribers, sorted, with the extent of the edition needed in each."""
    columns = (subscribers.c.language, subscribers.c.detail)
    active = select(*columns).where(subscribers.c.standing == SubscriberStatus.ACTIVE)
    found: dict[str, Extent] = {}
    for language, detail in await connection.execute(active.distinct().order_by(*columns)):
        wanted = Extent.READINGS if detail == Detail.READINGS else Extent.TRANSLATIONS
        found[language] = max(wanted, found.get(language, wanted))
    return found


async def statuses(connection: AsyncConnection) -> dict[tuple[str, SubscriberStatus, str | None], int]:
    """Count the subscribers by channel, status and reason."""
    columns = (subscribers.c.channel, subscribers.c.standing, subscribers.c.reason)
    rows = await connection.execute(select(*columns, func.count()).group_by(*columns).order_by(*columns))
    return {(channel, SubscriberStatus(status), reason): count for channel, status, reason, count in rows}


async def known_of(connection: AsyncConnection, subscriber: Subscriber) -> dict[str, Any]:
    """Export everything stored about a subscriber."""
    chosen, columns = subscriber.preferences, subscribers.c
    moments = select(columns.made_at, columns.changed_at).where(columns.id == subscriber.id)
    noted = (await connection.execute(moments)).mappings().first()
    return {
        "address": subscriber.address,
        "kind": subscriber.kind,
        "subscription": subscriber.status,
        "reason": subscriber.reason,
        "language": chosen.language,
        "detail": chosen.detail,
        "categories": chosen.categories,
        "include": [keyword.text for keyword in chosen.include],
        "exclude": [keyword.text for keyword in chosen.exclude],
        "rich": chosen.rich,
        "hour": subscriber.hour,
        "zone": subscriber.zone.key,
        "silent": subscriber.silent,
        "quiet_line": subscriber.quiet_line,
        "paused_until": subscriber.paused_until,
        "consented_at": subscriber.consent and subscriber.consent.at,
        "consent": subscriber.consent and subscriber.consent.how,
        "strikes": subscriber.consecutive_refusals,
        "failing_since": subscriber.failing_since,
        **(noted or {}),
    }


def subscriber_of(row: Row[Any]) -> Subscriber:
    """Convert a row of the table."""
    return Subscriber(
        id=row.id,
        channel=row.channel,
        address=row.address,
        kind=ChatKind(row.kind),
        preferences=Preferences(
            language=row.language,
            detail=Detail(row.detail),
            categories=row.categories,
            include=tuple(map(keywords.keyword, row.include)),
            exclude=tuple(map(keywords.keyword, row.exclude)),
            rich=row.rich,
        ),
        zone=ZoneInfo(row.zone),
        status=SubscriberStatus(row.standing),
        reason=row.reason,
        hour=time.fromisoformat(row.hour) if row.hour else None,
        silent=row.silent,
        quiet_line=row.quiet_line,
        paused_until=row.paused_until,
        awaited=row.awaited or {},
        awaited_until=row.awaited_until,
        consecutive_refusals=row.strikes,
        failing_since=row.failing_since,
        consent=Consent(row.consented_at, row.consent) if row.consented_at else None,
    )


def row_of(value: Subscriber) -> dict[str, Any]:
    """Return the columns of a subscriber, without channel and address."""
    choices = value.preferences
    return {
        "kind": value.kind,
        "standing": value.status,
        "reason": value.reason,
        "language": choices.language,
        "detail": choices.detail,
        "categories": choices.categories,
        "include": tuple(keyword.text for keyword in choices.include),
        "exclude": tuple(keyword.text for keyword in choices.exclude),
        "rich": choices.rich,
        "hour": value.hour.strftime("%H:%M") if value.hour else None,
        "zone": value.zone.key,
        "silent": value.silent,
        "quiet_line": value.quiet_line,
        "paused_until": value.paused_until,
        "awaited": dict(value.awaited) or None,
        "awaited_until": value.awaited_until,
        "strikes": value.consecutive_refusals,
        "failing_since": value.failing_since,
        "consented_at": value.consent and value.consent.at,
        "consent": value.consent and value.consent.how,
    }
