from dataclasses import replace

import pytest

from digest.core.comments import acceptance
from tests.papers import paper


@pytest.mark.parametrize(
    "comment",
    [
        "Accepted to ICASSP 2026",
        "Accepted by IEEE/ACM TASLP",
        "5 pages, 3 figures, accepted at Interspeech 2025",
        "To appear in Proc. ASRU 2025. Code: https://a.example",
        "Published in JASA Express Letters",
        "Camera-ready version",
    ],
)
def test_a_comment_of_acceptance_is_shown_as_it_is(comment: str) -> None:
    assert acceptance(replace(paper(), comment=comment)) == comment


@pytest.mark.parametrize(
    "comment",
    [
        None,
        "",
        "5 pages, 3 figures",
        "Submitted to ICASSP 2026",
        "Under review at ICLR 2026; if accepted, code will be released",
        "Not accepted yet",
        "Code is published at https://a.example upon acceptance",
        "This paper has been withdrawn",
    ],
)
def test_what_tells_of_no_acceptance_is_not_shown(comment: str | None) -> None:
    assert acceptance(replace(paper(), comment=comment)) is None


def test_a_page_long_comment_is_cut() -> None:
    shown = acceptance(replace(paper(), comment="Accepted to ICASSP.\n" + "More. " * 100))
    assert shown is not None
    assert (len(shown), shown[-1]) == (200, "…")
