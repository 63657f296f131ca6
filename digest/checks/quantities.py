"""Parser for the numbers in a text, with sign and unit, in any notation: 12,000 = 1.2万, 3B = 30亿, 30% = 30％. Pure.

English and Chinese notations are parsed together, since Chinese texts contain both: digits, numbers written out in
words or characters, and the units of measurement with their Chinese names. Digits within a name (GPT-4) belong to the
name.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

from digest import languages
from digest.languages.numbers import Meaning
from digest.languages.part import any_of
from digest.languages.units import Measure, Unit

_ENGLISH, _CHINESE = languages.shipped(languages.SOURCE), languages.shipped(languages.CHINESE)
_VALUES = {word: int(value) for word, value in _ENGLISH.lexicon.numerals.values.items() if value}
_ONES = any_of(word for word, value in _VALUES.items() if value < 10)
_POWERS = {word: int(value) for word, value in _ENGLISH.lexicon.numerals.scales.items() if value >= 100}
"""Not dozens, which are rarely exact."""
_ANY_POWER = any_of(_POWERS)
_NUMERALS = re.compile(rf"\b(?:({any_of(_VALUES)})(?:[- ]({_ONES}))?)\b(?:[- ]({_ANY_POWER}))?")
_WORD = re.compile(r"[a-z]+")
_NAME = re.compile(r"[A-Z]{2,}|[A-Z][a-z]+-[A-Z]")
_STEMS = _ENGLISH.numbers.stems

_WRITTEN, _NUMERAL = _CHINESE.numbers.characters, _CHINESE.lexicon.numerals
_DIGITS = {sign: int(_NUMERAL.values[sign]) for sign in _WRITTEN.digits}
_PLACES = {sign: int(_NUMERAL.scales[sign]) for sign in _WRITTEN.places}
_GROUPS = {sign: int(_NUMERAL.scales[sign]) for sign in _WRITTEN.groups}
_MULTIPLIERS = _PLACES | _GROUPS
_SCALE_SIGN = f"[{''.join(_MULTIPLIERS)}]"
SCALE = rf"{_SCALE_SIGN}|{_ANY_POWER}"
"""A pattern for the words that multiply a number."""
_MORE = "余多来几"  # between places: 三百余万
_SIGNS = "".join([*_DIGITS, *_PLACES, *_GROUPS])
_HAN_NUMERAL = re.compile(f"[{_SIGNS}]+(?:[{_MORE}][{''.join(_GROUPS)}]+)?")
_WITHOUT_MORE = str.maketrans("", "", _MORE)
_LONGEST_NUMERAL = 24  # characters; the value of thousands of them would be a number of thousands of digits


def english_numeral(text: str) -> Iterator[int]:
    """Yield the values of the number words in a text, from three on; one and two are ambiguous.

    A word in a name does not count: TEN-VAD.
    """
    for found in _NUMERALS.finditer(text.lower()):
        tens, ones, power = found.groups()
        value = (_VALUES[tens] + (_VALUES[ones] if ones else 0)) * _POWERS.get(power, 1)
        if value > 2 and not _NAME.match(text, found.start()):
            yield value


def hinted_numeral(text: str) -> set[int]:
    """Return values up to ten that `text` (lower case) may express by other words: a third, quadruple."""
    return {value for value, stems in _STEMS.items() if any(stem in text for stem in stems)}


def implied_numeral(text: str) -> Iterator[Decimal]:
    """Yield the values that words of `text` (lower case) imply, if not as a numeral: a single, both, in October."""
    yield from (value for word in _WORD.findall(text) for value in _ENGLISH.numbers.implied_by.get(word, ()))


def chinese_numeral(text: str) -> Iterator[tuple[int, bool]]:
    """Yield the values of the numerals in `text`, each with True if it counts things: 九种 does, 统一 does not."""
    for found in _HAN_NUMERAL.finditer(text):
        signs = found[0].translate(_WITHOUT_MORE)[:_LONGEST_NUMERAL]
        value = _value(signs)
        if value is None and text.startswith(_WRITTEN.sizes, found.end()):
            value = multiplier(signs)
        if value is not None:
            yield value, text[found.end() : found.end() + 1] in _WRITTEN.counters


def multiplier(signs: str) -> int:
    """Return the factor of the characters after digits: 万 in 1.2万, 百万, 十亿, 余万."""
    product = 1
    for sign in signs.translate(_WITHOUT_MORE)[:_LONGEST_NUMERAL]:
        product *= _MULTIPLIERS[sign]
    return product


def _value(signs: str) -> int | None:
    """Parse a Chinese numeral: 三十亿 is 3,000,000,000; None for 亿 alone, which is not a number.

    A group sign multiplies what precedes it, up to a greater one: 一亿二千万 is 120,000,000, 三万亿 3,000,000,000,000.
    """
    total = group = digit = 0
    for sign in signs:
        if sign in _DIGITS:
            digit = digit * 10 + _DIGITS[sign]
        elif sign in _PLACES:
            group += (digit or 1) * _PLACES[sign]
            digit = 0
        elif total or group or digit:
            greater, smaller = (total, 0) if total >= _GROUPS[sign] else (0, total)
            total = greater + (smaller + group + digit) * _GROUPS[sign]
            group = digit = 0
        else:
            return None
    return total + group + digit


UNITS: dict[str, tuple[Measure, Decimal]] = {
    name: unit.worth
    for unit in Unit
    for name in (*unit.symbols, *_ENGLISH.numbers.units.get(unit, ()), *_CHINESE.numbers.units.get(unit, ()))
}
"""The unit names, each with its kind and its factor to the common unit."""

STRICT_UNITS = frozenset(
    {Measure.SHARE, Measure.LEVEL, Measure.FREQUENCY, Measure.RATE, Measure.TIME, Measure.MEMORY}
)
"""The kinds of units that must not be added to a bare number: 2024 may become 2024年, but 5 must not become 5%."""


_SHAPES = (
    dict.fromkeys("−‐‑‒", "-")
    | dict.fromkeys("∼～〜", "~")
    | dict.fromkeys("①②③④⑤⑥⑦⑧⑨⑩—", " ")
    | {"×": " x ", "μ": "u", "µ": "u"}
    | {sign: f"^{power}" for power, sign in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")}
)
_SHAPED = re.compile(f"[{''.join(_SHAPES)}]")
_PUNCTUATION = dict(zip("，（）：；！？", "、():;!?", strict=True))
"""The wide signs that most Chinese texts have; a text without any is normalized at once."""
_NUMERIC = re.compile(r"[\d²³¹⁰-₉¼-¾⅐-⅞]")
_MINUS = re.compile(r"(?<![\w%)\]])–(?=\d)")
_NAME_RUN = re.compile(r"[A-Za-z0-9_.+^-]+")
_LONGEST_UNIT = max(map(len, UNITS)) + 1  # with a hyphen
_SCALES = _POWERS | {"k": 1_000, "m": 10**6, "b": 10**9, "bn": 10**9, "t": 10**12}


def _is_spelled(unit: str) -> bool:
    """Return True if a unit ends with a letter, so that another letter after it makes another word."""
    return unit[-1].isascii() and unit[-1].isalpha()


_ATTRIBUTE = "|".join(_ENGLISH.numbers.attributes)
_NO_UNIT = r"[A-Za-z^]|(?<=[xX]) ?\d|-[a-z]"  # what makes another word of a unit: 5 s-shaped, 640 x 128
_SPELLED_UNITS = rf"(?:{any_of(filter(_is_spelled, UNITS))})(?:(?!{_NO_UNIT})|(?=-(?:{_ATTRIBUTE})\b))"
_OTHER_UNITS = any_of(name for name in UNITS if not _is_spelled(name))
_NUMBER = re.compile(
    r"(?P<digits>[\d.](?:(?<=\d)(?:\d{0,2}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d*(?:\.\d+)?[eE]-?\d{1,3}(?!\d)|\d*(?:\.\d+)*)"
    r"|(?<=\.)(?<![^\s(=<>~]\.)\d+))"
    rf"(?P<scale> ?-?(?:{_ANY_POWER})(?![A-Za-z])"
    rf"|-?(?:K|M|B|T|k|bn)(?![A-Za-z])| [MBK](?![A-Za-z])| ?[余多]?{_SCALE_SIGN}+)?"
    rf"\+?(?:[余多几]|[余多]?个)?(?:[ -]?(?P<unit>{_SPELLED_UNITS}|{_OTHER_UNITS}))?"
    r"(?P<suffix>(?<=\d)[A-Za-z]+)?"
)
_LINK = re.compile(
    rf"[ 、]?(?:-|–|~|/|、|,|;|{any_of((*_ENGLISH.numbers.links, *_CHINESE.numbers.links))})? ?-?"
)
_ORDINARY = Decimal(1)
_DECADE = re.compile(r"(?:1[89]|20)\d0s")  # no seconds
_NO_SIGN_BEHIND = "/+±~%)]°_秒钟时天倍赫贝度亿万千百"
_POINTS = re.compile(r"[ -](?:absolute )?points?\b|[ -]absolute\b|[ -]pts\b")  # of a score, often of percent
_LOWERED = re.compile(r"[降减低少跌缩落下][^0-9、。]{0,8}\Z")


@dataclass(frozen=True, slots=True)
class Amount:
    """A value in the common unit of its kind; `measure` is None if it has no known unit."""

    value: Decimal
    measure: Measure | None


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number as written in a text, and the amounts that it may mean.

    The first amount is its own meaning; others come from its neighbours: in “10 to 20 ms” both numbers are times.
    `bare` is its value without unit and scale. A `loose` number may be absent from a translation: the mark of a list
    item (`marks`), a version, the 3 of 3D.
    """

    written: str
    bare: Decimal
    amounts: tuple[Amount, ...]
    loose: bool = False
    marks: bool = False


