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


def _to_nobody(_: object) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Onlooker:
    """A person who waits for a paper, before whom the day's edition stands back.

    `sees` takes what is being done; `hears`, all that the model has written so far, whenever that grows.
    """

    sees: Callable[[Step], None] = _to_nobody
    hears: Callable[[str], None] | None = None


Report = Callable[[Progress], None]
