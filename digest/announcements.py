"""In which batch each paper was announced. Pure.

A feed says it for certain, but holds one batch only and may not have been seen. The query API says when a paper was
submitted, from which the schedule gives the first batch that it can have been in. Moderation holds one in fifty
back for up to weeks; its identifier shows that, because arXiv gives identifiers at the announcement, in order
(https://info.arxiv.org/help/arxiv_identifier.html): a paper whose number comes after that of a later submission
was announced with its neighbours. And what an earlier look did not show was announced no more than some hours before
that look, whatever the schedule says: arXiv may keep a holiday that we do not know.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from digest.calendar import VISIBLE_WITHIN, Calendar
from digest.models import PaperId

NEIGHBOURS = timedelta(days=45)
"""How long before a look papers may have been submitted whose numbers tell what was held back."""
_DISORDER = timedelta(hours=1)  # numbers of one batch follow the submissions roughly, not to the minute


class AnnounceType(StrEnum):
    """How a batch announces a paper: arXiv's own words."""

    NEW = "new"
    CROSS = "cross"
    REPLACE = "replace"
    REPLACE_CROSS = "replace-cross"


NEW_TYPES = frozenset({AnnounceType.NEW, AnnounceType.CROSS})
"""The announcements of papers that the categories did not show before; the others are of newer versions."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """What is known of a paper's announcement: its submission, when a listing first showed it, the batch in which a
    feed named it, and the last look that did not show it; None where there was none."""

    paper: PaperId
    submitted: datetime
    listed_at: datetime
    named: datetime | None = None
    absent_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Placed:
    """The batch that a paper was announced in, as far as can be known, and the last that it can have been in."""

    batch: datetime
    latest: datetime


def place(calendar: Calendar, sightings: Iterable[Sighting]) -> dict[PaperId, Placed]:
    """The batch of each paper; `sightings` should hold its neighbours too."""
    ordered = sorted(sightings, key=lambda sighting: sighting.paper)
    scheduled = [calendar.announced_at(sighting.submitted) for sighting in ordered]
    earliest = [_earliest(calendar, sighting) for sighting in ordered]
    placed = {}
    following: datetime | None = None  # the batch of the nearest paper with a higher number that was not held
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
    """The first batch that an earlier look would not have shown; the paper's submission where there was none."""
    if sighting.absent_at is None:
        return sighting.submitted
    return calendar.following(sighting.absent_at - VISIBLE_WITHIN)


def _held(ordered: Sequence[Sighting], scheduled: Sequence[datetime], calendar: Calendar) -> list[bool]:
    """Of each paper, in the order of their numbers, whether it was not announced with the batch that it was due for.

    That is so where a later submission came before it; and it may be so where the others of its batch were listed
    before it, and another batch has come since.
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
