"""A model's wording -> the one stored form of text (`digest.models`): `$…$` for formulas, nothing unseen. Pure."""

import re

from digest.invisible import removed
from digest.llm import markdown

CJK = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")

_FORMULA = re.compile(  # the first kind is no other: the dollars between two formulas open neither
    r"(?<!\\)\$(?![\s$])[^$]{1,500}(?<![\s\\])\$(?=\$)"
    r"|(?<!\\)\\\((.{1,2000}?)\\\)|(?<!\\)\\\[(.{1,2000}?)\\\]|\$\$(.{1,2000}?)\$\$",
    re.DOTALL,
)
_SPAN = re.compile(r"(?<!\\)\$[^$]{1,500}(?<!\\)\$")
_COMMANDS = {"\b": r"\b", "\f": r"\f", "\t": r"\t", "\r": r"\r"}
_SWALLOWED = re.compile("[\b\f\t\r](?=[A-Za-z])")
_SWALLOWED_N = re.compile(r"\n(?=(?:abla|eq?|u|mid|exists|leq|geq|parallel|earrow|warrow|ot)(?![A-Za-z]))")


def lines(text: str) -> str:
    """`text` with its formulas in the stored form and nothing unseen, its lines as they are."""
    formulas = _FORMULA.sub(_in_dollars, text.replace("\r\n", "\n"))
    restored = _SPAN.sub(lambda span: _with_commands(span[0]), formulas)
    return removed(restored)


def one_line(text: str) -> str:
    """`text` in the stored form, on one line; what Markdown it holds is read."""
    return markdown.line(lines(text))


def paragraphs(text: str) -> str:
    """The same with paragraphs, each on one line, and a blank line between two."""
    return markdown.paragraphs(lines(text))


def quoted(text: str) -> str:
    """Somebody else's words on one line: what looks like Markdown in them stays."""
    return markdown.joined(lines(text))


def _in_dollars(match: re.Match[str]) -> str:
    inside = next((group for group in match.groups() if group is not None), None)
    if inside is None:
        return match[0]
    return f"${_with_commands(inside).strip()}$"


def _with_commands(formula: str) -> str:
    r"""A formula with the commands back whose backslash JSON took for an escape: `\frac`, `\beta`, `\nabla`."""
    restored = _SWALLOWED.sub(lambda found: _COMMANDS[found[0]], formula)
    return _SWALLOWED_N.sub(r"\\n", restored)
