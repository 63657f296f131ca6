"""Numbers over all rows, for whoever watches the program."""

from collections import Counter

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.models import Sending, Subject
from bot.store import alerts, publications
from bot.store.tables import asks, deliveries, dispatches, signups, subscribers

Counts = dict[tuple[str, ...], int]


async def subscribers_by_standing(connection: AsyncConnection) -> Counts:
    """How many subscribers there are, by channel and standing."""
    groups = (subscribers.c.channel, subscribers.c.standing)
    rows = await connection.execute(select(*groups, func.count()).group_by(*groups))
    return {tuple(labels): count for *labels, count in rows}


async def latest_deliveries(connection: AsyncConnection, editions: int) -> Counts:
    """How many deliveries of the newest `editions` there are, by channel, date and state."""
    latest = select(dispatches.c.id).where(dispatches.c.subject == Subject.EDITION)
    newest = latest.order_by(dispatches.c.edition_date.desc()).limit(editions)
    groups = (deliveries.c.channel, dispatches.c.edition_date, deliveries.c.state)
    query = select(*groups, func.count()).select_from(deliveries.join(dispatches))
    rows = await connection.execute(query.where(dispatches.c.id.in_(newest)).group_by(*groups))
    return {tuple(map(str, labels)): count for *labels, count in rows}


async def alerts_by_kind(connection: AsyncConnection) -> Counts:
    """How many troubles there are that are not over, by kind."""
    found = Counter(str(each.kind) for each in await alerts.lasting(connection))
    return {(kind,): count for kind, count in found.items()}


async def unpublished(connection: AsyncConnection) -> Counts:
    """How many posts are still to be written, and to be pushed."""
    unwritten = await publications.unwritten(connection)
    unpushed = await publications.unpushed(connection)
    return {("write",): len(unwritten), ("push",): len(unpushed)}


async def queues(connection: AsyncConnection) -> Counts:
    """How much waits in each queue, now or for later."""
    channels = select(subscribers.c.channel).distinct().scalar_subquery()  # the index begins with them
    due = deliveries.c.channel.in_(channels), deliveries.c.state.in_((Sending.DUE, Sending.HELD))
    waiting = {
        "deliveries": select(func.count()).where(*due),
        "letters": select(func.count()).where(signups.c.next_at.is_not(None)),
        "requests": select(func.count()).where(asks.c.answered_at.is_(None)),
    }
    return {(name,): int(await connection.scalar(query) or 0) for name, query in waiting.items()}
