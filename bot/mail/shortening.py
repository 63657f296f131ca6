"""How much of each paper a mail shows, so that no client cuts it off. Pure."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from enum import IntEnum


class Amount(IntEnum):
    """What is shown of a paper; each holds what those before it do. Less than the reading has a link to the rest."""

    NOTHING = 0
    TITLE = 1
    SUMMARY = 2
    ABSTRACT = 3
    READING = 4


Amounts = tuple[Amount, ...]


def longest(wanted: Sequence[Amount], fits: Callable[[Amounts], bool]) -> Amounts:
    """The most of `wanted` that `fits`: the last papers give way first, and all by one step before any by two."""
    whole = tuple(wanted)
    if fits(whole):
        return whole
    steps = bisect_left(range(sum(whole)), True, key=lambda taken: fits(lessened(whole, taken)))
    return lessened(whole, steps)


def lessened(wanted: Sequence[Amount], steps: int) -> Amounts:
    """`wanted` after so many steps, each of which takes one from the last of those papers that show the most."""
    left = list(wanted)
    most, at = max(left, default=Amount.NOTHING), len(left)
    for _ in range(steps):
        at = next(place for place in range(at - 1, -1, -1) if left[place] is most)
        left[at] = Amount(most - 1)
        if most not in left[:at]:
            most, at = Amount(most - 1), len(left)
    return tuple(left)
