"""The report of a run for one edition, in numbers."""

from dataclasses import dataclass, replace
from pathlib import Path

from digest.core.errors import ArchiveError
from digest.core.models import Edition, Entry, Gap, Reading


@dataclass(frozen=True, slots=True)
class WrittenPost:
    """The result of writing a post: its path, whether it changed, and the error.

    `path` is None for an edition without papers.
    """

    path: Path | None = None
    changed: bool = False
    fault: ArchiveError | None = None


_PASSING = frozenset({Gap.NO_KEY, Gap.BUDGET, Gap.NO_TEXT_YET, Gap.DUE})


@dataclass(frozen=True, slots=True)
class EditionCounts:
    """The current state of an edition in one language, counted."""

    edition: Edition

    @property
    def papers(self) -> int:
        return len(self.edition.entries)

    @property
    def translated(self) -> int:
        """The number of papers with a translation, whenever it was made."""
        return self.edition.translated

    @property
    def read(self) -> int:
        """The number of papers with a reading, whenever it was made."""
        return sum(isinstance(entry.reading, Reading) for entry in self.edition.entries)

    @property
    def waiting(self) -> int:
        """The number of papers whose translation or reading will be made later."""
        return sum(bool(_gaps(entry) & _PASSING) for entry in self.edition.entries)

    @property
    def failed(self) -> int:
        """The number of papers whose translation or reading failed this time."""
        return sum(bool(_gaps(entry) - _PASSING) for entry in self.edition.entries)


@dataclass(frozen=True, slots=True)
class RunReport(EditionCounts):
    """The report of a run for one edition: its state in TARGET_LANGUAGE, its post, and the run's tokens and seconds.

    `written` is the result of writing the post. `others` are the edition in its other languages.
    """

    written: WrittenPost
    tokens: int
    seconds: float
    others: tuple[EditionCounts, ...] = ()

    @property
    def post(self) -> Path | None:
        """The path of the post; None if the edition has no papers."""
        return self.written.path

    @property
    def changed(self) -> bool:
        """Return whether this run changed the post."""
        return self.written.changed

    def with_others(self, others: tuple[EditionCounts, ...], tokens: int, seconds: float) -> "RunReport":
        """Return this report with the edition in other languages and their costs added."""
        return replace(self, others=others, tokens=self.tokens + tokens, seconds=self.seconds + seconds)

    def after(self, earlier: "RunReport | None") -> "RunReport":
        """Return this report combined with the `earlier` report of the same edition in the same run."""
        if earlier is None:
            return self
        return replace(
            self,
            written=replace(self.written, changed=self.changed or earlier.changed),
            tokens=self.tokens + earlier.tokens,
            seconds=self.seconds + earlier.seconds,
        )


def _gaps(entry: Entry) -> set[Gap]:
    """Return the reasons why `entry` lacks a translation or reading that was to be made."""
    return {made for made in (entry.translation, entry.reading) if isinstance(made, Gap)} - {Gap.ON_DEMAND}
