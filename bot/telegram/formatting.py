"""Conversion of a message's formatting to Markdown. Pure.

Telegram's clients remove `**` and backticks while somebody types, and send the formatting as entities
(https://core.telegram.org/bots/api#messageentity), whose offsets count UTF-16 units.
"""

from collections.abc import Iterable, Iterator

from telegram import MessageEntity

_MARKS = {
    MessageEntity.BOLD: ("**", "**"),
    MessageEntity.ITALIC: ("_", "_"),
    MessageEntity.CODE: ("`", "`"),
    MessageEntity.PRE: ("\n```\n", "\n```\n"),
}


def markdown(text: str, entities: Iterable[MessageEntity]) -> str:
    """Return `text` with Markdown marks for its `entities`, as far as Markdown has them."""
    marks: dict[int, tuple[list[str], list[str]]] = {}  # marks that end there, marks that begin there
    for entity in sorted(entities, key=lambda each: (each.offset, -each.length)):  # outer entities first
        for opens, closes in _marks(entity):
            marks.setdefault(entity.offset, ([], []))[1].append(opens)
            marks.setdefault(entity.offset + entity.length, ([], []))[0].insert(0, closes)
    units = text.encode("utf-16-le", "surrogatepass")
    made, at = [], 0
    for offset in sorted(marks):
        ends, begins = marks[offset]
        made += [units[2 * at : 2 * offset].decode("utf-16-le", "surrogatepass"), *ends, *begins]
        at = offset
    return "".join(made) + units[2 * at :].decode("utf-16-le", "surrogatepass")


def _marks(entity: MessageEntity) -> Iterator[tuple[str, str]]:
    if entity.type in _MARKS:
        yield _MARKS[entity.type]
    elif entity.type == MessageEntity.TEXT_LINK and entity.url:
        yield "[", f"]({entity.url})"
    elif entity.type in {MessageEntity.BLOCKQUOTE, MessageEntity.EXPANDABLE_BLOCKQUOTE}:
        yield "\n> ", "\n\n"
