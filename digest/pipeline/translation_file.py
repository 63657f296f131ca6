"""Parser for translation files, which a person edits: title, summary and abstract, each after its heading. Pure."""

import re
from dataclasses import dataclass

from digest.core.errors import DigestError
from digest.llm.markup import one_line, paragraphs

HEADINGS = ("Title", "Summary", "Abstract")

_HEADING = re.compile(rf"^({'|'.join(HEADINGS)}):[^\S\n]*", re.MULTILINE)
_REMARK = re.compile(r"^#.*\n?", re.MULTILINE)


class ManuscriptError(DigestError):
    """The text is not a translation file; the sentence says what is wrong."""


@dataclass(frozen=True, slots=True)
class Manuscript:
    """The contents of a translation file, in the stored form of text; title and summary may be missing."""

    title: str | None
    abstract: str
    summary: str | None


def parse(text: str) -> Manuscript:
    """Parse a translation file: each of the HEADINGS begins a line; lines that begin with # are comments.

    Raises ManuscriptError.
    """
    cut = _HEADING.split(_REMARK.sub("", text.replace("\r\n", "\n").removeprefix("\ufeff")))
    if cut[0].strip():
        raise ManuscriptError(f"There is text before the first heading; the headings are {_named()}.")
    names, written = cut[1::2], cut[2::2]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ManuscriptError(f"The heading “{twice}:” occurs twice.")
    found = dict(zip(names, written, strict=True))
    abstract = paragraphs(found.get("Abstract", ""))
    if not abstract:
        raise ManuscriptError("There is no abstract: write it after the heading “Abstract:”.")
    return Manuscript(
        one_line(found.get("Title", "")) or None, abstract, one_line(found.get("Summary", "")) or None
    )


def _named() -> str:
    return ", ".join(f"“{name}:”" for name in HEADINGS)
