"""Fan-out of an edition to its subscribers: a delivery for each.

A fan-out processes the subscribers in bounded transactions, each of which stores its progress: an interrupted one
continues there, two concurrent ones share the work, and subscribers who join after its start wait for the next.
Everybody gets a row at once; it is held if the edition is not ready in the subscriber's language.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from datetime import date, datetime, timedelta
from functools import partial

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.core.models import Campaign, Subject
from bot.db import campaigns, fanouts, subscribers
from bot.subscriptions.preferences import due_at
from digest.db import engine as database
from digest.db.bulk import BATCH

DELIVERY_LIFETIME = timedelta(days=3)
"""The time after its due time in which a delivery may be sent: an outage of two days loses none."""

_BREATH_SECONDS = 0.01
_log = structlog.get_logger()

Wake = Callable[[], None]
"""A callback that tells the senders of new deliveries."""


async def open_edition(
    engine: AsyncEngine,
    day: date,
    anchor: datetime,
    at: datetime,
    languages: Collection[str] | None = None,
    wake: Wake | None = None,
) -> Campaign | None:
    """Fan out the edition of `day`, due at its `anchor`; it is ready in `languages`, None means in all.

    Everybody gets a delivery; those in other languages are held. It is called again for languages that become ready
    later, and after interruptions. Returns None if another call has opened it in all of `languages`. Deliveries delayed
    by an outage beyond their lifetime are recorded, but not sent. `wake` is called for each transaction with
    deliveries, so that the first are sent while others are created.
    """
    return await _open(engine, Subject.EDITION, day, anchor, at, languages, wake)


async def open_quiet_day(engine: AsyncEngine, day: date, anchor: datetime, at: datetime) -> Campaign | None:
    """Fan out the notice of a day without papers to those who want it, unless the papers have turned up.

    If they turn up later, their edition is fanned out all the same.
    """
    return await _open(engine, Subject.QUIET, day, anchor, at, None)


async def draft_broadcast(engine: AsyncEngine, text: str, at: datetime) -> int:
    """Store a broadcast of the operator's `text` and return its id. Nobody gets it before it is confirmed."""
    async with database.writing(engine) as connection:
        draft = await campaigns.open_(connection, Subject.DRAFT, None, at, at, text)
    if draft is None:
        raise AssertionError("each draft is a new one")
    return draft.id


async def confirm_broadcast(engine: AsyncEngine, number: int, at: datetime) -> Campaign | None:
    """Fan out the broadcast `number` to all active subscribers, due at once. Returns None if that was done before."""
    async with database.writing(engine) as connection:
        campaign = await campaigns.confirm(connection, number, at)
    if campaign is not None:
        await _fan_out(engine, campaign, at)
    return campaign


async def resume(engine: AsyncEngine, at: datetime, wake: Wake | None = None) -> None:
    """Finish interrupted fan-outs; `wake` as in `open_edition`."""
    async with database.reading(engine) as connection:
        unfinished = await campaigns.unfinished(connection)
    for campaign in unfinished:
        await _fan_out(engine, campaign, at, wake)


async def languages_to_fan_out(connection: AsyncConnection, since: date) -> dict[date, frozenset[str]]:
    """Return the days since `since` whose closed edition is awaited, and the languages in which it is.

    For an edition without a fan-out, these are the languages of all active subscribers.
    """
    days = await campaigns.not_fanned_out(connection, since)
    everyone = frozenset(await subscribers.languages(connection)) if days else frozenset()
    found = dict.fromkeys(days, everyone)
    for number, languages in (await fanouts.held_languages(connection)).items():
        campaign = await campaigns.find(connection, number)
        if campaign is not None and campaign.edition_date is not None and campaign.edition_date >= since:
            found.setdefault(campaign.edition_date, frozenset(languages))
    return dict(sorted(found.items()))


