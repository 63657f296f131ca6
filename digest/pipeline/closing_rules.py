"""Rules for closing editions: which can close, and over which papers. Pure.

A batch is complete when the feed and the query API agree on it and nothing has been added for a while. A paper that
appears after its edition closed is late and goes into the next.
"""

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from digest.arxiv.announcements import Placed
from digest.arxiv.calendar import VISIBLE_WITHIN, Calendar
from digest.core.models import CatchUp, ClosedEdition, LeftOut, Paper, PaperId, Reason, Window

BETWEEN_LOOKS = timedelta(minutes=10)
_LONGEST_UNWATCHED = timedelta(days=31)
_AFTER_ANCHOR = timedelta(hours=1)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A listed paper that is in no edition yet."""

    paper: Paper
    listed_at: datetime
    placed: Placed


@dataclass(frozen=True, slots=True)
class Gathered:
    """The papers for one edition: `own` of its batches, `late` ones that missed their edition, and `earlier` ones.

    `earlier` papers were announced before their categories were watched; they are left out.
    """

    window: Window
    own: tuple[Candidate, ...]
    late: tuple[Candidate, ...]
    earlier: tuple[LeftOut, ...]


def followed(calendar: Calendar, last: ClosedEdition, at: datetime) -> ClosedEdition:
    """Return `last`, the edition of an imported post, as the predecessor of the next edition.

    This is for a database from which arXiv was never checked. If more than a month has passed, nothing older than the
    last day is caught up on.
    """
    if at - last.window.end <= _LONGEST_UNWATCHED:
        return last
    return replace(last, window=Window(last.window.start, calendar.anchor(calendar.due(at) - _DAY)))


def window(calendar: Calendar, day: date, last: ClosedEdition | None) -> Window:
    """Return the window of the edition of `day`: it begins at the end of the `last` one, however long ago."""
    return Window(last.window.end, calendar.anchor(day)) if last else calendar.window_of(day)


def own_window(calendar: Calendar, day: date, last: ClosedEdition | None) -> Window:
    """Return the window of the edition of `day` if all days between `last` and it get editions of their own.

    The settings may have changed since the `last` edition closed: a batch whose date is taken goes to the next date.
    """
    start, end = calendar.anchor(day - _DAY), calendar.anchor(day)
    if last is None or day <= last.date:
        return Window(start, end)
    return Window(last.window.end if day == last.date + _DAY else max(start, last.window.end), end)


def own_batches(calendar: Calendar, day: date, last: ClosedEdition | None) -> tuple[datetime, ...]:
    """Return the batches in the `own_window` of `day`; empty if arXiv announces nothing for it."""
    return calendar.batches(own_window(calendar, day, last))


def edition_of(calendar: Calendar, batch: datetime, last: ClosedEdition | None) -> date:
    """Return the date of the edition that shows `batch`, which must be after the `last` edition."""
    day = calendar.edition_of(batch)
    return day if last is None else max(day, last.date + _DAY)


def has_open_day(calendar: Calendar, last: ClosedEdition | None, now: datetime) -> bool:
    """Return True if a batch was announced for an edition that is due and not closed."""
    due = calendar.due(now)
    if last is None:
        return True
    return last.date < due and bool(calendar.batches(Window(last.window.end, calendar.anchor(due))))


def is_quiet(calendar: Calendar, last: ClosedEdition | None, now: datetime) -> bool:
    """Return True if the current day has no edition because arXiv announced nothing for it."""
    due = calendar.due(now)
    return last is not None and last.date < due and not own_batches(calendar, due, last)


def open_days(
    calendar: Calendar,
    last: ClosedEdition | None,
    first_look: datetime,
    at: datetime,
    candidates: Collection[Candidate],
    empty: Collection[datetime] = (),
) -> list[date]:
    """Return the days with a batch whose editions are due at `at` and not closed, oldest first.

    Without an earlier edition, the newest batch that the first check (at `first_look`) showed is the first. A day whose
    batches were found `empty` is open only once papers of these batches appear.
    """
    seen = {candidate.placed.batch for candidate in candidates}
    days = {
        edition_of(calendar, batch, last)
        for batch in calendar.batches(_open(calendar, last, first_look, at, candidates))
        if batch in seen or batch not in empty
    }
    return sorted(day for day in days if day <= calendar.due(at))


def _open(
    calendar: Calendar,
    last: ClosedEdition | None,
    first_look: datetime,
    at: datetime,
    candidates: Iterable[Candidate],
) -> Window:
    """Return the window of the batches that no edition shows yet."""
    end = calendar.anchor(calendar.due(at))
    if last is not None:
        return Window(last.window.end, end)
    seen = {candidate.placed.batch for candidate in candidates if candidate.listed_at <= first_look}
    due = calendar.anchor(calendar.due(first_look))
    begin = max((batch for batch in seen if batch <= due), default=calendar.newest(due))
    return Window(begin - timedelta(microseconds=1), end)


def chosen(windows: Mapping[date, Window], batches: Collection[datetime], catch_up: CatchUp) -> date | None:
    """Choose which of the open days, given by their `windows`, closes next; None if no paper of their `batches` exists.

    If all missed batches go into one edition (`CatchUp.ONE`), it is that of the last day whose own batch has papers:
    all windows begin at the same time, so each contains the batches of the earlier days.
    """
    there = sorted(set(batches))
    filled = [day for day in sorted(windows) if _holds_any(windows[day], there)]
    if not filled or catch_up is CatchUp.EACH:
        return filled[0] if filled else None
    newest = there[bisect_right(there, windows[filled[-1]].end) - 1]
    return next(day for day in filled if newest <= windows[day].end)


def _holds_any(window: Window, batches: Sequence[datetime]) -> bool:
    """Return True if any of the sorted `batches` is in `window`."""
    return bisect_right(batches, window.end) > bisect_right(batches, window.start)


def gather(window: Window, candidates: Iterable[Candidate], watched: Collection[str]) -> Gathered:
    """Select the `candidates` that belong in the edition of `window`.

    `watched` are the categories that were watched before. A paper in none of them that was announced before the window
    cannot have been missed. A paper in them that seems older than the window, but may have been announced after it,
    waits for the next edition: no paper is shown before its announcement.
    """
    own: list[Candidate] = []
    late: list[Candidate] = []
    earlier: list[LeftOut] = []
    for candidate in candidates:
        batch, latest = candidate.placed.batch, candidate.placed.latest
        if window.start < batch <= window.end:
            own.append(candidate)
        elif batch <= window.start and not set(watched) & set(candidate.paper.categories):
            earlier.append(LeftOut(candidate.paper.id, Reason.EARLIER))
        elif batch <= window.start and latest <= window.end:
            late.append(candidate)
    return Gathered(window, tuple(own), tuple(late), tuple(earlier))


def deadline(calendar: Calendar, day: date, last: ClosedEdition | None) -> datetime:
    """Return the time at which the edition of `day` closes over the papers that are there, complete or not."""
    anchor = calendar.anchor(day)
    newest = max(own_batches(calendar, day, last), default=anchor)
    return max(newest + VISIBLE_WITHIN, anchor + _AFTER_ANCHOR)


def is_whole(
    gathered: Gathered,
    named: Collection[PaperId],
    listed: Collection[PaperId],
    at: datetime,
) -> bool:
    """Return True if the edition is complete.

    `named` are the papers that the feeds of its batches announced, `listed` those of them whose records are stored.
    """
    own = {candidate.paper.id for candidate in gathered.own}
    stood_still = all(candidate.listed_at <= at - BETWEEN_LOOKS for candidate in gathered.own)
    return bool(own) and own <= set(named) <= set(listed) and stood_still
