"""Trials of the checks of translations: on published posts, and on simulated translations with planted faults."""

import json
import random
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from benchmarks.results import Result, unmet
from benchmarks.simulated.faults import CERTAIN, FAULTS, Simulated
from benchmarks.simulated.translation import sentences, translation
from digest.archive import post
from digest.checks.glossary import load
from digest.checks.translation import Original, Translated, check_translation, cleaned
from digest.core.findings import Finding, is_hard
from digest.core.models import Translation
from digest.render.stored_text import stored
from tests.shared import shared_data

_LANGUAGE = "zh-CN"
MANY = 1_000
_SMALLEST_FOUND, _LARGEST_FLAGGED, _LARGEST_RATIO = 0.98, 0.05, 33
_SMALLEST_NOTICED = 0.95  # of all faults, as a hard or a soft finding
_WORDS = re.compile(r"\w+|[^\w\s]")
_CONFLICT = re.compile(r"<{7}[^\n]*\n(.*?)={7}\n(.*?)>{7}[^\n]*\n?", re.DOTALL)
_CAPITALISED = re.compile(r"(?<![\w$\\-])[A-Z][a-z]+(?:-[A-Z]?[a-z]+)*(?![\w:-])")
_UNLIKE_A_NAME = re.compile(
    r"[A-Z][a-z]+|[a-z]+-[\w-]+|[\w-]+-[a-z]+"
)  # of others, a translator sees the form
_GLOSSARY = load(_LANGUAGE)


def check(original: Original, made: Translated) -> tuple[Finding, ...]:
    return check_translation(original, made, _LANGUAGE, _GLOSSARY)


@dataclass(frozen=True)
class Published(Result):
    """Every finding in the published translations, one line each."""

    lines: list[str]
    hard: int
    flaws: Counter[str]

    @property
    def undone(self) -> list[str]:
        return unmet((bool(self.lines), "no translation was found in the posts"))

    def __str__(self) -> str:
        summary = f"{len(self.lines)} translations, {self.hard} with hard findings; {dict(self.flaws)}"
        return "\n".join([*self.lines, summary])


def posts() -> Published:
    """Check the published translations; of a post that holds two versions after a conflict, both are checked."""
    papers = json.loads(shared_data("post-papers.json").read_text())
    lines, flaws, hard = [], Counter[str](), 0
    seen = {}
    for path in sorted(shared_data("posts").glob("*.md")):
        for number, text in published(path.read_text()):
            original = Original(papers[number]["title"], papers[number]["abstract"])
            seen[path.name, number, text] = check(original, Translated(None, text, None))
    for (name, number, _), found in seen.items():
        lines.append(f"{name} {number}: {', '.join(map(_shown, found)) or 'nothing'}")
        flaws.update(each.flaw for each in found)
        hard += is_hard(found)
    return Published(lines, hard, flaws)


def published(text: str) -> Iterator[tuple[str, str]]:
    """Return the translated abstracts of a post by their papers."""
    for side in (r"\1", r"\2"):
        for entry in post.parse(_CONFLICT.sub(side, text), ZoneInfo("Asia/Shanghai")).entries:
            if isinstance(entry.translation, Translation) and entry.translation.abstract:
                yield entry.paper.id.value, entry.translation.abstract


def _shown(finding: Finding) -> str:
    return f"{finding.flaw}{'' if finding.hard else ' (soft)'} “{finding.detail}”"


@dataclass(frozen=True, slots=True)
class Case:
    """An abstract and its simulated translation."""

    original: Original
    title: str
    simulated: Simulated
    held_back: bool

    def made(self, chinese: Sequence[str]) -> Translated:
        """Return the translation as the program would check it."""
        return Translated(self.title, cleaned("".join(chinese), _LANGUAGE), None)


def cases(many: int) -> list[Case]:
    """Return the first `many` newly listed papers, with the same translation each time."""
    rows = map(json.loads, shared_data("listings-2025.jsonl").read_text().splitlines())
    papers = {row["id"]: row for row in rows if row["listing"] == "new"}
    return [_case(row, held_back=at % 4 == 3) for at, row in enumerate([*papers.values()][:many])]


def _case(row: dict[str, str], *, held_back: bool) -> Case:
    chance = random.Random(row["id"])
    abstract = stored(row["abstract"])
    name, colon, _ = row["title"].partition(":")
    named = name if colon and _UNLIKE_A_NAME.fullmatch(name) else ""
    chinese = translation(abstract, _GLOSSARY, chance, named)
    headline = _CAPITALISED.sub(lambda word: word[0].lower(), stored(row["title"]))
    title = cleaned("".join(translation(headline, _GLOSSARY, chance, named)).rstrip("。"), _LANGUAGE)
    return Case(
        Original(row["title"], row["abstract"]), title, Simulated(sentences(abstract), chinese), held_back
    )


