"""How far the work on an edition is, for whoever watches."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Stage(StrEnum):
    """A part of the work on an edition."""

    COLLECT = "collect"
    WAIT = "wait"
    """For arXiv to show the whole batch."""
    TRANSLATE = "translate"
    READ = "read"


class Step(StrEnum):
    """What is being done for one paper."""

    FETCHING = "fetching"
    """Its full text."""
    TRANSLATING = "translating"
    READING = "reading"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a stage is: `done` of `total` papers; collecting counts as one, waiting in looks until the deadline."""

    stage: Stage
    done: int
    total: int


Report = Callable[[Progress], None]
