import pytest

from digest.pipeline.translation_draft import TranslationFile, TranslationFileError, parse_translation_file


def test_a_file_holds_title_summary_and_abstract_behind_headings() -> None:
    text = (
        "# 2602.00001v1\n# We present EchoNet.\n\n"
        "Title: 标题\n\nSummary: 一句话。\n\nAbstract:\n第一段\n续行 $x^2$\n\n第二段\n"
    )
    assert parse_translation_file(text) == TranslationFile("标题", "第一段续行 $x^2$\n\n第二段", "一句话。")


def test_title_and_summary_may_be_missing_or_empty() -> None:
    assert (
        parse_translation_file("Abstract: 摘要")
        == parse_translation_file("Title:\nSummary: \nAbstract: 摘要")
        == TranslationFile(None, "摘要", None)
    )


def test_headings_come_in_any_order_and_with_the_line_ends_of_any_system() -> None:
    assert parse_translation_file("\ufeffAbstract: 摘要\r\nTitle: 标题\r\n") == TranslationFile(
        "标题", "摘要", None
    )


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "no abstract"),
        ("# only a remark\n", "no abstract"),
        ("Title: 标题\nAbstract:\n \n", "no abstract"),
        ("摘要\n", "before the first heading"),
        ("Abstract: 摘要\nAbstract: 摘要\n", "twice"),
    ],
)
def test_what_is_no_translation_is_said_to_be_none(text: str, fault: str) -> None:
    with pytest.raises(TranslationFileError, match=fault):
        parse_translation_file(text)
