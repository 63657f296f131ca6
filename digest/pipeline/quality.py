"""The quality report of an edition: what the checks found, what became of it, and what it cost."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from digest.core.findings import Attempt, Finding, Flaw, rank
from digest.core.models import (
    BY_HAND,
    Call,
    ClosedEdition,
    Origin,
    Price,
    Purpose,
    Spent,
    Translation,
    VersionId,
)
from digest.db import editions, fulltexts, generated_texts, model_calls
from digest.db import engine as database
from digest.db.fulltexts import TextProvenance


class TextStatus(StrEnum):
    """The status of a paper's translation. The report has words for each."""

    SOUND = "sound"
    """The checks found nothing."""
    REPAIRED = "repaired"
    """Flaws were found and repaired."""
    ACCEPTED = "accepted"
    """Shown with soft findings only."""
    MARKED = "marked"
    """No attempt passed the checks: the original is shown."""
    BY_HAND = "by-hand"
    """The operator's own."""
    UNCHECKED = "unchecked"
    """Made before the checks existed, or imported from a post."""
    NONE = "none"
    """There is no translation, and no model attempted one."""


@dataclass(frozen=True, slots=True)
class Checked:
    """The status of a paper's translation, and the attempts at it, oldest first."""

    version: VersionId
    standing: TextStatus
    attempts: tuple[Attempt, ...]

    @property
    def shown(self) -> Attempt | None:
        """The attempt that readers see, the best that passes; None if there is none or the text is the operator's."""
        if self.standing is TextStatus.BY_HAND:
            return None
        passing = [attempt for attempt in self.attempts if attempt.passes]
        return min(reversed(passing), key=lambda attempt: rank(attempt.findings), default=None)


@dataclass(frozen=True, slots=True)
class CheckedReading:
    """A paper's reading: its origin and findings. Statements with hard findings were dropped, the others are shown."""

    version: VersionId
    origin: Origin
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """One kind of finding in one model's texts: how often it occurred, and how often readers still see it (`left`)."""

    purpose: Purpose
    flaw: Flaw
    model: str
    hard: bool
    times: int
    left: int


@dataclass(frozen=True, slots=True)
class Quality:
    """The quality report of one edition in one language (a BCP 47 tag)."""

    day: date
    language: str
    papers: tuple[Checked, ...]
    readings: tuple[CheckedReading, ...]
    spent: tuple[Spent, ...]
    texts: tuple[TextProvenance, ...] = ()

    @property
    def sources(self) -> tuple[tuple[TextProvenance, int], ...]:
        """The formats and extractors of the full texts, each with its number of texts, most frequent first."""
        ways = {(each.source, each.extractors): each for each in self.texts}
        times = Counter((each.source, each.extractors) for each in self.texts)
        return tuple((ways[way], count) for way, count in times.most_common())

    @property
    def broken_off(self) -> int:
        """The number of full texts that are known to be incomplete."""
        return sum(not each.whole for each in self.texts)

    @property
    def standings(self) -> Counter[TextStatus]:
        """The number of papers by status."""
        return Counter(paper.standing for paper in self.papers)

    @property
    def checked(self) -> int:
        """The number of papers of which a translation was checked."""
        return sum(bool(paper.attempts) for paper in self.papers)

    @property
    def found(self) -> tuple[Found, ...]:
        """The findings by kind, most frequent first."""
        times = Counter(key for paper in self.papers for attempt in paper.attempts for key in _keys(attempt))
        left = Counter(key for paper in self.papers if paper.shown for key in _keys(paper.shown))
        proved = [key for each in self.readings for key in _keys(each)]
        times.update(proved)
        left.update(key for key in proved if not key.hard)
        return tuple(Found(*key, count, left[key]) for key, count in times.most_common())

    def cost(self, prices: Mapping[str, Price]) -> float | None:
        """Return the cost of all calls; None if the price of any model is unknown."""
        if any(each.model not in prices for each in self.spent):
            return None
        return sum(prices[each.model].of(each) for each in self.spent)


async def between(engine: AsyncEngine, first: date, last: date) -> list[Quality]:
    """Return the reports of the editions from `first` to `last`, oldest first, the post's language before others."""
    async with database.reading(engine) as connection:
        days = await editions.between(connection, first, last)
        return [account for day in days for account in await _of_edition(connection, day)]


async def _of_edition(connection: AsyncConnection, day: date) -> list[Quality]:
    closed = await editions.find(connection, day)
    if closed is None:
        raise AssertionError(f"the edition of {day} was there a moment ago")
    others = await model_calls.languages(connection, closed.versions) - {closed.language}
    return [await _in(connection, closed, language) for language in (closed.language, *sorted(others))]


async def _in(connection: AsyncConnection, closed: ClosedEdition, language: str) -> Quality:
    versions = closed.versions
    shown = await generated_texts.load_translations(connection, versions, language, None)
    tried = await model_calls.load_attempts(connection, versions, language)
    read = await generated_texts.reading_findings(connection, versions, language, None)
    paid = await model_calls.of_versions(connection, versions, language)
    texts = await fulltexts.taken(connection, versions)
    proved = tuple(CheckedReading(version, *read[version]) for version in versions if version in read)
    return Quality(closed.date, language, checked(versions, shown, tried), proved, spent(paid), texts)


def checked(
    versions: Sequence[VersionId],
    shown: Mapping[VersionId, Translation],
    tried: Mapping[VersionId, Sequence[Attempt]],
) -> tuple[Checked, ...]:
    """Return the status of each translation, from those that are `shown` and the attempts `tried`. Pure."""
    return tuple(
        Checked(version, _standing(shown.get(version), tried.get(version, ())), tuple(tried.get(version, ())))
        for version in versions
    )


def _standing(shown: Translation | None, tried: Sequence[Attempt]) -> TextStatus:
    if shown is None:
        return TextStatus.MARKED if tried else TextStatus.NONE
    if shown.origin == BY_HAND:
        return TextStatus.BY_HAND
    least = min((len(attempt.findings) for attempt in tried if attempt.passes), default=None)
    if least is None:
        return TextStatus.UNCHECKED
    if least:
        return TextStatus.ACCEPTED
    return TextStatus.SOUND if len(tried) == 1 else TextStatus.REPAIRED


def spent(paid: Sequence[Call]) -> tuple[Spent, ...]:
    """Sum up the tokens of the `paid` calls by purpose and model. Pure."""
    kinds = dict.fromkeys((call.purpose, call.origin.model) for call in paid)
    return tuple(
        _sum(purpose, model, [call for call in paid if (call.purpose, call.origin.model) == (purpose, model)])
        for purpose, model in kinds
    )


def _sum(purpose: Purpose, model: str, paid: Sequence[Call]) -> Spent:
    return Spent(
        purpose,
        model,
        len(paid),
        sum(call.prompt_tokens for call in paid),
        sum(call.cached_tokens for call in paid),
        sum(call.completion_tokens for call in paid),
    )


class _Key(NamedTuple):
    """The key by which findings are counted."""

    purpose: Purpose
    flaw: Flaw
    model: str
    hard: bool


def _keys(checked: Attempt | CheckedReading) -> list[_Key]:
    if isinstance(checked, Attempt):
        purpose, model = Purpose.TRANSLATION, checked.call.origin.model
    else:
        purpose, model = Purpose.READING, checked.origin.model
    return [_Key(purpose, each.flaw, model, each.hard) for each in checked.findings]
