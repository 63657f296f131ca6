"""Search for a model's quotes in a text. Pure.

White space, hyphens between letters, ligatures, case and the forms of quotation marks and dashes make no difference,
because texts are extracted from PDFs and models begin with a capital. Numbers must match exactly. A quote that begins
or ends within a word or a number does not match: it may mean the opposite, or another number.
"""

import re
import unicodedata
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice

_LONGEST = 1_000  # characters
_SHORTEST = 12  # characters; shorter quotes match anywhere by chance
_PLACES = 100  # positions at which one quote is compared
_UNSPACED = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")  # a quote may begin at any of these
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_SHAPES = str.maketrans(
    dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-")
    | dict.fromkeys("\u2018\u2019\u201a\u201b`´", "'")
    | dict.fromkeys("\u201c\u201d\u201e\u201f", '"')
    | {"…": "..."}
)
_FOLDED = ("Ll", "Lu", "Lt", "Lo", "Nd")  # ligatures, letters of formulas; not superscripts: 10² is not 102
_CELLS = re.compile(r"(?<!\S)\|(?!\S)")  # models put it between the cells of a table row
_SIGN = re.compile(r"(\S)( ?)(?=(\S?))")
_HYPHEN = re.compile(r"(?<=[^\W\d_])-(?=\s*[^\W\d_])")
_GOES_ON_BEFORE = re.compile(r"[a-z0-9_]-?\Z")
_GOES_ON_BEHIND = re.compile(r"-?[a-z0-9_]")
_LOOSE = re.compile(rf" |{_HYPHEN.pattern}")


@dataclass(frozen=True, slots=True)
class Searchable:
    """A text prepared for many searches.

    `text` is normalized, `squeezed` also lacks spaces and hyphens, and `places` maps its offsets to those of `text`.
    """

    text: str
    squeezed: str
    places: Sequence[int]


def searchable(text: str) -> Searchable:
    """Prepare `text` for searches."""
    plain = _comparable(text)
    places, start = array("L"), 0
    for loose in _LOOSE.finditer(plain):
        places.extend(range(start, loose.start()))
        start = loose.end()
    places.extend(range(start, len(plain)))
    return Searchable(plain, _LOOSE.sub("", plain), places)


def is_in(quote: str, known: Searchable) -> bool:
    """Return True if `quote` is in the text; False if it has under 12 or over 1,000 characters."""
    wanted = _HYPHEN.sub("", _comparable(quote))
    squeezed = wanted.replace(" ", "")
    if len(quote) > _LONGEST or len(squeezed) < _SHORTEST:
        return False
    pattern = re.compile(_pattern(wanted))
    return any(pattern.match(known.text, place) for place in islice(_places(squeezed, known), _PLACES))


def holds(address: str, known: Searchable) -> bool:
    """Return True if the `address` is in the text, whole or as the start of a longer one; line breaks are ignored."""
    squeezed = _LOOSE.sub("", _comparable(address))
    return any(_is_whole(known, at, at + len(squeezed)) for at in _found(squeezed, known))


def _is_whole(known: Searchable, start: int, end: int) -> bool:
    """Return True if no word continues before or after the match; before `https://` any text is allowed."""
    first, last = known.places[start], known.places[end - 1]
    beside = known.text[max(0, first - 2) : first]
    begins = "://" in known.squeezed[start:end] or not _GOES_ON_BEFORE.search(beside)
    return begins and not _GOES_ON_BEHIND.match(known.text, last + 1)


def _places(squeezed: str, known: Searchable) -> Iterator[int]:
    return (known.places[at] for at in _found(squeezed, known))


def _found(squeezed: str, known: Searchable) -> Iterator[int]:
    at = known.squeezed.find(squeezed)
    while at >= 0:
        yield at
        at = known.squeezed.find(squeezed, at + 1)


def _pattern(wanted: str) -> str:
    """Build the pattern for `wanted`: it allows spaces and hyphens between letters, but no part of a word or number."""
    parts = [_before(wanted[0])]
    for sign, space, following in _SIGN.findall(wanted):
        parts.append(re.escape(sign) + _between(sign, space, following))
    return "".join(parts) + _after(wanted[-1])


def _between(sign: str, space: str, following: str) -> str:
    if not following:
        return ""
    if sign.isalpha() and following.isalpha():
        return "-? ?"
    return space if sign.isdecimal() and following.isdecimal() else " ?"


def _before(first: str) -> str:
    """Return a lookbehind: the rest of the quote's first word or number must not precede, since it may change it."""
    if first.isdecimal():
        return r"(?<![^\W_])(?<!\d[.,])(?<![-+±])"
    if first.isalpha() and not _UNSPACED.match(first):
        return r"(?<![^\W_])(?<![^\W_]-)"
    return r"(?<!\d)"


def _after(last: str) -> str:
    if last.isdecimal():
        return r"(?![^\W_]|[.,]\d| ?[%‰])"
    if last.isalpha() and not _UNSPACED.match(last):
        return r"(?![^\W_]|-[^\W_])"
    return r"(?!\d)"


def _comparable(text: str) -> str:
    """Normalize `text` for comparison, except for hyphens; `$$` counts as `$`."""
    plain = _NOT_ASCII.sub(lambda sign: _fold(sign[0]), unicodedata.normalize("NFC", text))
    shaped = plain.translate(_SHAPES).replace("''", '"').replace("$$", "$")
    return " ".join(_CELLS.sub("", shaped).casefold().split())


@cache
def _fold(sign: str) -> str:
    category = unicodedata.category(sign)
    if category == "Cf":
        return "-" if sign == "\u00ad" else ""
    return unicodedata.normalize("NFKC", sign) if category in _FOLDED else sign
