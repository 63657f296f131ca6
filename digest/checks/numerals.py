"""Numbers written out in English words or Chinese characters. Pure."""

import re
from collections.abc import Iterator

_WORDS = (  # noqa: SIM905 - a list of words reads best as words
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen twenty"
).split()
_TENS = ["thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_VALUES = {word: at for at, word in enumerate(_WORDS, start=1)} | {
    word: at * 10 for at, word in enumerate(_TENS, start=3)
}
_POWERS = {"hundred": 100, "thousand": 1_000, "million": 10**6, "billion": 10**9}
_ENGLISH = re.compile(
    rf"\b(?:({'|'.join(_VALUES)})(?:[- ]({'|'.join(_WORDS[:9])}))?)\b(?:[- ]({'|'.join(_POWERS)}))?"
)
_STEMS = {
    3: ("third", "tri", "triple"), 4: ("fourth", "quad", "quart"), 5: ("fifth", "penta", "quint"),
    6: ("sixth", "hexa"), 7: ("seventh", "hepta"), 8: ("eighth", "oct"), 9: ("ninth",), 10: ("tenth", "deca"),
}  # fmt: skip

_DIGITS = {sign: value for value, sign in enumerate("零一二三四五六七八九")} | {"两": 2, "〇": 0}
_PLACES = {"十": 10, "百": 100, "千": 1_000}
_GROUPS = {"万": 10**4, "亿": 10**8}
_MULTIPLIERS = _PLACES | _GROUPS
_CHINESE = re.compile(f"[{''.join([*_DIGITS, *_PLACES, *_GROUPS])}]+")
_COUNTED = "个种项类名位条组次倍层阶维步段大轮篇份套对台款级路项"  # measure words: the number counts


def english(lower: str) -> Iterator[int]:
    """Yield the values of the number words in a text (lower case), from three on; one and two are ambiguous."""
    for tens, ones, power in _ENGLISH.findall(lower):
        value = (_VALUES[tens] + (_VALUES[ones] if ones else 0)) * _POWERS.get(power, 1)
        if value > 2:
            yield value


def hinted(text: str) -> set[int]:
    """Return values up to ten that `text` (lower case) may express by other words: a third, quadruple."""
    return {value for value, stems in _STEMS.items() if any(stem in text for stem in stems)}


def chinese(text: str) -> Iterator[tuple[int, bool]]:
    """Yield the values of the numerals in `text`, each with True if it counts things: 九种 does, 统一 does not."""
    for found in _CHINESE.finditer(text):
        value = _value(found[0])
        if value is not None:
            yield value, text[found.end() : found.end() + 1] in _COUNTED


def multiplier(signs: str) -> int:
    """Return the factor of the characters after digits: 万 in 1.2万, 百万, 十亿."""
    product = 1
    for sign in signs:
        product *= _MULTIPLIERS[sign]
    return product


def _value(signs: str) -> int | None:
    """Parse a Chinese numeral: 三十亿 is 3,000,000,000; None for 亿 alone, which is not a number."""
    total = group = digit = 0
    for sign in signs:
        if sign in _DIGITS:
            digit = digit * 10 + _DIGITS[sign]
        elif sign in _PLACES:
            group += (digit or 1) * _PLACES[sign]
            digit = 0
        elif total or group or digit:
            total = (total + group + digit) * _GROUPS[sign]
            group = digit = 0
        else:
            return None
    return total + group + digit
