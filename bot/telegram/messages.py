"""Composes the messages about papers, editions and campaigns, and decides which papers share a message. Pure.

A message of an edition takes as many whole papers as fit Telegram's limits, at most 24 with their buttons. A paper is
split only if it is too long for one message; the buttons then go under its last part. A rich message carries its
classic form, which replaces it if a single paper is too long for a rich one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Protocol

from bot.core.models import Campaign, Detail, Preferences, Subject
from bot.telegram import templates
from bot.telegram.templates import ENTITY_LIMIT, TEXT_LIMIT, Button, Message, Rows, rows
from digest.core.models import Answer, Edition, Entry, Gap, Paper, Reading, Translation, VersionId
from digest.render import announcement, telegram_html, telegram_split


class MessageForm(Protocol):
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
    form: MessageForm,
    *,
    opens: bool = False,
    note: str | None = None,
    newer: VersionId | None = None,
) -> Message:
    """Compose the card of a paper: its record, its abstract, buttons, and a `note` at the end.

    With `opens`, a button replaces the card by the reading. With `newer`, another button asks for that version.
    """
    material = {"paper": paper, "translation": translation, "version": paper.version, "note": note}
    html = templates.render("card", form.language, **material)
    buttons = _card_buttons(paper.version, form.language, opens=opens)
    if newer is not None:
        label = f"{templates.words(form.language).newer_version} v{newer.number}"
        buttons = ((Button(label, f"p:{newer}"),), *buttons)
    texts = telegram_split.split(html, TEXT_LIMIT, ENTITY_LIMIT)
    return _formed("card", (Message(texts[0], buttons),), form, material)[0]


def _card_buttons(version: VersionId, language: str, *, opens: bool) -> Rows:
    says = templates.words(language)
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
    html = templates.render("reading", reading.language, paper=paper, reading=reading, begun=begun)
    return tuple(telegram_split.split(html, TEXT_LIMIT - 200, ENTITY_LIMIT))


def draft(paper: Paper, begun: Reading) -> str:
    """Return the page of a reading that is being written."""
    return reading_pages(paper, begun, begun=True)[-1]


def reading(
    paper: Paper, found: Reading, page: int, form: MessageForm, *, over_card: bool = False
) -> Message:
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
    says = templates.words(language)
    back = [Button(f"‹ {says.abstract}", f"k:{version}")] if place is Place.CARD else []
    return (*back, _ask(version, language))


def _pager(version: VersionId, page: int, pages: int, language: str, place: Place) -> Rows:
    if pages < 2:
        return ()
    says = templates.words(language)
    back = [Button(f"‹ {says.previous}", page_data(version, page - 1, place))] if page > 1 else []
    forth = [Button(f"{says.next} ›", page_data(version, page + 1, place))] if page < pages else []
    return ((*back, Button(f"{page}/{pages}", page_data(version, page, place)), *forth),)


def _ask(version: VersionId, language: str) -> Button:
    return Button(str(templates.words(language).ask), f"q:{version}")


def page_data(version: VersionId, page: int, place: Place) -> str:
    """Build the callback data of a button that opens a page of a reading."""
    return ":".join(filter(None, ("r", str(version), str(page), place.value)))


def answer(paper: Paper, found: Answer, form: MessageForm) -> tuple[Message, ...]:
    """Compose the answer to a question with the passages that support it."""
    material = {"paper": paper, "answer": found}
    return _formed("answer", classic(templates.render("answer", form.language, **material)), form, material)


def classic(html: str) -> tuple[Message, ...]:
    """Split `html` into classic messages without buttons."""
    return tuple(map(Message, telegram_split.split(html, TEXT_LIMIT, ENTITY_LIMIT)))


def _formed(
    template: str, classic: tuple[Message, ...], form: MessageForm, material: dict[str, Any]
) -> tuple[Message, ...]:
    """Return one rich message if rich messages are wanted and the content fits; otherwise `classic`."""
    if form.rich:
        html = telegram_split.finish(templates.render(f"{template}_rich", form.language, **material))
        if telegram_html.fits_rich_message(html):
            return (Message("", classic[-1].buttons, html, classic),)
    return classic


_SEPARATOR = "\n\n"
_BUTTONS = 24  # buttons under one message; more do not fit on a phone


@dataclass(frozen=True, slots=True)
class _MessageBlock:
    """One paper of a digest, and the button that opens more of it."""

    html: str
    rich: str
    button: Button | None


def campaign_messages(
    campaign: Campaign, edition: Edition | None, preferences: Preferences
) -> tuple[Message, ...]:
    """Compose the messages of a campaign for subscribers with these `preferences`."""
    if campaign.subject is Subject.BROADCAST:
        return classic(announcement.message(campaign.text or ""))
    if edition is None:
        return (Message(templates.render("quiet", preferences.language, day=campaign.edition_date)),)
    return digest(edition, preferences)


def digest(edition: Edition, preferences: Preferences) -> tuple[Message, ...]:
    """Compose the edition in as few messages as possible. A paper is split only if it is too long for one message."""
    head = templates.render("header", preferences.language, edition=edition)
    blocks = [_block(number, entry, preferences) for number, entry in enumerate(edition.entries, start=1)]
    if edition.replacements:
        listed = templates.render("replacements", preferences.language, papers=edition.replacements)
        rich = templates.render("replacements_rich", preferences.language, papers=edition.replacements)
        blocks.append(_MessageBlock(listed, rich, None))
    width = 8 if preferences.detail is Detail.TITLES else 3
    if preferences.rich:
        rich_head = templates.render("header_rich", preferences.language, edition=edition)
        return _richly((head, rich_head), blocks, width)
    return _packed(head, blocks, width)


def _block(number: int, entry: Entry, preferences: Preferences) -> _MessageBlock:
    material = {"number": number, "entry": entry, "detail": preferences.detail}
    html = templates.render("entry", preferences.language, **material)
    rich = templates.render("entry_rich", preferences.language, **material) if preferences.rich else ""
    return _MessageBlock(html, rich, _more(number, entry, preferences))


def _more(number: int, entry: Entry, preferences: Preferences) -> Button | None:
    version, says = entry.paper.version, templates.words(preferences.language)
    if preferences.detail is Detail.TITLES:
        return Button(str(number), f"p:{version}")
    if preferences.detail is Detail.READINGS and isinstance(entry.reading, Reading):
        return None
    return Button(f"{number} · {says.reading}", page_data(version, 1, Place.BESIDE))


def _packed(head: str, blocks: Sequence[_MessageBlock], width: int) -> tuple[Message, ...]:
    made: list[Message] = []
    pending = _Pending(head)
    for block in blocks:
        if not pending.fits(block):
            made += pending.messages(width)
            pending = _Pending("")
        pending.add(block)
    return (*made, *pending.messages(width))


class _Pending:
    """A message that is being filled with papers."""

    def __init__(self, head: str) -> None:
        self._pieces = [head] if head else []
        self._buttons: list[Button] = []
        self._units, self._entities = telegram_split.measure(head)

    def fits(self, block: _MessageBlock) -> bool:
        units, entities = telegram_split.measure(block.html)
        return (
            self._units + len(_SEPARATOR) + units <= TEXT_LIMIT
            and self._entities + entities <= ENTITY_LIMIT
            and len(self._buttons) < _BUTTONS
        )

    def add(self, block: _MessageBlock) -> None:
        units, entities = telegram_split.measure(block.html)
        self._pieces.append(block.html)
        self._units += len(_SEPARATOR) + units
        self._entities += entities
        if block.button is not None:
            self._buttons.append(block.button)

    def messages(self, width: int) -> list[Message]:
        """Return one message, or several if a single paper is too long for one. The buttons go under the last."""
        texts = telegram_split.split(_SEPARATOR.join(self._pieces), TEXT_LIMIT, ENTITY_LIMIT)
        return [
            Message(text, rows(self._buttons, width) if at == len(texts) else ())
            for at, text in enumerate(texts, start=1)
        ]


def _richly(heads: tuple[str, str], blocks: Sequence[_MessageBlock], width: int) -> tuple[Message, ...]:
    """Compose rich messages, each with its classic fallback. A paper that is too long for a rich message is sent as
    classic ones.
    """
    classic_head, head = heads
    made: list[Message] = []
    for group in _groups(head, blocks):
        classic = _packed(classic_head, group, width)
        html = telegram_split.finish(head + "".join(block.rich for block in group))
        buttons = rows([block.button for block in group if block.button], width)
        made += [Message("", buttons, html, classic)] if telegram_html.fits_rich_message(html) else classic
        classic_head = head = ""
    return tuple(made)


def _groups(head: str, blocks: Sequence[_MessageBlock]) -> Iterator[list[_MessageBlock]]:
    """Group `blocks` into messages below `head`. Each message takes as many whole blocks as fit."""
    group: list[_MessageBlock] = []
    html = head
    for block in blocks:
        if group and (len(group) >= _BUTTONS or not telegram_html.fits_rich_message(html + block.rich)):
            yield group
            group, html = [], ""
        group.append(block)
        html += block.rich
    yield group
