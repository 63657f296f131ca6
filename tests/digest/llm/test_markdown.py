"""Tests of converting the Markdown that models write within one text to the stored form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.llm.answer_text import is_heading, one_line, paragraphs, quoted
from digest.render import jekyll, page, telegram_html, terminal
from digest.render.stored_text import Code, Link, Math, Strong, parse

MARKED = st.text(alphabet="ab中，。.1> \n*_`$#-[]()<!:/\\", max_size=40)
MARKS = ("*", "**", "_", "__", "`", "```", "\n", "\n\n", "# ", "- ", "1. ", "> ", "---", "](", " ")
WORDS = ("a", "甲", "。", "$x_1$", "[甲](https://a.org/b_c)", "https://a.org/*b*", "snake_case", "2*3*4")
PIECES = st.lists(st.sampled_from(MARKS + WORDS), max_size=14).map("".join)


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("*重点*在_这里_", "重点在这里"),
        ("*a **b** c* and **d *e* f**", "a **b** c and **d e f**"),
        ("***a*** and __b c__", "**a** and **b c**"),
        ("见[代码](https://a.org/b_c_d)。", "见代码 (https://a.org/b_c_d)。"),
        ('![图](https://a.org/x.png "t") <https://b.org>', "图 (https://a.org/x.png) https://b.org"),
        ("[https://a.org](https://a.org)", "https://a.org"),
        ("# 标题", "标题"),
        ("## 方法\n我们提出：\n- 甲\n- *乙*\n\n结论", "方法：我们提出：甲；乙。结论"),
        ("We have\n1. a\n2. b\n\n# Results\nc", "We have: a; b. Results: c"),
        ("- 甲。\n- 乙。", "甲。乙。"),
        ("> 甲\n---\n> 乙", "甲乙"),
        ("```\n甲\n```", "甲"),
        ("运行\n```python\nx = 1\ny\n```", "运行 `x = 1 y`"),
        ("``a`` and ```b c```", "`a` and `b c`"),
    ],
)
def test_markdown_in_one_line_becomes_the_stored_form(written: str, stored: str) -> None:
    assert one_line(written) == stored


@pytest.mark.parametrize(
    "text",
    [
        "2*3*4, A* and B*, (*), a * b * c",
        "snake_case, x_i and y_j, _, __",
        "`*a* __b__ [c](https://d.org)`",
        r"$a*b*c_{*}$ and \*kept\*",
        "https://a.org/_b_/*c*/d",
        "E[X](t), [1](#ref), [a](javascript:b)",
        "3. Netze, 3.5 dB, -3 dB, #1, >90%",
        "**99%**的甲",
        "C# and F#",
        r"\`1` and \$x$",
        "$x$$y$ and $x_1$$y_{1}$$z$",
    ],
)
def test_what_only_looks_like_markdown_stays(text: str) -> None:
    assert one_line(text) == paragraphs(text) == text


def test_lists_and_headings_of_an_abstract_are_paragraphs_of_their_own() -> None:
    written = "## 方法\n我们提出\n两点：\n* 甲\n* 乙\n1. 丙\n2. 丁"
    assert paragraphs(written) == "方法\n\n我们提出两点：\n\n• 甲\n\n• 乙\n\n1. 丙\n\n2. 丁"


def test_a_number_at_the_beginning_of_a_line_may_belong_to_a_sentence() -> None:
    assert paragraphs("as shown in\n2. this one") == "as shown in 2. this one"


def test_a_quote_stays_to_the_letter() -> None:
    assert quoted("# *a*\n- b") == "# *a* - b"


def test_a_heading_is_told_from_a_text_that_has_one() -> None:
    assert is_heading("## 甲 ##")
    assert not is_heading("## 甲\n乙")
    assert not is_heading("甲")


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("*\n<", "• <"),
        ("--\n-", ""),
        ("+\n甲\n乙", "• 甲乙"),
        ("##\n甲", "甲"),
        ("**\n*", ""),
        ("甲\n--\n-", "甲 -- -"),
        ("1.\n甲", "1. 甲"),
    ],
)
def test_lines_that_begin_a_block_only_once_they_are_joined_are_read_as_that(
    written: str, stored: str
) -> None:
    assert one_line(written) == stored.removeprefix("• ")
    assert paragraphs(written) == stored


def test_a_text_that_is_short_enough_only_once_it_is_joined_is_read_as_well() -> None:
    text = f"- 甲{' ' * 30_000}**b**"
    assert one_line(text) == one_line(one_line(text)) == "甲 **b**"


@given(MARKED | PIECES)
def test_what_was_read_once_stays_as_it_is(text: str) -> None:
    assert one_line(one_line(text)) == one_line(text)
    assert paragraphs(paragraphs(text)) == paragraphs(text)


@given(MARKED | PIECES)
def test_no_letter_is_lost_and_none_added(text: str) -> None:
    letters = [sign for sign in text if sign.isalnum() and sign != "1"]
    for read in (one_line(text), paragraphs(text)):
        assert (
            [sign for sign in read if sign.isalnum() and sign != "1"] == letters
            or "](http" in text
            or "```" in text
        )


@given(
    st.lists(st.sampled_from(["甲", "b", "`c_*d*`", "$e_{*}$", "https://f.org/g"]), min_size=1, max_size=6)
)
def test_emphasised_formulas_code_and_addresses_come_through(words: list[str]) -> None:
    text = " ".join(words)
    for marks in ("*", "_", "***", "__", "**"):
        spans = parse(one_line(f"{marks}{text}{marks} 。"))
        flat = [each for span in spans for each in (span.spans if isinstance(span, Strong) else (span,))]
        found = [span for span in flat if isinstance(span, Code | Math | Link)]
        assert len(found) == sum(word[0] in "`$h" for word in words)


@pytest.mark.parametrize(
    "written", ["*重点*", "[甲](https://a.org)", "## 甲\n- 乙\n- 丙", "1. 甲\n2. 乙", "> 甲", "```\n甲\n```"]
)
def test_no_output_shows_a_mark(written: str) -> None:
    for stored in (one_line(written), paragraphs(written)):
        shown = [str(telegram_html.html(stored)), page.plain(stored)]
        shown += [terminal.plain(stored), *(jekyll.kramdown(each) for each in stored.split("\n\n"))]
        assert not any(
            mark in each for each in shown for mark in ("*", "##", "](", "```", "<ol", "<ul", "<h2")
        )


HOSTILE = (
    "*a ",
    "*a**",
    "***a",
    "__a",
    "_",
    "**",
    "[",
    "[a",
    "[a](https://b(",
    "<https://a",
    "`",
    "`a\n",
    "```\n",
    "~~~",
)


@pytest.mark.parametrize(
    "piece", [*HOSTILE, "* ", "# ", "> ", "> > 5", "1. ", "- ", "-\n", "\n", "甲\n- ", "$a\n"]
)
def test_hostile_texts_of_any_length_are_read_to_an_end(piece: str) -> None:
    for length in (19_000, 200_000):
        assert isinstance(one_line(piece * (length // len(piece))), str)
        assert isinstance(paragraphs(piece * (length // len(piece))), str)
