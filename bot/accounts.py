"""What a run came to for one edition, in numbers."""

import time
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from bot.app import App
from bot.posts import WrittenPost
from digest.models import Edition, Entry, Gap, Reading
from digest.store import calls
from digest.store import engine as database

_PASSING = frozenset({Gap.NO_KEY, Gap.BUDGET, Gap.NO_TEXT_YET, Gap.DUE})


@dataclass(frozen=True, slots=True)
class Made:
    """An edition in one language as it stands, counted."""

    edition: Edition

    @property
    def papers(self) -> int:
        return len(self.edition.entries)

    @property
    def translated(self) -> int:
        """Papers with a translation, whenever it was made."""
        return self.edition.translated

    @property
    def read(self) -> int:
        """Papers with a reading, whenever it was made."""
        return sum(isinstance(entry.reading, Reading) for entry in self.edition.entries)

    @property
    def waiting(self) -> int:
        """Papers whose translation or reading is still to come."""
        return sum(bool(_gaps(entry) & _PASSING) for entry in self.edition.entries)

    @property
    def failed(self) -> int:
        """Papers whose translation or reading could not be made this time."""
        return sum(bool(_gaps(entry) - _PASSING) for entry in self.edition.entries)


@dataclass(frozen=True, slots=True)
class Account(Made):
    """What a run came to for one edition: as it stands in TARGET_LANGUAGE, its post, this run's own tokens and seconds.

    `written` is what became of its post. `others` are the edition in the other languages that it is made in.
    """

    written: WrittenPost
    tokens: int
    seconds: float
    others: tuple[Made, ...] = ()

    @property
    def post(self) -> Path | None:
        """The post; None where the edition left out all its papers."""
        return self.written.path

    @property
    def changed(self) -> bool:
        """Whether this run wrote the post anew."""
        return self.written.changed

    def with_others(self, others: tuple[Made, ...], tokens: int, seconds: float) -> "Account":
        """This account with the edition in other languages, and what they took."""
        return replace(self, others=others, tokens=self.tokens + tokens, seconds=self.seconds + seconds)

    def after(self, earlier: "Account | None") -> "Account":
        """This account together with what the same run did for the edition before."""
        if earlier is None:
            return self
        return replace(
            self,
            written=replace(self.written, changed=self.changed or earlier.changed),
            tokens=self.tokens + earlier.tokens,
            seconds=self.seconds + earlier.seconds,
        )


@dataclass(frozen=True, slots=True)
class Meter:
    """Counts what is spent from the moment it was started."""

    app: App
    _since: datetime
    _before: int
    _started: float

    @classmethod
    async def start(cls, app: App) -> "Meter":
        now = app.wall_clock()
        return cls(app, now, await _tokens(app, now), time.monotonic())

    async def tokens(self) -> int:
        """The tokens so far, of all calls."""
        return await _tokens(self.app, self._since) - self._before

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._started


async def _tokens(app: App, since: datetime) -> int:
    async with database.reading(app.engine) as connection:
        totals = await calls.totals(connection, since)
    return sum(total.tokens for total in totals.values())


def _gaps(entry: Entry) -> set[Gap]:
    """Why `entry` lacks something that was to be made."""
    return {made for made in (entry.translation, entry.reading) if isinstance(made, Gap)} - {Gap.ON_DEMAND}
