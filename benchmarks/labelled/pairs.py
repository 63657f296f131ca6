"""The labelled pairs beside this file, in the form that its README describes."""

import json
from dataclasses import dataclass
from pathlib import Path

from digest.core.verdicts import Relation
from digest.judging.judge import About

_FOLDER = Path(__file__).parent
_CLAIMS = "claims.jsonl"


@dataclass(frozen=True, slots=True)
class LabelledPair:
    """A pair whose right verdict is `relation`; `kind` names the fault that it is about."""

    id: str
    kind: str
    original: str
    made: str
    relation: Relation


def load(about: About) -> list[LabelledPair]:
    """Load the sentence pairs of translations, or the pairs of claims and quotes."""
    paths = sorted(path for path in _FOLDER.glob("*.jsonl") if (path.name == _CLAIMS) == (about == "claims"))
    return [_pair(line) for path in paths for line in path.read_text("utf-8").splitlines()]


def _pair(line: str) -> LabelledPair:
    row = json.loads(line)
    return LabelledPair(row["id"], row["kind"], row["original"], row["made"], Relation(row["relation"]))
