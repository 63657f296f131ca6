"""Checks of a reading: each claim is held against the passages that it names. Pure.

A claim that has others under it rests on their passages too. Numbers are asked for in the results alone: elsewhere they
are part of an explanation that no single passage gives.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from digest.checks import evidence, script
from digest.checks.quotes import Searchable
from digest.core.findings import Finding, Flaw, finding
from digest.core.models import Claim
from digest.pipeline.reading.form import is_label

Parts = tuple[tuple[Claim, ...], ...]
"""The three lists of a reading."""
_RESULTS = 2  # which of them


@dataclass(frozen=True, slots=True)
class Grounds:
    """The grounds for checking a reading: the paper's text, and the language (a BCP 47 tag) it should be in."""

    text: Searchable
    language: str


@dataclass(frozen=True, slots=True)
class Failing:
    """A claim that does not stand: in which part, and why."""

    part: int
    claim: Claim
    finding: Finding


def failing(parts: Parts, grounds: Grounds) -> tuple[Failing, ...]:
    """The claims that do not stand, in the order of `mended`."""
    return tuple(
        Failing(number, claim, finding)
        for number, part in enumerate(parts)
        for claim in _walk(part)
        if (finding := _fault(claim, grounds, number)) is not None
    )


def mended(parts: Parts, corrections: Parts, grounds: Grounds) -> tuple[Parts, tuple[Finding, ...]]:
    """The claims that stand, with the `corrections` of each part in the place of those that do not, in their order.

    A correction that does not stand either leaves a gap: what was dropped, the findings tell.
    """
    made = [
        _mended(part, fresh, grounds, number)
        for number, (part, fresh) in enumerate(zip(parts, corrections, strict=True))
    ]
    return tuple(kept for kept, _ in made), tuple(finding for _, dropped in made for finding in dropped)


def _mended(
    part: Sequence[Claim], corrections: Sequence[Claim], grounds: Grounds, number: int
) -> tuple[tuple[Claim, ...], list[Finding]]:
    """Return the claims of one part that stand, corrected if need be, and why the others were dropped.

    Some models repeat all of their answer where they are asked for what was wrong with it.
    """
    standing = {claim.text for claim in _walk(part) if _fault(claim, grounds, number) is None}
    left, dropped = (each for each in corrections if each.text not in standing), []

    def decide(claim: Claim) -> Claim | None:
        wrong = _fault(claim, grounds, number)
        if wrong is None:
            return _with_located(claim, grounds)
        correction = next(left, None)
        if correction is not None and correction.text and _fault(correction, grounds, number) is None:
            return _with_located(correction, grounds)
        dropped.append(wrong)
        return None

    return _kept(part, decide), dropped


def _walk(claims: Sequence[Claim]) -> Iterator[Claim]:
    """All of `claims`, those under one before it."""
    for claim in claims:
        yield from _walk(claim.claims)
        yield claim


def _kept(claims: Sequence[Claim], decide: Callable[[Claim], Claim | None]) -> tuple[Claim, ...]:
    """Return `claims` as `decide` leaves them; claims under a dropped claim take its place."""
    kept: list[Claim] = []
    for claim in claims:
        under = _kept(claim.claims, decide)
        decided = decide(claim)
        if decided is None:
            kept.extend(under)
        elif under or not is_label(decided.text):
            kept.append(replace(decided, claims=under))
    return tuple(kept)


def _fault(claim: Claim, grounds: Grounds, part: int) -> Finding | None:
    if script.is_in_another(claim.text, grounds.language):
        return finding(Flaw.SCRIPT, claim.text[: evidence.TOLD])
    passages = evidence.located((quote for each in _walk((claim,)) for quote in each.quotes), grounds.text)
    found = evidence.fault(claim.text, passages, grounds.text, numbers=part == _RESULTS)
    if found is not None and found.flaw is Flaw.UNFOUNDED and is_label(claim.text):
        return None
    return found


def _with_located(claim: Claim, grounds: Grounds) -> Claim:
    return replace(claim, quotes=evidence.located(claim.quotes, grounds.text))


def doubts(parts: Parts, abstract: str) -> tuple[Finding, ...]:
    """Return the oddities of a reading that stands; they are kept with it, for whoever looks after the quality."""
    texts = [[claim.text for claim in _walk(part)] for part in parts]
    odd = (found for part in texts for text in part for found in evidence.doubts(text))
    return (*odd, *evidence.disagreements(abstract, texts[_RESULTS]))
