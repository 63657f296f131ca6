r"""The Markdown that models write within one text -> the stored form of text (`digest.models`). Pure.

Of Markdown, the stored form knows strong words, code and bare addresses. Emphasis becomes plain, a link its words and
its address; headings and list items become sentences of one line, or paragraphs. Read is what models write, not all
of CommonMark: `2*3*4`, `snake_case` and `E[X](t)` stay as they are.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import Enum, auto
from itertools import pairwise

_LONGEST = 20_000  # characters that are read: what is longer is over every limit
_NESTED = 10  # how deep marks within marks are looked for

_FENCE = re.compile(r"^(`{3,}+|~{3,}+)([^\n`]*+)\n(.*?)(?:\n\1[`~]*$|\Z)", re.DOTALL | re.MULTILINE)
_PROSE = frozenset({"markdown", "md", "text", "txt", "plain"})  # fences around no code
_TICKS = re.compile(r"(?<!`)(`{2,}) ?([^`]*[^`\s]) ?\1(?!`)")
_VERBATIM = re.compile(
    r"(?<!`)`[^`\n]+(?:\n[^`\n]+)*`(?!`)|(?<!\\)\$[^$\n]{1,500}(?:\n[^$\n]{1,500}){0,20}(?<!\\)\$"
)
_URL = r"https?://[^\s()<>\[\]\x00]+(?:\([^\s()<>]*\)[^\s()<>]*)*"
_LINK = re.compile(rf"(?<!\\)!?\[([^\[\]\n]{{0,300}})\]\(<?({_URL})>?(?: [\"'(][^)\x00\n]{{0,300}})?\)")
_AUTOLINK = re.compile(rf"<({_URL})>")
_ADDRESS = re.compile(r"https?://[A-Za-z0-9](?:(?![<>()\[\]])[!-~])*(?<![*_])")
_RULE = re.compile(r"([*_=-])(?: ?\1){2,}")
_QUOTE = re.compile(r"(?:> ?)++(?![\d=])")
_HEADING = re.compile(r"#{1,6}(?: (.*?)(?: #+)?)?")
_BULLET = re.compile(r"(?:[-*+](?: +|$)|[•●▪◦] *)++")
_NUMBER = re.compile(r"(\d{1,2}[.)](?= )|\d{1,2}[、）]|[(（]\d{1,2}[)）]) *")
_CHINESE = re.compile(r"[\u3000-\u9fff\uff00-\uffef]")
_SAID = ".。!！?？…:：;；,，、"
_OPENS = r"(?=[^\s*_).,;:!?，。；：、）\]])"
_ENDS = r"(?<![\s(（\[])"
_EMPHASIS = (
    (re.compile(rf"(?<![*\\])\*{{3}}{_OPENS}([^*]+?){_ENDS}\*{{3}}(?!\*)"), r"**\1**"),
    (re.compile(rf"(?<![A-Za-z0-9_\\])__{_OPENS}((?:[^_*]|_(?!_))+?){_ENDS}__(?![A-Za-z0-9_])"), r"**\1**"),
    (re.compile(rf"(?<![A-Za-z0-9*\\])\*{_OPENS}((?:[^*]|\*\*)+?){_ENDS}\*(?![A-Za-z0-9*])"), r"\1"),
    (re.compile(rf"(?<![A-Za-z0-9_\\])_{_OPENS}([^_]+?){_ENDS}_(?![A-Za-z0-9_])"), r"\1"),
)


class _Kind(Enum):
    PLAIN = auto()
    HEADING = auto()
    BULLET = auto()
    NUMBER = auto()


_ITEMS = (_Kind.BULLET, _Kind.NUMBER)


@dataclass(frozen=True, slots=True)
class _Block:
    """A paragraph, heading or list item; its lines are still apart."""

    kind: _Kind
    text: str
    mark: str = ""


def line(text: str) -> str:
    """`text` as sentences one after another: items of a list with a semicolon between them."""
    return _read(text, _sentences)


def paragraphs(text: str) -> str:
    """`text` with headings and items of lists as paragraphs of their own."""
    return _read(text, _apart)


def is_heading(text: str) -> bool:
    """Whether `text` is nothing but a heading."""
    return len(text) <= _LONGEST and _HEADING.fullmatch(" ".join(text.split(" ")).strip()) is not None


def _read(text: str, arranged: Callable[[list[_Block]], str]) -> str:
    if len(text) > _LONGEST:
        return text
    for _ in range(_NESTED):  # what a mark was around may be marked itself
        read = _once(text, arranged)
        if read == text:
            break
        text = read
    return text


def _once(text: str, arranged: Callable[[list[_Block]], str]) -> str:
    squeezed = "\n".join(" ".join(each.split()) for each in text.split("\n")).strip()
    fenced = _TICKS.sub(r"`\2`", _FENCE.sub(_unfenced, squeezed))
    verbatim = iter(_VERBATIM.findall(fenced))
    linked = _AUTOLINK.sub(r"\1", _LINK.sub(_linked, _VERBATIM.sub("\x00", fenced)))
    addresses = iter(_ADDRESS.findall(linked))
    made = _unemphasised(arranged([*_blocks(_ADDRESS.sub("\x01", linked))]))
    return re.sub("\x00", lambda _: next(verbatim), re.sub("\x01", lambda _: next(addresses), made))


def _unfenced(found: re.Match[str]) -> str:
    """The inside of a fence as code; as it is, where it is no code or cannot stand between backticks."""
    body = found[3].strip()
    is_all = found[0] == found.string
    if is_all or not body or "`" in body or found[2].strip().lower() in _PROSE:
        return body
    return f"`{' '.join(body.split())}`"


def _linked(found: re.Match[str]) -> str:
    words, url = found[1].strip(), found[2]
    return url if words in {"", url} else f"{words} ({url})"


def _unemphasised(text: str) -> str:
    for marks, instead in _EMPHASIS:
        text = marks.sub(instead, text)
    return text


def _blocks(text: str) -> Iterator[_Block]:
    """The blocks of `text`, whose lines have no blanks at their ends."""
    for group in re.split(r"\n{2,}", text):
        found: list[_Block] = []
        for each in filter(None, map(_block, group.split("\n"))):
            if found and _goes_on(found[-1], each):
                found[-1] = replace(found[-1], text=f"{found[-1].text}\n{each.mark}{each.text}")
            else:
                found.append(each)
        yield from found


def _block(written: str) -> _Block | None:
    """The block that a line begins, if it is one by itself; None where it says nothing."""
    quote = _QUOTE.match(written)
    bare = written[quote.end() :] if quote else written
    if not bare or _RULE.fullmatch(bare):
        return None
    if heading := _HEADING.fullmatch(bare):
        return _Block(_Kind.HEADING, heading[1]) if heading[1] else None
    if bullets := _BULLET.match(bare):
        return _Block(_Kind.BULLET, bare[bullets.end() :]) if bullets.end() < len(bare) else None
    if number := _NUMBER.match(bare):
        return _Block(_Kind.NUMBER, bare[number.end() :], number[0])
    return _Block(_Kind.PLAIN, bare)


def _goes_on(before: _Block, line: _Block) -> bool:
    """Whether `line` belongs to the block `before` it. A sentence may break before a number, a list begins with one."""
    if before.kind is _Kind.HEADING:
        return False
    if line.kind is _Kind.NUMBER:
        return before.kind is not _Kind.NUMBER and re.sub(r"\D", "", line.mark) != "1"
    return line.kind is _Kind.PLAIN


def _sentences(blocks: list[_Block]) -> str:
    if len(blocks) == 1:
        return blocks[0].mark + blocks[0].text
    said = [block.text + _between(block, following) for block, following in pairwise(blocks)]
    return "".join([*said, *(block.text for block in blocks[-1:])])


def _between(block: _Block, following: _Block) -> str:
    """What ends the sentence of `block`, where nothing does."""
    said = block.text.rstrip("*_ ")
    if {block.kind, following.kind} == {_Kind.PLAIN} or said.endswith(tuple(_SAID)):
        return "\n"
    is_chinese = _CHINESE.search(said[-1:] + following.text[:1]) is not None
    if block.kind in _ITEMS:
        return ("；" if is_chinese else "; ") if following.kind in _ITEMS else ("。" if is_chinese else ". ")
    return "：" if is_chinese else ": "


def _apart(blocks: list[_Block]) -> str:
    """Bullets stay, in the one form that no output takes for more than text."""
    return "\n\n".join(f"{'• ' if each.kind is _Kind.BULLET else each.mark}{each.text}" for each in blocks)
