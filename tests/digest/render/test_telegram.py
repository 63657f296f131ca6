"""Tests of stored text as HTML that Telegram accepts."""

import re
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.render import telegram_html, telegram_split

LITERAL = 'A<B & "C" $x_1$ {{y}}'


def test_signs_that_html_reads_are_shown_to_the_letter() -> None:
    assert telegram_html.literal(LITERAL) == "A&lt;B &amp; &quot;C&quot; $x_1$ {{y}}"
    assert telegram_html.html(LITERAL) == "A&lt;B &amp; &quot;C&quot; <x-f>x₁</x-f> {{y}}"
    assert telegram_html.html("it's &lt; &#60;") == "it's &amp;lt; &amp;#60;"


def test_markup_becomes_telegrams_own() -> None:
    assert telegram_html.html("**bold** and `a<b` at https://a.org/?x=1&y=2.") == (
        "<b>bold</b> and <code>a&lt;b</code> at "
        '<a href="https://a.org/?x=1&amp;y=2">https://a.org/?x=1&amp;y=2</a>.'
    )


def test_a_hostile_address_stays_within_its_link() -> None:
    shown = telegram_html.html('https://a.org/"><b>x</b> javascript:alert(1)')
    assert shown.startswith('<a href="https://a.org/&quot;&gt;&lt;b&gt;x&lt;/b">')
    assert shown.count("<") == 2


def test_code_stands_in_no_other_entity() -> None:
    assert telegram_html.html("**run `x` now**") == "<b>run </b><code>x</code><b> now</b>"


def test_a_formula_without_a_readable_form_is_shown_as_code() -> None:
    assert telegram_html.html(r"$\frac{\frac{a}{b}}{c} < 1$") == r"<code>\frac{\frac{a}{b}}{c} &lt; 1</code>"


def test_rich_messages_set_their_own_formulas() -> None:
    assert telegram_html.rich(r"so $a<\frac{1}{b}$") == r"so <tg-math>a&lt;\frac{1}{b}</tg-math>"


def test_the_lines_of_a_text_stay_lines_in_a_rich_message() -> None:
    assert telegram_html.rich("a\n\nb <br> `c\nd`") == "a<br><br>b &lt;br&gt; <code>c d</code>"


def test_macros_in_prose_show_their_words() -> None:
    assert telegram_html.html(r"\emph{caf\'e}: \href{https://a.org}{code}") == (
        'café: code (<a href="https://a.org">https://a.org</a>)'
    )
    assert telegram_html.literal(r"\emph{x}") == r"\emph{x}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x00\x07\x1bb\x7f", "ab"),
        ("a\tb\r\nc\rd\u2028e", "a b\nc\nd\ne"),
        ("a\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069b", "ab"),
        ("a\u200b\ufeff\u2060\u00ad\u200cb", "ab"),
        ("a\u200db", "ab"),
        ("a\ud800\ue000\ufffe\uffff\U0001ffffb", "ab"),
        ("\u3164\u2800x\u115f", "x"),
        ("a\n\n \n\nb  \nc", "a\n\nb\nc"),
        ("z" + "\u0301" * 50, "z" + "\u0301" * 8),
        ("a" + "\U000e0061" * 9, "a"),
    ],
)
def test_characters_that_hurt_a_chat_are_taken_out(text: str, shown: str) -> None:
    assert telegram_html.literal(text) == telegram_html.html(text) == shown


@pytest.mark.parametrize("emoji", ["👨‍👩‍👧", "👩🏽‍💻", "❤️‍🔥", "🇨🇳", "1️⃣", "🏴󠁧󠁢󠁷󠁬󠁳󠁿", "🏳️‍🌈"])
def test_emoji_stay_whole(emoji: str) -> None:
    assert telegram_html.literal(emoji) == emoji


def test_hostile_text_is_cleaned_without_going_over_it_again_and_again() -> None:
    for text in (" " * 10**5 + "x", "\U000e0061" * 10**5, "👨" + "\ufe0f" * 10**5, "\n " * 10**5):
        assert len(telegram_html.literal(text)) <= len(text)


def test_plain_text_keeps_the_addresses_of_links() -> None:
    html = '<b>A&amp;B</b> <a href="https://a.org?x&amp;y">go</a>, <a href="https://b.org">https://b.org</a>'
    assert telegram_html.plain(html) == "A&B go (https://a.org?x&y), https://b.org"
    assert telegram_html.plain("<x-f>x₁</x-f> &lt;b&gt;<x-break/>") == "x₁ <b>"


MARKUP = st.lists(
    st.one_of(
        st.text(max_size=8),
        st.sampled_from(
            [
                LITERAL,
                "**b**",
                "`c`",
                "**b `c` $x$**",
                r"$\frac{a}{b}$",
                r"$\nope$",
                "https://a.org/?a&b",
                "$",
                "*",
            ]
        ),
        st.sampled_from(
            [r"\emph{x}", r"\href{https://a.org}{x}", "\\", "<b>", "</a>", "&amp;", "\u202e", "\ud800"]
        ),
    )
).map("".join)
TAG = r"</?b>|</?code>|</a>|<a href=\"[^\"<>]*\">|</?x-f>"


@given(MARKUP)
def test_whatever_is_stored_becomes_html_that_telegram_reads(text: str) -> None:
    html = telegram_html.html(text)
    html.encode()
    rest = re.sub(TAG, "", html)
    assert not set('<>"') & set(rest)
    assert not re.search(r"&(?!(?:amp|lt|gt|quot);)", rest)
    assert telegram_html.plain(telegram_html.literal(text)) == unescape(telegram_html.literal(text))
    assert telegram_html.plain(telegram_split.finish(html)) == telegram_html.plain(html)
