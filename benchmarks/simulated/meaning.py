"""A trial of the screens for meaning: faults planted in real translations, and what a judge gets to see of them.

The judge is scripted: the honest one objects to exactly the pair in which the fault was planted, the other one gives a
wrong verdict in a tenth of the cases. A fault is removed if the checks find or clean it for sure, or if its pair is
among those that are judged and the judge objects.
"""

import json
import random
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from benchmarks.results import Result, unmet
from benchmarks.simulated.meaning_faults import FAULTS, MUST
from digest.checks import sentences
from digest.checks.glossary import load
from digest.checks.meaning import screened
from digest.checks.translation import Original, Translated, check_translation, cleaned
from digest.core.findings import Flaw
from digest.core.models import Purpose
from digest.core.verdicts import Doubt, JudgedPair
from digest.judging.judge import JudgementAnswer, limited
from digest.judging.translations import affordable
from digest.llm.budget import estimate_tokens
from digest.llm.prompts import PromptTemplate
from digest.pipeline.translate import TranslationAnswer
from tests.shared import shared_data

_LANGUAGE = "zh-CN"
_LEAST_REMOVED, _LARGEST_SHARE, _LARGEST_RATIO = 0.95, 0.40, 75
_WRONG = 0.1  # of the verdicts of the judge that errs
_WHOLE = frozenset({"chat opener", "bracket label", "untagged thinking", "another language"})
"""Kinds that the checks of translations find or clean too."""
_SURE = frozenset({Flaw.CHAT, Flaw.SCRIPT, Flaw.UNTRANSLATED})
_WORDS = re.compile(r"\w+|[^\w\s]")
_VERDICT = '{"id": "10", "relation": "same", "words": ""}, '
_GLOSSARY = load(_LANGUAGE)


@dataclass(slots=True)
class Tally:
    """Of `planted` faults of a kind: those found by a screen, and those removed with either judge."""

    planted: int = 0
    found: int = 0
    honest: int = 0
    erring: int = 0

    def __str__(self) -> str:
        shares = (f"{part / max(self.planted, 1):7.1%}" for part in (self.found, self.honest, self.erring))
        return (
            "{:5} planted {} found by screens {} removed, honest judge {} removed, one in ten wrong".format(
                self.planted, *shares
            )
        )


@dataclass(frozen=True)
class Screened(Result):
    """The faults by kind, the false alarms on clean texts, and what screens and judge cost."""

    many: int
    tallies: dict[str, Tally]
    pairs: int
    flagged: int
    texts_flagged: int
    doubts: Counter[Doubt]
    judging: int
    translating: int
    cpu_seconds: float
    reference_seconds: float
    missed_faults: list[str] = field(default_factory=list)

    @property
    def undone(self) -> list[str]:
        return unmet(
            (self.many > 0, "there are no texts"),
            *((tally.planted > 0, f"no fault was planted: {kind}") for kind, tally in self.tallies.items()),
        )

    @property
    def broken(self) -> list[str]:
        return unmet(
            *(
                (
                    self.tallies[kind].honest >= _LEAST_REMOVED * self.tallies[kind].planted,
                    f"{kind}: less than {_LEAST_REMOVED:.0%} removed",
                )
                for kind in self.tallies
                if kind in MUST
            ),
            (self.share <= _LARGEST_SHARE, f"judging takes {self.share:.0%} of the tokens of translating"),
        )

    @property
    def missed(self) -> list[str]:
        return unmet((self.ratio <= _LARGEST_RATIO, f"ratio {self.ratio:.0f}"))

    @property
    def share(self) -> float:
        """The tokens for judging to those for translating."""
        return self.judging / self.translating

    @property
    def ratio(self) -> float:
        return self.cpu_seconds / self.reference_seconds

    def __str__(self) -> str:
        kinds = (f"{kind:24} {tally}" for kind, tally in self.tallies.items())
        doubts = ", ".join(f"{doubt} {count}" for doubt, count in self.doubts.most_common())
        alarms = f"{self.flagged / self.pairs:.1%} of {self.pairs:,} pairs flagged"
        texts = f"{self.texts_flagged / self.many:.1%} of {self.many} texts"
        tokens = f"{self.judging / self.many:,.0f} for judging, {self.translating / self.many:,.0f} for translating"
        speed = f"{1_000 * self.cpu_seconds / self.many:.1f} ms of the processor an abstract"
        return "\n".join(
            [
                *self.missed_faults,
                *kinds,
                f"clean: {alarms}, {texts} ({doubts})",
                f"tokens a paper: {tokens}: {self.share:.0%} (at most {_LARGEST_SHARE:.0%})",
                f"{speed}, ratio {self.ratio:.0f} to finding its words (at most {_LARGEST_RATIO})",
            ]
        )


