"""The form in which a reading is requested, and the checks of each claim against the passages that it names. Pure.

A claim that has others under it rests on their passages too. What the checks let stand, a judge may still object to
(`digest.judging.claims`): its objections are part of the grounds.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ValidationError, model_validator

from digest.checks import evidence, typography
from digest.checks.evidence import Searchable
from digest.core.findings import Finding, Flaw, finding
from digest.core.models import Claim, Statement
from digest.llm.answer_text import is_heading, one_line, quoted
from digest.render import stored_text

_STATEMENT_LIMIT = 3_000  # characters
_ITEMS = 12  # in one list
_QUOTES = 6  # of one statement

_BULLETS = re.compile(
    r"(?:[-*+–—]\s+|[•·・●○◦▪■□◆▶►]\s*|[①-⑳]\s*|[(（]\d{1,2}[)）]\s*|\d{1,2}(?:[)）、]|\.(?!\d))\s*)+"
)
_MARKS = re.compile(r"#{1,6}\s+")
_LABEL = re.compile(r"#{1,6}\s.*|\*\*[^*]{1,60}(?:[:：]\*\*|\*\*[:：])|[^。.!?！？]{1,40}[:：]")


def _wording(text: str) -> str:
    """One statement in the stored form, without the bullet or number that a list gives it; blank where it runs on."""
    line = stored_text.stored(one_line(text))
    line = f"# {line}" if is_heading(text) else line
    if len(line) > _STATEMENT_LIMIT:
        return ""
    bullets = _BULLETS.match(line)
    return line[bullets.end() :] if bullets else line


def _form(raw: object) -> object:
    """Turn a plain text into an item: without a schema, models write one for an item with none under it."""
    return {"text": raw} if isinstance(raw, str) else raw


def _listed(raw: object) -> object:
    """Turn a single passage, or none, into a list: without a schema, models do not write one for these."""
    return [raw] if isinstance(raw, str) else raw or []


def _passages(quotes: list[str]) -> list[str]:
    return [quoted(quote) for quote in quotes[:_QUOTES]]


class _Statement(BaseModel):
    text: Annotated[str, AfterValidator(_wording)]
    quotes: Annotated[list[str], BeforeValidator(_listed), AfterValidator(_passages)] = []


def _bounded(items: object) -> object:
    """The first of `items`: one too many is no reason to pay for another answer."""
    return items[:_ITEMS] if isinstance(items, list) else items or []


class _Item(_Statement):
    claims: Annotated[list[Annotated[_Statement, BeforeValidator(_form)]], BeforeValidator(_bounded)] = []


_Part = Annotated[list[Annotated[_Item, BeforeValidator(_form)]], BeforeValidator(_bounded)]


class Lists(BaseModel):
    """Three lists of items, with statements under them; any may be empty."""

    background: _Part
    method: _Part
    results: _Part

    @property
    def parts(self) -> tuple[tuple[Claim, ...], ...]:
        """The claims of each list."""
        return tuple(claims(items) for items in self._lists)

    @property
    def corrections(self) -> tuple[tuple[Claim, ...], ...]:
        """One claim for each item, where statements were asked for anew: a blank for what cannot be mended."""
        return tuple(tuple(map(_claim, items)) for items in self._lists)

    @property
    def _lists(self) -> tuple[list[_Item], ...]:
        return (self.background, self.method, self.results)


class ReadingAnswer(Lists):
    """The answer that the model is asked for. Its lists must not all be empty."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not any(self.parts):
            raise ValueError("nothing said")
        return self


def begun(answer: dict[str, object]) -> tuple[tuple[Claim, ...], ...]:
    """Return the claims that each part of an unfinished answer already holds."""
    return tuple(claims(_sound(answer.get(name))) for name in ReadingAnswer.model_fields)


def _sound(raw: object) -> list[_Item]:
    """Return the items of an unfinished part that already have the form asked for."""
    items = []
    for each in map(_form, raw[:_ITEMS]) if isinstance(raw, list) else ():
        if isinstance(each, dict):
            with suppress(ValidationError):
                items.append(_Item.model_validate({**each, "claims": _sound(each.get("claims"))}))
    return items


def claims(items: list[_Item]) -> tuple[Claim, ...]:
    """Return the claims of one part of an answer, without duplicates."""
    said = (claim for item in items for claim in _said(item))
    return tuple({claim.text: claim for claim in said}.values())


def _said(item: _Item) -> tuple[Claim, ...]:
    """Return the claims of `item`; a lone heading, a label without a statement and a blank give none."""
    under = tuple({each.text: _claim(each) for each in item.claims if not is_label(each.text)}.values())
    if not item.text:
        return under
    if not under and is_label(item.text):
        return ()
    return (Claim(_MARKS.sub("", item.text, count=1), under, tuple(item.quotes)),)


