"""The coverage report: what arXiv announced each day, what the editions showed, and why the two differ."""

from bisect import bisect
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from digest.arxiv.announcements import NEIGHBOURS, NEW_TYPES, place
from digest.arxiv.calendar import Calendar
from digest.core.models import ClosedEdition, LeftOut, Paper, PaperId, Reason, Window
from digest.db import announcements, editions, listings, papers
from digest.db import engine as database

_DAY = timedelta(days=1)
_ASKED_FOR = timedelta(days=7)  # a paper that feeds named and arXiv does not deliver by then is gone
_AHEAD = timedelta(days=31)  # days after the newest edition that are reported


class Absence(StrEnum):
    """The reason why a day has no edition of its own."""

    OPEN = "open"
    """It can still get one."""
    EMPTY = "empty"
    """Both of arXiv's sources had nothing in the watched categories."""
    ELSEWHERE = "elsewhere"
    """Another day's edition shows its batch."""
    UNWATCHED = "unwatched"
    """arXiv was not watched at that time: the editions of other days were imported from older posts."""
    SILENCE = "silence"
    """An earlier version of the program did not catch up on it after an outage of more than a month."""
    MISSING = "missing"
    """Its batch did not appear."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """The account of the papers that arXiv announced for the edition of one day.

    `batches` are the times of its announcements; empty on days without one. `listed` counts the papers that arXiv
    announced: each of them is shown, shown in the edition of another day, left out with a reason, waiting for the next
    edition, or unexplained. `late` counts the papers that the edition showed in addition because they missed their own.
    `absence` is None if the edition was made; `covered_by` is the day of another edition that shows the batch.
    """

    day: date
    batches: tuple[datetime, ...]
    absence: Absence | None
    covered_by: date | None
    listed: int
    shown: int
    late: int
    elsewhere: Mapping[PaperId, date]
    left_out: tuple[LeftOut, ...]
    waiting: tuple[PaperId, ...]
    unexplained: tuple[PaperId, ...]

    @property
    def days_elsewhere(self) -> Counter[date]:
        """The dates of the other editions, with the number of papers in each."""
        return Counter(self.elsewhere.values())

    @property
    def reasons(self) -> Counter[Reason]:
        return Counter(each.reason for each in self.left_out)


@dataclass(frozen=True, slots=True)
class Selected:
    """The papers that one edition was selected from, with the records of those left out."""

    day: date
    fetched: int
    shown: int
    late: int
    left_out: tuple[tuple[Paper, LeftOut], ...]


async def between(engine: AsyncEngine, calendar: Calendar, first: date, last: date) -> list[Coverage]:
    """Return the account of each day from `first` to `last`; days before the first edition are skipped."""
    async with database.reading(engine) as connection:
        newest = await editions.last(connection)
        if newest is None:
            return []
        made = await editions.windows(connection)
        first, last = max(first, min(made)), min(last, newest.date + _AHEAD)
        undecided = await _undecided(connection, calendar, newest.window.end)
        days = [first + _DAY * n for n in range((last - first).days + 1)]
        found = [
            await _day(connection, calendar, day, window_of(calendar, day, made), newest, undecided)
            for day in days
        ]
    return [replace(each, absence=Absence.SILENCE) if _is_silent(each, made) else each for each in found]


async def _undecided(
    connection: AsyncConnection, calendar: Calendar, newest: datetime
) -> dict[PaperId, datetime]:
    """Return the undecided papers with their inferred batches."""
    placed = place(calendar, await listings.sightings(connection, newest - NEIGHBOURS))
    undecided = await listings.undecided(connection)
    return {paper: each.batch for paper, each in placed.items() if paper in undecided}


def _is_silent(day: Coverage, made: Mapping[date, Window]) -> bool:
    """Return True if the day lies in a gap between the windows of two editions."""
    if day.absence is not Absence.MISSING:
        return False
    days = sorted(made)
    index = bisect(days, day.day)
    return made[days[index]].start > made[days[index - 1]].end


def window_of(calendar: Calendar, day: date, made: Mapping[date, Window]) -> Window:
    """Return the window that the account of `day` covers, independent of later changes of the settings. Pure.

    `made` are the windows of the editions. The windows of the days neither overlap nor leave gaps. If one edition shows
    the batches of several days, each day still has its own window.
    """
    return Window(_end(calendar, day - _DAY, made), _end(calendar, day, made))


def _end(calendar: Calendar, day: date, made: Mapping[date, Window]) -> datetime:
    """Return the end of the day's edition; without one, its anchor by today's settings, kept between its neighbours."""
    if day in made:
        return made[day].end
    days = sorted(made)
    index = bisect(days, day)
    before = made[days[index - 1]] if index else None
    after = made[days[index]] if index < len(days) else None
    if after and day + _DAY in made and (before is None or before.end < after.start):
        return after.start
    end = min(calendar.anchor(day), after.end) if after else calendar.anchor(day)
    return max(end, before.end) if before else end


async def of_edition(engine: AsyncEngine, day: date) -> Selected:
    """Return the papers that the closed edition of `day` was selected from."""
    async with database.reading(engine) as connection:
        edition = await editions.find(connection, day)
        left_out = await listings.left_out_of(connection, day)
        records = await papers.latest_of(connection, [each.paper for each in left_out])
    if edition is None:
        return Selected(day, 0, 0, 0, ())
    return Selected(
        day,
        edition.fetched,
        len(edition.versions),
        edition.late,
        tuple((records[each.paper], each) for each in left_out),
    )


async def _day(
    connection: AsyncConnection,
    calendar: Calendar,
    day: date,
    window: Window,
    newest: ClosedEdition,
    undecided: Mapping[PaperId, datetime],
) -> Coverage:
    edition = await editions.find(connection, day)
    shown = {version.paper for version in edition.versions} if edition else set()
    left_out = {each.paper: each for each in await listings.left_out_of(connection, day)}
    known = shown | left_out.keys() | await _announced(connection, window)
    known |= {paper for paper, batch in undecided.items() if window.start < batch <= window.end}
    batch_of = dict(undecided)
    batch_of |= await announcements.batches_of(connection, known)
    batch_of |= await listings.batches_of(connection, known)
    # A paper known only from an imported post counts for the day of that post.
    listed = {each for each in known if each not in batch_of or window.start < batch_of[each] <= window.end}
    late = {each for each in shown - listed if edition and batch_of[each] <= edition.window.start}
    elsewhere = await editions.assigned(connection, listed - shown)
    rest = listed - shown - elsewhere.keys()
    reasons = {each.paper: each for each in await listings.left_out(connection, rest)}
    if newest.closed_at - window.end > _ASKED_FOR:
        reasons |= {each: LeftOut(each, Reason.GONE) for each in await listings.unlisted(connection, rest)}
    rest -= reasons.keys()
    waiting = {paper for paper in rest if day > newest.date or paper in undecided}
    batches = calendar.batches(window)
    covered_by = await editions.covering(connection, batches[-1]) if batches and not edition else None
    return Coverage(
        day=day,
        batches=batches,
        absence=None if edition else await _absence(connection, window, batches, covered_by, newest),
        covered_by=covered_by,
        listed=len(listed),
        shown=len(shown & listed),
        late=len(late),
        elsewhere=elsewhere,
        left_out=tuple(reasons[paper] for paper in sorted(reasons)),
        waiting=tuple(sorted(waiting)),
        unexplained=tuple(sorted(rest - waiting)),
    )


async def _announced(connection: AsyncConnection, window: Window) -> set[PaperId]:
    """Return the papers that feeds named in `window` as new or cross-lists, and those placed in it by inference."""
    named = await announcements.within(connection, window)
    names = {each.version.paper for each in named if each.type in NEW_TYPES}
    return names | await listings.placed_in(connection, window)


async def _absence(
    connection: AsyncConnection,
    window: Window,
    batches: Collection[datetime],
    covered_by: date | None,
    newest: ClosedEdition,
) -> Absence:
    first_look = await listings.first_listed_at(connection)
    if set(batches) <= await announcements.empty(connection, window.start):
        return Absence.EMPTY
    if covered_by is not None:
        return Absence.ELSEWHERE
    if first_look is None or window.end < first_look:
        return Absence.UNWATCHED
    return Absence.MISSING if window.end <= newest.window.end else Absence.OPEN