def meaning(*, show: bool = False) -> Screened:
    """Plant each kind of fault in each real translation, and screen the clean and the faulty texts."""
    rows = json.loads(shared_data("pairs-tune.json").read_text(encoding="utf-8"))
    texts = [(Original(row["title"], row["abstract"]), _made(row["zh"])) for row in rows]
    tallies = {kind: Tally() for kind in FAULTS}
    doubts, missed = Counter[Doubt](), list[str]()
    pairs = flagged = texts_flagged = judging = translating = 0
    spent = reference = 0.0
    screened(*texts[0], _LANGUAGE)
    for original, made in texts:
        began = time.process_time()
        clean = screened(original, made, _LANGUAGE)
        ended = time.process_time()
        for text in (original.abstract, made.abstract):
            _WORDS.findall(text)
        spent, reference = spent + ended - began, reference + time.process_time() - ended
        pairs += len(sentences.english(original.abstract))
        flagged += sum(pair.is_doubted for pair in clean)
        texts_flagged += any(pair.is_doubted for pair in clean)
        doubts.update(doubt for pair in clean for doubt in pair.doubts if doubt is not Doubt.RESULT)
        judging += _judging(_judged(original, made, clean))
        translating += _translating(original, made)
        for kind, before in _trials(original, made, tallies):
            missed += [f"missed: {kind}: {before}"] if show else []
    return Screened(
        len(texts),
        tallies,
        pairs,
        flagged,
        texts_flagged,
        doubts,
        judging,
        translating,
        spent,
        reference,
        missed,
    )


def _trials(original: Original, made: Translated, tallies: dict[str, Tally]) -> Iterator[tuple[str, str]]:
    """Plant each kind of fault, count what becomes of it, and yield those that an honest judge does not see."""
    for kind, fault in FAULTS.items():
        chance = random.Random(f"{kind} {original.title}")
        written = fault(made.abstract, chance)
        if written is None or written == made.abstract:
            continue
        faulty, tally = _made(written), tallies[kind]
        tally.planted += 1
        if kind in _WHOLE and _is_sure(original, made, faulty):
            tally.found, tally.honest, tally.erring = tally.found + 1, tally.honest + 1, tally.erring + 1
            continue
        there = {*_split(made.abstract)}
        changed = [sentence for sentence in _split(faulty.abstract) if sentence not in there]
        pairs = screened(original, faulty, _LANGUAGE)
        tally.found += any(pair.is_doubted for pair in _with(changed, pairs))
        is_judged = bool(_with(changed, _judged(original, faulty, pairs)))
        tally.honest += is_judged
        tally.erring += is_judged and chance.random() >= _WRONG
        if not is_judged:
            yield kind, " ".join(changed)


def _is_sure(original: Original, made: Translated, faulty: Translated) -> bool:
    """Return True if cleaning removed the fault or a check refuses it."""
    if faulty == made:
        return True
    found = check_translation(original, faulty, _LANGUAGE, _GLOSSARY)
    return any(each.hard and each.flaw in _SURE for each in found)


def _made(text: str) -> Translated:
    return Translated(None, cleaned(text, _LANGUAGE), None)


def _split(text: str) -> list[str]:
    return [each.text.strip() for each in sentences.chinese(text)]


def _with(changed: Sequence[str], pairs: Sequence[JudgedPair]) -> list[JudgedPair]:
    return [pair for pair in pairs if any(sentence in pair.made for sentence in changed)]


def _judged(original: Original, made: Translated, pairs: Sequence[JudgedPair]) -> list[JudgedPair]:
    """Return the pairs that the pipeline would have judged."""
    return limited(affordable(pairs, original, made))


def _judging(pairs: Sequence[JudgedPair]) -> int:
    prompt = PromptTemplate("judge-translation", JudgementAnswer, _LANGUAGE).render(
        id="2512.00001v1", pairs=pairs
    )
    return _tokens(prompt.system + prompt.user + _VERDICT * len(pairs)) if pairs else 0


def _translating(original: Original, made: Translated) -> int:
    """Return the tokens of one call; the data have no titles and summaries, so the figure is a low one."""
    prompt = PromptTemplate(Purpose.TRANSLATION, TranslationAnswer, _LANGUAGE).render(
        id="2512.00001v1",
        title=original.title,
        abstract=original.abstract,
        terms=_GLOSSARY.relevant(f"{original.title}\n{original.abstract}"),
    )
    return _tokens(prompt.system + prompt.user + made.abstract)


def _tokens(text: str) -> int:
    return estimate_tokens(Purpose.TRANSLATION, text) - estimate_tokens(Purpose.TRANSLATION, "")
