"""Tests of splitting HTML into messages that Telegram accepts."""

import re
from html import unescape

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from digest.render import telegram_html, telegram_split

FAMILY, FLAG, LETTER = "👨‍👩‍👧", "🇨🇳", "e\u0301\u0323"
_TOKEN = re.compile(r"<(/?)([a-z]+)((?: [^<>]*)?)>|([^<>]+)")
_ALLOWED = {"b": "", "i": "", "u": "", "s": "", "code": "", "pre": "", "blockquote": "", "a": ' href="'}


def read(message: str) -> tuple[str, int]:
    """Return the text of a message and its entities, by a strict parser."""
    shown, entities, at = "", 0, 0
    open_: list[str] = []
    for found in _TOKEN.finditer(message):
        assert found.start() == at, message
        at = found.end()
        closing, name, attributes, text = found.groups()
        if text is not None:
            assert not re.search(r"&(?!(?:lt|gt|amp|quot);)", text), message
            shown += unescape(text)
        elif closing:
            assert not attributes
            assert open_.pop() == name, message
        else:
            assert attributes.startswith(_ALLOWED[name]), message
            assert attributes in {"", " expandable"} or name == "a", message
            open_.append(name)
            entities += 1
    assert at == len(message), message
    assert not open_, message
    return shown, entities


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def texts(html: str, limit: int, entities: int = 100) -> list[str]:
    """Return the texts of the messages, after parsing each strictly."""
    found = []
    for message in telegram_split.split(html, limit, entities):
        shown, count = read(message)
        assert shown == shown.strip() != ""
        assert units(shown) <= limit
        assert count <= entities
        found.append(shown)
    return found


def test_what_fits_exactly_is_one_message_and_a_unit_more_makes_two() -> None:
    assert telegram_split.split("x" * 4096) == ["x" * 4096]
    assert sum(len(text) for text in texts("x" * 4097, 4096)) == 4097
    assert len(telegram_split.split("x" * 4097)) == 2
    assert telegram_split.split("<b>" + "&amp;" * 4096 + "</b>") == ["<b>" + "&amp;" * 4096 + "</b>"]


def test_white_space_around_a_message_takes_no_room() -> None:
    assert telegram_split.split(f"\n\n <b>{'好。' * 5}\n</b>\n\n<x-break/>\n", 10) == [f"<b>{'好。' * 5}</b>"]


def test_astral_characters_count_twice() -> None:
    assert texts("😀" * 5, 10) == ["😀" * 5]
    assert texts("😀" * 8, 11) == ["😀" * 5, "😀" * 3]
    assert telegram_split.fragment("<b>😀a</b>&lt;<x-f>x</x-f>").size == 5


FRAGMENTS = (
    '<b>1. 标题</b>\n<a href="https://arxiv.org/abs/1">x &amp; y</a>',
    "<b>bold <code>x</code> and <i>it </i> </b>",
    "a.<x-f>α²</x-f>\n<blockquote expandable></blockquote>",
    "e.g. &quot;quoted&quot; 《书》“引”…<blockquote>a\n\nb \n</blockquote>",
    f"{FAMILY}{FLAG}{LETTER} <s>x</s>",
)


@given(st.lists(st.sampled_from(FRAGMENTS), min_size=1, max_size=8))
def test_joined_fragments_are_the_message_that_splitting_makes(parts: list[str]) -> None:
    made = list(map(telegram_split.fragment, parts))
    joined = "\n\n".join([*(each.inner for each in made[:-1]), made[-1].last])
    [message] = telegram_split.split("\n\n".join(parts))
    assert joined == message
    shown, entities = read(message)
    assert entities <= sum(each.entities for each in made)
    assert units(shown) <= sum(each.size for each in made) + 2 * len(made)


@pytest.mark.parametrize("html", ["", " \n ", "<b> </b>\n<x-break/>", "<x-f></x-f>"])
def test_what_shows_nothing_is_no_message(html: str) -> None:
    assert telegram_split.split(html) == []


@pytest.mark.parametrize("cluster", [FAMILY, FLAG, LETTER, "👩🏽‍💻", "1️⃣"])
@pytest.mark.parametrize("limit", range(12, 24))
def test_what_readers_see_as_one_character_stays_whole(cluster: str, limit: int) -> None:
    for text in texts("x" + cluster * 9, limit):
        assert set(regex.findall(r"\X", text)) <= {"x", cluster}


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("一二三\n\n四五。六<x-break/>七八\n\n九十百千", ["一二三\n\n四五。六", "七八\n\n九十百千"]),
        ("一二三四\n五六七\n\n八九十\n百千万亿", ["一二三四\n五六七", "八九十\n百千万亿"]),
        ("一二三四。五六七\n八九。十百千万亿", ["一二三四。五六七", "八九。十百千万亿"]),
        ("一二，三四五六。七八，九十百千", ["一二，三四五六。", "七八，九十百千"]),
        ("一二，三“四五！”七八，九十百千", ["一二，三“四五！”", "七八，九十百千"]),
        ("It was so. In 12.5 of", ["It was so.", "In 12.5 of"]),
        ("one two threefour", ["one two", "threefour"]),
        ("one twothreefourfive", ["one", "twothreefo", "urfive"]),
    ],
)
def test_messages_end_where_most_ends(html: str, expected: list[str]) -> None:
    assert texts(html, 10 if html.isascii() else 12) == expected


