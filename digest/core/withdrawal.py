"""Detection of withdrawn papers. Pure.

A withdrawal is a version of its own (https://info.arxiv.org/help/withdraw.html). The record keeps title and authors,
and its comment or the beginning of its abstract says that the paper was withdrawn.
"""

import re

from digest.core.models import Paper

_THING = r"\b(?:paper|article|manuscript|submission|work|preprint|version)\b"
_IN_COMMENT = re.compile(
    rf"^\W*withdrawn\b|{_THING}[^.;]{{0,40}}\bwithdrawn\b|\bwithdrawn by (?:the )?(?:authors?|arxiv)\b",
    re.IGNORECASE,
)
_IN_ABSTRACT = re.compile(
    rf"^\W*(?:withdrawn\b|(?:this|the) {_THING} (?:has been|is|was) (?:\w+ )?withdrawn\b)", re.IGNORECASE
)


def is_withdrawn(paper: Paper) -> bool:
    """Return True if arXiv's record says that this version is a withdrawal."""
    return bool(_IN_COMMENT.search(paper.comment or "") or _IN_ABSTRACT.match(paper.abstract or ""))
