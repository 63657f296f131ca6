"""Alerts: open problems, what the operator has heard of them, and what is still to be sent."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.core.models import Alert, AlertKind
from bot.db.tables import alerts
from digest.db.bulk import BATCH, delete_some, insert_into

_KEPT = timedelta(days=7)  # after that the same event is alerted again
_LASTS = and_(alerts.c.over_at.is_(None), alerts.c.closed_at.is_(None))


async def raise_(
    connection: AsyncConnection, kind: AlertKind, subject: str, reason: str, at: datetime
) -> bool:
    """Record a problem. Returns True if it is new."""
    new = {"kind": kind, "subject": subject, "reason": reason, "raised_at": at, "next_at": at, "tries": 0}
    insert = insert_into(connection, alerts).on_conflict_do_nothing(index_elements=list(alerts.primary_key))
    if await connection.scalar(insert.returning(alerts.c.kind), new):
        return True
    row = (await connection.execute(select(alerts).where(_is(kind, subject)).with_for_update())).one()
    if row.closed_at is None:
        again = row.over_at is not None
        next_at = None if again and row.told_at is not None else row.next_at
        await _change(connection, kind, subject, reason=reason, over_at=None, next_at=next_at)
        return again
    if kind.is_event:
        return False
    next_at = max(at, row.quiet_until or at)
    fresh = {"told_at": None, "over_at": None, "closed_at": None, "next_at": next_at, "tries": 0}
    await _change(connection, kind, subject, reason=reason, raised_at=at, **fresh)
    return True


async def resolve(connection: AsyncConnection, kind: AlertKind, subject: str, at: datetime) -> bool:
    """Record that a problem is over. Returns True if it was open.

    If nobody tried to send the alert, it is never sent.
    """
    query = select(alerts).where(_is(kind, subject), _LASTS).with_for_update()
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        return False
    if row.told_at is None and not row.tries:
        await _change(connection, kind, subject, over_at=at, closed_at=at, next_at=None)
    else:
        await _change(connection, kind, subject, over_at=at, next_at=at, tries=0)
    return True


async def lasting(connection: AsyncConnection, kind: AlertKind | None = None) -> list[Alert]:
    """Return the open problems, oldest first."""
    query = select(alerts).where(_LASTS).order_by(alerts.c.raised_at)
    if kind is not None:
        query = query.where(alerts.c.kind == kind)
    return [_alert(row) for row in await connection.execute(query)]


async def due(connection: AsyncConnection, at: datetime) -> list[Alert]:
    """Return the alerts to send now, oldest first."""
    query = select(alerts).where(alerts.c.next_at <= at).order_by(alerts.c.raised_at)
    return [_alert(row) for row in await connection.execute(query)]


async def claim(connection: AsyncConnection, alert: Alert, at: datetime, next_at: datetime) -> bool:
    """Claim a due `alert` for sending; it is due again at `next_at`. Returns False if another process has it."""
    over = alerts.c.over_at.is_(None) if alert.over_at is None else alerts.c.over_at.is_not(None)
    still = and_(_is(alert.kind, alert.subject), alerts.c.next_at <= at, over)
    taken = update(alerts).where(still).values(next_at=next_at, tries=alerts.c.tries + 1)
    return bool((await connection.execute(taken)).rowcount)


async def note_told(connection: AsyncConnection, alert: Alert, at: datetime, quiet: timedelta) -> None:
    """Record that the operator was told of `alert` or of its end; afterwards nothing is sent about it for `quiet`.

    If the problem ended or began again while the alert was being sent, that is still to be sent.
    """
    if alert.over_at is not None:
        ended = and_(_is(alert.kind, alert.subject), alerts.c.over_at.is_not(None))
        closed = {"closed_at": at, "next_at": None, "tries": 0, "quiet_until": at + quiet}
        await connection.execute(update(alerts).where(ended).values(**closed))
    elif alert.kind.is_event:
        await _change(connection, alert.kind, alert.subject, told_at=at, closed_at=at, next_at=None)
    else:
        await _change(connection, alert.kind, alert.subject, told_at=at, tries=0)
        lasts = and_(_is(alert.kind, alert.subject), alerts.c.over_at.is_(None))
        await connection.execute(update(alerts).where(lasts).values(next_at=None))


async def hurry(connection: AsyncConnection, at: datetime) -> None:
    """Send alerts that failed before at once, because there is a new route to the operator."""
    tried = and_(alerts.c.next_at.is_not(None), alerts.c.tries > 0)
    await connection.execute(update(alerts).where(tried).values(next_at=at))


async def prune(connection: AsyncConnection, at: datetime, limit: int = BATCH) -> int:
    """Delete at most `limit` alerts that were closed long ago. Returns how many."""
    return await delete_some(connection, alerts, alerts.c.closed_at < at - _KEPT, limit)


async def subjects(connection: AsyncConnection, kind: AlertKind) -> Collection[str]:
    """Return the subjects of the open problems of this `kind`."""
    return {each.subject for each in await lasting(connection, kind)}


async def _change(connection: AsyncConnection, kind: AlertKind, subject: str, **values: Any) -> None:
    await connection.execute(update(alerts).where(_is(kind, subject)).values(**values))


def _is(kind: AlertKind, subject: str) -> ColumnElement[bool]:
    return and_(alerts.c.kind == kind, alerts.c.subject == subject)


def _alert(row: Row[Any]) -> Alert:
    return Alert(AlertKind(row.kind), row.subject, row.reason, row.raised_at, row.over_at, row.tries)
