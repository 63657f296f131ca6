"""Checks that a model's statements about a paper are supported by the paper. Pure.

A statement is supported if a passage that it quotes is in the paper, if its numbers are in its own passages (in the
whole paper most numbers occur by chance), if no passage plainly says the opposite (`digest.checks.opposites`), and if
its addresses are in the paper. For a year, and for a name with a number such as FastSpeech 2, anywhere in the paper is
enough: passages often cite works by numbers, or say “our model”. Whether a passage says all else that the statement
says, no check here can tell: a judge does.

Quotes are searched without regard to white space, hyphens between letters, ligatures, case and the forms of quotation
marks and dashes, because texts are extracted from PDFs and models begin with a capital. Numbers must match exactly. A
quote that begins or ends within a word or a number does not match: it may mean the opposite, or another number. Numbers
are compared by value. Units are not checked, because tables have them in their headings; nor are signs, which a
translation may express by a verb.
"""

import re
import unicodedata
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from itertools import islice

from digest.checks import opposites, quantities
from digest.checks.quantities import Quantity, find_quantities
from digest.core.findings import Finding, Flaw, finding
from digest.languages.units import Measure

_TEX = re.compile(r"\{([,.])\}|\\[,;:! ]|\\(?=[%$#])|[_^](?:\{[^{}]*\}|[^\s{}])|\$")
_DECIMAL_COMMA = re.compile(r"(?<=\d),(?=(?:\d{1,2}|\d{4,})(?!\d))")  # in French and German
_PARTED = re.compile("(?<=\\d)[\u00a0\u202f](?=\\d{3})")
_SCALED = re.compile(rf"{quantities.SCALE}|\d-?\s?(?:K|M|B|T|k|bn)\Z")
_DECADE = re.compile(r"(\d\d)\s*世纪\s*(\d)0\s*年代")
_NUMERAL = r"\d+(?:\.\d+)*\s*(?:\([a-z]\)|[a-z]\b)?"
_POINTER = re.compile(
    rf"(?:(?<![代形模方样格列发谱意地企试视布流互正端])[图表式§]|公式|算法|附录|章节|定理|(?:table|figure|fig|section|sec|equation|eq|algorithm|appendix|chapter)s?\.?)"
    rf"\s*[(（]?(?:[A-Z]\.?)?{_NUMERAL}[)）]?(?:\s*(?:[、,和与及–-]|and)\s*[(（]?{_NUMERAL}[)）]?)*"
    rf"(?!\d|\.\d|\s*[%％])|第\s*{_NUMERAL}\s*[节章]",
    re.IGNORECASE,
)
_NUMBERED = re.compile(  # what a statement numbers by itself: step 2, 规则1
    r"(?:步骤|阶段|规则|假设|问题|任务|贡献|方案|策略|情形"
    r"|\b(?:step|stage|phase|rule|question|task|case|hypothesis|contribution))"
    r"\s*[(（]?[1-9][)）]?(?=\s*(?:[，。、；：:,;*）)]|[和与及的中为是将对在用先再以]|\Z))",
    re.IGNORECASE,
)
_NAMED = re.compile(  # FastSpeech 2, not WER 5
    r"(?<![\w.-])(?=[\w-]*[a-z])(?=[\w-]*[A-Z\d])[A-Za-z][\w-]*[ ]\d{1,2}(?:\.\d)?(?![\w.,]*\d|\s*[%％A-Za-z])",
    re.ASCII,
)
_YEAR = re.compile(r"(?<![\d.,])(?:19[5-9]\d|20[0-3]\d)(?=\s*年|[a-z]?[)）\]])")


def missing_figures(statement: str, passages: Iterable[str]) -> tuple[str, ...]:
    """Return the numbers of `statement` that none of `passages` has, as they are written.

    Numbers of tables, figures, sections and steps are ignored, because they are only references.
    """
    there = {abs(value) for passage in passages for value in _values(_plain(passage))}
    return tuple(each.written for each in stated_figures(statement) if there.isdisjoint(_worth(each)))


def stated_figures(statement: str) -> list[Quantity]:
    """Return the numbers of a statement, without those in names, list marks and references."""
    plain = _NUMBERED.sub(" ", _POINTER.sub(" ", _plain(statement)))
    return [each for each in find_quantities(plain) if not each.loose]


def _values(passage: str) -> Iterator[Decimal]:
    """Yield all values that the numbers of a passage may have, including numbers in words."""
    for each in find_quantities(passage):
        yield from (each.bare, *(amount.value for amount in each.amounts))
    lower = passage.lower()
    yield from map(Decimal, (*quantities.english_numeral(lower), *quantities.hinted_numeral(lower)))
    yield from quantities.implied_numeral(lower)


