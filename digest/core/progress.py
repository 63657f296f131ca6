"""Progress reports about the work on an edition or a paper."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Stage(StrEnum):
    """A stage of the work on an edition."""

    COLLECT = "collect"
    WAIT = "wait"
    """Wait until arXiv shows the whole batch."""
    TRANSLATE = "translate"
    READ = "read"


class Step(StrEnum):
    """A step of the work on one paper."""

    FETCHING = "fetching"
    """Fetch its full text."""
    TRANSLATING = "translating"
    READING = "reading"


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a stage: `done` of `total` papers. COLLECT counts as one; WAIT counts the checks of arXiv."""

    stage: Stage
    done: int
    total: int


def _to_nobody(_: object) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Listener:
    """A person who waits for a paper; the request has priority over the day's edition.

    `sees` gets each step as it begins; `hears` gets the whole text that the model has written, each time it grows.
    """

    sees: Callable[[Step], None] = _to_nobody
    hears: Callable[[str], None] | None = None


Report = Callable[[Progress], None]
