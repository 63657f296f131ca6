"""What a report does to the subscription that it is about.

A mailbox that is gone, or a complaint, ends it at once; a mailbox that fails for two weeks ends it; who leaves by mail
has left. What was late, refused for what it is or where it is from, or does not say why, is only noted. A report that
comes again does nothing.

What reports say alike of many readers is weighed (`brake`): where it is about us, nobody is counted against, and who
was ended by the first of them is subscribed again.

Failures of `subscribers` are not used here: they are cleared whenever a server takes a mail, and a relay takes every
mail before it is told that the mailbox does not.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.address_failures import GAP, PATIENCE
from bot.alerts import Alerts
from bot.brake import Weight, is_outage, weigh
from bot.links import Links
from bot.mail import bounces as reports
from bot.mail.bounces import Kind, Report
from bot.models import AlertKind, Standing, Subscriber
from bot.store import bounces, deliveries, subscribers
from digest.store import engine as database

_log = structlog.get_logger()
_MEMORY = timedelta(days=60)  # in which the beginning of a failure is looked for
_ALIKE = timedelta(days=2)  # in which reports that say the same are weighed together
_SEVERAL = 3  # readers whose mail came back: the operator hears of it
_COUNTED = (Kind.GONE, Kind.HARD, Kind.SOFT)
_BOUNCED = "bounced"  # the first word of the reason of who was ended by a report
_KEPT = timedelta(days=365)


class Outcome(StrEnum):
    """What became of a report."""

    ENDED = "ended"
    LEFT = "left"
    NOTED = "noted"
    """Kept; the subscription stays as it is."""
    KNOWN = "known"
    """It came before."""
    OURS = "ours"
    """Many readers' mails came back with the same: it is about us, and counts against nobody."""
    ASIDE = "aside"
    """It reports nothing, or is about nobody whom we know."""


async def take(engine: AsyncEngine, mail: bytes, links: Links, at: datetime) -> Outcome:
    """Reads `mail` and acts on it. Raises StoreError."""
    return await act(engine, await asyncio.to_thread(reports.read, mail, links), at)


async def forget_old(engine: AsyncEngine, at: datetime) -> None:
    """Forgets the reports of more than a year ago. Raises StoreError."""
    async with database.writing(engine) as connection:
        await bounces.prune(connection, at - _KEPT)


async def alert_of_refusals(engine: AsyncEngine, alerts: Alerts, at: datetime) -> None:
    """Tells the operator while mails come back from several readers for what they are or where they are from.

    Raises StoreError.
    """
    async with database.reading(engine) as connection:
        readers, words = await bounces.most_alike(connection, Kind.REFUSED, at - _ALIKE)
    if readers >= _SEVERAL:
        await alerts.raise_(AlertKind.MAIL_RETURNED, reason=words)
    else:
        await alerts.resolve(AlertKind.MAIL_RETURNED)


async def act(engine: AsyncEngine, report: Report, at: datetime) -> Outcome:
    """Does what `report` asks for, in one transaction, once. Raises StoreError."""
    async with database.writing(engine) as connection:
        about = await _about(connection, report)
        number = about.id if about else None
        known = report.id, report.kind, report.detail, number, at
        if not await bounces.take(connection, *known, likeness=report.likeness):
            return Outcome.KNOWN
        if about is None:
            return Outcome.ASIDE
        outcome = await _change(connection, about, report, at)
    likeness = report.likeness if outcome is Outcome.OURS else None
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


async def _change(connection: AsyncConnection, about: Subscriber, report: Report, at: datetime) -> Outcome:
    weight = await _weighed(connection, about, report, at)
    if weight is Weight.OURS:
        await bounces.forgive(connection, report.likeness, Kind.REFUSED, at - _ALIKE)
        return Outcome.OURS
    since = max(at - _MEMORY, about.consent.at) if about.consent else at - _MEMORY
    failures = await bounces.moments(connection, about.id, _COUNTED, since)

    def edit(reader: Subscriber) -> Subscriber:
        return changed(reader, report, failures, weight)

    after = await subscribers.change(connection, about.id, edit, at)
    if after is None or after.standing is about.standing:
        return Outcome.NOTED
    return Outcome.LEFT if after.standing is Standing.LEFT else Outcome.ENDED


async def _weighed(connection: AsyncConnection, about: Subscriber, report: Report, at: datetime) -> Weight:
    """How it weighs that others' mails came back with the same; whom that ended too soon is subscribed again."""
    if report.kind not in _COUNTED or not report.likeness:
        return Weight.FEW
    alike = await bounces.alike(connection, report.likeness, at - _ALIKE)
    ended = [reader for reader in alike if reader.standing is Standing.ENDED]
    active = await subscribers.count_active(connection, about.channel)
    domains = [_domain(reader) for reader in alike]
    weight = weigh(domains, active + len(ended))
    here = domains.count(_domain(about))
    if weight is Weight.FEW and here > 1:
        known = await subscribers.count_at(connection, about.channel, _domain(about))
        weight = Weight.MANY if is_outage(here, known) else Weight.FEW
    if weight is not Weight.FEW:
        for reader in ended:
            await subscribers.change(connection, reader.id, _restored, at)
    return weight


def _restored(reader: Subscriber) -> Subscriber:
    """The subscriber, if it was a report that ended the subscription."""
    was_bounced = reader.standing is Standing.ENDED and (reader.reason or "").startswith(_BOUNCED)
    return replace(reader, standing=Standing.ACTIVE, reason=None) if was_bounced else reader


def changed(
    reader: Subscriber, report: Report, failures: Sequence[datetime], weight: Weight = Weight.FEW
) -> Subscriber:
    """The subscriber after `report`; `failures` are those of late, oldest first, this one among them. Pure."""
    if reader.standing is not Standing.ACTIVE:
        return reader
    match report.kind:
        case Kind.LEAVING:
            return replace(reader, standing=Standing.LEFT)
        case Kind.COMPLAINT:
            return replace(reader, standing=Standing.ENDED, reason="complaint")
        case Kind.GONE if weight is Weight.FEW:
            return _ended(reader, report)
        case Kind.GONE | Kind.HARD | Kind.SOFT if lasts(failures) >= PATIENCE:
            return _ended(reader, report)
    return reader


def lasts(failures: Sequence[datetime]) -> timedelta:
    """How long a mailbox has failed by now: from the first failure behind which no gap is. Pure."""
    began = failures[-1:]
    for earlier, later in pairwise(reversed(failures)):
        if earlier - later > GAP:
            break
        began = [later]
    return failures[-1] - began[0] if began else timedelta(0)


def _ended(reader: Subscriber, report: Report) -> Subscriber:
    return replace(reader, standing=Standing.ENDED, reason=f"{_BOUNCED} {report.detail or ''}".rstrip())


def _domain(reader: Subscriber) -> str:
    return reader.address.rpartition("@")[2]
