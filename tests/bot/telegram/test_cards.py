"""Telegram accepts the messages for any paper, reading or answer, rich and classic."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.models import Detail, Preferences
from bot.telegram import messages as message_cards
from bot.telegram.templates import Message, plainer
from digest.core.models import Answer, Claim, Entry, Reading, Statement, Translation, VersionId
from tests.editions import ORIGIN, edition, entry
from tests.fakes import telegram_html, telegram_keyboards, telegram_rich
from tests.fakes.telegram_limits import ENTITIES, MESSAGE_UNITS, utf16_units
from tests.papers import paper

RICH, CLASSIC = Preferences("zh-CN", Detail.READINGS, rich=True), Preferences("zh-CN", Detail.READINGS)
HOSTILE = st.lists(
    st.one_of(
        st.text(max_size=15),
        st.sampled_from(
            ["**粗体 `x` $y$**", "`a<b`", "`a\nb`", r"$\frac{a}{b}<1$", r"\[ x & y \]", "$5", "$"]
        ),
        st.sampled_from(
            ["<b>", "</details>", "<script>", "&amp;", "&nbsp", "\x00", "\u202e", "\ud800", "\n\n"]
        ),
        st.sampled_from(
            ['https://a.org/?a&b="', "{{ x }}", "{% raw %}", "<tg-math>", "# 题", "| a | b |", "- x"]
        ),
        st.sampled_from([r"\begin{align}a&=b\\\end{align}", r"\href{javascript:x}{y}", r"\emph{x}", "\\"]),
    ),
    max_size=12,
).map("".join)
CLAIMS = st.builds(
    Claim,
    HOSTILE,
    st.lists(
        st.builds(Claim, HOSTILE, st.lists(st.builds(Claim, HOSTILE), max_size=2).map(tuple)), max_size=3
    ).map(tuple),
)
"""One level deeper than the prompt asks for."""


def taken(message: Message) -> str:
    """Return the text of a message that Telegram accepts, buttons included. Raises BotApiError for any other."""
    for row in message.buttons:
        for button in row:
            telegram_keyboards.checked(
                {"inline_keyboard": [[{"text": button.text, "callback_data": button.data or "-"}]]}
            )
    if message.rich is not None:
        assert message.classic
        return telegram_rich.read({"html": message.rich})[0]
    text, entities = (message.text, ()) if message.text is not None else telegram_html.parsed(message.html)
    assert 0 < utf16_units(text) <= MESSAGE_UNITS
    assert len(entities) <= ENTITIES
    return text


def all_taken(messages: tuple[Message, ...]) -> None:
    """Assert that each message is accepted, and so are its fallbacks, down to plain text."""
    for message in messages:
        assert taken(message)
        all_taken(plainer(message))


def read(claims: tuple[Claim, ...]) -> Reading:
    return Reading(paper(1).version, "zh-CN", claims, claims, claims, ORIGIN)


@given(HOSTILE, HOSTILE, st.lists(CLAIMS, max_size=4).map(tuple))
def test_whatever_a_paper_holds_its_messages_are_taken_in_each_form(
    line: str, text: str, claims: tuple[Claim, ...]
) -> None:
    found = paper(1, title=f"T{line}", abstract=f"A{text}")
    found = replace(found, authors=(line, text, "李雷", "x"))
    translation = Translation(found.version, "zh-CN", line, text, line, ORIGIN)
    answer = Answer(found.version, "zh-CN", f"？{line}", (Statement(text, (line, "q")),), True, ORIGIN)
    shown = [Entry(found, translation, read(claims)), Entry(found, translation, read(claims))]
    day = replace(edition(*shown), replacements=(found,))
    for form in (RICH, CLASSIC):
        made = [
            message_cards.card(found, translation, form, opens=True, note="注"),
            message_cards.reading(found, read(claims), 1, form, over_card=True),
            *message_cards.answer(found, answer, form),
            *message_cards.digest(day, form),
        ]
        all_taken(tuple(made))
        assert all((message.rich is not None) == form.rich for message in made)


def test_a_rich_message_says_what_the_classic_ones_say() -> None:
    claims = (Claim("误差 $x^2$ 下降", (Claim("尤其 **在夜里**"),)), Claim("a < b"))
    message = message_cards.reading(paper(1), read(claims), 1, RICH)
    assert message.rich is not None
    assert (
        "<ul><li>误差 <tg-math>x^2</tg-math> 下降<ul><li>尤其 <b>在夜里</b></li></ul></li><li>a &lt; b</li></ul>"
        in (message.rich)
    )
    (classic,) = message.classic
    for words in ("研究背景与既有方法的问题", "arxiv.org/abs/2602.00001v1", "尤其", "a &lt; b"):
        assert words in message.rich
        assert words in classic.html


@pytest.mark.parametrize("over_card", [True, False])
def test_a_long_reading_needs_no_pages_where_it_is_rich(over_card: bool) -> None:
    long = read((Claim("这是很长的一句话。" * 740),))  # 20,000 characters in all
    classic, rich = (
        message_cards.reading(paper(1), long, 1, form, over_card=over_card) for form in (CLASSIC, RICH)
    )
    assert len(message_cards.reading_pages(paper(1), long)) > 4
    assert [button.text for button in classic.buttons[0]] == ["1/6", "下一页 ›"]
    assert rich.rich is not None
    assert rich.rich.count("这是很长的一句话。") == 3 * 740
    below = ["‹ 摘要", "提问"] if over_card else ["提问"]
    assert [[button.text for button in row] for row in rich.buttons] == [below]
    assert rich.classic == (classic,)
    assert (
        message_cards.reading(paper(1), long, 2, RICH, over_card=over_card).rich is None
    )  # who turns pages has classic ones


@pytest.mark.parametrize(
    "claims",
    [
        (Claim("这是很长的一句话。" * 1300),),
        tuple(Claim("一", (Claim("二"),) * 12) for _ in range(12)),  # more blocks than Telegram takes
    ],
)
def test_a_reading_too_long_for_one_rich_message_is_classic(claims: tuple[Claim, ...]) -> None:
    message = message_cards.reading(paper(1), read(claims), 1, RICH)
    assert message.rich is None
    all_taken((message,))


def test_a_formula_longer_than_a_message_is_shown_in_each_form() -> None:
    formula = "$" + r"\frac{a}{b}+" * 416 + "c$"
    message = message_cards.reading(paper(1), read((Claim(formula),)), 1, RICH)
    assert message.rich is not None
    assert message.rich.count(r"\frac{a}{b}") == 3 * 416
    all_taken((message,))


def test_a_digest_is_as_many_rich_messages_as_hold_its_papers_and_blocks() -> None:
    claims = tuple(Claim("一点。", (Claim("细节。"),) * 3) for _ in range(6))
    entries = [entry(number, claims=claims) for number in range(1, 13)]
    messages = message_cards.digest(edition(*entries), RICH)
    all_taken(messages)
    shown = "".join(map(taken, messages))
    assert [f"{number}. 标题" in shown for number in range(1, 13)] == [True] * 12
    assert 4 <= len(messages) <= 6
    assert all(message.rich for message in messages)


def test_a_paper_too_long_for_a_rich_message_is_classic_between_rich_ones() -> None:
    long = entry(2, claims=(Claim("这是很长的一句话。" * 1300),))
    messages = message_cards.digest(edition(entry(1), long, entry(3)), RICH)
    assert [message.rich is not None for message in messages][:1] == [True]
    assert messages[-1].rich is not None
    assert {message.rich is not None for message in messages[1:-1]} == {False}
    all_taken(messages)


def test_what_buttons_send_has_room_for_the_longest_name_of_a_paper() -> None:
    version = VersionId(replace(paper(1).version.paper, value="math-ph/0406020"), 999)
    for place in message_cards.Place:
        assert len(message_cards.page_data(version, 99, place)) <= 64