def find_quantities(text: str) -> list[Quantity]:
    """Return the quantities in `text`, in order; `text` should contain no formulas or addresses."""
    if not _NUMERIC.search(text):
        return []
    plain = _in_ascii_shapes(text.replace("--", "~"))
    found = [*_outside_names(plain)]
    made = [_quantity(number) for number in found]
    for at in range(len(found) - 2, -1, -1):
        if _LINK.fullmatch(plain, found[at].end(), found[at + 1].start()):
            made[at] = _like(made[at], made[at + 1], found[at + 1])
    return made


def _in_ascii_shapes(text: str) -> str:
    """Return `text` with the variants of signs and digits as those of ASCII, where there are any."""
    if text.isascii():
        return text
    if "–" in text:
        text = _MINUS.sub("-", text)
    for wide, narrow in _PUNCTUATION.items():
        text = text.replace(wide, narrow)
    return unicodedata.normalize("NFKC", _SHAPED.sub(lambda found: _SHAPES[found[0]], text))


def _outside_names(text: str) -> Iterator[re.Match[str]]:
    """Yield the numbers that are no part of a word that begins with a letter, as in GPT-4, Qwen2.5-7B, not 2 s-5 s."""
    runs = _NAME_RUN.finditer(text)
    run = next(runs, None)
    for found in _NUMBER.finditer(text):
        while run and run.end() <= found.start():
            run = next(runs, None)
        if run is None or not text[run.start()].isalpha() or _is_behind_a_unit(found, run.start()):
            yield found


