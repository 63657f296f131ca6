"""Editions, papers, readings and answers -> messages. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.chat import words
from bot.chat.parts import ENTITY_LIMIT, RICH_LIMIT, TEXT_LIMIT, Button, Message, rows
from bot.models import Choices, Detail, Dispatch, Subject
from digest.models import Answer, Edition, Entry, Gap, Paper, Reading, Translation, VersionId
from digest.render import splitting, telegram

_SEPARATOR = "\n\n"
_BUTTONS = 24  # under one message; more do not fit a phone
_RICH_ROOM = RICH_LIMIT - 2_000  # the server counts after parsing; tags are short


@dataclass(frozen=True, slots=True)
class _Block:
    """One paper of a digest, and the button that opens more of it."""

    html: str
    rich: str
    button: Button | None


def dispatched(dispatch: Dispatch, edition: Edition | None, choices: Choices) -> tuple[Message, ...]:
    """The messages of a dispatch for those with `choices`."""
    if dispatch.subject is Subject.BROADCAST:
        return _plainly(telegram.literal(dispatch.text or ""))
    if edition is None:
        return (Message(words.render("quiet", choices.language, day=dispatch.edition_date)),)
    return digest(edition, choices)


def digest(edition: Edition, choices: Choices) -> tuple[Message, ...]:
    """The edition in as few messages as hold it, each paper in one where it fits."""
    head = words.render("header", choices.language, edition=edition)
    blocks = [_block(number, entry, choices) for number, entry in enumerate(edition.entries, start=1)]
    if edition.replacements:
        listed = words.render("replacements", choices.language, papers=edition.replacements)
        blocks.append(_Block(listed, listed, None))
    width = 8 if choices.detail is Detail.TITLES else 3
    if choices.rich:
        return _richly(head, blocks, width)
    return _packed(head, blocks, width)


def card(
    paper: Paper,
    translation: Translation | Gap,
    language: str,
    *,
    has_reading: bool = True,
    newer: VersionId | None = None,
) -> Message:
    """A paper by itself: its record and its abstract, with what can be done about it; `newer` is a version to read."""
    html = words.render("card", language, paper=paper, translation=translation, version=paper.version)
    texts = splitting.split(html, TEXT_LIMIT, ENTITY_LIMIT)
    buttons = _card_buttons(paper.version, language, has_reading=has_reading)
    if newer is not None:
        label = f"{words.of(language).newer_version} v{newer.number}"
        buttons = ((Button(label, f"p:{newer}"),), *buttons)
    return Message(texts[0], buttons)


def _card_buttons(version: VersionId, language: str, *, has_reading: bool) -> tuple[tuple[Button, ...], ...]:
    says = words.of(language)
    first = [Button(str(says.reading), f"r:{version}:1")] if has_reading else []
    return (
        (*first, Button(str(says.ask), f"q:{version}")),
        (
            Button("arXiv", url=f"https://arxiv.org/abs/{version}"),
            Button("PDF", url=f"https://arxiv.org/pdf/{version}"),
        ),
    )


def reading_pages(paper: Paper, reading: Reading) -> tuple[str, ...]:
    """The reading in pages, each a message."""
    html = words.render("reading", reading.language, paper=paper, reading=reading)
    return tuple(splitting.split(html, TEXT_LIMIT - 200, ENTITY_LIMIT))


def draft(paper: Paper, begun: Reading) -> str:
    """The page of a reading on which is being written."""
    return reading_pages(paper, begun)[-1]


def reading(paper: Paper, found: Reading, page: int, language: str) -> Message:
    """One page of the reading, counted from 1, with the way to the others; a page that is not there is the nearest."""
    pages = reading_pages(paper, found)
    page = min(max(page, 1), len(pages))
    return Message(pages[page - 1], _pager(paper.version, page, len(pages), language))


def _pager(version: VersionId, page: int, pages: int, language: str) -> tuple[tuple[Button, ...], ...]:
    if pages < 2:
        return ()
    says = words.of(language)
    back = [Button(f"‹ {says.previous}", f"r:{version}:{page - 1}")] if page > 1 else []
    forth = [Button(f"{says.next} ›", f"r:{version}:{page + 1}")] if page < pages else []
    return ((*back, Button(f"{page}/{pages}", f"r:{version}:{page}"), *forth),)


def answer(paper: Paper, found: Answer, language: str) -> tuple[Message, ...]:
    """The answer to a question, with the passages that it rests on."""
    return _plainly(words.render("answer", language, paper=paper, answer=found))


def _plainly(html: str) -> tuple[Message, ...]:
    return tuple(map(Message, splitting.split(html, TEXT_LIMIT, ENTITY_LIMIT)))


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
    return Button(f"{number} · {says.reading}", f"r:{version}:1")


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
        self._units, self._entities = splitting.measure(head)

    def fits(self, block: _Block) -> bool:
        units, entities = splitting.measure(block.html)
        return (
            self._units + len(_SEPARATOR) + units <= TEXT_LIMIT
            and self._entities + entities <= ENTITY_LIMIT
            and len(self._buttons) < _BUTTONS
        )

    def add(self, block: _Block) -> None:
        units, entities = splitting.measure(block.html)
        self._pieces.append(block.html)
        self._units += len(_SEPARATOR) + units
        self._entities += entities
        if block.button is not None:
            self._buttons.append(block.button)

    def messages(self, width: int) -> list[Message]:
        """One, unless a single paper is longer than that; the buttons stand under the last."""
        texts = splitting.split(_SEPARATOR.join(self._pieces), TEXT_LIMIT, ENTITY_LIMIT)
        return [
            Message(text, rows(self._buttons, width) if at == len(texts) else ())
            for at, text in enumerate(texts, start=1)
        ]


def _richly(head: str, blocks: Sequence[_Block], width: int) -> tuple[Message, ...]:
    """Rich messages, each with the classic ones that show the same papers."""
    groups: list[list[_Block]] = [[]]
    room = _RICH_ROOM - len(head)
    for block in blocks:
        if groups[-1] and (len(block.rich) > room or len(groups[-1]) >= _BUTTONS):
            groups.append([])
            room = _RICH_ROOM
        groups[-1].append(block)
        room -= len(block.rich)
    return tuple(_rich(head if at == 0 else "", group, width) for at, group in enumerate(groups))


def _rich(head: str, group: Sequence[_Block], width: int) -> Message:
    classic = _packed(head, group, width)
    if any(len(block.rich) > _RICH_ROOM for block in group):
        return (
            Message(classic[0].html, classic[0].buttons)
            if len(classic) == 1
            else Message("", (), "", classic)
        )
    paragraph = f"<p>{head}</p>" if head else ""
    buttons = rows([block.button for block in group if block.button], width)
    return Message("", buttons, splitting.finish(paragraph + "".join(block.rich for block in group)), classic)
