"""Inference of the batch in which each paper was announced. Pure.

A feed names the batch with certainty, but contains one batch only, and the program may have missed it. The query API
gives the submission time, from which the schedule gives the first possible batch. Moderation delays one paper in fifty,
for up to weeks. Its identifier shows this, because arXiv assigns identifiers in order at the announcement
(https://info.arxiv.org/help/arxiv_identifier.html): a paper whose number follows that of a later submission was
announced with its neighbours. A paper that an earlier check of arXiv did not show was announced no more than some hours
before that check, whatever the schedule says: arXiv may observe a holiday that we do not know.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from digest.arxiv.calendar import VISIBLE_WITHIN, Calendar
from digest.core.models import PaperId

NEIGHBOURS = timedelta(days=45)
"""The time before a check of arXiv from which submissions are compared to detect delayed papers."""
_DISORDER = timedelta(hours=1)  # within a batch, the order of numbers follows the submissions only roughly


class AnnounceType(StrEnum):
    """The type of an announcement, in arXiv's own words."""

    NEW = "new"
    CROSS = "cross"
    REPLACE = "replace"
    REPLACE_CROSS = "replace-cross"


NEW_TYPES = frozenset({AnnounceType.NEW, AnnounceType.CROSS})
"""The types that announce papers new to the categories; the others announce newer versions."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """The evidence about a paper's announcement.

    `submitted` is its submission, `listed_at` the time at which a listing first showed it, `named` the batch in which a
    feed named it, and `absent_at` the last check that did not show it; the last two are None if there is none.
    """

    paper: PaperId
    submitted: datetime
    listed_at: datetime
    named: datetime | None = None
    absent_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Placed:
    """The most likely batch of a paper, and the latest possible one."""

    batch: datetime
    latest: datetime


def place(calendar: Calendar, sightings: Iterable[Sighting]) -> dict[PaperId, Placed]:
    """Return the batch of each paper; `sightings` should include its neighbours too."""
    ordered = sorted(sightings, key=lambda sighting: sighting.paper)
    scheduled = [calendar.announced_at(sighting.submitted) for sighting in ordered]
    earliest = [_earliest(calendar, sighting) for sighting in ordered]
    placed = {}
    following: datetime | None = None  # the batch of the nearest paper with a higher number and no delay
    held = _held(ordered, scheduled, calendar)
    for sighting, first, since, was_held in reversed(
        list(zip(ordered, scheduled, earliest, held, strict=True))
    ):
        latest = max(first, calendar.newest(sighting.listed_at))
        if not was_held:
            following = max(first, min(since, latest))
        batch = min(following or latest, latest) if was_held else first
        if sighting.named is not None:
            placed[sighting.paper] = Placed(sighting.named, sighting.named)
        else:
            placed[sighting.paper] = Placed(max(batch, min(since, latest)), latest)
    return placed


def _earliest(calendar: Calendar, sighting: Sighting) -> datetime:
    """Return the first batch that an earlier check would not have shown, or the submission if there was no check."""
    if sighting.absent_at is None:
        return sighting.submitted
    return calendar.following(sighting.absent_at - VISIBLE_WITHIN)


def _held(ordered: Sequence[Sighting], scheduled: Sequence[datetime], calendar: Calendar) -> list[bool]:
    """Tell for each paper, in the order of their numbers, whether it missed its scheduled batch.

    It did if a later submission has a lower number. It may have if the other papers of its batch were listed before
    it and another batch has come since.
    """
    seen: dict[datetime, datetime] = {}
    for sighting, batch in zip(ordered, scheduled, strict=True):
        seen[batch] = min(seen.get(batch, sighting.listed_at), sighting.listed_at)
    held = []
    newest: datetime | None = None
    for sighting, batch in zip(ordered, scheduled, strict=True):
        overtaken = newest is not None and sighting.submitted < newest - _DISORDER
        missed = sighting.listed_at > seen[batch] and calendar.newest(sighting.listed_at) > batch
        held.append(overtaken or missed)
        newest = sighting.submitted if newest is None else max(newest, sighting.submitted)
    return held
