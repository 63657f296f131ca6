"""An edition and its subscribers -> deliveries, and the messages that each gets.

A dispatch and the rows of all who are to get it are one transaction: a second fan-out of the same edition finds it
done, and who subscribes later waits for the next.
"""

import asyncio
import hashlib
import json
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import asdict, replace
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import TypeVar
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot import hours
from bot.channels import Channel
from bot.models import Choices, Delivery, Dispatch, Part, Subject, Subscriber
from bot.store import deliveries, dispatches
from digest import selection
from digest.models import Edition
from digest.selection import Rules
from digest.store import engine as database

LIFETIME = timedelta(days=1)
"""How long after its hour a delivery may still go out."""

_KEPT = timedelta(days=7)
_IN_MEMORY = 64  # renderings; a day has few that many share
_TRUSTED = timedelta(minutes=1)  # what is in memory; another process may have had an edition composed anew
_log = structlog.get_logger()
K = TypeVar("K")
V = TypeVar("V")

Contents = Callable[[date, str], Awaitable[Edition | None]]
"""The edition of a day in a language, as far as it is made."""


async def open_edition(engine: AsyncEngine, day: date, anchor: datetime, at: datetime) -> Dispatch | None:
    """A delivery of the edition of `day`, due at its `anchor`, for each who is subscribed; None where they are there.

    What an outage kept back for longer than a delivery lives is noted, and goes to nobody.
    """
    return await _open(engine, Subject.EDITION, day, anchor, at)


async def open_quiet_day(engine: AsyncEngine, day: date, anchor: datetime, at: datetime) -> Dispatch | None:
    """The same of a day without papers, for those who asked for a line then."""
    return await _open(engine, Subject.QUIET, day, anchor, at)


async def draft_broadcast(engine: AsyncEngine, text: str, at: datetime) -> int:
    """The number of a broadcast of the operator's `text`, which goes to nobody before it is confirmed."""
    async with database.writing(engine) as connection:
        draft = await dispatches.open_(connection, Subject.DRAFT, None, at, at, text)
    if draft is None:
        raise AssertionError("each draft is a new one")
    return draft.id


async def confirm_broadcast(engine: AsyncEngine, number: int, at: datetime) -> Dispatch | None:
    """A delivery of the broadcast `number` for each who is subscribed, due at once; None where that was done."""
    async with database.writing(engine) as connection:
        dispatch = await dispatches.confirm(connection, number, at)
        if dispatch is not None:
            await _address(connection, dispatch, at)
    return dispatch


async def _open(
    engine: AsyncEngine,
    subject: Subject,
    day: date | None,
    due_at: datetime,
    at: datetime,
) -> Dispatch | None:
    async with database.writing(engine) as connection:
        await dispatches.prune(connection, at, _KEPT)
        dispatch = await dispatches.open_(connection, subject, day, due_at, at)
        if dispatch is None:
            return None
        count = await _address(connection, dispatch, at)
    _log.info("fanned_out", dispatch=dispatch.id, subject=subject, date=str(day), deliveries=count)
    return dispatch


async def _address(connection: AsyncConnection, dispatch: Dispatch, at: datetime) -> int:
    count = 0
    for appointment in await deliveries.appointments(connection):
        count += await deliveries.open_for(
            connection,
            dispatch,
            appointment,
            due_at(dispatch, appointment.hour, appointment.zone),
            at,
            quiet=dispatch.subject is Subject.QUIET,
        )
    return count


async def reschedule(connection: AsyncConnection, subscriber: Subscriber, at: datetime) -> None:
    """Has what waits for the subscriber's hour wait for the one that was chosen since; one that has passed is now."""
    for number, dispatch in await deliveries.waiting(connection, subscriber, at):
        await deliveries.postpone(connection, number, due_at(dispatch, subscriber.hour, subscriber.zone))


def due_at(dispatch: Dispatch, hour: time | None, zone: ZoneInfo) -> datetime:
    """When `dispatch` goes to someone who named `hour` in `zone`; a broadcast waits for no hour."""
    return hours.next_time(dispatch.due_at, None if dispatch.subject is Subject.BROADCAST else hour, zone)


