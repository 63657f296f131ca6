"""The fixed parts of a text, which a translation must keep verbatim. Pure.

These are formulas, environments, addresses, citations, code, and unresolved macros. Formulas and addresses are those
that `digest.render.inline` recognizes.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from digest.render.inline import is_formula, trimmed


class Kind(StrEnum):
    """The kinds of fixed parts."""

    FORMULA = "formula"
    ADDRESS = "address"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Part:
    """A fixed part: its text, and its offset in the whole text."""

    kind: Kind
    source: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.source)


_LONGEST = 2_000  # characters between the ends of a formula or an environment
_PARTS = re.compile(
    rf"(?P<environment>\\begin\{{(?P<name>[A-Za-z]+\*?)\}}.{{0,{_LONGEST}}}?\\end\{{(?P=name)\}})"
    r"|\$\$(?P<display>[^$]+?)\$\$"
    r"|(?<!\\)\$(?P<dollar>[^$]+?)(?<!\\)\$"
    rf"|\\\((?P<round>.{{1,{_LONGEST}}}?)\\\)"
    rf"|\\\[(?P<square>.{{1,{_LONGEST}}}?)\\\]"
    r"|(?P<code>(?<!`)`[^`]+`(?!`))"
    r"|(?P<link>(?:https?://|(?<![A-Za-z0-9.@/])www\.)[A-Za-z0-9](?:(?!\]\()[!-~])*)"
    r"|(?P<host>(?<![A-Za-z0-9.@/-])(?:[a-z0-9-]+\.)*"
    r"(?:github\.com|github\.io|gitlab\.com|huggingface\.co|zenodo\.org|youtube\.com|osf\.io)(?:/[!-~]*)?)"
    r"|(?P<doi>(?<![A-Za-z0-9.])10\.\d{4,9}/[!-~]+|(?<![A-Za-z])arXiv:\d{4}\.\d{4,5}(?:v\d+)?)"
    r"|(?P<mail>(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,})"
    r"|(?P<citation>\[\d{1,3}(?: ?[,;\u2013-] ?\d{1,3})*\])"
    r"|(?P<macro>\\[A-Za-z]+\*?(?:\[[^\]{}]*\])?(?:\{[^{}]*\})*)",
    re.DOTALL,
)
_SUSPECTS = re.compile(r"[$\\`@]|://|\[\d|www\.|10\.|arXiv|\.(?:com|io|co|org)")
_FORMULAS = {"display", "dollar", "round", "square"}
_ADDRESSES = {"link", "host", "doi"}


def fixed(text: str) -> Iterator[Part]:
    """Yield the fixed parts of `text`, in order."""
    if not _SUSPECTS.search(text):
        return
    at = 0
    while found := _PARTS.search(text, at):
        part = _part(found)
        if part is None:
            at = found.start() + 1  # a delimiter that opens nothing; the search continues after it
        else:
            yield part
            at = part.end


def _part(found: re.Match[str]) -> Part | None:
    group = found.lastgroup or ""
    if group in _FORMULAS:
        return Part(Kind.FORMULA, found[0], found.start()) if is_formula(found[group]) else None
    if group in _ADDRESSES:
        return Part(Kind.ADDRESS, trimmed(found[0]), found.start())
    kind = {"mail": Kind.ADDRESS, "environment": Kind.FORMULA, "name": Kind.FORMULA}.get(group, Kind.OTHER)
    return Part(kind, found[0], found.start())
