"""The proof: what arXiv announced day by day, what the editions showed of it, and why they differ."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from digest.announcements import NEW_TYPES
from digest.calendar import Calendar
from digest.models import LeftOut, Paper, PaperId, Reason
from digest.store import announcements, editions, listings, papers
from digest.store import engine as database

_AHEAD = timedelta(days=31)  # days that are accounted for after the newest edition


@dataclass(frozen=True, slots=True)
class Coverage:
    """What became of the papers that arXiv announced for the edition of one day.

    `batches` are the moments of its announcements, none on days without one. `listed` counts what arXiv announced:
    each of these papers is shown, shown by the edition of another day, left out with a reason, waiting for the next
    edition, or unexplained. `late` counts what the edition showed beyond them, because they missed their own.
    `closed` is whether the edition was made, `open` whether it still can be.
    """

    day: date
    batches: tuple[datetime, ...]
    closed: bool
    open: bool
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
        made = await editions.between(connection, first, last)
        newest = await editions.last(connection)
        begin = await editions.first_day(connection)
        if newest is not None and begin is not None:
            first, last = max(first, begin), min(last, newest.date + _AHEAD)
        undecided = await listings.undecided(connection)
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)] if newest else []
        return [
            await _day(
                connection,
                calendar,
                day,
                undecided,
                closed=day in made,
                open_=newest is not None and day > newest.date,
            )
            for day in days
        ]


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
    undecided: Collection[PaperId],
    *,
    closed: bool,
    open_: bool,
) -> Coverage:
    window = calendar.window_of(day)
    named = {
        each.version.paper
        for each in await announcements.within(connection, window)
        if each.type in NEW_TYPES
    }
    edition = await editions.find(connection, day) if closed else None
    shown = {version.paper for version in edition.versions} if edition else set()
    left_out = {each.paper: each for each in await listings.left_out_of(connection, day)}
    batch_of = await announcements.batches_of(connection, shown)
    late = {paper for paper in shown if paper in batch_of and batch_of[paper] <= window.start}
    listed = named | (shown - late) | left_out.keys()
    elsewhere = await editions.assigned(connection, listed - shown)
    rest = listed - shown - elsewhere.keys() - left_out.keys()
    reasons = {each.paper: each for each in await listings.left_out(connection, rest)}
    rest -= reasons.keys()
    waiting = {paper for paper in rest if open_ or paper in undecided}
    return Coverage(
        day=day,
        batches=calendar.batches(window),
        closed=closed,
        open=open_,
        listed=len(listed),
        shown=len(shown - late),
        late=len(late),
        elsewhere=elsewhere,
        left_out=tuple((left_out | reasons)[paper] for paper in sorted(left_out.keys() | reasons.keys())),
        waiting=tuple(sorted(waiting)),
        unexplained=tuple(sorted(rest - waiting)),
    )
