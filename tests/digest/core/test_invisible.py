import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.core.invisible import _SUSPECT, removed, removed_in_line

HARMFUL = [
    *map(chr, [*range(0x09), *range(0x0E, 0x20), *range(0x7F, 0x85), *range(0x86, 0xA0)]),
    *map(chr, [*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C]),  # direction
    *map(chr, [0x200B, 0x2060, 0x2061, 0x2065, 0x206A, 0xFEFF, 0x180E, 0x00AD, 0x034F]),  # zero width
    *map(chr, [0xFFF9, 0xFFFB, 0xFFFF, 0xFDD0, 0xE000, 0xF0000, 0xD800, 0xDFFF]),
    *map(chr, [0xE0000, 0xE0001, 0xE0020, 0xE0041, 0xE007F, 0xE0100, 0xE01EF, 0xE0FFF, 0x1D173]),
    *map(chr, [0x115F, 0x1160, 0x17B4, 0x2800, 0x3164, 0xFFA0]),
]


@pytest.mark.parametrize("sign", HARMFUL, ids=lambda sign: f"U+{ord(sign):04X}")
def test_what_is_invisible_or_turns_text_around_goes(sign: str) -> None:
    assert removed(f"a{sign}b{sign}{sign}") == "ab"


@pytest.mark.parametrize(
    "text",
    [
        "Zoë Müller, 李明, Иван, Ἀριστοτέλης",
        "می‌خواهم",  # Persian: a zero-width non-joiner
        "क्‍ष and ශ්‍රී",  # joiners in Devanagari and Sinhala
        "שלום עולם",
        "👩‍🔬 👨‍👩‍👧‍👦 🏳️‍🌈 ✍🏽 1️⃣ ☀️ ⚠︎",
        "🏴󠁧󠁢󠁷󠁬󠁳󠁿",  # Wales, in tags
        "葛󠄀城",  # a variant of a Han character
        "é́ ề",  # marks
        "x² ≤ 5 µm — “quoted” … 100 %",
        "全角　空格 and no-break space",
        "two\nlines",
    ],
)
def test_what_writing_needs_stays(text: str) -> None:
    assert removed(text) == text


def test_joiners_tags_and_selectors_that_join_nothing_go() -> None:
    assert removed("a‍b c‌d 语‍音 😀‍b‍") == "ab cd 语音 😀b"
    assert removed("😀" + "\ufe0f" * 200 + "\U000e0148\U000e0149") == "😀\ufe0f"
    assert removed("🏴" + "\U000e0041" * 50) == "🏴" + "\U000e0041" * 8


def test_every_end_of_a_line_is_one_line_feed_and_a_tab_a_space() -> None:
    assert removed("a\r\nb\rc\vd\fe\x85f\u2028g\u2029h\ti") == "a\nb\nc\nd\ne\nf\ng\nh i"
    assert removed_in_line("a\r\nb\u2028c") == "a b c"


def test_no_character_is_overlooked() -> None:
    """The quick check and the rules agree on every character that there is."""
    for number in range(0x110000):
        sign = chr(number)
        if unicodedata.category(sign) in {"Cc", "Cf", "Cs", "Co"} and sign != "\n":
            assert _SUSPECT.search(sign), hex(number)
        elif unicodedata.category(sign) == "Cn" and number & 0xFFFE == 0xFFFE:
            assert not removed(sign), hex(number)


@given(st.text())
def test_nothing_of_it_is_left_whatever_comes(text: str) -> None:
    once = removed(text)
    assert removed(once) == once
    assert not any(unicodedata.category(sign) in {"Cc", "Cs", "Co"} for sign in once.replace("\n", ""))
    assert not set(once) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\ufeff")
