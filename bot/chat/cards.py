"""What is shown of one paper -> messages: its card, its reading, answers about it. Pure."""

from dataclasses import replace
from enum import StrEnum
from typing import Any, Protocol

from bot.chat import words
from bot.chat.parts import ENTITY_LIMIT, TEXT_LIMIT, Button, Message, Rows
from digest.models import Answer, Gap, Paper, Reading, Translation, VersionId
from digest.render import splitting, telegram_rich


class Form(Protocol):
    """In which language and form something is shown: by the choices of a chat, or as they were when it asked."""

    @property
    def language(self) -> str:
        """A BCP 47 tag."""

    @property
    def rich(self) -> bool:
        """Whether rich messages are wanted."""


class Place(StrEnum):
    """Where a button opens a page of a reading, as its data says it."""

    BESIDE = ""
    """In answer to the message that has the button."""
    PAGE = "p"
    """In place of another page."""
    CARD = "c"
    """In place of the paper's card, with a way back to it."""


def card(
    paper: Paper,
    translation: Translation | Gap,
    form: Form,
    *,
    opens: bool = False,
    note: str | None = None,
    newer: VersionId | None = None,
) -> Message:
    """A paper by itself: its record and its abstract, with what can be done about it, and a `note` at its end.

    Where it `opens`, a button puts the reading in its place; another one reads the version `newer`.
    """
    material = {"paper": paper, "translation": translation, "version": paper.version, "note": note}
    html = words.render("card", form.language, **material)
    buttons = _card_buttons(paper.version, form.language, opens=opens)
    if newer is not None:
        label = f"{words.of(form.language).newer_version} v{newer.number}"
        buttons = ((Button(label, f"p:{newer}"),), *buttons)
    texts = splitting.split(html, TEXT_LIMIT, ENTITY_LIMIT)
    return _formed("card", (Message(texts[0], buttons),), form, material)[0]


def _card_buttons(version: VersionId, language: str, *, opens: bool) -> Rows:
    says = words.of(language)
    first = [Button(str(says.reading), page_data(version, 1, Place.CARD))] if opens else []
    return (
        (*first, _ask(version, language)),
        (
            Button("arXiv", url=f"https://arxiv.org/abs/{version}"),
            Button("PDF", url=f"https://arxiv.org/pdf/{version}"),
        ),
    )


def reading_pages(paper: Paper, reading: Reading, *, begun: bool = False) -> tuple[str, ...]:
    """The reading in pages, each a classic message; where it has but `begun`, an empty part is still to come."""
    html = words.render("reading", reading.language, paper=paper, reading=reading, begun=begun)
    return tuple(splitting.split(html, TEXT_LIMIT - 200, ENTITY_LIMIT))


def draft(paper: Paper, begun: Reading) -> str:
    """The page of a reading on which is being written."""
    return reading_pages(paper, begun, begun=True)[-1]


def reading(paper: Paper, found: Reading, page: int, form: Form, *, over_card: bool = False) -> Message:
    """One page of the reading, counted from 1, with the way to the others; a page that is not there is the nearest.

    A rich message holds the whole of most readings; whoever is past the first page has classic ones.
    """
    place = Place.CARD if over_card else Place.PAGE
    pages = reading_pages(paper, found)
    page = min(max(page, 1), len(pages))
    below = _below_reading(paper.version, form.language, place)
    turning = _pager(paper.version, page, len(pages), form.language, place)
    shown = Message(pages[page - 1], (*turning, below))
    if page > 1:
        return shown
    (whole,) = _formed("reading", (shown,), form, {"paper": paper, "reading": found})
    return whole if whole.rich is None else replace(whole, buttons=(below,))


def _below_reading(version: VersionId, language: str, place: Place) -> tuple[Button, ...]:
    says = words.of(language)
    back = [Button(f"‹ {says.abstract}", f"k:{version}")] if place is Place.CARD else []
    return (*back, _ask(version, language))


def _pager(version: VersionId, page: int, pages: int, language: str, place: Place) -> Rows:
    if pages < 2:
        return ()
    says = words.of(language)
    back = [Button(f"‹ {says.previous}", page_data(version, page - 1, place))] if page > 1 else []
    forth = [Button(f"{says.next} ›", page_data(version, page + 1, place))] if page < pages else []
    return ((*back, Button(f"{page}/{pages}", page_data(version, page, place)), *forth),)


def _ask(version: VersionId, language: str) -> Button:
    return Button(str(words.of(language).ask), f"q:{version}")


def page_data(version: VersionId, page: int, place: Place) -> str:
    """What a button sends that opens a page of a reading there."""
    return ":".join(filter(None, ("r", str(version), str(page), place.value)))


def answer(paper: Paper, found: Answer, form: Form) -> tuple[Message, ...]:
    """The answer to a question, with the passages that it rests on."""
    material = {"paper": paper, "answer": found}
    return _formed("answer", classic(words.render("answer", form.language, **material)), form, material)


def classic(html: str) -> tuple[Message, ...]:
    """The classic messages that hold `html`, without buttons."""
    return tuple(map(Message, splitting.split(html, TEXT_LIMIT, ENTITY_LIMIT)))


def _formed(
    template: str, classic: tuple[Message, ...], form: Form, material: dict[str, Any]
) -> tuple[Message, ...]:
    """`classic`, or one rich message in its stead, where that is asked for and has room for it all."""
    if form.rich:
        html = splitting.finish(words.render(f"{template}_rich", form.language, **material))
        if telegram_rich.fits(html):
            return (Message("", classic[-1].buttons, html, classic),)
    return classic