def _is_behind_a_unit(found: re.Match[str], start: int) -> bool:
    """Return True if there is but the unit of another number from `start` to the number, as from 2 in 2 s-5 s."""
    text = found.string
    if found.start() - start > _LONGEST_UNIT or text[start : found.start()].rstrip("-") not in UNITS:
        return False
    while start and text[start - 1].isspace():
        start -= 1
    return text[start - 1 : start].isdigit()


def _quantity(found: re.Match[str]) -> Quantity:
    digits = found["digits"].replace(",", "")
    version = digits.count(".") > 1
    bare = Decimal(0) if version else Decimal(digits)
    if _is_negative(found):
        bare = -bare
    before = found.string[max(0, found.start() - 10) : found.start()]
    amounts = [
        _amount(bare * _scale(found["scale"]), found["unit"], percent=before.rstrip().endswith("百分之"))
    ]
    if not found["unit"] and _POINTS.match(found.string, found.end()):
        amounts.append(Amount(amounts[0].value, Measure.SHARE))
    if bare > 0 and _LOWERED.search(before):
        amounts.append(replace(amounts[0], value=-amounts[0].value))
    marks = _is_mark(found)
    loose = marks or version or bool(found["suffix"]) or _DECADE.fullmatch(found[0]) is not None
    written = found[0].strip()
    return Quantity(f"-{written}" if bare < 0 else written, bare, tuple(amounts), loose, marks)


def _amount(value: Decimal, unit: str | None, *, percent: bool) -> Amount:
    if percent:
        return Amount(value, Measure.SHARE)
    measure, factor = UNITS[unit] if unit else (None, _ORDINARY)
    if measure is Measure.YEARS and 1900 <= value <= 2100:
        measure = None
    return Amount(value * factor, measure)


def _is_negative(found: re.Match[str]) -> bool:
    """Return True if a minus sign precedes the number; in 10-20 and 10秒-20秒 the hyphen marks a range."""
    sign = found.string[found.start() - 1 : found.start()]
    if sign != "-":
        return sign == "负"
    before = found.string[found.start() - 2 : found.start() - 1] or " "
    return not (before.isascii() and before.isalnum()) and before not in _NO_SIGN_BEHIND


def _scale(scale: str | None) -> int:
    if not scale:
        return 1
    name = scale.strip(" -")
    return _SCALES[name.lower()] if name.isascii() else multiplier(name)