def _worth(one: Quantity) -> set[Decimal]:
    """Return the values that `one` may have; the 3 in 3亿 does not count by itself."""
    values = {abs(amount.value) for amount in one.amounts}
    return values if _SCALED.search(one.written) else values | {abs(one.bare)}


def _plain(text: str) -> str:
    """Remove TeX's separators, subscripts and superscripts from `text`; write decimal points and decades in English."""
    text = _DECADE.sub(lambda found: f"{int(found[1]) - 1}{found[2]}0 年代", text)
    return _DECIMAL_COMMA.sub(".", _PARTED.sub("", _TEX.sub(lambda found: found[1] or "", text)))


NEIGHBOURHOOD = 600
"""The maximum length of a quote with its neighbouring sentences, in characters."""

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
_UNBROKEN = re.compile(r"\S+")
_FULL_STOPS = frozenset(".!?。！？")
_SENTENCE_END = re.compile(r"[.!?]['\"’”)\]]*\s+(?=[\"'“(*$]*[A-Z])|[。！？]|\n\s*\n|\n(?=#)")
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

    `text` is the `original` normalized, `squeezed` also lacks spaces and hyphens, and `places` maps its offsets to
    those of `text`. `words` are the offsets in `original` of the words of `text`.
    """

    original: str
    text: str
    squeezed: str
    places: Sequence[int]
    words: Sequence[int]


def searchable(text: str) -> Searchable:
    """Prepare `text` for searches."""
    plain = _comparable(text)
    places, start = array("L"), 0
    for loose in _LOOSE.finditer(plain):
        places.extend(range(start, loose.start()))
        start = loose.end()
    places.extend(range(start, len(plain)))
    words = array("L", (word.start() for word in _UNBROKEN.finditer(text) if _is_kept(word[0])))
    return Searchable(text, plain, _LOOSE.sub("", plain), places, words)


def _is_kept(word: str) -> bool:
    """Return True if `word` is also one in the normalized text."""
    return word != "|" if word.isprintable() else bool(_comparable(word))


def is_quoted_in(quote: str, known: Searchable) -> bool:
    """Return True if `quote` is in the text; False if it has under 12 or over 1,000 characters."""
    return _match(quote, known) is not None


def neighbourhood(quote: str, known: Searchable) -> str:
    """Return `quote` with a sentence before and after it, as the text has them, in one line; empty if it is not there.

    Has at most `NEIGHBOURHOOD` characters, unless the quote alone is longer.
    """
    found = _match(quote, known)
    if found is None:
        return ""
    first, last = (known.text.count(" ", 0, place) for place in (found.start(), found.end() - 1))
    start = known.words[first]
    end = _UNBROKEN.match(known.original, known.words[last]).end()  # type: ignore[union-attr] # a word begins there
    room = max(0, NEIGHBOURHOOD - (end - start)) // 2
    begin, stop = _sentence_before(known.original, start, room), _sentence_behind(known.original, end, room)
    return " ".join(known.original[begin:stop].split())


def _sentence_before(text: str, start: int, room: int) -> int:
    """Return the place where the sentence before the one at `start` begins, at most `room` characters before."""
    first = max(0, start - room)
    begins = [each.end() for each in _SENTENCE_END.finditer(text, first, start + 1)]
    if len(begins) > 1:
        return begins[-2]
    return text.find(" ", first, start) + 1 or start if first else 0


def _sentence_behind(text: str, end: int, room: int) -> int:
    """Return the place where the sentence after the one that ends at or after `end` ends, at most `room` behind."""
    last = end + room
    ends = [each.end() for each in _SENTENCE_END.finditer(text, end, last + 1)]
    wanted = 0 if text[end - 1] in _FULL_STOPS else 1
    if len(ends) > wanted:
        return ends[wanted]
    return max(end, text.rfind(" ", end, last)) if last < len(text) else len(text)


def _match(quote: str, known: Searchable) -> re.Match[str] | None:
    """Return the first place of `quote` in the normalized text."""
    wanted = _HYPHEN.sub("", _comparable(quote))
    squeezed = wanted.replace(" ", "")
    if len(quote) > _LONGEST or len(squeezed) < _SHORTEST:
        return None
    pattern = re.compile(_pattern(wanted))
    tried = (pattern.match(known.text, place) for place in islice(_places(squeezed, known), _PLACES))
    return next(filter(None, tried), None)


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


_LINK = re.compile(
    r"(?:\b[a-z][a-z\d+.-]*://|www\.)(?:[^\s<>\"'`|{}\\^\u0080-\U0010ffff]+|\S+)"
    r"|[\w.+-]+@(?:[a-z\d-]+\.)+[a-z]{2,}|(?<![\w@./])@[a-z]\w{3,}"  # mail, and people of a messenger
    r"|(?<![\w@.-])(?:[a-z\d-]+\.)+(?:[a-z]{2,}(?=/\w)"
    r"|(?:com|org|net|io|ai|dev|edu|cn|co|app|me|ly|gg|xyz|info|top|site|online|shop|link|ru|uk|de|fr|jp|eu|cc|tv)"
    r"(?![a-z\d-]|\.[a-z\d]))(?:/[\w./~%#?=&+-]*)?",
    re.IGNORECASE | re.ASCII,
)
_LOWER_IS_BETTER = (
    r"(?:WER|CER|PER|DER|EER|LPIPS|FID|FAD|FVD|RMSE|MSE|MAE|MCD|RTF|LSD|PPL|perplexity"
    r"|困惑度|[词字]错率|错误率|误差|延迟|时延)"
)
_BETTERED = re.compile(
    rf"{_LOWER_IS_BETTER}(?![A-Za-z])[^，。；、,;]{{0,6}}?(?:提升|提高|增益)|提[升高]\s*了?\s*{_LOWER_IS_BETTER}(?![A-Za-z])"
)
_FELL = re.compile(
    r"(?:下降|降低|减少|缩短|降幅|reduc\w+|decreas\w+|lower\w*|drop\w*|fell|falls?)"
    r"[^，。；,;%％\d]{0,16}?(\d+(?:\.\d+)?)\s*\\?[%％]",
    re.IGNORECASE,
)
TOLD = 60
"""The number of characters quoted from a statement that is unsupported as a whole."""
_CLOSE = Decimal("0.1")  # relative difference


def located(quotes: Iterable[str], known: Searchable) -> tuple[str, ...]:
    """Return the `quotes` that are in the paper."""
    return tuple(quote for quote in quotes if is_quoted_in(quote, known))


def fault(statement: str, passages: Sequence[str], known: Searchable) -> Finding | None:
    """Return the reason why `passages`, which are in the paper, do not support `statement`; None if none is found."""
    invented = [link for link in links(statement) if not holds(link, known)]
    if invented:
        return finding(Flaw.ADDRESS, ", ".join(invented))
    if not passages:
        return finding(Flaw.UNFOUNDED, statement[:TOLD])
    missing = missing_figures(_without_dates_and_names_of(known, statement), passages)
    if missing:
        return finding(Flaw.NUMBER_NOT_QUOTED, ", ".join(missing))
    opposite = opposites.contradiction(statement, passages)
    return finding(Flaw.OPPOSITE, opposite) if opposite else None


def _without_dates_and_names_of(known: Searchable, statement: str) -> str:
    """Return `statement` without the years and the names with numbers that are in the paper."""
    for pattern in (_YEAR, _NAMED):
        statement = pattern.sub(lambda found: " " if _has(found[0], known) else found[0], statement)
    return statement


def _has(words: str, known: Searchable) -> bool:
    """Return True if the text has `words`, not as a part of a longer number or word."""
    return re.search(rf"(?<![\w.,]){re.escape(_comparable(words))}(?![\w]|[.,]\d)", known.text) is not None


def links(text: str) -> tuple[str, ...]:
    """Return the addresses in `text`, without trailing punctuation."""
    return tuple(found[0].rstrip(".,;:!?)]*$") for found in _LINK.finditer(text))


def doubts(statement: str) -> tuple[Finding, ...]:
    """Return soft findings for implausible claims; they deserve attention but do not drop the statement."""
    bettered = (finding(Flaw.DIRECTION, match[0]) for match in _BETTERED.finditer(statement))
    fell = _FELL.finditer(statement)
    return (*bettered, *(finding(Flaw.OVER_HUNDRED, match[0]) for match in fell if float(match[1]) > 100))


def disagreements(abstract: str, statements: Iterable[str]) -> tuple[Finding, ...]:
    """Return a finding for each result in `abstract` for which the statements only have a close, different number."""
    told = _results([abstract])
    said = _results(statements)
    return tuple(
        finding(Flaw.DISAGREES, f"{ours.written} / {theirs.written}")
        for ours in told
        if abs(ours.bare) not in {abs(each.bare) for each in said}
        for theirs in said
        if abs(theirs.bare) not in {abs(each.bare) for each in told} and _is_close(ours, theirs)
    )


def _results(texts: Iterable[str]) -> list[Quantity]:
    """Return the percentages and decimals in `texts`; other numbers are mostly counts."""
    found = (each for text in texts for each in stated_figures(text))
    return [each for each in found if _is_share(each) or each.bare % 1]


def _is_share(one: Quantity) -> bool:
    return one.amounts[0].measure is Measure.SHARE


def _is_close(one: Quantity, other: Quantity) -> bool:
    """Return True if two numbers are close enough to mean the same."""
    near = abs(abs(one.bare) - abs(other.bare)) <= abs(one.bare) * _CLOSE
    return _is_share(one) == _is_share(other) and near
