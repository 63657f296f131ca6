"""The messages of a campaign, composed once for all subscribers with the same preferences and channel."""

import asyncio
import hashlib
import json
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import asdict, replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import TypeVar
from weakref import WeakValueDictionary

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.core.models import Campaign, Delivery, Part, Preferences, Subject
from bot.db import campaigns
from bot.delivery.channel import Channel
from digest.core.models import Edition
from digest.db import engine as database
from digest.pipeline import selection
from digest.pipeline.selection import SelectionRules

KEPT = timedelta(days=7)
"""The time for which the messages of a campaign are kept."""

_IN_MEMORY = 64  # renderings; a day has few that are widely shared
_EDITIONS = 4  # a day has one, in few languages
_TRUSTED = timedelta(minutes=1)
"""The time for which cached values are used, because another process may have an edition composed again."""

K = TypeVar("K")
V = TypeVar("V")

LoadEdition = Callable[[date, str], Awaitable[Edition | None]]
"""A function that returns the edition of a day in a language, as far as it is made."""


class Renderings:
    """The messages of each campaign on `channel`, composed once for equal preferences and stored.

    One is composed at a time, in the order in which they are asked for. Whoever asks for others waits for none of them.
    """

    def __init__(
        self, engine: AsyncEngine, channel: Channel, load_edition: LoadEdition, clock: Callable[[], datetime]
    ) -> None:
        self._engine = engine
        self._channel = channel
        self._load_edition = load_edition
        self._clock = clock
        self._numbers: OrderedDict[tuple[int, str], tuple[int, datetime]] = OrderedDict()
        self._parts: OrderedDict[int, tuple[Part, ...]] = OrderedDict()
        self._editions: OrderedDict[tuple[int, int, str], tuple[Edition, datetime]] = OrderedDict()
        self._locks: WeakValueDictionary[Hashable, asyncio.Lock] = WeakValueDictionary()
        self._composing = asyncio.Lock()

    async def of(self, delivery: Delivery) -> tuple[int, tuple[Part, ...]]:
        """Return the id of the messages of `delivery` and the messages; none if there is nothing to send."""
        number = delivery.rendering
        if number is None:
            subscriber = delivery.subscriber
            quiet = subscriber.quiet_line and not delivery.is_after_quiet
            number = await self._number(delivery.campaign, subscriber.preferences, quiet=quiet)
        return number, await self._stored(number)

    async def replaced(self, delivery: Delivery, number: int, part: int, instead: tuple[Part, ...]) -> int:
        """Return the id of the messages `number` with `instead` in place of `part`, made once for all deliveries."""
        parts = await self._stored(number)
        key = (delivery.campaign.id, _replacement_key(number, part))
        async with self._only(key):
            if key not in self._numbers:
                await self._keep(key, (*parts[:part], *instead, *parts[part + 1 :]))
            return self._numbers[key][0]

    async def _number(self, campaign: Campaign, preferences: Preferences, *, quiet: bool) -> int:
        key = (campaign.id, _key(self._channel.name, preferences, campaign.revision, quiet=quiet))
        if not self._knows(key):
            async with self._only(key):  # whoever waited finds it done
                if not self._knows(key):
                    await self._find_or_make(campaign, preferences, key, quiet=quiet)
        self._numbers.move_to_end(key)
        return self._numbers[key][0]

    def _knows(self, key: tuple[int, str]) -> bool:
        return key in self._numbers and self._clock() - self._numbers[key][1] < _TRUSTED

    def _only(self, key: Hashable) -> asyncio.Lock:
        """Return the lock of `key`, which exists as long as somebody holds it or waits."""
        return self._locks.setdefault(key, asyncio.Lock())

    async def _find_or_make(
        self, campaign: Campaign, preferences: Preferences, key: tuple[int, str], *, quiet: bool
    ) -> None:
        async with database.reading(self._engine) as connection:
            known = await campaigns.rendering(connection, *key)
        if known is None:
            await self._keep(key, await self._make(campaign, preferences, quiet=quiet))
        else:
            _remember(self._numbers, key, (known, self._clock()))

    async def _keep(self, key: tuple[int, str], parts: tuple[Part, ...]) -> None:
        async with database.writing(self._engine) as connection:
            number = await campaigns.keep_rendering(connection, *key, parts, self._clock())
        _remember(self._numbers, key, (number, self._clock()))

    async def _make(self, campaign: Campaign, preferences: Preferences, *, quiet: bool) -> tuple[Part, ...]:
        async with self._composing:
            edition = await self._edition(campaign, preferences.language)
            return await asyncio.to_thread(self._compose, campaign, edition, preferences, quiet=quiet)

    def _compose(
        self, campaign: Campaign, edition: Edition | None, preferences: Preferences, *, quiet: bool
    ) -> tuple[Part, ...]:
        if campaign.subject is Subject.EDITION:
            edition = matching(edition, preferences) if edition else None
            if edition is None or not (edition.entries or edition.replacements):
                if not quiet:
                    return ()
                campaign, edition = replace(campaign, subject=Subject.QUIET), None
        return self._channel.compose(campaign, edition, preferences)

    async def _edition(self, campaign: Campaign, language: str) -> Edition | None:
        """Load the edition of `campaign`, at most once a minute, but each time if there is none yet.

        An unchanged one stays the same object, so that what was rendered of its papers is found again.
        """
        if campaign.subject is not Subject.EDITION or campaign.edition_date is None:
            return None
        key = (campaign.id, campaign.revision, language)
        known, at = self._editions.get(key, (None, None))
        if at is not None and self._clock() - at < _TRUSTED:
            return known
        found = await self._load_edition(campaign.edition_date, language)
        if found is not None:
            found = known if known == found else found
            _remember(self._editions, key, (found, self._clock()), _EDITIONS)
        return found

    async def _stored(self, number: int) -> tuple[Part, ...]:
        if number not in self._parts:
            async with self._only(number):
                if number not in self._parts:
                    async with database.reading(self._engine) as connection:
                        _remember(self._parts, number, await campaigns.parts(connection, number))
        self._parts.move_to_end(number)
        return self._parts[number]


def matching(edition: Edition, preferences: Preferences) -> Edition:
    """Return `edition` with the papers that match `preferences`."""
    rules = SelectionRules(
        preferences.categories or edition.categories, include=preferences.include, exclude=preferences.exclude
    )
    replacements = edition.replacements if not preferences.include else ()
    return replace(edition, entries=selection.matching(edition.entries, rules), replacements=replacements)


@lru_cache(_IN_MEMORY)
def _key(channel: str, preferences: Preferences, revision: int, *, quiet: bool) -> str:
    """Return the key of a rendering: a hash, so that no keywords remain in the database if a subscriber's data is
    deleted.

    The first revision is not part of it, so that messages composed by older versions of this program are found.
    """
    form = json.dumps(
        [channel, asdict(preferences), quiet, *([revision] if revision else [])], sort_keys=True
    )
    return hashlib.sha256(form.encode()).hexdigest()


def _replacement_key(number: int, part: int) -> str:
    """Return the key of the messages `number` with another `part`; no hash has a space."""
    return f"{number} without {part}"


def _remember(cache: OrderedDict[K, V], key: K, value: V, most: int = _IN_MEMORY) -> None:
    cache[key] = value
    while len(cache) > most:
        cache.popitem(last=False)
