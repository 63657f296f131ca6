"""A paper that is longer than a model reads at once, in parts that it does. Pure."""

import re
from itertools import pairwise

_HEADING = re.compile(r"^(?:#{1,6} \S|\d{1,2}\.? [A-Z][^\n]{2,60}$)", re.MULTILINE)
_APPENDIX = re.compile(
    r"^(?:#{1,6} )?(?:appendi(?:x|ces)|supplement(?:ary|al) (?:materials?|information)|附录)\b[^\n]{0,80}(?<!\d)$",
    re.IGNORECASE | re.MULTILINE,
)
_BODY = 10_000  # characters that a paper has before its appendix: what comes sooner is a table of contents


def parts(text: str, limit: int) -> list[str]:
    """`text` in parts of at most `limit` characters, in its order; one, where it fits.

    What does not fit loses its appendices first, which are there for questions. Cut is before headings, within a
    section that is too long at a line's end, and in a line that is too long anywhere.
    """
    if len(text) <= limit:
        return [text]
    body = _without_appendices(text)
    return _packed(_sections(body), limit)


def _without_appendices(text: str) -> str:
    found = _APPENDIX.search(text, _BODY)
    return text[: found.start()] if found else text


def _sections(text: str) -> list[str]:
    starts = [0, *(found.start() for found in _HEADING.finditer(text) if found.start()), len(text)]
    return [text[start:end] for start, end in pairwise(starts)]


def _packed(pieces: list[str], limit: int) -> list[str]:
    """`pieces` joined as far as `limit` goes."""
    packed = [""]
    for piece in (fitting for each in pieces for fitting in _fitting(each, limit)):
        if len(packed[-1]) + len(piece) > limit:
            packed.append("")
        packed[-1] += piece
    return packed


def _fitting(piece: str, limit: int) -> list[str]:
    if len(piece) <= limit:
        return [piece]
    lines = piece.splitlines(keepends=True)
    cut = [line[at : at + limit] for line in lines for at in range(0, len(line), limit)]
    return cut if len(lines) == 1 else _packed(cut, limit)
