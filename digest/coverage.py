"""The proof: what arXiv announced day by day, what the editions showed of it, and why they differ."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from digest.announcements import NEW_TYPES
from digest.calendar import Calendar
from digest.models import ClosedEdition, LeftOut, Paper, PaperId, Reason, Window
from digest.store import announcements, editions, listings, papers
from digest.store import engine as database

_AHEAD = timedelta(days=31)  # days that are accounted for after the newest edition


class Absence(StrEnum):
    """Why a day has no edition of its own."""

    OPEN = "open"
    """It still can have one."""
    EMPTY = "empty"
    """Both of arXiv's sources had nothing in the watched categories."""
    ELSEWHERE = "elsewhere"
    """Another day's edition shows its batch."""
    UNWATCHED = "unwatched"
    """Nobody looked at that time: other days' editions were taken over from older posts."""
    MISSING = "missing"
    """Its batch did not come."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """What became of the papers that arXiv announced for the edition of one day.

    `batches` are the moments of its announcements, none on days without one. `listed` counts what arXiv announced:
    each of these papers is shown, shown by the edition of another day, left out with a reason, waiting for the next
    edition, or unexplained. `late` counts what the edition showed beyond them, because they missed their own.
    `absence` is None where the edition was made; `covered_by` is the day of another edition that shows the batch.
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
        """The other editions, with the number of papers that they show."""
        return Counter(self.elsewhere.values())

    @property
    def reasons(self) -> Counter[Reason]:
        return Counter(each.reason for each in self.left_out)


@dataclass(frozen=True, slots=True)
class Selected:
    """What one edition was selected from, with the records of what it left out."""

    day: date
    fetched: int
    shown: int
    late: int
    left_out: tuple[tuple[Paper, LeftOut], ...]


async def between(engine: AsyncEngine, calendar: Calendar, first: date, last: date) -> list[Coverage]:
    """The account of each day from `first` to `last`, from the first edition on."""
    async with database.reading(engine) as connection:
        newest = await editions.last(connection)
        begin = await editions.first_day(connection)
        if newest is None or begin is None:
            return []
        first, last = max(first, begin), min(last, newest.date + _AHEAD)
        undecided = await listings.undecided(connection)
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        return [await _day(connection, calendar, day, newest, undecided) for day in days]


async def of_edition(engine: AsyncEngine, day: date) -> Selected:
    """What the closed edition of `day` was selected from."""
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
    newest: ClosedEdition,
    undecided: Collection[PaperId],
) -> Coverage:
    window = calendar.window_of(day)
    edition = await editions.find(connection, day)
    shown = {version.paper for version in edition.versions} if edition else set()
    left_out = {each.paper: each for each in await listings.left_out_of(connection, day)}
    known = shown | left_out.keys() | await _announced(connection, window)
    batch_of = await announcements.batches_of(connection, known)
    batch_of |= await listings.batches_of(connection, known)
    # What is known only from a post taken over counts for the day of that post.
    listed = {each for each in known if window.start < batch_of.get(each, window.end) <= window.end}
    late = {each for each in shown - listed if edition and batch_of[each] <= edition.window.start}
    elsewhere = await editions.assigned(connection, listed - shown)
    rest = listed - shown - elsewhere.keys()
    reasons = {each.paper: each for each in await listings.left_out(connection, rest)}
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
    """What feeds named in `window` as new or as cross-lists, and what was taken for announced in it."""
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
