"""Applies bounce reports, from the mailbox or from files, to their subscriptions.

A missing mailbox or a complaint ends the subscription at once, and a mailbox that fails for two weeks ends it. An
unsubscription by mail is obeyed. Reports of delays, of refusals for content or origin, and without a reason are only
stored. A repeated report has no effect. If many subscribers' reports say the same, they are weighed
(`address_failures.weigh`): if the cause is ours, no subscriber is blamed, and subscriptions ended by the first of these
reports are restored.

The failures in `subscribers` are not used here: they are cleared whenever a server accepts a mail, and a relay accepts
every mail before the recipient's server refuses it.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import BinaryIO

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.alerts import Alerts
from bot.core.models import AlertKind, Subscriber, SubscriberStatus
from bot.db import bounces, deliveries, subscribers
from bot.delivery.address_failures import (
    FAILURE_GRACE_PERIOD,
    FAILURE_RESET_INTERVAL,
    Weight,
    is_outage,
    weigh,
)
from bot.links import Links
from bot.mail import bounces as reports
from bot.mail.bounces import LIMIT_BYTES, Report, ReportKind
from bot.subscriptions import service
from digest.db import engine as database

_log = structlog.get_logger()
_MEMORY = timedelta(days=60)  # the time in which the start of a series of failures is searched
_ALIKE = timedelta(days=2)  # the time in which reports that say the same are weighed together
_SEVERAL = 3  # subscribers with returned mail before the operator is alerted
_COUNTED = (ReportKind.GONE, ReportKind.HARD, ReportKind.SOFT)
_BOUNCED = "bounced"  # the first word of the reason of a subscription ended by a report
_KEPT = timedelta(days=365)


class BounceOutcome(StrEnum):
    """The result of applying a report."""

    ENDED = "ended"
    LEFT = "left"
    NOTED = "noted"
    """Stored; the subscription does not change."""
    KNOWN = "known"
    """The report was handled before."""
    OURS = "ours"
    """Many subscribers' reports say the same: the cause is ours, and nobody is blamed."""
    ASIDE = "aside"
    """It reports nothing, or concerns no known subscriber."""


async def take(engine: AsyncEngine, mail: bytes, links: Links, at: datetime) -> BounceOutcome:
    """Read `mail` and apply its report. Raises StoreError."""
    return await act(engine, await asyncio.to_thread(reports.read, mail, links), at)


async def forget_old(engine: AsyncEngine, at: datetime) -> None:
    """Delete the reports older than a year. Raises StoreError."""
    async with database.writing(engine) as connection:
        await bounces.prune(connection, at - _KEPT)


async def alert_of_refusals(engine: AsyncEngine, alerts: Alerts, at: datetime) -> None:
    """Alert the operator while mails of several subscribers are refused for their content or origin.

    Raises StoreError.
    """
    async with database.reading(engine) as connection:
        readers, words = await bounces.most_alike(connection, ReportKind.REFUSED, at - _ALIKE)
    if readers >= _SEVERAL:
        await alerts.raise_(AlertKind.MAIL_RETURNED, reason=words)
    else:
        await alerts.resolve(AlertKind.MAIL_RETURNED)


async def act(engine: AsyncEngine, report: Report, at: datetime) -> BounceOutcome:
    """Apply `report` in one transaction, once. Raises StoreError."""
    async with database.writing(engine) as connection:
        about = await _about(connection, report)
        number = about.id if about else None
        known = report.id, report.kind, report.detail, number, at
        if not await bounces.take(connection, *known, likeness=report.likeness):
            return BounceOutcome.KNOWN
        if about is None:
            return BounceOutcome.ASIDE
        outcome = await _change(connection, about, report, at)
    likeness = report.likeness if outcome is BounceOutcome.OURS else None
    _log.info(
        "bounced",
        subscriber=number,
        kind=report.kind,
        detail=report.detail,
        outcome=outcome,
        likeness=likeness,
    )
    return outcome


async def _about(connection: AsyncConnection, report: Report) -> Subscriber | None:
    number = report.subscriber
    if number is None and report.delivery is not None:
        number = await deliveries.reader_of(connection, report.delivery)
    return None if number is None else await subscribers.get(connection, number)