def test_a_paper_is_not_torn_for_the_sake_of_a_full_message() -> None:
    papers = ["a " * 20, "b " * 35, "c " * 30]
    assert texts("\n\n<x-break/>".join(papers), 100) == [
        " ".join("a" * 20),
        " ".join("b" * 35),
        " ".join("c" * 30),
    ]


def test_a_line_does_not_begin_with_a_comma() -> None:
    for limit in range(4, 30):
        for text in texts("语音，识别（模型）的。说“好”、听；" * 8, limit):
            assert text[0] not in "，）。”、；"
            assert text[-1] not in "（“"


def test_abbreviations_and_numbers_end_no_sentence() -> None:
    words = "It works. It was seen in many, e.g. Whisper, and by Li et al. Again so " + "on and on " * 9
    assert texts(words, 68)[0] == "It works. It was seen in many, e.g. Whisper, and by Li et al. Again"


@pytest.mark.parametrize(
    "whole", ["<code>a b c d e</code>", '<a href="https://a.org">a b c d e</a>', "a b c d e"]
)
@pytest.mark.parametrize("before", range(3, 20))
def test_code_formulas_and_links_are_not_cut(whole: str, before: int) -> None:
    kept = whole if whole[0] == "<" else f"<x-f>{whole}</x-f>"
    messages = telegram_split.split("x " * before + kept + " y" * 9, 20)
    assert sum(whole in message for message in messages) == 1


def test_a_formula_longer_than_a_message_is_cut_all_the_same() -> None:
    assert texts("a <x-f>" + "x" * 25 + "</x-f> b", 10) == ["a", "x" * 10, "x" * 10, "xxxxx b"]
    assert telegram_split.split("<code>" + "x" * 14 + "</code>", 10) == [
        "<code>xxxxxxxxxx</code>",
        "<code>xxxx</code>",
    ]


def test_a_link_keeps_what_is_bold_in_it() -> None:
    link = '<a href="https://a.org">a <b>b</b> c</a>'
    assert telegram_split.split(link) == [link]


def test_code_stands_in_no_style_whatever_the_template_says() -> None:
    assert telegram_split.split("<b>run <code>x</code> now</b>") == ["<b>run </b><code>x</code><b> now</b>"]


def test_open_tags_are_closed_and_opened_again() -> None:
    html = "<blockquote expandable><b>one two</b> three</blockquote>"
    assert telegram_split.split(html, 8) == [
        "<blockquote expandable><b>one two</b></blockquote>",
        "<blockquote expandable>three</blockquote>",
    ]


def test_no_link_is_lost_to_the_limit_of_entities() -> None:
    html = " ".join(f'<a href="https://a.org/{number}">{number}</a>' for number in range(150))
    messages = telegram_split.split(html)
    assert [read(message)[1] for message in messages] == [100, 50]
    assert re.findall(r'"https://a.org/(\d+)"', "".join(messages)) == [str(number) for number in range(150)]


def test_the_last_message_is_not_a_few_characters() -> None:
    last = texts(" ".join(["word"] * 42), 205)[-1]
    assert len(last) > 50


def test_marks_of_ours_go_when_nothing_is_cut() -> None:
    assert telegram_split.finish("<b>A&amp;B</b><x-break/> <x-f>x₁</x-f>") == "<b>A&amp;B</b> x₁"


STORED = st.lists(
    st.one_of(
        st.text(max_size=12),
        st.sampled_from(
            ["**bold words**", "`some code`", "$x_1 + y$", r"$\nope$", "https://a.org/?a&b", "\n\n", "\n"]
        ),
        st.sampled_from(
            [FAMILY, FLAG, LETTER, "模型，识别。“好”", "It was. E.g. 12.5", "word " * 9, "<b>&amp;"]
        ),
    ),
    max_size=20,
).map("".join)
AROUND = st.sampled_from(
    ["{0}", "<blockquote expandable>{0}</blockquote>", "{0}<x-break/>{0}", "<i>{0}</i>\n{0}", "<u>{0}"]
)


def together(text: str) -> str:
    return "".join(text.split())


@given(STORED, AROUND, st.integers(40, 200), st.integers(3, 12))
def test_whatever_is_cut_nothing_is_lost(stored: str, around: str, limit: int, entities: int) -> None:
    html = around.format(telegram_html.html(stored))
    shown = texts(html, limit, entities)
    assert together("".join(shown)) == together(telegram_html.plain(telegram_split.finish(html)))


def test_the_work_grows_with_the_text_and_no_faster() -> None:
    for text in (
        "好" * 50_000,
        "x " * 50_000,
        "x" * 10**5,
        "<b>x</b>" * 10_000,
        " " * 10**5 + "x",
        "\n" * 10**5 + "x",
    ):
        assert together("".join(texts(text, 4096))) == together(telegram_html.plain(text))
