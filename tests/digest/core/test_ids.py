import pytest

from digest.core import ids
from digest.core.errors import InvalidPaperIdError
from digest.core.ids import PaperRef
from digest.core.models import PaperId, VersionId

PAPER = PaperRef(PaperId("2602.11145"))


@pytest.mark.parametrize(
    "text",
    [
        "2602.11145",
        "  arXiv:2602.11145 [cs.SD] ",
        "https://arxiv.org/abs/2602.11145",
        "http://export.arxiv.org/pdf/2602.11145.pdf",
        "https://arxiv.org/html/2602.11145?context=cs#S1",
        "https://www.alphaxiv.org/abs/2602.11145",
        "https://huggingface.co/papers/2602.11145",
        "https://doi.org/10.48550/arXiv.2602.11145",
        "https://doi.org/10.48550%2FarXiv.2602.11145",
        "读一下2602.11145。",
    ],
)
def test_a_paper_is_found_in_every_form_that_people_paste(text: str) -> None:
    assert ids.parse(text) == PAPER


@pytest.mark.parametrize(
    ("text", "paper"),
    [
        ("hep-ex/0406020v1", PaperRef(PaperId("hep-ex/0406020"), 1)),
        ("https://arxiv.org/abs/quant-ph/0201082", PaperRef(PaperId("quant-ph/0201082"))),
        ("math.GT/0309136", PaperRef(PaperId("math/0309136"))),
        ("https://arxiv.org/pdf/2104.12255v12.pdf", PaperRef(PaperId("2104.12255"), 12)),
        ("0808.05394", None),
        ("0808.0539", PaperRef(PaperId("0808.0539"))),
    ],
)
def test_old_identifiers_and_versions_are_understood(text: str, paper: PaperRef | None) -> None:
    assert ids.find(text) == ([paper] if paper else [])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "abc",
        "2613.11145",
        "0703.1234",
        "2602.1114",
        "12602.11145",
        "2602.111456",
        "v1",
        "cs/12",
    ],
)
def test_what_names_no_paper_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(InvalidPaperIdError, match="names no arXiv paper"):
        ids.parse(text)


def test_several_papers_are_found_once_each_and_in_order() -> None:
    text = "2602.11145, hep-ex/0406020 and again https://arxiv.org/abs/2602.11145"
    assert [str(ref) for ref in ids.find(text)] == ["2602.11145", "hep-ex/0406020"]
    with pytest.raises(InvalidPaperIdError, match="several"):
        ids.parse(text)


def test_a_version_must_be_named_where_it_is_needed() -> None:
    assert ids.version("http://arxiv.org/abs/2602.11145v3") == VersionId(PaperId("2602.11145"), 3)
    with pytest.raises(InvalidPaperIdError, match="does not name a version"):
        ids.version("2602.11145")
