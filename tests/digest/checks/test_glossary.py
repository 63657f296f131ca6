"""Tests of terms and their translations."""

from pathlib import Path

import pytest

from digest.checks.glossary import Glossary, GlossaryError, Term, load


def sources(glossary: Glossary, text: str) -> list[str]:
    return [term.source for term in glossary.relevant(text)]


def test_terms_are_found_whatever_their_case_hyphens_and_number() -> None:
    glossary = load("zh-CN")
    assert sources(glossary, "End to end Text-to-Speech with large-language models") == [
        "end-to-end",
        "text-to-speech",
        "large language model",
    ]


def test_the_longest_term_wins() -> None:
    glossary = load("zh-CN")
    assert sources(glossary, "automatic speech recognition, then speech recognition") == [
        "automatic speech recognition",
        "speech recognition",
    ]
    assert sources(glossary, "automatic speech") == []


def test_the_shipped_glossary_translates_into_chinese() -> None:
    terms = load("zh-CN").terms.values()
    assert 60 <= len(terms) <= 150
    kept = [term.source for term in terms if term.target is None]
    assert {"Transformer", "Conformer", "HuBERT"} <= set(kept)
    assert len(kept) < 10


def test_a_language_without_a_glossary_has_an_empty_one() -> None:
    assert load("de").relevant("speech recognition") == ()


def test_the_operators_terms_take_precedence(tmp_path: Path) -> None:
    extra = tmp_path / "terms.csv"
    extra.write_text("term,translation\nzero shot,零次\nwhistled speech,哨语 | 口哨语言\nMyTool,\n", "utf-8")
    glossary = load("zh-CN", extra)
    assert glossary.relevant("Zero-shot whistled speech in MyTool") == (
        Term("zero shot", "零次"),
        Term("whistled speech", "哨语", ("口哨语言",)),
        Term("MyTool", None),
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"speech,x\n", "does not begin with the line"),
        (b"term,translation\n\nspeech\n", "in line 3"),
        (b"term,translation\n,x\n", "in line 2"),
        (b"term,translation\nspeech,\xff\n", "cannot be read"),
        (b'term,translation\n"speech,' + b"x" * 200_000, "is not a CSV file"),
        (b"", "does not begin with the line"),
    ],
)
def test_a_broken_file_is_named_with_its_line(tmp_path: Path, content: bytes, said: str) -> None:
    extra = tmp_path / "terms.csv"
    extra.write_bytes(content)
    with pytest.raises(GlossaryError, match=said) as raised:
        load("zh-CN", extra)
    assert str(extra) in str(raised.value)


def test_what_one_paper_decides_holds_for_the_next() -> None:
    glossary = load("zh-CN")
    [decided] = glossary.decided("Speaker verification", "说话人确认系统")
    assert decided == Term("speaker verification", "说话人确认")
    after = glossary.deciding([decided])
    [term] = after.relevant("speaker verification")
    assert term.is_in("说话人确认")
    assert not term.is_in("说话人验证")
    assert glossary.decided("Speaker verification", "说话人确认与说话人验证") == ()
