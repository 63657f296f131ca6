"""Where a paper was accepted, as its authors say it in arXiv's comment. Pure."""

import re

from digest.models import Paper

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
    """The comment of `paper` where it tells of an acceptance or a publication, such as “Accepted to ICASSP 2026”.

    None where there is none: numbers of pages and figures are of no use to a reader.
    """
    comment = " ".join((paper.comment or "").split())
    if not _ACCEPTED.search(comment) or _NOT_SO.search(comment):
        return None
    return comment if len(comment) <= _LONGEST else f"{comment[: _LONGEST - 1].rstrip()}…"
