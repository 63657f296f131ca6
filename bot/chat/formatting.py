"""The formatting of a message as marks of Markdown. Pure.

Telegram's clients take `**` and backticks away as somebody types, and send what they were around as entities
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
    """`text` with a mark where each of its `entities` begins and ends, so far as Markdown has one."""
    marks: dict[int, tuple[list[str], list[str]]] = {}  # those that end there, those that begin
    for entity in sorted(entities, key=lambda each: (each.offset, -each.length)):  # the outer first
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
