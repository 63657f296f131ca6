"""Scripted judges for the fake model: each answers the pairs of a prompt, which are read from the prompt alone."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_PAIR = re.compile(
    r"^(?P<id>\d+)\. (?:Original|Passage): (?P<original>.*)\n(?P=id)\. (?:Translation|Claim): (?P<made>.*)$",
    re.MULTILINE,
)


@dataclass(frozen=True)
class AskedPair:
    """One pair of a prompt."""

    id: int
    original: str
    made: str


Script = Callable[[Sequence[AskedPair]], dict[str, Any] | str]
"""Returns the object that the judge answers, or the text in its place."""


def pairs_of(user: str) -> list[AskedPair]:
    """Return the pairs between the delimiters of a prompt."""
    material = user.partition("<material>\n")[2].partition("</material>")[0]
    return [
        AskedPair(int(found["id"]), found["original"], found["made"]) for found in _PAIR.finditer(material)
    ]


def verdict(pair: AskedPair, relation: str = "same") -> dict[str, Any]:
    """Return a verdict that rests on the beginning of the text that was made."""
    return {"id": str(pair.id), "relation": relation, "words": "" if relation == "same" else pair.made[:20]}


def agreeing(pairs: Sequence[AskedPair]) -> dict[str, Any]:
    """Call every pair the same."""
    return {"verdicts": [verdict(pair) for pair in pairs]}


def calling(relation: str) -> Script:
    """Call every pair that relation."""
    return lambda pairs: {"verdicts": [verdict(pair, relation) for pair in pairs]}


objecting = calling("reversed")
"""Call every pair reversed."""


def honest(faults: Mapping[str, str]) -> Script:
    """Object to the pairs whose text contains one of `faults`, with the relation that belongs to it."""

    def judge(pairs: Sequence[AskedPair]) -> dict[str, Any]:
        return {
            "verdicts": [
                verdict(pair, next((faults[each] for each in faults if each in pair.made), "same"))
                for pair in pairs
            ]
        }

    return judge


def about_others(pairs: Sequence[AskedPair]) -> dict[str, Any]:
    """Give verdicts on pairs that nobody asked about."""
    return {
        "verdicts": [{"id": str(pair.id + 1000), "relation": "reversed", "words": "words"} for pair in pairs]
    }


def broken(pairs: Sequence[AskedPair]) -> str:
    """Stop within the answer."""
    return f'{{"verdicts": [{{"id": "{pairs[0].id}", "relation": "rev'
