"""Messages about one paper: its card, its reading and answers about it. Pure."""

from dataclasses import replace
from enum import StrEnum
from typing import Any, Protocol

from bot.telegram import words
from bot.telegram.parts import ENTITY_LIMIT, TEXT_LIMIT, Button, Message, Rows
from digest.core.models import Answer, Gap, Paper, Reading, Translation, VersionId
from digest.render import telegram_html, telegram_split


class Form(Protocol):
    """The language and form of a message: a chat's preferences, or those that it had when it asked."""

    @property
    def language(self) -> str:
        """The language as a BCP 47 tag."""

    @property
    def rich(self) -> bool:
        """Return whether rich messages are wanted."""


class Place(StrEnum):
    """The place where a button opens a page of a reading, as stored in its callback data."""

    BESIDE = ""
    """A reply to the message with the button."""
    PAGE = "p"
    """Replaces another page."""
    CARD = "c"
    """Replaces the paper's card, with a button that leads back to it."""


def card(
    paper: Paper,
    translation: Translation | Gap,
    form: Form,
    *,
    opens: bool = False,
    note: str | None = None,
    newer: VersionId | None = None,
) -> Message:
    """Compose the card of a paper: its record, its abstract, buttons, and a `note` at the end.

    With `opens`, a button replaces the card by the reading. With `newer`, another button asks for that version.
    """
    material = {"paper": paper, "translation": translation, "version": paper.version, "note": note}
    html = words.render("card", form.language, **material)
    buttons = _card_buttons(paper.version, form.language, opens=opens)
    if newer is not None:
        label = f"{words.of(form.language).newer_version} v{newer.number}"
        buttons = ((Button(label, f"p:{newer}"),), *buttons)
    texts = telegram_split.split(html, TEXT_LIMIT, ENTITY_LIMIT)
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
    """Split the reading into pages that fit classic messages. With `begun`, empty parts are still being written and are
    left out.
    """
    html = words.render("reading", reading.language, paper=paper, reading=reading, begun=begun)
    return tuple(telegram_split.split(html, TEXT_LIMIT - 200, ENTITY_LIMIT))


def draft(paper: Paper, begun: Reading) -> str:
    """Return the page of a reading that is being written."""
    return reading_pages(paper, begun, begun=True)[-1]


def reading(paper: Paper, found: Reading, page: int, form: Form, *, over_card: bool = False) -> Message:
    """Compose one page of the reading with navigation buttons. Pages count from 1; a `page` out of range means the
    nearest one.

    A rich message holds most readings completely, so later pages are always classic.
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
    """Build the callback data of a button that opens a page of a reading."""
    return ":".join(filter(None, ("r", str(version), str(page), place.value)))


def answer(paper: Paper, found: Answer, form: Form) -> tuple[Message, ...]:
    """Compose the answer to a question with the passages that support it."""
    material = {"paper": paper, "answer": found}
    return _formed("answer", classic(words.render("answer", form.language, **material)), form, material)


def classic(html: str) -> tuple[Message, ...]:
    """Split `html` into classic messages without buttons."""
    return tuple(map(Message, telegram_split.split(html, TEXT_LIMIT, ENTITY_LIMIT)))


def _formed(
    template: str, classic: tuple[Message, ...], form: Form, material: dict[str, Any]
) -> tuple[Message, ...]:
    """Return one rich message if rich messages are wanted and the content fits; otherwise `classic`."""
    if form.rich:
        html = telegram_split.finish(words.render(f"{template}_rich", form.language, **material))
        if telegram_html.fits_rich_message(html):
            return (Message("", classic[-1].buttons, html, classic),)
    return classic
