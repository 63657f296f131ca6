"""The detailed reading of a paper's full text in three parts, by a model."""

import re
from contextlib import suppress
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ValidationError

from digest.flights import Audience
from digest.llm.answers import so_far
from digest.llm.client import Model
from digest.llm.markdown import is_heading
from digest.llm.markup import one_line
from digest.llm.prompts import Prompt, PromptTemplate
from digest.models import Call, Claim, FullText, Origin, Paper, Purpose, Reading

TEXT_LIMIT = 120_000
"""Characters of a full text that a model gets to read; most papers have fewer."""

_TAIL = 24_000  # of them from the end, where results and limits stand
_STATEMENT_LIMIT = 3_000  # characters
_ITEMS = 12  # in one list

_BULLETS = re.compile(
    r"(?:[-*+–—]\s+|[•·・●○◦▪■□◆▶►]\s*|[①-⑳]\s*|[(（]\d{1,2}[)）]\s*|\d{1,2}(?:[)）、]|\.(?!\d))\s*)+"
)
_MARKS = re.compile(r"#{1,6}\s+")
_LABEL = re.compile(r"#{1,6}\s.*|\*\*[^*]{1,60}(?:[:：]\*\*|\*\*[:：])|[^。.!?！？]{1,40}[:：]")


class Reader:
    """Reads papers in `language` (a BCP 47 tag) with the model `model_name`."""

    def __init__(self, model: Model, model_name: str, language: str) -> None:
        self._model = model
        self._language = language
        self._prompt = PromptTemplate(Purpose.READING, ReadingAnswer, language)
        self.origin = Origin(model_name, self._prompt.version)

    async def read(
        self, paper: Paper, text: FullText, audience: Audience | None = None
    ) -> tuple[Reading, Call]:
        """The reading of `paper`, whose text is `text`, and the call that it took. Raises ModelError.

        `audience` waits for it, and may hear what the model writes: see `begun`.
        """
        answered = await self._model.ask(
            self._prompt_for(paper, text.text),
            ReadingAnswer,
            purpose=Purpose.READING,
            version=paper.version,
            language=self._language,
            model=self.origin.model,
            audience=audience,
        )
        answer = answered.value
        parts = (claims(part) for part in (answer.background, answer.method, answer.results))
        return self._reading(paper, *parts), answered.call

    def begun(self, paper: Paper, written: str) -> Reading | None:
        """The reading of `paper` as far as it can be told from what the model has `written`; None where it cannot."""
        found = so_far(written)
        if found is None:
            return None
        parts = [claims(_sound(found.get(name))) for name in ReadingAnswer.model_fields]
        return self._reading(paper, *parts) if any(parts) else None

    def _reading(
        self,
        paper: Paper,
        background: tuple[Claim, ...],
        method: tuple[Claim, ...],
        results: tuple[Claim, ...],
    ) -> Reading:
        return Reading(paper.version, self._language, background, method, results, self.origin)

    def _prompt_for(self, paper: Paper, text: str) -> Prompt:
        omitted = max(0, len(text) - TEXT_LIMIT)
        return self._prompt.render(
            id=paper.version,
            title=paper.title,
            head=text[: TEXT_LIMIT - _TAIL] if omitted else text,
            omitted=omitted,
            tail=text[-_TAIL:] if omitted else "",
        )


def _wording(text: str) -> str:
    """One statement in the stored form, without the bullet or number that a list gives it anyway."""
    line = f"# {one_line(text)}" if is_heading(text) else one_line(text)
    if len(line) > _STATEMENT_LIMIT:
        raise ValueError("too long")
    bullets = _BULLETS.match(line)
    return line[bullets.end() :] if bullets else line


def _form(raw: object) -> object:
    """Where no schema binds them, models write a plain text for an item that has no others under it."""
    return {"text": raw} if isinstance(raw, str) else raw


class _Statement(BaseModel):
    text: Annotated[str, AfterValidator(_wording)]


class _Item(_Statement):
    claims: list[Annotated[_Statement, BeforeValidator(_form)]] = []


def _bounded(items: list[_Item]) -> list[_Item]:
    if not claims(items):
        raise ValueError("nothing said")
    if len(items) > _ITEMS or any(len(item.claims) > _ITEMS for item in items):
        raise ValueError("too many items")
    return items


_Part = Annotated[list[Annotated[_Item, BeforeValidator(_form)]], AfterValidator(_bounded)]


class ReadingAnswer(BaseModel):
    """What the model is asked for: three lists of items, with statements under them."""

    background: _Part
    method: _Part
    results: _Part


def _sound(raw: object) -> list[_Item]:
    """Those items of a part in the making that are in the form asked for already."""
    items = []
    for each in map(_form, raw[:_ITEMS]) if isinstance(raw, list) else ():
        if isinstance(each, dict):
            with suppress(ValidationError):
                items.append(_Item.model_validate({**each, "claims": _sound(each.get("claims"))}))
    return items


def claims(items: list[_Item]) -> tuple[Claim, ...]:
    """What one part of an answer says."""
    return tuple(claim for item in items for claim in _said(item))


def _said(item: _Item) -> tuple[Claim, ...]:
    """What `item` says: a heading that stands alone, a label without a statement and a blank say nothing."""
    under = tuple(Claim(each.text) for each in item.claims if not _is_label(each.text))
    if not item.text:
        return under
    if not under and _is_label(item.text):
        return ()
    return (Claim(_MARKS.sub("", item.text, count=1), under),)


def _is_label(text: str) -> bool:
    return not text or _LABEL.fullmatch(text) is not None
