"""Repair of damaged posts. Pure: the caller reads and writes the file."""

import re
from zoneinfo import ZoneInfo

from digest.archive import lint, post
from digest.core.errors import ArchiveError
from digest.render import jekyll

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
    remaining = lint.check(mended)
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
