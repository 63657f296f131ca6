"""Finds where a paper's references begin and end in its text, line by line.

References go, appendices stay wherever they stand: where it is doubtful whether the references have ended,
they have. Losing an appendix is worse than keeping a few entries.
"""

import re
from collections.abc import Sequence

_NUMBER = r"(?:#+ )?(?:\d{1,2}\.?|[IVX]{1,5}\.|[A-Z]\.)?\s*"
_HEADING = re.compile(
    rf"{_NUMBER}(?:references?(?: and notes| cited)?|bibliography|literature cited|works cited"
    r"|literatur(?:verzeichnis)?|références|referencias|bibliograf[ií]a|参考文献|參考文獻)\s*:?",
    re.IGNORECASE,
)
_APPENDIX = re.compile(
    r"(?:#+ .*|appendi(?:x|ces)\b.{0,80}|supplement(?:ary|al)\b.{0,60}|anhang\b.{0,60}|annexe?\b.{0,60}|附录.{0,40})",
    re.IGNORECASE,
)
_LETTERED = re.compile(r"[A-Z](?:\.\d{1,2})?\.?\s+[A-Z][^,;]{3,70}(?<![.,;-])")
_LABEL = re.compile(
    r"\[[^\]\s]{1,12}\]\s|\[[^\]]{2,60}\(\d{4}[a-z]?\)|\d{1,3}\.\s+\S"
)  # [7], [KM97], 7. A. Author
_YEAR = re.compile(r"\b(?:1[89]\d|20[0-4])\d[a-z]?\b")
_REACH = 15  # lines: the longest entry, and some more
_ENTRIES = 2  # labels or years within reach: fewer are no list
_YEARS = 4  # within reach: a text that cites may have fewer
_REMAINDER = 8  # lines: the rest of the last entry, not an appendix


def drop_references(lines: Sequence[str]) -> list[str]:
    """`lines` without the lists of references among them, headings included.

    A heading in the first tenth is taken for a line of the table of contents.
    """
    kept: list[str] = []
    listing = labelled = False
    for at, line in enumerate(lines):
        if at * 10 >= len(lines) and _opens(lines, at):
            listing, labelled = True, _labels(lines, at + 1) >= _ENTRIES
        elif listing and _ends(lines, at, labelled=labelled):
            listing = False
        if not listing:
            kept.append(line)
    return kept


def _opens(lines: Sequence[str], at: int) -> bool:
    if not _HEADING.fullmatch(_spaceless_capitals(lines[at].strip())):
        return False
    return max(_labels(lines, at + 1), _years(lines, at + 1)) >= _ENTRIES


def _ends(lines: Sequence[str], at: int, *, labelled: bool) -> bool:
    """Return whether the list ends before this line; `labelled` says whether its entries begin with labels."""
    line = lines[at].strip()
    if _APPENDIX.fullmatch(line):
        return True
    if _LETTERED.fullmatch(line):
        return _labels(lines, at) < _ENTRIES if labelled else _years(lines, at) < _YEARS
    if labelled and not _labels(lines, max(0, at - _REACH), 2 * _REACH):
        return True
    over = not _labels(lines, at) and not _years(lines, at)
    return over and len(lines) - at > _REMAINDER


def _labels(lines: Sequence[str], at: int, reach: int = _REACH) -> int:
    return sum(1 for line in lines[at : at + reach] if _LABEL.match(line.strip()))


def _years(lines: Sequence[str], at: int) -> int:
    return sum(1 for line in lines[at : at + _REACH] if _YEAR.search(line))


def _spaceless_capitals(line: str) -> str:
    """Small capitals come out of a PDF as `R EFERENCES`."""
    return re.sub(r"\b([A-Z]) (?=[A-Z]{3})", r"\1", line)
