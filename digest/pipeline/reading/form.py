"""A reading as a model is asked for it, and what such an answer says. Pure."""

import re
from contextlib import suppress
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ValidationError, model_validator

from digest.core.models import Claim
from digest.llm.markdown import is_heading
from digest.llm.markup import one_line, quoted
from digest.render import originals

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
    line = originals.stored(one_line(text))
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