async def _change(
    connection: AsyncConnection, about: Subscriber, report: Report, at: datetime
) -> BounceOutcome:
    weight = await _weighed(connection, about, report, at)
    if weight is Weight.OURS:
        await bounces.forgive(connection, report.likeness, ReportKind.REFUSED, at - _ALIKE)
        return BounceOutcome.OURS
    since = max(at - _MEMORY, about.consent.at) if about.consent else at - _MEMORY
    failures = await bounces.moments(connection, about.id, _COUNTED, since)

    def edit(subscriber: Subscriber) -> Subscriber:
        return changed(subscriber, report, failures, weight)

    after = await subscribers.change(connection, about.id, edit, at)
    if after is None or after.status is about.status:
        return BounceOutcome.NOTED
    return BounceOutcome.LEFT if after.status is SubscriberStatus.LEFT else BounceOutcome.ENDED


async def _weighed(connection: AsyncConnection, about: Subscriber, report: Report, at: datetime) -> Weight:
    """Weigh reports of other subscribers with the same reason, and restore subscriptions that they ended too early."""
    if report.kind not in _COUNTED or not report.likeness:
        return Weight.FEW
    alike = await bounces.alike(connection, report.likeness, at - _ALIKE)
    ended = [subscriber for subscriber in alike if subscriber.status is SubscriberStatus.ENDED]
    active = await subscribers.count_active(connection, about.channel)
    domains = [_domain(subscriber) for subscriber in alike]
    weight = weigh(domains, active + len(ended))
    here = domains.count(_domain(about))
    if weight is Weight.FEW and here > 1:
        known = await subscribers.count_at(connection, about.channel, _domain(about))
        weight = Weight.MANY if is_outage(here, known) else Weight.FEW
    if weight is not Weight.FEW:
        for subscriber in ended:
            await subscribers.change(connection, subscriber.id, _restored, at)
    return weight


def _restored(subscriber: Subscriber) -> Subscriber:
    """Restore the subscription if a report ended it."""
    was_bounced = subscriber.status is SubscriberStatus.ENDED and (subscriber.reason or "").startswith(
        _BOUNCED
    )
    return replace(subscriber, status=SubscriberStatus.ACTIVE, reason=None) if was_bounced else subscriber


def changed(
    subscriber: Subscriber, report: Report, failures: Sequence[datetime], weight: Weight = Weight.FEW
) -> Subscriber:
    """Return the subscriber after `report`; `failures` are the recent ones, oldest first, including this one. Pure."""
    if subscriber.status is not SubscriberStatus.ACTIVE:
        return subscriber
    match report.kind:
        case ReportKind.UNSUBSCRIBE:
            return service.unsubscribed(subscriber)
        case ReportKind.COMPLAINT:
            return replace(subscriber, status=SubscriberStatus.ENDED, reason="complaint")
        case ReportKind.GONE if weight is Weight.FEW:
            return _ended(subscriber, report)
        case ReportKind.GONE | ReportKind.HARD | ReportKind.SOFT if lasts(failures) >= FAILURE_GRACE_PERIOD:
            return _ended(subscriber, report)
    return subscriber


def lasts(failures: Sequence[datetime]) -> timedelta:
    """Return how long a mailbox has failed, from the first failure after the last gap. Pure."""
    began = failures[-1:]
    for earlier, later in pairwise(reversed(failures)):
        if earlier - later > FAILURE_RESET_INTERVAL:
            break
        began = [later]
    return failures[-1] - began[0] if began else timedelta(0)


def _ended(subscriber: Subscriber, report: Report) -> Subscriber:
    return replace(
        subscriber, status=SubscriberStatus.ENDED, reason=f"{_BOUNCED} {report.detail or ''}".rstrip()
    )


def _domain(subscriber: Subscriber) -> str:
    return subscriber.address.rpartition("@")[2]


_LINE_BYTES = 64 * 1024


def mails_in(stream: BinaryIO) -> Iterator[bytes]:
    """Yield each mail in `stream`, cut at `LIMIT_BYTES`, without holding more of a large one.

    A stream whose first line begins with `From ` is an mbox (RFC 4155). Programs that pipe a single mail also write
    that line.
    """
    line = stream.readline(_LINE_BYTES)
    many = line.startswith(b"From ")
    mail, blank = bytearray(), False
    while line:
        if many and line.startswith(b"From ") and (blank or not mail):
            if mail:
                yield bytes(mail)
            mail = bytearray()
        elif len(mail) < LIMIT_BYTES:
            mail += line
        blank = line in (b"\n", b"\r\n")
        line = stream.readline(_LINE_BYTES)
    if mail.strip():
        yield bytes(mail[:LIMIT_BYTES])
