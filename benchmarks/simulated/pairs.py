"""The checks on real translations: what they find in them, and how many faults planted in them they find."""

import json
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.results import Result, unmet
from benchmarks.simulated.faults import CERTAIN, FAULTS, Simulated
from benchmarks.simulated.translation import sentences
from benchmarks.simulated.trial import Tally, check
from digest.checks import sentences as alignment
from digest.checks.translation import Original, Translated, cleaned
from digest.core.findings import Finding, Flaw, is_hard
from digest.render.stored_text import stored
from tests.shared import shared_data

_LANGUAGE = "zh-CN"
_MOST_REFUSED, _LEAST_TRUE, _LEAST_FOUND = 0.01, 0.8, 0.98
_TRUE_FAULTS = frozenset(
    {
        # The name of a method or a data set, which readers look for, is only paraphrased.
        ("2512.03637", Flaw.NAME_MISSING, "AaPE"),
        ("2512.20122", Flaw.NAME_MISSING, "BSM-MagLS"),
        ("2602.10666", Flaw.NAME_MISSING, "DynCP"),
        ("2603.15037", Flaw.NAME_MISSING, "PhonemeDF"),
        ("2604.04847", Flaw.NAME_MISSING, "Full-Duplex-Bench-v3"),
        # The sentence is not translated at all.
        ("2510.24519", Flaw.SENTENCE_MISSING, "A great deal of studies"),
        ("2511.19396", Flaw.SENTENCE_MISSING, "Advances in object tracking"),
    }
)
"""The hard findings that a reader of both texts judged true, each with the beginning of its detail."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A paper and its abstract as a model in production translated it; nobody has corrected it."""

    id: str
    original: Original
    chinese: tuple[str, ...]
    """The sentences of the translation."""

    def found(self, chinese: Sequence[str]) -> tuple[Finding, ...]:
        """Return the findings in these sentences as a translation of the abstract."""
        return check(self.original, Translated(None, cleaned("".join(chinese), _LANGUAGE), None))


def real_pairs() -> Iterator[Pair]:
    """Yield the real pairs. Skips if they are not beside the checkout."""
    for row in json.loads(shared_data("pairs-tune.json").read_text()):
        made = alignment.chinese(cleaned(row["zh"], _LANGUAGE))
        yield Pair(
            row["id"], Original(row["title"], row["abstract"]), tuple(sentence.text for sentence in made)
        )


@dataclass(frozen=True)
class Pairs(Result):
    """The findings in real translations, by kind and severity, and the faults planted in them that are found."""

    many: int
    times: Mapping[tuple[Flaw, str], int]
    true: Mapping[Flaw, int]
    refused: int
    refused_wrongly: int
    planted: Mapping[str, Tally]

    @property
    def undone(self) -> list[str]:
        return unmet(
            (self.many > 0, "there are no pairs"), (len(self.planted) == len(FAULTS), "faults are lacking")
        )

    @property
    def broken(self) -> list[str]:
        return unmet(
            (
                self.refused_wrongly <= _MOST_REFUSED * self.many,
                f"{self.refused_wrongly} of {self.many} texts are refused without a true fault",
            ),
            *(
                (
                    self.true.get(flaw, 0) >= _LEAST_TRUE * count,
                    f"{flaw}: {self.true.get(flaw, 0)} of {count} are true",
                )
                for (flaw, severity), count in self.times.items()
                if severity == "hard"
            ),
            *(
                (tally.hard >= _LEAST_FOUND * tally.texts, f"{name}: {tally.hard} of {tally.texts} found")
                for name, tally in self.planted.items()
                if name in CERTAIN
            ),
        )

    def __str__(self) -> str:
        lines = [
            f"{self.many} real translations, {self.refused} refused, {self.refused_wrongly} of them wrongly"
        ]
        for (flaw, severity), count in sorted(self.times.items()):
            judged = f"  {self.true.get(flaw, 0)} true" if severity == "hard" else ""
            lines.append(f"  {flaw:22} {severity:5} {count:4}{judged}")
        return "\n".join(
            [*lines, "planted in them:", *(f"  {name:22} {tally}" for name, tally in self.planted.items())]
        )


def pairs(*, show: bool = False) -> Pairs:
    """Check the real pairs as they are, and with each fault planted. `show` prints the findings and the misses."""
    times, true = Counter[tuple[Flaw, str]](), Counter[Flaw]()
    planted = {name: Tally() for name in FAULTS}
    many = refused = wrongly = 0
    for pair in real_pairs():
        many += 1
        clean = pair.found(pair.chinese)
        times.update((each.flaw, _severity(each)) for each in clean)
        true.update(each.flaw for each in clean if each.hard and _is_true(pair, each))
        refused += is_hard(clean)
        wrongly += is_hard(clean) and not any(_is_true(pair, each) for each in clean)
        if show:
            print(
                *(
                    f"{pair.id}: {each.flaw} {_severity(each)} {each.detail}"
                    for each in clean
                    if each.needs_repair
                ),
                sep="\n",
            )
        simulated = Simulated(sentences(stored(pair.original.abstract)), pair.chinese)
        for name, fault in FAULTS.items():
            chinese = fault(simulated, random.Random(pair.id))
            if chinese is None:
                continue
            found = tuple(each for each in pair.found(chinese) if each not in clean)
            planted[name].count(found)
            if show and name in CERTAIN and not is_hard(found):
                print(f"missed: {pair.id} {name}: {' '.join(set(chinese) - set(pair.chinese))}")
    return Pairs(many, times, true, refused, wrongly, planted)


def _severity(one: Finding) -> str:
    return "hard" if one.hard else "soft" if one.needs_repair else "noted"


def _is_true(pair: Pair, one: Finding) -> bool:
    return any(
        (pair.id, one.flaw) == (id_, flaw) and one.detail.startswith(detail)
        for id_, flaw, detail in _TRUE_FAULTS
    )
