"""Audits: an auditor judges translations drawn at random, and the operator accepts or rejects its objections.

What is audited is the first attempt at a translation, as the model wrote it, because a fault that the checks or the
judge found is no longer in what readers see. So the labels tell the auditor's precision, the share of the accepted
faults that were found before (the recall of checks and judge), and those that readers still see. A fault that nobody
objects to is not counted anywhere.
"""

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from digest.checks import sentences
from digest.checks.translation import Translated
from digest.core.errors import ModelError
from digest.core.findings import Attempt, Finding, Flaw
from digest.core.models import Paper, Translation
from digest.core.proportions import Proportion
from digest.core.verdicts import AuditedPair, JudgedPair, Relation
from digest.db import audits, generated_texts, papers
from digest.db import engine as database
from digest.db.audits import FreshPair
from digest.judging.judge import Judge
from digest.render.stored_text import stored

_FEW = 30  # labels, below which a proportion says little
_OF_A_PLACE = frozenset(
    {
        Flaw.FORMULA,
        Flaw.NUMBER_MISSING,
        Flaw.NUMBER_INVENTED,
        Flaw.UNIT,
        Flaw.NAME_MISSING,
        Flaw.NAME_INVENTED,
    }
    | {Flaw.HEDGE, Flaw.SENTENCE_MISSING, Flaw.SENTENCE_ADDED, Flaw.MEANING, Flaw.UNTRANSLATED}
)
"""Flaws that are about the meaning of a sentence, which their detail locates."""


@dataclass(frozen=True, slots=True)
class Audit:
    """An audit: the calls whose attempts were audited, of `drawn`, and why the rest was not, as a sentence."""

    call_ids: tuple[int, ...]
    drawn: int
    failure: str | None


async def audit(
    engine: AsyncEngine, judge: Judge, name: str, count: int, seed: int | None, clock: Callable[[], datetime]
) -> Audit:
    """Let `judge`, the model `name`, judge `count` translations drawn at random; `seed` makes the draw repeatable.

    Each is stored before the next is judged. Stops at the first that the judge does not answer. Raises StoreError.
    """
    async with database.reading(engine) as connection:
        left = await audits.candidates(connection)
        drawn = random.Random(seed).sample(left, min(count, len(left)))  # noqa: S311 - no secret
        attempts = await audits.load_attempts(connection, drawn)
    done: list[int] = []
    for call_id in drawn:
        try:
            fresh = await _audited(engine, judge, attempts[call_id])
        except ModelError as error:
            return Audit(tuple(done), len(drawn), str(error))
        async with database.writing(engine) as connection:
            await audits.save(connection, call_id, name, fresh, clock())
        done.append(call_id)
    return Audit(tuple(done), len(drawn), None)


async def _audited(engine: AsyncEngine, judge: Judge, attempt: Attempt) -> list[FreshPair]:
    call = attempt.call
    async with database.reading(engine) as connection:
        [paper] = (await papers.load(connection, [call.version])).values()
        shown = await generated_texts.find_translation(connection, call.version, call.language, None)
    made = Translated(attempt.title, attempt.abstract or "", attempt.summary)
    pairs = pairs_of(paper, made, call.language)
    judged = await judge.measure(pairs, version=call.version, language=call.language, about="translation")
    if pairs and not judged.verdicts:
        raise ModelError(f"{call.version}: the answer has no usable verdict.")
    verdicts = ((pair, judged.verdicts.get(pair.id)) for pair in pairs)
    return [
        FreshPair(pair, verdict, was_found(pair, attempt.findings), _is_shown(pair, shown))
        for pair, verdict in verdicts
        if verdict
    ]


def pairs_of(paper: Paper, made: Translated, language: str) -> list[JudgedPair]:
    """Return the title, each sentence and the summary with their counterparts, doubted by a screen or not. Pure.

    A sentence without a counterpart stands beside its neighbour's.
    """
    whole = [pair for pair in _pairs(paper, made, language) if all(pair)]
    return [JudgedPair(number, *pair) for number, pair in enumerate(whole, 1)]


