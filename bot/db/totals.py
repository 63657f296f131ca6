"""Totals over all rows, for monitoring: what is counted, and by which labels.

Each query returns its counts by the values of those labels, in the order that its docstring names.
"""

from collections import Counter

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.core.models import Sending, Subject
from bot.db import alerts, publications
from bot.db.tables import asks, deliveries, dispatches, signups, subscribers

Counts = dict[tuple[str, ...], int]


async def subscribers_by_status(connection: AsyncConnection) -> Counts:
    """Count the subscribers by channel and status."""
    groups = (subscribers.c.channel, subscribers.c.standing)
    rows = await connection.execute(select(*groups, func.count()).group_by(*groups))
    return {tuple(labels): count for *labels, count in rows}


async def latest_deliveries(connection: AsyncConnection, editions: int) -> Counts:
    """Count the deliveries of the newest `editions` by channel, date and state."""
    latest = select(dispatches.c.id).where(dispatches.c.subject == Subject.EDITION)
    newest = latest.order_by(dispatches.c.edition_date.desc()).limit(editions)
    groups = (deliveries.c.channel, dispatches.c.edition_date, deliveries.c.state)
    query = select(*groups, func.count()).select_from(deliveries.join(dispatches))
    rows = await connection.execute(query.where(dispatches.c.id.in_(newest)).group_by(*groups))
    return {tuple(map(str, labels)): count for *labels, count in rows}


async def alerts_by_kind(connection: AsyncConnection) -> Counts:
    """Count the open problems by kind."""
    found = Counter(str(each.kind) for each in await alerts.lasting(connection))
    return {(kind,): count for kind, count in found.items()}


async def unpublished(connection: AsyncConnection) -> Counts:
    """Count the posts still to be written and to be pushed."""
    unwritten = await publications.unwritten(connection)
    unpushed = await publications.unpushed(connection)
    return {("write",): len(unwritten), ("push",): len(unpushed)}


async def queues(connection: AsyncConnection) -> Counts:
    """Count the waiting entries of each queue, due now or later."""
    channels = select(subscribers.c.channel).distinct().scalar_subquery()  # the index starts with the channel
    due = deliveries.c.channel.in_(channels), deliveries.c.state.in_((Sending.DUE, Sending.HELD))
    waiting = {
        "deliveries": select(func.count()).where(*due),
        "letters": select(func.count()).where(signups.c.next_at.is_not(None)),
        "requests": select(func.count()).where(asks.c.answered_at.is_(None)),
    }
    return {(name,): int(await connection.scalar(query) or 0) for name, query in waiting.items()}