@dataclass(slots=True)
class Tally:
    """The number of texts of a kind, and in how many of them hard, or any, findings were due to the fault."""

    texts: int = 0
    hard: int = 0
    any: int = 0
    shown: list[str] = field(default_factory=list)

    def count(self, found: Sequence[Finding]) -> None:
        self.texts += 1
        self.hard += is_hard(tuple(found))
        self.any += bool(found)

    def __str__(self) -> str:
        shares = (f"{part / max(self.texts, 1):6.1%}" for part in (self.hard, self.any))
        return "{:6,} texts {} hard {} hard or soft".format(self.texts, *shares)


@dataclass(frozen=True)
class Planted(Result):
    """The findings by whether the abstracts were held back, and by fault ("clean": none, "all": each of them)."""

    many: int
    tallies: dict[tuple[bool, str], Tally]

    @property
    def undone(self) -> list[str]:
        clean, faulty = self.both("clean").texts, self.both("all").texts
        return unmet(
            (clean == self.many, f"{clean} of {self.many} abstracts were checked"),
            (faulty >= self.many, f"{faulty} faults were planted in {self.many} abstracts"),
        )

    @property
    def missed(self) -> list[str]:
        clean, faulty = self.both("clean"), self.both("all")
        certain = [self.both(name) for name in CERTAIN]
        return unmet(
            (
                sum(fault.hard for fault in certain)
                >= _SMALLEST_FOUND * sum(fault.texts for fault in certain),
                "too few of the faults were found that must be",
            ),
            (
                faulty.any >= _SMALLEST_NOTICED * faulty.texts,
                f"{faulty.any} of {faulty.texts} faults were found, also as soft findings",
            ),
            (
                clean.hard <= _LARGEST_FLAGGED * clean.texts,
                f"{clean.hard} of {clean.texts} clean texts were flagged",
            ),
        )

    def both(self, name: str) -> Tally:
        """Return the tally of a fault over all abstracts, held back or not."""
        tallies = [self.tallies.get((held_back, name), Tally()) for held_back in (False, True)]
        return Tally(*(sum(getattr(each, key) for each in tallies) for key in ("texts", "hard", "any")))

    def __str__(self) -> str:
        lines = []
        for held_back in (False, True):
            lines.append("held back while tuning:" if held_back else "tuned on:")
            lines += [
                f"  {name:22} {tally}" for (apart, name), tally in self.tallies.items() if apart is held_back
            ]
        return "\n".join(lines)


def planted(many: int, *, show: bool = False) -> Planted:
    """Check `many` simulated translations, clean and with each fault planted."""
    tallies: dict[tuple[bool, str], Tally] = {}
    for case in cases(many):
        clean = check(case.original, case.made(case.simulated.chinese))
        tally = tallies.setdefault((case.held_back, "clean"), Tally())
        tally.count(clean)
        if show and not case.held_back and clean:
            print(f"clean: {', '.join(map(_shown, clean))}")
        for name, fault in FAULTS.items():
            chinese = fault(case.simulated, random.Random(case.original.title))
            if chinese is None:
                continue
            found = [each for each in check(case.original, case.made(chinese)) if each not in clean]
            for key in (name, "all"):
                tallies.setdefault((case.held_back, key), Tally()).count(found)
            if show and not case.held_back and not is_hard(tuple(found)):
                print(f"missed: {name}: {_difference(case.simulated.chinese, chinese)}")
    return Planted(many, tallies)


def _difference(before: Sequence[str], after: Sequence[str]) -> str:
    gone = [sentence for sentence in before if sentence not in after]
    come = [sentence for sentence in after if sentence not in before]
    return f"{' '.join(gone)} -> {' '.join(come)}"


@dataclass(frozen=True)
class Speed(Result):
    """The processor time that the checks take for title and abstract, to that of finding all words in them."""

    many: int
    checked: int
    cpu_seconds: float
    reference_seconds: float

    @property
    def undone(self) -> list[str]:
        return unmet((self.checked == self.many, f"{self.checked} of {self.many} abstracts were checked"))

    @property
    def missed(self) -> list[str]:
        return unmet((self.ratio <= _LARGEST_RATIO, f"ratio {self.ratio:.0f}"))

    @property
    def ratio(self) -> float:
        return self.cpu_seconds / self.reference_seconds

    def __str__(self) -> str:
        return (
            f"{self.checked:,} abstracts checked in {self.cpu_seconds:.2f} s of the processor,"
            f" ratio {self.ratio:.0f} to finding their words (at most {_LARGEST_RATIO})"
        )


def speed(many: int) -> Speed:
    """Check `many` clean translations; after each, find its words, so that both meet the same machine."""
    made = [(case.original, case.made(case.simulated.chinese)) for case in cases(many)]
    check(*made[0])
    spent = reference = 0.0
    for original, chinese in made:
        began = time.process_time()
        check(original, chinese)
        checked = time.process_time()
        for text in (original.title, original.abstract, chinese.title or "", chinese.abstract):
            _WORDS.findall(text)
        spent, reference = spent + checked - began, reference + time.process_time() - checked
    return Speed(many, len(made), spent, reference)