def _pairs(paper: Paper, made: Translated, language: str) -> Iterator[tuple[str, str]]:
    abstract = stored(paper.abstract or "")
    if made.title:
        yield stored(paper.title), stored(made.title)
    split = sentences.chinese if language.lower().startswith(("zh", "ja")) else sentences.english
    said: list[str] = []
    there: list[str] = []
    for some, others in sentences.aligned(sentences.english(abstract), split(stored(made.abstract))):
        said += [each.text for each in some]
        there += [each.text for each in others]
        if some and others:
            yield " ".join(said), " ".join(there)
            said, there = [], []
    yield " ".join(said), " ".join(there)
    if made.summary:
        yield abstract, stored(made.summary)


def was_found(pair: JudgedPair, findings: Sequence[Finding]) -> bool:
    """Return True if one of `findings` is about the meaning of this pair. Pure."""
    return any(_is_about(each, pair) for each in findings if each.flaw in _OF_A_PLACE)


def _is_about(finding: Finding, pair: JudgedPair) -> bool:
    if finding.flaw is Flaw.MEANING:
        sentence = _plain(finding.detail.partition(": ")[2])
        return bool(sentence) and (sentence in _plain(pair.made) or _plain(pair.made) in sentence)
    place = re.escape(finding.detail.strip())
    both = f"{pair.original}\n{pair.made}"
    return bool(place) and bool(re.search(rf"(?<![A-Za-z0-9.]){place}(?![A-Za-z0-9])", both, re.IGNORECASE))


def _is_shown(pair: JudgedPair, shown: Translation | None) -> bool:
    if shown is None:
        return False
    text = _plain(f"{shown.title or ''}\n{shown.abstract}\n{shown.summary or ''}")
    return _plain(pair.made) in text


def _plain(text: str) -> str:
    return "".join(stored(text).split())


@dataclass(frozen=True, slots=True)
class KindOfFault:
    """The objections of one kind, by their labels; `found` and `shown` are those among the `accepted`."""

    relation: Relation | None
    objections: int
    accepted: int
    rejected: int
    found: int
    shown: int

    @property
    def precision(self) -> Proportion:
        """The labelled objections that were accepted."""
        return Proportion(self.accepted, self.accepted + self.rejected)

    @property
    def recall(self) -> Proportion:
        """The accepted faults that the checks or the judge had found."""
        return Proportion(self.found, self.accepted)


@dataclass(frozen=True, slots=True)
class AuditReport:
    """All audits: the auditors, the numbers of translations and pairs, and the kinds of faults; the last is all."""

    judges: tuple[str, ...]
    translations: int
    pairs: int
    kinds: tuple[KindOfFault, ...]

    @property
    def total(self) -> KindOfFault:
        return self.kinds[-1]

    @property
    def is_small(self) -> bool:
        """True if so few objections are labelled that the proportions say little."""
        return self.total.precision.total < _FEW


async def report(engine: AsyncEngine) -> AuditReport | None:
    """Return the report on all audits; None if there was none."""
    async with database.reading(engine) as connection:
        pairs = await audits.load(connection)
    return counted(pairs) if pairs else None


def counted(pairs: Sequence[AuditedPair]) -> AuditReport:
    """Count the objections among `pairs` by kind. Pure."""
    objections = [pair for pair in pairs if pair.relation.objects]
    kinds = Counter(pair.relation for pair in objections)
    return AuditReport(
        tuple(sorted({pair.judge for pair in pairs})),
        len({pair.call_id for pair in pairs}),
        len(pairs),
        (
            *(_kind(kind, [each for each in objections if each.relation is kind]) for kind in sorted(kinds)),
            _kind(None, objections),
        ),
    )


def _kind(relation: Relation | None, objections: Sequence[AuditedPair]) -> KindOfFault:
    accepted = [pair for pair in objections if pair.accepted]
    return KindOfFault(
        relation,
        len(objections),
        len(accepted),
        sum(pair.accepted is False for pair in objections),
        sum(pair.found for pair in accepted),
        sum(pair.shown for pair in accepted),
    )
