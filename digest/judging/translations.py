"""The review of a translation by a judge: its objections, the findings for the repair, and what is shown in the end.

Screens choose the pairs of sentences. A sentence that the judge still objects to after the repair is shown in the
original, with a mark; the summary, which may repeat it, is then left out.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from digest.checks.translation import Original, Translated
from digest.core.findings import Finding, Flaw, finding
from digest.core.models import VersionId
from digest.core.singleflight import Listeners
from digest.core.verdicts import JudgedPair, Relation, Verdict
from digest.judging.judge import Judge
from digest.render import i18n
from digest.render.stored_text import stored

Screen = Callable[[Original, Translated, str], tuple[JudgedPair, ...]]
"""Chooses the pairs of a translation into a language (a BCP 47 tag) that are to be judged."""

_UNFIT = frozenset(
    {Flaw.EMPTY, Flaw.REFUSAL, Flaw.UNTRANSLATED, Flaw.SCRIPT, Flaw.LENGTH, Flaw.REPETITION, Flaw.CHAT}
)
"""Flaws of a text as a whole: whatever its sentences mean, it is made again."""
_DOUBTED_SHARE = 0.9  # of the characters of both abstracts, for pairs that a screen doubts
_SHARE = 0.3  # with the others
_SPACES = re.compile(r"(?<=[ \n]) +| +(?=\n)")


@dataclass(frozen=True, slots=True)
class Objection:
    """A pair of sentences that do not mean the same, and the verdict that says so."""

    pair: JudgedPair
    verdict: Verdict


def as_finding(objection: Objection) -> Finding:
    """Return the objection for the model that repairs the translation, and for the reports."""
    return finding(Flaw.MEANING, f"{objection.verdict.relation}: {objection.pair.made}")


def is_worth_judging(findings: Sequence[Finding]) -> bool:
    """Return False if the checks found that the text is made again as a whole. Pure."""
    return not any(each.hard and each.flaw in _UNFIT for each in findings)


class Reviewer:
    """Has the pairs that `screen` chooses judged by `judge`."""

    def __init__(self, judge: Judge, screen: Screen) -> None:
        self._judge = judge
        self._screen = screen

    async def objections(
        self,
        original: Original,
        made: Translated,
        version: VersionId,
        language: str,
        listeners: Listeners | None = None,
    ) -> tuple[Objection, ...]:
        """Return the judge's objections to `made`; none if it does not answer or is not believed."""
        pairs = affordable(self._screen(original, made, language), original, made)
        judged = await self._judge.judge(
            pairs, version=version, language=language, about="translation", listeners=listeners
        )
        verdicts = ((pair, judged.verdicts.get(pair.id)) for pair in pairs)
        return tuple(
            Objection(pair, verdict)
            for pair, verdict in verdicts
            if verdict and verdict.relation.objects and not _only_shortens(pair, verdict, made)
        )


def _only_shortens(pair: JudgedPair, verdict: Verdict, made: Translated) -> bool:
    """Return True if the verdict says no more than that a summary is one."""
    return verdict.relation is Relation.MISSING and _is_summary(pair, made)


def affordable(pairs: Sequence[JudgedPair], original: Original, made: Translated) -> tuple[JudgedPair, ...]:
    """Return the pairs that a screen doubts, and of the others those near the end, where results stand. Pure.

    Both are bounded by shares of the text, so that judging costs two fifths of the tokens of translating on average. A
    summary, which is compared with the whole abstract, comes last.
    """
    whole, used = len(original.abstract) + len(made.abstract), 0
    chosen = set()
    for pair in sorted(pairs, key=lambda each: (not each.is_doubted, _is_summary(each, made), -each.id)):
        size = len(pair.original) + len(pair.made)
        if used + size <= (_DOUBTED_SHARE if pair.is_doubted else _SHARE) * whole:
            chosen.add(pair.id)
            used += size
    return tuple(pair for pair in pairs if pair.id in chosen)


def _is_summary(pair: JudgedPair, made: Translated) -> bool:
    return bool(made.summary) and pair.made.strip() == (made.summary or "").strip()


def with_originals(
    original: Original, made: Translated, objections: Sequence[Objection], language: str
) -> Translated | None:
    """Return `made` with the original in place of each sentence that is objected to; None if one is not found. Pure.

    Pairs are in the stored form, so `made` is searched and returned in it.
    """
    if not objections:
        return made
    made = Translated(stored(made.title or "") or None, stored(made.abstract), stored(made.summary or ""))
    mark = str(i18n.words("post", i18n.words_of("post", language)).original_mark)
    for objection in objections:
        found = _replaced(original, made, objection.pair, mark)
        if found is None:
            return None
        made = found
    return replace(made, summary=None)


def _replaced(original: Original, made: Translated, pair: JudgedPair, mark: str) -> Translated | None:
    said = pair.made.strip()
    if said == (made.title or "").strip():
        return replace(made, title=original.title)
    if said == (made.summary or "").strip():
        return replace(made, summary=None)
    place = re.search(r"\s*".join(map(re.escape, said.split())), made.abstract) if said else None
    if place is None:
        return None
    shown = f" {mark} {' '.join(pair.original.split())} "
    abstract = made.abstract[: place.start()] + shown + made.abstract[place.end() :]
    return replace(made, abstract=_SPACES.sub("", abstract).strip())
