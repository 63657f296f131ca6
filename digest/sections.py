"""The sections of a full text, and a text that is too long in parts. Pure.

Pages mark their headings (`digest.models.FullText`); in the text of a PDF they are lines that look like one.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

_KNOWN = (
    "abstract|introduction|background|related works?|methods?|methodology|experiments?|experimental setup|results"
    "|evaluation|discussion|limitations?|conclusions?|ethics statement|acknowledge?ments?"
)
_APPENDIX = (  # and its title: a sentence that begins with an appendix goes on in small letters
    r"(?i:appendi(?:x|ces)|supplement(?:ary|al) (?:materials?|information)|附录)(?:[ .:–-]*[A-Z\d](?:\.\d{1,2})*)?"
    r"(?:[.:]|[ .:–-]+(?:[A-Z][A-Za-z]|[\u4e00-\u9fff])[^\n]{0,80}(?<![\d.,;:)-]))?"
)
_HEADING = re.compile(
    rf"^(?:(?P<marks>\#{{1,6}}) \S[^\n]*|(?P<number>\d{{1,2}}(?:\.\d{{1,2}})*)\.? [A-Z][A-Za-z][^\n\t.,;]{{1,60}}"
    rf"|(?i:{_KNOWN})|{_APPENDIX})$",
    re.MULTILINE,
)
_APPENDIX_HEADING = re.compile(rf"(?:^#{{1,6}} |(?<=[.!?:]\n)){_APPENDIX}$", re.MULTILINE)
_BODY = 10_000  # characters that a paper has before its appendix: what comes sooner is a table of contents


@dataclass(frozen=True, slots=True)
class Section:
    """A heading's line and what stands under it; `path` names that heading, and those above it first."""

    path: tuple[str, ...]
    text: str


def sections(text: str) -> list[Section]:
    """The sections of `text`: together they are all of it. What stands before the first heading has no path."""
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
    """`text` in parts of at most `limit` characters, in its order; one, where it fits.

    What does not fit loses its appendices first, which are there for questions. Cut is before headings, within a
    section that is too long at a line's end, and in a line that is too long anywhere.
    """
    if len(text) <= limit:
        return [text]
    body = _without_appendices(text)
    return packed((section.text for section in sections(body)), limit)


def _without_appendices(text: str) -> str:
    found = _APPENDIX_HEADING.search(text, _BODY)
    return text[: found.start()] if found else text


def packed(pieces: Iterator[str], limit: int) -> list[str]:
    """`pieces` joined as far as `limit` goes, and cut where one is longer by itself."""
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