class Renderings:
    """The messages of each dispatch on `channel`, made once for all who chose alike, and kept in the tables."""

    def __init__(
        self, engine: AsyncEngine, channel: Channel, contents: Contents, clock: Callable[[], datetime]
    ) -> None:
        self._engine = engine
        self._channel = channel
        self._contents = contents
        self._clock = clock
        self._numbers: OrderedDict[tuple[int, str], tuple[int, datetime]] = OrderedDict()
        self._parts: OrderedDict[int, tuple[Part, ...]] = OrderedDict()
        self._making = asyncio.Lock()

    async def of(self, delivery: Delivery) -> tuple[int, tuple[Part, ...]]:
        """The number of the messages of `delivery`, and the messages; none where there is nothing to send."""
        number = delivery.rendering
        if number is None:
            subscriber = delivery.subscriber
            number = await self._number(delivery.dispatch, subscriber.choices, quiet=subscriber.quiet_line)
        return number, await self._stored(number)

    async def replaced(self, delivery: Delivery, number: int, part: int, instead: tuple[Part, ...]) -> int:
        """The number of the messages of `number` with `instead` in place of `part`: made once for all of them."""
        parts = await self._stored(number)
        key = (delivery.dispatch.id, f"{number} without {part}")
        async with self._making:
            if key not in self._numbers:
                parts = (*parts[:part], *instead, *parts[part + 1 :])
                async with database.writing(self._engine) as connection:
                    kept = await dispatches.keep_rendering(connection, *key, parts, self._clock())
                _remember(self._numbers, key, (kept, self._clock()))
            return self._numbers[key][0]

    async def _number(self, dispatch: Dispatch, choices: Choices, *, quiet: bool) -> int:
        key = (dispatch.id, _key(self._channel.name, choices, quiet=quiet))
        if not self._knows(key):
            async with self._making:  # whoever waited finds it done
                if not self._knows(key):
                    number = await self._kept_or_made(dispatch, choices, key[1], quiet=quiet)
                    _remember(self._numbers, key, (number, self._clock()))
        self._numbers.move_to_end(key)
        return self._numbers[key][0]

    def _knows(self, key: tuple[int, str]) -> bool:
        return key in self._numbers and self._clock() - self._numbers[key][1] < _TRUSTED

    async def _kept_or_made(self, dispatch: Dispatch, choices: Choices, key: str, *, quiet: bool) -> int:
        async with database.reading(self._engine) as connection:
            known = await dispatches.rendering(connection, dispatch.id, key)
        if known is not None:
            return known
        parts = await self._make(dispatch, choices, quiet=quiet)
        async with database.writing(self._engine) as connection:
            return await dispatches.keep_rendering(connection, dispatch.id, key, parts, self._clock())

    async def _make(self, dispatch: Dispatch, choices: Choices, *, quiet: bool) -> tuple[Part, ...]:
        edition = None
        if dispatch.subject is Subject.EDITION and dispatch.edition_date is not None:
            edition = await self._contents(dispatch.edition_date, choices.language)
            edition = matching(edition, choices) if edition else None
            if edition is None or not (edition.entries or edition.replacements):
                if not quiet:
                    return ()
                dispatch, edition = replace(dispatch, subject=Subject.QUIET), None
        return await asyncio.to_thread(self._channel.compose, dispatch, edition, choices)

    async def _stored(self, number: int) -> tuple[Part, ...]:
        if number not in self._parts:
            async with self._making, database.reading(self._engine) as connection:
                if number not in self._parts:
                    _remember(self._parts, number, await dispatches.parts(connection, number))
        self._parts.move_to_end(number)
        return self._parts[number]


def matching(edition: Edition, choices: Choices) -> Edition:
    """`edition` with the papers that `choices` want of it."""
    rules = Rules(choices.categories or edition.categories, include=choices.include, exclude=choices.exclude)
    replacements = edition.replacements if not choices.include else ()
    return replace(edition, entries=selection.matching(edition.entries, rules), replacements=replacements)


@lru_cache(_IN_MEMORY)
def _key(channel: str, choices: Choices, *, quiet: bool) -> str:
    """What tells renderings apart: a digest, so that no one's keywords stay behind when they are forgotten."""
    form = json.dumps([channel, asdict(choices), quiet], sort_keys=True)
    return hashlib.sha256(form.encode()).hexdigest()


def _remember(cache: OrderedDict[K, V], key: K, value: V) -> None:
    cache[key] = value
    while len(cache) > _IN_MEMORY:
        cache.popitem(last=False)
