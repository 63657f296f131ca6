"""Chooses how much of each paper a mail shows, so that it is no longer than clients show. Pure."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from enum import IntEnum
from itertools import pairwise


class ShownLength(IntEnum):
    """The amount shown of a paper; each includes those before it. Below READING there is a link to the rest."""

    NOTHING = 0
    TITLE = 1
    SUMMARY = 2
    ABSTRACT = 3
    READING = 4


ShownLengths = tuple[ShownLength, ...]


def longest(wanted: Sequence[ShownLength], fits: Callable[[ShownLengths], bool]) -> ShownLengths:
    """Return the most of `wanted` that `fits`. The last papers are shortened first, and all by one step before any by
    two.
    """
    whole = tuple(wanted)
    if fits(whole):
        return whole
    steps = bisect_left(range(sum(whole)), True, key=lambda taken: fits(lessened(whole, taken)))
    return lessened(whole, steps)


def lessened(wanted: Sequence[ShownLength], steps: int) -> ShownLengths:
    """Return `wanted` after `steps` reductions, each of the last paper among those that show the most."""
    left = list(wanted)
    for most, less in pairwise(sorted(ShownLength, reverse=True)):
        showing = [at for at, amount in enumerate(left) if amount is most]
        reduced = showing[max(len(showing) - steps, 0) :]
        for at in reduced:
            left[at] = less
        steps -= len(reduced)
    return tuple(left)