async def _open(
    engine: AsyncEngine,
    subject: Subject,
    day: date,
    due_at: datetime,
    at: datetime,
    languages: Collection[str] | None,
    wake: Wake | None = None,
) -> Campaign | None:
    if await _is_fanned_out(engine, subject, day, languages):
        return None
    async with database.writing(engine) as connection:
        opened = await campaigns.open_(connection, subject, day, due_at, at, languages=languages)
        known = opened or await campaigns.of_day(connection, day, subject)
        if known is None:
            raise AssertionError(f"the campaign of {day} is there")
        campaign = opened or await campaigns.add_languages(connection, known.id, languages)
    await _fan_out(engine, campaign, at, wake)
    return campaign if opened or campaign != known else None


async def _is_fanned_out(
    engine: AsyncEngine, subject: Subject, day: date, languages: Collection[str] | None
) -> bool:
    """Return True if nothing is left to fan out: everybody has a delivery of `day`, and none that is ready is held.

    So it is if there are no `languages`, and for a quiet day that has an edition meanwhile.
    """
    if languages is not None and not languages:
        return True
    async with database.reading(engine) as connection:
        if subject is Subject.QUIET and await campaigns.of_day(connection, day):
            return True
        known = await campaigns.of_day(connection, day, subject)
        if known is None:
            return False
        fanout = await campaigns.fanout(connection, known.id)
        held = (await fanouts.held_languages(connection)).get(known.id, set())
    return (
        fanout is not None and fanout.is_done and _covers(known, languages) and not _is_any_ready(known, held)
    )


def _covers(campaign: Campaign, languages: Collection[str] | None) -> bool:
    if languages is None:
        return campaign.languages is None
    return all(map(campaign.is_ready_in, languages))


def _is_any_ready(campaign: Campaign, languages: Collection[str]) -> bool:
    return any(map(campaign.is_ready_in, languages))


async def _fan_out(engine: AsyncEngine, campaign: Campaign, at: datetime, wake: Wake | None = None) -> None:
    """Finish the fan-out of a campaign, and release held deliveries that are ready."""
    count = await _all_of(partial(_fan_out_some, engine, campaign.id, at), wake)
    released = 0
    if await _holds_some(engine, campaign):
        released = await _all_of(partial(_release_some, engine, campaign, at), wake)
    if count or released:
        _log.info(
            "fanned_out",
            campaign=campaign.id,
            subject=campaign.subject,
            date=str(campaign.edition_date),
            deliveries=count,
            released=released,
        )


async def _all_of(step: Callable[[], Awaitable[int | None]], wake: Wake | None) -> int:
    """Repeat `step` until it returns None, with pauses for other writers."""
    count = 0
    while (some := await step()) is not None:
        count += some
        if some and wake is not None:
            wake()
        await asyncio.sleep(_BREATH_SECONDS)
    return count


async def _fan_out_some(engine: AsyncEngine, number: int, at: datetime) -> int | None:
    """Do one transaction of the fan-out. Returns the number of rows, or None if nothing is left to do."""
    async with database.writing(engine) as connection:
        fanout = await campaigns.fanout(connection, number, lock=True)
        if fanout is None or fanout.is_done:
            return None
        segment = await fanouts.segment(connection, fanout.reached, BATCH)
        if segment is None:
            await campaigns.note_fanned_out(connection, number, at)
            return None
        count = await fanouts.create_deliveries(
            connection,
            fanout.campaign,
            partial(due_at, fanout.campaign),
            at,
            quiet=fanout.campaign.subject is Subject.QUIET,
            among=segment,
            joined_until=fanout.joined_until,
        )
        await campaigns.note_reached(connection, number, segment.upto)
    return count


async def _holds_some(engine: AsyncEngine, campaign: Campaign) -> bool:
    """Return whether deliveries are held that are ready."""
    async with database.reading(engine) as connection:
        held = (await fanouts.held_languages(connection)).get(campaign.id, set())
    return _is_any_ready(campaign, held)


async def _release_some(engine: AsyncEngine, campaign: Campaign, at: datetime) -> int | None:
    """Release one transaction's worth of deliveries. Returns None if there were none."""
    async with database.writing(engine) as connection:
        return await fanouts.release(connection, campaign, at, BATCH) or None
