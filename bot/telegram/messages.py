"""Composes the messages about papers, editions and campaigns, and decides which papers share a message. Pure.

A message of an edition takes as many whole papers as fit Telegram's limits, at most 24 with their buttons. A paper is
split only if it is too long for one message; the buttons then go under its last part. A rich message carries its
classic form, which replaces it if a single paper is too long for a rich one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from typing import Any, Protocol

from bot.core.models import Campaign, Detail, Preferences, Subject
from bot.telegram import templates
from bot.telegram.templates import ENTITY_LIMIT, TEXT_LIMIT, Button, Message, Rows, rows
from digest.core.identity import Identity
from digest.core.models import Answer, Edition, Entry, Gap, Paper, Reading, Translation, VersionId
from digest.render import announcement, telegram_html, telegram_split
from digest.render.telegram_html import RichSize
from digest.render.telegram_split import Fragment


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
_KEPT = 2048  # rendered papers in each form: different selections from an edition show the same ones


@dataclass(frozen=True, slots=True)
class _Rich:
    """The rich form of a part of a digest: as it is sent, and the sizes of its template's output and of that."""

    html: str
    drafted: RichSize
    size: RichSize


@dataclass(frozen=True, slots=True)
class _MessageBlock:
    """One paper of a digest, and the button that opens more of it; `alone` are its messages if it fits no message."""

    classic: Fragment
    alone: tuple[str, ...] = ()
    rich: _Rich | None = None
    button: Button | None = None


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
    """Compose the edition in as few messages as possible. A paper is split only if it is too long for one message.

    Each paper is rendered once in each form, and only its number differs between selections.
    """
    language = preferences.language
    blocks = [_block(number, entry, preferences) for number, entry in enumerate(edition.entries, start=1)]
    if edition.replacements:
        blocks.append(_replacements(Identity(edition.replacements), language))
    width = 8 if preferences.detail is Detail.TITLES else 3
    head = _classic(templates.render("header", language, edition=edition))
    if preferences.rich:
        rich_head = _rich(templates.render("header_rich", language, edition=edition))
        return _richly(replace(head, rich=rich_head), blocks, width)
    return _packed(head, blocks, width)


def _block(number: int, entry: Entry, preferences: Preferences) -> _MessageBlock:
    label, form = str(number), (Identity(entry), preferences.detail, preferences.language)
    classic = _labelled(_classic_paper(*form), label)
    return _MessageBlock(
        classic,
        _alone(*form, len(label), label) if not _fits(classic.size, classic.entities) else (),
        _richly_labelled(_rich_paper(*form), label) if preferences.rich else None,
        _more(number, entry, preferences),
    )


_LABEL, _CLASSIC_START, _RICH_START = "1", "<b>", "<h4>"  # papers are rendered with this number


@lru_cache(_KEPT)
def _classic_paper(entry: Identity[Entry], detail: Detail, language: str) -> Fragment:
    return telegram_split.fragment(_render_paper("entry", entry.value, detail, language, _LABEL))


@lru_cache(_KEPT)
def _rich_paper(entry: Identity[Entry], detail: Detail, language: str) -> _Rich:
    return _rich(_render_paper("entry_rich", entry.value, detail, language, _LABEL))


@lru_cache(_KEPT)
def _split_paper(entry: Identity[Entry], detail: Detail, language: str, digits: int) -> list[str]:
    """Return the messages of a paper that is too long for one, under a number with so many digits."""
    html = _render_paper("entry", entry.value, detail, language, _LABEL * digits)
    return telegram_split.split(html, TEXT_LIMIT, ENTITY_LIMIT)


def _render_paper(template: str, entry: Entry, detail: Detail, language: str, number: str) -> str:
    return templates.render(template, language, number=number, entry=entry, detail=detail)


def _labelled(made: Fragment, label: str) -> Fragment:
    begin = len(_CLASSIC_START) + len(_LABEL)
    inner, last = (f"{_CLASSIC_START}{label}{each[begin:]}" for each in (made.inner, made.last))
    return Fragment(made.size + len(label) - len(_LABEL), made.entities, inner, last)


def _richly_labelled(made: _Rich, label: str) -> _Rich:
    more = RichSize(len(label) - len(_LABEL))
    html = f"{_RICH_START}{label}{made.html[len(_RICH_START) + len(_LABEL) :]}"
    return _Rich(html, made.drafted + more, made.size + more)


