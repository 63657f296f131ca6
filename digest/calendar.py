"""When arXiv announces, and which day's edition shows it. Pure: times come in aware, and go out in UTC.

The schedule is https://info.arxiv.org/help/availability.html: announcements at 20:00 America/New_York from
Sunday to Thursday. What is submitted until 14:00 from Monday to Thursday is announced that evening; until
Friday 14:00, on Sunday; until Monday 14:00, on Monday. A holiday has neither cut-off nor announcement, and what
would have been in it joins the next: after a Friday's, Sunday has none. A batch is named by the moment of its
announcement.

Each date has an anchor, at which the window of its edition ends: the announcement itself, or a fixed time of day.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from digest.models import Window

NEW_YORK = ZoneInfo("America/New_York")
VISIBLE_WITHIN = timedelta(hours=6)
"""How long after its announcement a batch may take to be whole in the query API and the feeds."""

_DAY = timedelta(days=1)
_CUT_OFF = time(14)
_ANNOUNCEMENT = time(20)
_NOON = time(12)
_FRIDAY, _SATURDAY, _SUNDAY = 4, 5, 6
# https://info.arxiv.org/help/availability.html; arXiv publishes each year's late in the year before.
HOLIDAYS = frozenset(
    {
        *(date(2025, month, day) for month, day in ((9, 1), (11, 27), (12, 25), (12, 30), (12, 31))),
        *(date(2026, month, day) for month, day in ((1, 1), (1, 19), (6, 19), (7, 3), (9, 7))),
        *(date(2026, month, day) for month, day in ((11, 26), (12, 25), (12, 29), (12, 31))),
    }
)


@dataclass(frozen=True, slots=True)
class Calendar:
    """arXiv's batches and the editions that show them.

    The anchor of an edition is `digest_time` in `zone`; where that is None, the moment of the announcement, and the
    date is the one that `zone` has then. `holidays` are evenings in New York without an announcement.
    """

    digest_time: time | None
    zone: ZoneInfo
    holidays: frozenset[date] = HOLIDAYS

    def announced_at(self, submitted: datetime) -> datetime:
        """The first batch that a paper submitted at `submitted` can be in; moderation may hold it longer."""
        local = submitted.astimezone(NEW_YORK)
        closing = local.date() if local.time() < _CUT_OFF else local.date() + _DAY
        while closing.weekday() > _FRIDAY or closing in self.holidays:
            closing += _DAY
        evening = closing + 2 * _DAY if closing.weekday() == _FRIDAY else closing
        while not self.announces(evening):
            evening += _DAY
        return announcement(evening)

    def announces(self, evening: date) -> bool:
        """Whether arXiv announces anything on the `evening` of that date in New York."""
        cut_off = evening - 2 * _DAY if evening.weekday() == _SUNDAY else evening
        return evening.weekday() not in (_FRIDAY, _SATURDAY) and not self.holidays & {evening, cut_off}

    def batches(self, window: Window) -> tuple[datetime, ...]:
        """The batches that are announced in `window`, oldest first."""
        evening = window.start.astimezone(NEW_YORK).date()
        found = []
        while announcement(evening) <= window.end:
            if self.announces(evening) and announcement(evening) > window.start:
                found.append(announcement(evening))
            evening += _DAY
        return tuple(found)

    def newest(self, at: datetime) -> datetime:
        """The newest batch that was announced by `at`."""
        evening = at.astimezone(NEW_YORK).date()
        while not self.announces(evening) or announcement(evening) > at:
            evening -= _DAY
        return announcement(evening)

    def following(self, at: datetime) -> datetime:
        """The first batch that is announced after `at`."""
        evening = at.astimezone(NEW_YORK).date()
        while not self.announces(evening) or announcement(evening) <= at:
            evening += _DAY
        return announcement(evening)

    def fed(self, at: datetime) -> datetime:
        """The batch that the feeds should hold at `at`, or held last: they are rebuilt at midnight in New York."""
        evening = at.astimezone(NEW_YORK).date() - _DAY
        while not self.announces(evening):
            evening -= _DAY
        return announcement(evening)

    def anchor(self, day: date) -> datetime:
        """The moment at which the window of the edition of `day` ends, whether it has a batch or none.

        Without a `digest_time` it is the last moment of `day` at which it is 20:00 in New York. A change of clocks can
        leave a date without one, where that is about midnight: that date has no announcement, and ends at noon.
        """
        if self.digest_time is not None:
            return datetime.combine(day, self.digest_time, self.zone).astimezone(UTC)
        evenings = (announcement(day + n * _DAY) for n in (1, 0, -1))
        on_the_day = (evening for evening in evenings if evening.astimezone(self.zone).date() == day)
        return next(on_the_day, datetime.combine(day, _NOON, self.zone).astimezone(UTC))

    def due(self, at: datetime) -> date:
        """The date of the newest edition whose anchor lies at or before `at`, whether it has a batch or none."""
        today = at.astimezone(self.zone).date()
        return today if self.anchor(today) <= at else today - _DAY

    def edition_of(self, batch: datetime) -> date:
        """The date of the edition that shows `batch`: the first whose anchor does not lie before it."""
        day = batch.astimezone(self.zone).date()
        return day if batch <= self.anchor(day) else day + _DAY

    def editions(self, window: Window) -> tuple[date, ...]:
        """The dates of the editions that show the batches of `window`; the other days have none."""
        return tuple(dict.fromkeys(map(self.edition_of, self.batches(window))))

    def window_of(self, day: date) -> Window:
        """The window of the edition of `day` where there was an edition on the day before."""
        return Window(self.anchor(day - _DAY), self.anchor(day))

    def next_edition(self, at: datetime) -> date:
        """The date of the next edition that is due after `at`."""
        day = self.due(at) + _DAY
        while not self.batches(self.window_of(day)):
            day += _DAY
        return day


def with_holidays(extra: Iterable[date]) -> frozenset[date]:
    """arXiv's published holidays and those in `extra`."""
    return HOLIDAYS | frozenset(extra)


def fed_day(batch: datetime) -> date:
    """The day in New York that the feeds give for `batch`: they are built at the midnight after it."""
    return batch.astimezone(NEW_YORK).date() + _DAY


def announcement(evening: date) -> datetime:
    """20:00 on that `evening` in New York: the moment of its batch, if it has one."""
    return datetime.combine(evening, _ANNOUNCEMENT, NEW_YORK).astimezone(UTC)
