"""Claims on a paper held against their passages by a judge: does a quote, with the sentences around it, say the claim?

Each claim with its passages is a pair. A claim is not supported if the judge objects, and neither if it finds another
difference or cannot tell (`Relation.OTHER`): a claim that rests on an unrelated sentence says nothing about the paper.
A weaker claim is supported. A claim without a verdict is as if nobody had asked: the checks have decided.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count

import structlog

from digest.checks import evidence
from digest.checks.evidence import Searchable
from digest.core.findings import Finding, Flaw, finding
from digest.core.models import Statement, VersionId
from digest.core.singleflight import Listeners
from digest.core.verdicts import JudgedPair, Verdict
from digest.judging.judge import MOST_CHARACTERS, MOST_PAIRS, Judge
from digest.judging.trust import is_believable

MOST_CALLS = 6
"""The maximum number of calls for the claims of one text; claims beyond them are not judged."""
PASSAGES_LIMIT = 2_000
"""The maximum number of characters of the passages of one claim."""
_BREAK = " … "

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Subject:
    """The paper that claims are about, its text, and the language (a BCP 47 tag) of the claims."""

    version: VersionId
    language: str
    text: Searchable


async def findings(
    judge: Judge, claims: Sequence[Statement], subject: Subject, listeners: Listeners | None = None
) -> dict[Statement, Finding | None]:
    """Return the judge's finding on each claim, None for those that it confirms; unjudged ones are absent.

    All are absent if the judge does not answer or has lost trust. Whether so many objections to one text are to be
    believed, the caller decides (`are_believable`).
    """
    pairs = await asyncio.to_thread(paired, claims, subject.text)
    judged = (
        judge.judge(
            batch, version=subject.version, language=subject.language, about="claims", listeners=listeners
        )
        for batch in batches(pairs)[:MOST_CALLS]
    )
    verdicts: dict[int, Verdict] = {}
    for each in await asyncio.gather(*judged):  # at once: somebody may wait, and a judge may hang
        verdicts.update(each.verdicts)
    found = {
        claim: _finding(claim, verdicts[number])
        for number, claim in enumerate(claims, 1)
        if number in verdicts
    }
    _log.info(
        "claims_judged",
        paper=str(subject.version),
        claims=len(claims),
        judged=len(found),
        objections=_objections(found),
    )
    return found


def are_believable(found: Mapping[Statement, Finding | None]) -> bool:
    """Return False if so many objections to one text say more about the judge than about the text. Pure."""
    return is_believable(_objections(found), len(found))


def _objections(found: Mapping[Statement, Finding | None]) -> int:
    return sum(each is not None for each in found.values())


def paired(claims: Sequence[Statement], text: Searchable) -> list[JudgedPair]:
    """Return each claim with its passages, numbered from 1. Pure."""
    return [JudgedPair(number, passages(claim, text), claim.text) for number, claim in enumerate(claims, 1)]


def passages(claim: Statement, text: Searchable) -> str:
    """Return the passages of `claim` in their neighbourhoods; if that is too long, those alone that fit. Pure."""
    around: list[str] = []
    for quote in claim.quotes:
        if not any(quote in passage for passage in around):
            around.append(evidence.neighbourhood(quote, text))
    whole = _BREAK.join(around)
    return whole if len(whole) <= PASSAGES_LIMIT else _BREAK.join(claim.quotes)[:PASSAGES_LIMIT]


def batches(pairs: Sequence[JudgedPair]) -> list[Sequence[JudgedPair]]:
    """Deal `pairs` out to as few calls as a judge can answer, all of about the same size. Pure."""
    if not pairs:
        return []
    dealt = ([pairs[first::calls] for first in range(calls)] for calls in count(1))
    return next(calls for calls in dealt if all(map(_fits, calls)))


def _fits(pairs: Sequence[JudgedPair]) -> bool:
    characters = sum(len(pair.original) + len(pair.made) for pair in pairs)
    return len(pairs) <= MOST_PAIRS and (characters <= MOST_CHARACTERS or len(pairs) == 1)


def _finding(claim: Statement, verdict: Verdict) -> Finding | None:
    if verdict.relation.confirms:
        return None
    return finding(Flaw.NOT_SAID, f"{verdict.relation}: {verdict.words or claim.text[: evidence.TOLD]}")