def _is_mark(found: re.Match[str]) -> bool:
    """Return True if a number is the mark of a list item: (1), 2)."""
    text, (start, end) = found.string, found.span()
    if len(found["digits"]) > 1 or found["scale"] or found["unit"] or text[end : end + 1] not in {")", "."}:
        return False
    before = text[start - 1 : start] if start else ""
    if text[end] == ".":
        return not before.strip() and text[end + 1 : end + 2] == " " and start == 0
    return before in {"(", "", " ", ";", ":", "、", "。", "_"} or not before.isascii()


def _like(one: Quantity, following: Quantity, found: re.Match[str]) -> Quantity:
    """Add to `one` the amounts that it means if the unit and scale of the following number apply to both."""
    own = one.amounts[0]
    if own.measure is not None or own.value != one.bare:
        return one
    factor = UNITS[found["unit"]][1] if found["unit"] else _ORDINARY
    scaled = factor * _scale(found["scale"])
    for amount in following.amounts:
        one = _meaning(
            one, Amount(one.bare * scaled, amount.measure), Amount(one.bare * factor, amount.measure)
        )
    return one


def _meaning(one: Quantity, *amounts: Amount) -> Quantity:
    return replace(one, amounts=tuple(dict.fromkeys([*one.amounts, *amounts])))


def same(one: Amount, other: Amount) -> bool:
    """Return True if two amounts mean the same: 5% is not 5, but 2024 is 2024年."""
    if one.value != other.value:
        return False
    if one.measure == other.measure:
        return True
    if one.measure is None:
        return other.measure not in STRICT_UNITS
    return other.measure is None and one.measure in {
        Measure.YEARS,
        Measure.MONTHS,
        Measure.WIDTH,
        Measure.ANGLE,
    }


class QuantityIndex:
    """Quantities by their values, so that two texts with many numbers are compared in linear time."""

    def __init__(self, quantities: Iterable[Quantity]) -> None:
        self._amounts: dict[Decimal, set[Amount]] = {}
        self._alike: dict[Decimal, dict[tuple[Amount, ...], Quantity]] = {}
        for each in quantities:
            self._alike.setdefault(each.bare, {}).setdefault(each.amounts, each)
            for amount in each.amounts:
                self._amounts.setdefault(amount.value, set()).add(amount)

    def has(self, one: Quantity) -> bool:
        """Return True if a quantity in here, of a translation, means the same as `one` of the original."""
        return any(same(own, other) for own in one.amounts for other in self._amounts.get(own.value, ()))

    def means(self, one: Quantity) -> bool:
        """Return True if a quantity in here, of the original, means the same as `one` of a translation."""
        return any(same(other, own) for own in one.amounts for other in self._amounts.get(own.value, ()))

    def alike(self, one: Quantity) -> Collection[Quantity]:
        """Return the quantities with the number of `one`, one of each meaning, whatever the unit."""
        return self._alike.get(one.bare, {}).values()


_COUNTS = {word: Decimal(value) for word, value in _VALUES.items()} | {
    "a": Decimal(1),
    "an": Decimal(1),
    "half": Decimal("0.5"),
    "half a": Decimal("0.5"),
    "half an": Decimal("0.5"),
}
_WORDED = re.compile(
    rf"\b({any_of(_COUNTS)})(?:-({_ONES}))?(?:[- ]({_ANY_POWER}))?"
    rf"(?:[- ]({any_of(name for name in UNITS if name.isascii() and len(name) > 2)}))?\b"
)


def _meant(meaning: Meaning) -> Amount:
    return Amount(meaning.value, meaning.unit.worth[0] if meaning.unit else None)


_IDIOMS = tuple(
    (re.compile(rf"\b(?:{any_of(idiom.words)})\b"), tuple(map(_meant, idiom.means)))
    for idiom in _ENGLISH.numbers.idioms
)


def worded_quantities(text: str) -> Iterator[Quantity]:
    """Yield what the words of an English text may become in digits: one-second 1秒, half a million 50万, half 50%.

    They are loose: a translation may also express them in words.
    """
    lower = text.lower()
    for found in _WORDED.finditer(lower):
        count, ones, power, unit = found.groups()
        if power or unit:
            value = (_COUNTS[count] + (_VALUES[ones] if ones else 0)) * _POWERS.get(power, 1)
            yield Quantity(found[0], value, (_amount(value, unit, percent=False),), loose=True)
    for words, amounts in _IDIOMS:
        if words.search(lower):
            yield from (Quantity(words.pattern, each.value, (each,), loose=True) for each in amounts)
