"""A translation as a text file that a person edits: a title, a summary and an abstract behind headings. Pure."""

import re
from dataclasses import dataclass

from digest.errors import DigestError
from digest.llm.markup import one_line, paragraphs

HEADINGS = ("Title", "Summary", "Abstract")

_HEADING = re.compile(rf"^({'|'.join(HEADINGS)}):[^\S\n]*", re.MULTILINE)
_REMARK = re.compile(r"^#.*\n?", re.MULTILINE)


class ManuscriptError(DigestError):
    """A text that is no translation; the sentence says what is missing."""


@dataclass(frozen=True, slots=True)
class Manuscript:
    """What a person wrote, in the stored form of text; the title and the summary may be missing."""

    title: str | None
    abstract: str
    summary: str | None


def parse(text: str) -> Manuscript:
    """The translation in a file with the HEADINGS, each at the beginning of a line; lines with a # are remarks.

    Raises ManuscriptError.
    """
    cut = _HEADING.split(_REMARK.sub("", text.replace("\r\n", "\n").removeprefix("\ufeff")))
    if cut[0].strip():
        raise ManuscriptError(f"There is text before the first heading; the headings are {_named()}.")
    names, written = cut[1::2], cut[2::2]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ManuscriptError(f"The heading “{twice}:” stands there twice.")
    found = dict(zip(names, written, strict=True))
    abstract = paragraphs(found.get("Abstract", ""))
    if not abstract:
        raise ManuscriptError("There is no abstract: it stands behind the heading “Abstract:”.")
    return Manuscript(
        one_line(found.get("Title", "")) or None, abstract, one_line(found.get("Summary", "")) or None
    )


def _named() -> str:
    return ", ".join(f"“{name}:”" for name in HEADINGS)
