"""The amount of each paper that a mail shows, so that no client clips it. Pure."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from enum import IntEnum


class Amount(IntEnum):
    """The amount shown of a paper; each includes those before it. Below READING there is a link to the rest."""

    NOTHING = 0
    TITLE = 1
    SUMMARY = 2
    ABSTRACT = 3
    READING = 4


Amounts = tuple[Amount, ...]


def longest(wanted: Sequence[Amount], fits: Callable[[Amounts], bool]) -> Amounts:
    """Return the most of `wanted` that `fits`. The last papers are shortened first, and all by one step before any by
    two.
    """
    whole = tuple(wanted)
    if fits(whole):
        return whole
    steps = bisect_left(range(sum(whole)), True, key=lambda taken: fits(lessened(whole, taken)))
    return lessened(whole, steps)


def lessened(wanted: Sequence[Amount], steps: int) -> Amounts:
    """Return `wanted` after `steps` reductions, each of the last paper among those that show the most."""
    left = list(wanted)
    most, at = max(left, default=Amount.NOTHING), len(left)
    for _ in range(steps):
        at = next(place for place in range(at - 1, -1, -1) if left[place] is most)
        left[at] = Amount(most - 1)
        if most not in left[:at]:
            most, at = Amount(most - 1), len(left)
    return tuple(left)
