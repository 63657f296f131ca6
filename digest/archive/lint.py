"""Finds faults in published posts line by line, and repairs those with merge conflicts. Pure.

The caller reads and writes the file.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from zoneinfo import ZoneInfo

from digest.archive import post
from digest.archive.post import LEAKED, PostSection
from digest.core.errors import ArchiveError
from digest.core.models import Entry, Gap, Translation
from digest.render import jekyll

_CONFLICT = re.compile(r"(?:<{7}|>{7}|\|{7})(?: |$)|={7}$")
_LIQUID = re.compile(r"\{\{|\{%")
_TAG = re.compile(r"(?<!\\)<(?:/?[A-Za-z][\w:-]*(?:\s[^<>]*)?/?>|!--|!\[CDATA\[|\?)")
_FURNITURE = re.compile(r"<details>|</details>|<div markdown=\"1\">|</div>|<summary>[^<>]*</summary>")
_CODE = re.compile(r"(?<!\\)`[^`]+`")
_FORMULA = re.compile(r"(?<!\\)\$\$[^$]+\$\$")
_PIPE = re.compile(r"(?<!\\)\|")
_FIELDS = ("Authors", "Categories", "arXiv", "PDF")


class FaultKind(StrEnum):
    """The kinds of faults in a post."""

    CONFLICT = "merge conflict"
    LEAKED_ERROR = "leaked error"
    UNCLOSED = "unclosed details"
    LIQUID = "Liquid"
    HTML = "raw HTML"
    TABLE = "stray table"
    MISSING = "missing part"
    COUNT = "wrong count"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, order=True, slots=True)
class Fault:
    """One fault: its line, counted from 1, its kind, and a sentence about it."""

    line: int
    kind: FaultKind
    sentence: str


def check(text: str) -> tuple[Fault, ...]:
    """Return the faults of a post, in the order of its lines."""
    body = text.split("\n---\n", 1)[-1] if text.startswith("---\n") else text
    first = text.count("\n") - body.count("\n") + 1
    faults = [fault for at, line in enumerate(body.split("\n"), first) for fault in _line_faults(at, line)]
    faults += _fold_faults(body, first)
    faults += _part_faults(text)
    return tuple(sorted(faults))


def _line_faults(at: int, line: str) -> Iterator[Fault]:
    if _CONFLICT.match(line):
        yield Fault(at, FaultKind.CONFLICT, f"an unresolved marker: {line[:40]}")
        return
    if leaked := LEAKED.search(line):
        yield Fault(at, FaultKind.LEAKED_ERROR, f"an error message of a program: {leaked[0]}")
    if liquid := _LIQUID.search(line):
        yield Fault(at, FaultKind.LIQUID, f"Jekyll would interpret {liquid[0]} as a Liquid tag")
    bare = _CODE.sub("", line)
    if not _FURNITURE.fullmatch(line.strip()) and (tag := _TAG.search(_FORMULA.sub("", bare))):
        yield Fault(at, FaultKind.HTML, f"a live HTML tag: {tag[0][:40]}")
    if _PIPE.search(bare):
        yield Fault(at, FaultKind.TABLE, "kramdown turns a line with an unescaped | into a table")


def _fold_faults(body: str, first: int) -> Iterator[Fault]:
    """Find `details` and `div` elements that are not closed before the next paper, or closed but not opened."""
    opened: list[tuple[str, int]] = []
    for at, line in enumerate([*body.split("\n"), "## "], first):
        if line.startswith("## "):
            for name, opened_at in opened:
                yield Fault(opened_at, FaultKind.UNCLOSED, f"<{name}> is not closed before the next paper")
            opened = []
        elif found := re.fullmatch(r"<(/?)(details|div)(?: markdown=\"1\")?>", line.strip()):
            if not found[1]:
                opened.append((found[2], at))
            elif opened and opened[-1][0] == found[2]:
                opened.pop()
            else:
                yield Fault(at, FaultKind.UNCLOSED, f"</{found[2]}> has no opening tag")


def _part_faults(text: str) -> Iterator[Fault]:
    try:
        edition = post.parse(text, ZoneInfo("UTC"))
    except ArchiveError as error:
        line, _, sentence = str(error).removeprefix("line ").partition(": ")
        yield Fault(int(line), FaultKind.MISSING, sentence.rstrip("."))
        return
    sections = post.sections(text)
    for section, entry in zip(sections, edition.entries, strict=True):
        yield from _section_faults(section, entry)
    shown = post.shown(text)
    if shown != len(sections):
        yield Fault(1, FaultKind.COUNT, f"the counts line says {shown} papers, the post has {len(sections)}")
    for paper, count in Counter(entry.paper.id for entry in edition.entries).items():
        if count > 1:
            yield Fault(1, FaultKind.DUPLICATE, f"{paper} occurs in the post {count} times")


def _section_faults(section: PostSection, entry: Entry) -> Iterator[Fault]:
    for name in _FIELDS:
        if f"\n- **{name}**:" not in section.source:
            yield Fault(section.line, FaultKind.MISSING, f"the line with {name} is missing")
    if isinstance(entry.translation, Translation) and not entry.translation.abstract:
        yield Fault(section.line, FaultKind.MISSING, "the abstract is missing")
    if "<details>" not in section.source:
        yield Fault(section.line, FaultKind.MISSING, "the reading is missing")
    elif entry.reading is Gap.DUE and not _says_due(section):
        yield Fault(section.line, FaultKind.MISSING, "the reading lacks its three parts")


def _says_due(section: PostSection) -> bool:
    return any(sentence in section.source for sentence in post.due_sentences()) or bool(
        LEAKED.search(section.source)
    )


_LINES = r"(?:(?!<{7}|\|{7}|={7}$|>{7}).*\n)*"
_HUNK = re.compile(
    rf"^<{{7}}.*\n(?P<ours>{_LINES})(?:^\|{{7}}.*\n{_LINES})?^={{7}}\n(?P<theirs>{_LINES})^>{{7}}.*(?:\n|\Z)",
    re.MULTILINE,
)
_MARKER = re.compile(r"^(?:[<>|]{7}(?: |$)|={7}$)", re.MULTILINE)


def repair(text: str, zone: ZoneInfo) -> str:
    """Repair a post and return it in its uniform form; a valid, uniform post comes back unchanged.

    Of two conflicting halves the fuller one is kept; a leaked error becomes a reading that is due. The times in the
    post are in `zone`. Raises ArchiveError with the line of a fault that cannot be repaired.
    """
    edition = post.parse(_without_conflicts(text), zone)
    mended = jekyll.render(edition, zone)
    remaining = check(mended)
    if remaining:
        fault = remaining[0]
        raise ArchiveError(f"line {fault.line} of the repaired post: {fault.sentence} ({fault.kind}).")
    return mended


def _without_conflicts(text: str) -> str:
    marker = _MARKER.search(_HUNK.sub(lambda hunk: "\n" * hunk[0].count("\n"), text))
    if marker:
        line = marker.string.count("\n", 0, marker.start()) + 1
        raise ArchiveError(f"line {line}: a merge conflict that lacks one of its halves.")
    return _HUNK.sub(lambda hunk: max(hunk["ours"], hunk["theirs"], key=_fullness), text)


def _fullness(half: str) -> tuple[int, int]:
    """Sort key: the number of readings, then the length."""
    return half.count("<details>"), len(half)