def _claim(statement: _Statement) -> Claim:
    return Claim(statement.text, quotes=tuple(statement.quotes))


def is_label(text: str) -> bool:
    """Return whether `text` is blank or a mere label, which says nothing by itself."""
    return not text or _LABEL.fullmatch(text) is not None


Parts = tuple[tuple[Claim, ...], ...]
"""The three lists of a reading."""
_RESULTS = 2  # which of them


@dataclass(frozen=True, slots=True)
class ReadingSource:
    """The grounds for checking a reading: the paper's text, and the language (a BCP 47 tag) it should be in.

    `judged` are a judge's findings on claims with their passages, None for those that it confirms; empty without a
    judge that is believed. With one, a correction stands only if the judge confirms it.
    """

    text: Searchable
    language: str
    judged: Mapping[Statement, Finding | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failing:
    """A claim that does not stand: in which part, and why."""

    part: int
    claim: Claim
    finding: Finding


def failing(parts: Parts, grounds: ReadingSource) -> tuple[Failing, ...]:
    """The claims that do not stand, in the order of `mended`."""
    return tuple(
        Failing(number, claim, finding)
        for number, part in enumerate(parts)
        for claim in _walk(part)
        if (finding := _fault(claim, grounds)) is not None
    )


def mended(parts: Parts, corrections: Parts, grounds: ReadingSource) -> tuple[Parts, tuple[Finding, ...]]:
    """The claims that stand, with the `corrections` of each part in the place of those that do not, in their order.

    A correction that does not stand either leaves a gap: what was dropped, the findings tell.
    """
    made = [_mended(part, fresh, grounds) for part, fresh in zip(parts, corrections, strict=True)]
    return tuple(kept for kept, _ in made), tuple(finding for _, dropped in made for finding in dropped)


def unjudged(parts: Parts, grounds: ReadingSource) -> tuple[Statement, ...]:
    """Return the claims that stand and are not judged yet, with their passages; mere labels say nothing to judge."""
    claims = (claim for part in parts for claim in _walk(part) if claim.text and not is_label(claim.text))
    stated = dict.fromkeys(_stated(claim, grounds) for claim in claims if _fault(claim, grounds) is None)
    return tuple(statement for statement in stated if statement not in grounds.judged)


def _mended(
    part: Sequence[Claim], corrections: Sequence[Claim], grounds: ReadingSource
) -> tuple[tuple[Claim, ...], list[Finding]]:
    """Return the claims of one part that stand, corrected if need be, and why the others were dropped.

    Some models repeat all of their answer where they are asked for what was wrong with it.
    """
    standing = {claim.text for claim in _walk(part) if _fault(claim, grounds) is None}
    left, dropped = (each for each in corrections if each.text not in standing), []

    def decide(claim: Claim) -> Claim | None:
        wrong = _fault(claim, grounds)
        if wrong is None:
            return _with_located(claim, grounds)
        correction = next(left, None)
        if correction is not None and _is_sound(correction, grounds):
            return _with_located(correction, grounds)
        dropped.append(wrong)
        return None

    return _kept(part, decide), dropped


def _is_sound(correction: Claim, grounds: ReadingSource) -> bool:
    """Return True if `correction` stands and, where claims are judged, the judge confirms it."""
    if not correction.text or _fault(correction, grounds) is not None:
        return False
    return not grounds.judged or _stated(correction, grounds) in grounds.judged


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


def _fault(claim: Claim, grounds: ReadingSource) -> Finding | None:
    if typography.is_in_another_script(claim.text, grounds.language):
        return finding(Flaw.SCRIPT, claim.text[: evidence.TOLD])
    stated = _stated(claim, grounds)
    found = evidence.fault(stated.text, stated.quotes, grounds.text)
    if found is not None and found.flaw is Flaw.UNFOUNDED and is_label(claim.text):
        return None
    return found or grounds.judged.get(stated)


def _stated(claim: Claim, grounds: ReadingSource) -> Statement:
    """Return the text of `claim` with the passages that it rests on: its own, then those of the claims under it."""
    quotes = (*claim.quotes, *(quote for each in _walk(claim.claims) for quote in each.quotes))
    return Statement(claim.text, evidence.located(dict.fromkeys(quotes), grounds.text))


def _with_located(claim: Claim, grounds: ReadingSource) -> Claim:
    return replace(claim, quotes=evidence.located(claim.quotes, grounds.text))


def doubts(parts: Parts, abstract: str) -> tuple[Finding, ...]:
    """Return the oddities of a reading that stands; they are kept with it, for whoever looks after the quality."""
    texts = [[claim.text for claim in _walk(part)] for part in parts]
    odd = (found for part in texts for text in part for found in evidence.doubts(text))
    return (*odd, *evidence.disagreements(abstract, texts[_RESULTS]))
