"""arXiv's announcement schedule, and the edition that shows each batch. Pure: takes aware times, returns UTC.

The schedule is https://info.arxiv.org/help/availability.html: announcements at 20:00 America/New_York from
Sunday to Thursday. Papers submitted before 14:00 from Monday to Thursday are announced that evening; before
14:00 on Friday, on Sunday; before 14:00 on Monday, on Monday. A holiday has neither cut-off nor announcement;
its papers join the next batch, so after a Friday holiday there is no announcement on Sunday. A batch is identified
by the time of its announcement.

Each date has an anchor, at which the window of its edition ends: the announcement itself, or a fixed time of day.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from digest.core.models import Window

NEW_YORK = ZoneInfo("America/New_York")
VISIBLE_WITHIN = timedelta(hours=6)
"""The time that a batch may take after its announcement to appear completely in the query API and the feeds."""

_DAY = timedelta(days=1)
_CUT_OFF = time(14)
_ANNOUNCEMENT = time(20)
_NOON = time(12)
_FRIDAY, _SATURDAY, _SUNDAY = 4, 5, 6
# https://info.arxiv.org/help/availability.html; arXiv publishes a year's holidays late in the year before.
HOLIDAYS = frozenset(
    {
        *(date(2025, month, day) for month, day in ((9, 1), (11, 27), (12, 25), (12, 30), (12, 31))),
        *(date(2026, month, day) for month, day in ((1, 1), (1, 19), (6, 19), (7, 3), (9, 7))),
        *(date(2026, month, day) for month, day in ((11, 26), (12, 25), (12, 29), (12, 31))),
    }
)


@dataclass(frozen=True, slots=True)
class Calendar:
    """The schedule of arXiv's batches and of the editions that show them.

    The anchor of an edition is `digest_time` in `zone`. If `digest_time` is None, it is the time of the announcement,
    and the edition has the date of that time in `zone`. `holidays` are evenings in New York without an announcement.
    """

    digest_time: time | None
    zone: ZoneInfo
    holidays: frozenset[date] = HOLIDAYS

    def announced_at(self, submitted: datetime) -> datetime:
        """Return the first batch that can contain a paper submitted at `submitted`; moderation may delay it."""
        local = submitted.astimezone(NEW_YORK)
        closing = local.date() if local.time() < _CUT_OFF else local.date() + _DAY
        while closing.weekday() > _FRIDAY or closing in self.holidays:
            closing += _DAY
        evening = closing + 2 * _DAY if closing.weekday() == _FRIDAY else closing
        while not self.announces(evening):
            evening += _DAY
        return announcement(evening)

    def announces(self, evening: date) -> bool:
        """Return True if arXiv announces a batch on that `evening` (a date in New York)."""
        cut_off = evening - 2 * _DAY if evening.weekday() == _SUNDAY else evening
        return evening.weekday() not in (_FRIDAY, _SATURDAY) and not self.holidays & {evening, cut_off}

    def batches(self, window: Window) -> tuple[datetime, ...]:
        """Return the batches announced in `window`, oldest first."""
        evening = window.start.astimezone(NEW_YORK).date()
        found = []
        while announcement(evening) <= window.end:
            if self.announces(evening) and announcement(evening) > window.start:
                found.append(announcement(evening))
            evening += _DAY
        return tuple(found)

    def newest(self, at: datetime) -> datetime:
        """Return the newest batch announced at or before `at`."""
        evening = at.astimezone(NEW_YORK).date()
        while not self.announces(evening) or announcement(evening) > at:
            evening -= _DAY
        return announcement(evening)

    def following(self, at: datetime) -> datetime:
        """Return the first batch announced after `at`."""
        evening = at.astimezone(NEW_YORK).date()
        while not self.announces(evening) or announcement(evening) <= at:
            evening += _DAY
        return announcement(evening)

    def fed(self, at: datetime) -> datetime:
        """Return the batch that the feeds should contain at `at`, or contained last.

        The feeds are rebuilt at midnight in New York.
        """
        evening = at.astimezone(NEW_YORK).date() - _DAY
        while not self.announces(evening):
            evening -= _DAY
        return announcement(evening)

    def anchor(self, day: date) -> datetime:
        """Return the time at which the window of the edition of `day` ends, with or without a batch.

        Without a `digest_time` it is the last time on `day` at which it is 20:00 in New York. In zones where this is
        about midnight, a clock change can leave a date without one; that date has no announcement and ends at noon.
        """
        if self.digest_time is not None:
            return datetime.combine(day, self.digest_time, self.zone).astimezone(UTC)
        evenings = (announcement(day + n * _DAY) for n in (1, 0, -1))
        on_the_day = (evening for evening in evenings if evening.astimezone(self.zone).date() == day)
        return next(on_the_day, datetime.combine(day, _NOON, self.zone).astimezone(UTC))

    def due(self, at: datetime) -> date:
        """Return the date of the newest edition whose anchor is at or before `at`, with or without a batch."""
        today = at.astimezone(self.zone).date()
        return today if self.anchor(today) <= at else today - _DAY

    def edition_of(self, batch: datetime) -> date:
        """Return the date of the edition that shows `batch`: the first whose anchor is not before it."""
        day = batch.astimezone(self.zone).date()
        return day if batch <= self.anchor(day) else day + _DAY

    def editions(self, window: Window) -> tuple[date, ...]:
        """Return the dates of the editions that show the batches of `window`; other days have no edition."""
        return tuple(dict.fromkeys(map(self.edition_of, self.batches(window))))

    def window_of(self, day: date) -> Window:
        """Return the window of the edition of `day` if the day before had an edition."""
        return Window(self.anchor(day - _DAY), self.anchor(day))

    def next_edition(self, at: datetime) -> date:
        """Return the date of the next edition that is due after `at`."""
        day = self.due(at) + _DAY
        while not self.batches(self.window_of(day)):
            day += _DAY
        return day


def with_holidays(extra: Iterable[date]) -> frozenset[date]:
    """Return arXiv's published holidays together with `extra`."""
    return HOLIDAYS | frozenset(extra)


def fed_day(batch: datetime) -> date:
    """Return the date that the feeds carry for `batch`: they are built at the midnight in New York after it."""
    return batch.astimezone(NEW_YORK).date() + _DAY


def announcement(evening: date) -> datetime:
    """Return 20:00 in New York on that `evening`: the time of its batch, if it has one."""
    return datetime.combine(evening, _ANNOUNCEMENT, NEW_YORK).astimezone(UTC)
