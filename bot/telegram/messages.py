"""Telegram messages for editions and campaigns. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bot.core.models import Choices, Detail, Dispatch, Subject
from bot.telegram import cards, words
from bot.telegram.cards import Place
from bot.telegram.parts import ENTITY_LIMIT, TEXT_LIMIT, Button, Message, rows
from digest.core.models import Edition, Entry, Reading
from digest.render import announcement, telegram_html, telegram_split

_SEPARATOR = "\n\n"
_BUTTONS = 24  # buttons under one message; more do not fit on a phone


@dataclass(frozen=True, slots=True)
class _Block:
    """One paper of a digest, and the button that opens more of it."""

    html: str
    rich: str
    button: Button | None


def dispatched(dispatch: Dispatch, edition: Edition | None, choices: Choices) -> tuple[Message, ...]:
    """Compose the messages of a campaign for subscribers with these `choices`."""
    if dispatch.subject is Subject.BROADCAST:
        return cards.classic(announcement.message(dispatch.text or ""))
    if edition is None:
        return (Message(words.render("quiet", choices.language, day=dispatch.edition_date)),)
    return digest(edition, choices)


def digest(edition: Edition, choices: Choices) -> tuple[Message, ...]:
    """Compose the edition in as few messages as possible. A paper is split only if it is too long for one message."""
    head = words.render("header", choices.language, edition=edition)
    blocks = [_block(number, entry, choices) for number, entry in enumerate(edition.entries, start=1)]
    if edition.replacements:
        listed = words.render("replacements", choices.language, papers=edition.replacements)
        rich = words.render("replacements_rich", choices.language, papers=edition.replacements)
        blocks.append(_Block(listed, rich, None))
    width = 8 if choices.detail is Detail.TITLES else 3
    if choices.rich:
        rich_head = words.render("header_rich", choices.language, edition=edition)
        return _richly((head, rich_head), blocks, width)
    return _packed(head, blocks, width)


def _block(number: int, entry: Entry, choices: Choices) -> _Block:
    material = {"number": number, "entry": entry, "detail": choices.detail}
    html = words.render("entry", choices.language, **material)
    rich = words.render("entry_rich", choices.language, **material) if choices.rich else ""
    return _Block(html, rich, _more(number, entry, choices))


def _more(number: int, entry: Entry, choices: Choices) -> Button | None:
    version, says = entry.paper.version, words.of(choices.language)
    if choices.detail is Detail.TITLES:
        return Button(str(number), f"p:{version}")
    if choices.detail is Detail.READINGS and isinstance(entry.reading, Reading):
        return None
    return Button(f"{number} · {says.reading}", cards.page_data(version, 1, Place.BESIDE))


def _packed(head: str, blocks: Sequence[_Block], width: int) -> tuple[Message, ...]:
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

    def fits(self, block: _Block) -> bool:
        units, entities = telegram_split.measure(block.html)
        return (
            self._units + len(_SEPARATOR) + units <= TEXT_LIMIT
            and self._entities + entities <= ENTITY_LIMIT
            and len(self._buttons) < _BUTTONS
        )

    def add(self, block: _Block) -> None:
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


def _richly(heads: tuple[str, str], blocks: Sequence[_Block], width: int) -> tuple[Message, ...]:
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


def _groups(head: str, blocks: Sequence[_Block]) -> Iterator[list[_Block]]:
    """Group `blocks` into messages below `head`. Each message takes as many whole blocks as fit."""
    group: list[_Block] = []
    html = head
    for block in blocks:
        if group and (len(group) >= _BUTTONS or not telegram_html.fits_rich_message(html + block.rich)):
            yield group
            group, html = [], ""
        group.append(block)
        html += block.rich
    yield group
