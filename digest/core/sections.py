"""Split a full text into sections, and a long text into parts. Pure.

HTML pages mark their headings (`digest.core.models.FullText`); in PDF text, a heading is a line that looks like one.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

_KNOWN = (
    "abstract|introduction|background|related works?|methods?|methodology|experiments?|experimental setup|results"
    "|evaluation|discussion|limitations?|conclusions?|ethics statement|acknowledge?ments?"
)
_APPENDIX = (  # with its title: a sentence that begins with “Appendix” continues in lower case
    r"(?i:appendi(?:x|ces)|supplement(?:ary|al) (?:materials?|information)|附录)(?:[ .:–-]*[A-Z\d](?:\.\d{1,2})*)?"
    r"(?:[.:]|[ .:–-]+(?:[A-Z][A-Za-z]|[\u4e00-\u9fff])[^\n]{0,80}(?<![\d.,;:)-]))?"
)
_HEADING = re.compile(
    rf"^(?:(?P<marks>\#{{1,6}}) \S[^\n]*|(?P<number>\d{{1,2}}(?:\.\d{{1,2}})*)\.? [A-Z][A-Za-z][^\n\t.,;]{{1,60}}"
    rf"|(?i:{_KNOWN})|{_APPENDIX})$",
    re.MULTILINE,
)
_APPENDIX_HEADING = re.compile(rf"(?:^#{{1,6}} |(?<=[.!?:]\n)){_APPENDIX}$", re.MULTILINE)
_BODY = 10_000  # characters before an appendix: an earlier heading belongs to the table of contents


@dataclass(frozen=True, slots=True)
class Section:
    """A heading line and the text under it; `path` lists the titles of the enclosing headings, then its own."""

    path: tuple[str, ...]
    text: str


def sections(text: str) -> list[Section]:
    """Split `text` into sections that together are the whole of it; text before the first heading has an empty path."""
    found = [match for match in _HEADING.finditer(text) if match.start()]
    first = _HEADING.match(text)
    starts = [first, *found]
    bounds = [0, *(match.start() for match in found), len(text)]
    return [
        Section(path, text[start:end])
        for path, (start, end) in zip(_paths(starts), pairwise(bounds), strict=True)
    ]


def _paths(headings: Sequence[re.Match[str] | None]) -> Iterator[tuple[str, ...]]:
    above: list[tuple[int, str]] = []
    for heading in headings:
        if heading is not None:
            level = _level(heading)
            above = [each for each in above if each[0] < level]
            above.append((level, heading[0].lstrip("# ")))
        yield tuple(name for _, name in above)


def _level(heading: re.Match[str]) -> int:
    if heading["marks"]:
        return len(heading["marks"])
    return 1 + (heading["number"] or "").count(".")


def parts(text: str, limit: int) -> list[str]:
    """Split `text` into parts of at most `limit` characters, in order; a text that fits is one part.

    A longer text loses its appendices first; they remain available for questions. Cuts are made before headings, in a
    section that is too long at line ends, and in a line that is too long anywhere.
    """
    if len(text) <= limit:
        return [text]
    body = _without_appendices(text)
    return packed((section.text for section in sections(body)), limit)


def _without_appendices(text: str) -> str:
    found = _APPENDIX_HEADING.search(text, _BODY)
    return text[: found.start()] if found else text


def packed(pieces: Iterator[str], limit: int) -> list[str]:
    """Join `pieces` into strings of at most `limit` characters; a longer piece is cut."""
    joined = [""]
    for piece in (fitting for each in pieces for fitting in _fitting(each, limit)):
        if len(joined[-1]) + len(piece) > limit:
            joined.append("")
        joined[-1] += piece
    return joined


def _fitting(piece: str, limit: int) -> Iterator[str]:
    if len(piece) <= limit:
        yield piece
        return
    for line in piece.splitlines(keepends=True):
        yield from (line[at : at + limit] for at in range(0, len(line), limit))
