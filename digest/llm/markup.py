"""A model's text in the stored form (`digest.core.models`): `$…$` for formulas, nothing invisible. Pure."""

import re

from digest.core.invisible import removed
from digest.llm import markdown

CJK = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")

_FORMULA = re.compile(  # the first alternative skips `$a$` before `$`: that `$$` opens no formula
    r"(?<!\\)\$(?![\s$])[^$]{1,500}(?<![\s\\])\$(?=\$)"
    r"|(?<!\\)\\\((.{1,2000}?)\\\)|(?<!\\)\\\[(.{1,2000}?)\\\]|\$\$(.{1,2000}?)\$\$",
    re.DOTALL,
)
_SPAN = re.compile(r"(?<!\\)\$[^$]{1,500}(?<!\\)\$")
_COMMANDS = {"\b": r"\b", "\f": r"\f", "\t": r"\t", "\r": r"\r"}
_SWALLOWED = re.compile("[\b\f\t\r](?=[A-Za-z])")
_SWALLOWED_N = re.compile(r"\n(?=(?:abla|eq?|u|mid|exists|leq|geq|parallel|earrow|warrow|ot)(?![A-Za-z]))")


def lines(text: str) -> str:
    """Return `text` with its formulas in the stored form and without invisible characters; line breaks are kept."""
    formulas = _FORMULA.sub(_in_dollars, text.replace("\r\n", "\n"))
    restored = _SPAN.sub(lambda span: _with_commands(span[0]), formulas)
    return removed(restored)


def one_line(text: str) -> str:
    """Return `text` in the stored form on one line; its Markdown is converted."""
    return markdown.line(lines(text))


def paragraphs(text: str) -> str:
    """Return `text` in the stored form as paragraphs of one line each, with blank lines between them."""
    return markdown.paragraphs(lines(text))


def quoted(text: str) -> str:
    """Return a quotation on one line; anything in it that looks like Markdown is kept."""
    return markdown.joined(lines(text))


def _in_dollars(match: re.Match[str]) -> str:
    inside = next((group for group in match.groups() if group is not None), None)
    if inside is None:
        return match[0]
    return f"${_with_commands(inside).strip()}$"


def _with_commands(formula: str) -> str:
    r"""Restore the commands whose backslash JSON parsed as an escape: `\frac`, `\beta`, `\nabla`."""
    restored = _SWALLOWED.sub(lambda found: _COMMANDS[found[0]], formula)
    return _SWALLOWED_N.sub(r"\\n", restored)