def _alone(entry: Identity[Entry], detail: Detail, language: str, digits: int, label: str) -> tuple[str, ...]:
    first, *others = _split_paper(entry, detail, language, digits)
    return (f"{_CLASSIC_START}{label}{first[len(_CLASSIC_START) + digits :]}", *others)


@lru_cache(_KEPT)
def _replacements(papers: Identity[tuple[Paper, ...]], language: str) -> _MessageBlock:
    listed = _classic(templates.render("replacements", language, papers=papers.value))
    rich = templates.render("replacements_rich", language, papers=papers.value)
    return replace(listed, rich=_rich(rich))


def _classic(html: str) -> _MessageBlock:
    made = telegram_split.fragment(html)
    fits = _fits(made.size, made.entities)
    return _MessageBlock(made, () if fits else tuple(telegram_split.split(html, TEXT_LIMIT, ENTITY_LIMIT)))


def _rich(html: str) -> _Rich:
    finished = telegram_split.finish(html)
    return _Rich(finished, telegram_html.rich_size(html), telegram_html.rich_size(finished))


def _fits(size: int, entities: int) -> bool:
    return size <= TEXT_LIMIT and entities <= ENTITY_LIMIT


def _more(number: int, entry: Entry, preferences: Preferences) -> Button | None:
    version, says = entry.paper.version, templates.words(preferences.language)
    if preferences.detail is Detail.TITLES:
        return Button(str(number), f"p:{version}")
    if preferences.detail is Detail.READINGS and isinstance(entry.reading, Reading):
        return None
    return Button(f"{number} · {says.reading}", page_data(version, 1, Place.BESIDE))


def _packed(head: _MessageBlock | None, blocks: Sequence[_MessageBlock], width: int) -> tuple[Message, ...]:
    made: list[Message] = []
    pending = _Pending(head)
    for block in blocks:
        if not pending.fits(block):
            made += pending.messages(width)
            pending = _Pending(None)
        pending.add(block)
    return (*made, *pending.messages(width))


class _Pending:
    """A message that is being filled with papers."""

    def __init__(self, head: _MessageBlock | None) -> None:
        self._blocks = [head] if head else []
        self._buttons: list[Button] = []
        self._size, self._entities = (head.classic.size, head.classic.entities) if head else (0, 0)

    def fits(self, block: _MessageBlock) -> bool:
        size = self._size + len(_SEPARATOR) + block.classic.size
        return _fits(size, self._entities + block.classic.entities) and len(self._buttons) < _BUTTONS

    def add(self, block: _MessageBlock) -> None:
        self._blocks.append(block)
        self._size += len(_SEPARATOR) + block.classic.size
        self._entities += block.classic.entities
        if block.button is not None:
            self._buttons.append(block.button)

    def messages(self, width: int) -> list[Message]:
        """Return one message, or several if a single paper is too long for one. The buttons go under the last."""
        if not self._blocks:
            return []
        *before, end = self._blocks
        texts = end.alone or (_SEPARATOR.join([*(each.classic.inner for each in before), end.classic.last]),)
        return [
            Message(text, rows(self._buttons, width) if at == len(texts) else ())
            for at, text in enumerate(texts, start=1)
        ]


def _richly(head: _MessageBlock, blocks: Sequence[_MessageBlock], width: int) -> tuple[Message, ...]:
    """Compose rich messages, each with its classic fallback. A paper that is too long for a rich message is sent as
    classic ones.
    """
    made: list[Message] = []
    first: _MessageBlock | None = head
    for group in _groups(head, blocks):
        classic = _packed(first, group, width)
        parts = [each.rich for each in ([first, *group] if first else group) if each.rich]
        buttons = rows([block.button for block in group if block.button], width)
        fits = sum((part.size for part in parts), RichSize()).fits
        html = "".join(part.html for part in parts)
        made += [Message("", buttons, html, classic)] if fits else classic
        first = None
    return tuple(made)


def _groups(head: _MessageBlock, blocks: Sequence[_MessageBlock]) -> Iterator[list[_MessageBlock]]:
    """Group `blocks` into messages below `head`. Each message takes as many whole blocks as fit."""
    group: list[_MessageBlock] = []
    size = head.rich.drafted if head.rich else RichSize()
    for block in blocks:
        drafted = block.rich.drafted if block.rich else RichSize()
        if group and (len(group) >= _BUTTONS or not (size + drafted).fits):
            yield group
            group, size = [], RichSize()
        group.append(block)
        size += drafted
    yield group
