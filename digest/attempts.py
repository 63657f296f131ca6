"""A model's answers to one translation, what the checks say of them, and when a model is asked again. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from digest.findings import Finding, is_hard
from digest.models import Call

_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(minutes=30), timedelta(days=1)
_DOUBLINGS = 6  # more than reach the longest pause
_CALLS = 3  # that one question may take
_USELESS = frozenset(
    {"filtered", "refusal", "length", "blank", "prose", "half-json", "wrong-shape", "too-large"}
)
"""Outcomes of calls (`digest.llm.faults`) that are the model's answer to a text; others are an endpoint's faults."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A translation as a model gave it, the `number`-th in a row: its texts, None once they are pruned.

    `call` brought it, `findings` are what is wrong with it.
    """

    number: int
    call: Call
    title: str | None
    abstract: str | None
    summary: str | None
    findings: tuple[Finding, ...]

    @property
    def passes(self) -> bool:
        """Whether it may be shown: no check that must hold fails."""
        return not is_hard(self.findings)


def is_due(refused: Sequence[Attempt], now: datetime) -> bool:
    """Whether a translation is tried again at `now` of which there are only `refused` attempts.

    After the first row of attempts the next run tries again. After that the pauses double, from half an hour to a day:
    a model that fails three times on a text mostly fails on it.
    """
    rows = sum(attempt.number == 1 for attempt in refused)
    return _is_rested(rows, [attempt.call for attempt in refused], now)


def is_asked_again(asked: Sequence[Call], now: datetime) -> bool:
    """Whether a model is asked again at `now`, as far as the calls go that it was `asked` for one thing.

    Those that it answered with nothing usable are paid for too: three of them weigh as a row of attempts.
    """
    useless = [call for call in asked if call.outcome in _USELESS]
    return _is_rested(len(useless) // _CALLS, useless, now)


def _is_rested(rows: int, failed: Sequence[Call], now: datetime) -> bool:
    if rows <= 1:
        return True
    pause = min(_FIRST_PAUSE * (1 << min(rows - 2, _DOUBLINGS)), _LONGEST_PAUSE)
    return now >= max(call.at for call in failed) + pause


def is_read_again(calls: Sequence[Call], now: datetime) -> bool:
    """Whether a reading is tried again at `now` of which `calls` brought none.

    The next run tries again. After that each pause is as long as it has failed by then, a day at the most: a reading
    costs a whole paper, and what a model says of it mostly fails in the same way.
    """
    if not calls:
        return True
    first, last = (chosen(call.at for call in calls) for chosen in (min, max))
    return now >= last + min(last - first, _LONGEST_PAUSE)
