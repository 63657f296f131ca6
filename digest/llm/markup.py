"""A model's wording -> the one stored form of text (`digest.models`): `$…$` for formulas, nothing unseen. Pure."""

import re

from digest.invisible import removed
from digest.llm import markdown

CJK = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")

_FORMULA = re.compile(
    r"(?<!\\)\\\((.{1,2000}?)\\\)|(?<!\\)\\\[(.{1,2000}?)\\\]|\$\$(.{1,2000}?)\$\$", re.DOTALL
)
_SPAN = re.compile(r"(?<!\\)\$[^$]{1,500}(?<!\\)\$")
_COMMANDS = {"\b": r"\b", "\f": r"\f", "\t": r"\t", "\r": r"\r"}
_SWALLOWED = re.compile("[\b\f\t\r](?=[A-Za-z])")
_SWALLOWED_N = re.compile(r"\n(?=(?:abla|eq?|u|mid|exists|leq|geq|parallel|earrow|warrow|ot)(?![A-Za-z]))")
_BLANK_LINE = re.compile(r"\n[^\S\n]*\n\s*")
_WIDE = r"[\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef]"
_BREAK_IN_WIDE = re.compile(rf"(?<={_WIDE})[^\S\n]*\n\s*(?={_WIDE})")


def lines(text: str) -> str:
    """`text` with its formulas in the stored form and nothing unseen, its lines as they are."""
    formulas = _FORMULA.sub(_in_dollars, text.replace("\r\n", "\n"))
    restored = _SPAN.sub(lambda span: _with_commands(span[0]), formulas)
    return removed(restored)


def one_line(text: str) -> str:
    """`text` in the stored form, on one line; what Markdown it holds is read."""
    return _joined(markdown.line(lines(text)))


def paragraphs(text: str) -> str:
    """The same with paragraphs, each on one line, and a blank line between two."""
    joined = (_joined(part) for part in _BLANK_LINE.split(markdown.paragraphs(lines(text))))
    return "\n\n".join(part for part in joined if part)


def quoted(text: str) -> str:
    """Somebody else's words on one line: what looks like Markdown in them stays."""
    return _joined(lines(text))


def _in_dollars(match: re.Match[str]) -> str:
    inside = next(group for group in match.groups() if group is not None)
    return f"${_with_commands(inside).strip()}$"


def _with_commands(formula: str) -> str:
    r"""A formula with the commands back whose backslash JSON took for an escape: `\frac`, `\beta`, `\nabla`."""
    restored = _SWALLOWED.sub(lambda found: _COMMANDS[found[0]], formula)
    return _SWALLOWED_N.sub(r"\\n", restored)


def _joined(text: str) -> str:
    return " ".join(_BREAK_IN_WIDE.sub("", text).split())
