"""Detection of a paper's acceptance in the authors' comment on arXiv. Pure."""

import re

from digest.core.models import Paper

_LONGEST = 200  # characters; a comment may be a page
_ACCEPTED = re.compile(
    r"\b(?:accepted|(?:to|will) appear|appear(?:s|ed|ing) in|(?:published|presented) (?:in|at|by)|camera[- ]ready)\b",
    re.IGNORECASE,
)
_NOT_SO = re.compile(
    r"\b(?:if|when|once|until|not|being) accepted\b|\b(?:upon|on|after|until) (?:its )?acceptance\b"
    r"|\bunder (?:review|submission)\b|\bto be accepted\b",
    re.IGNORECASE,
)


def acceptance(paper: Paper) -> str | None:
    """Return the comment of `paper` if it reports an acceptance or a publication, such as “Accepted to ICASSP 2026”.

    Returns None otherwise: numbers of pages and figures are of no use to readers. Longer comments than 200 characters
    are shortened.
    """
    comment = " ".join((paper.comment or "").split())
    if not _ACCEPTED.search(comment) or _NOT_SO.search(comment):
        return None
    return comment if len(comment) <= _LONGEST else f"{comment[: _LONGEST - 1].rstrip()}…"
