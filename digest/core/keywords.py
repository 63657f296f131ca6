"""Keyword matching in papers, independent of spelling variants. Pure.

Case, accents, full-width forms, plurals, hyphens and spaces make no difference: “text-to-speech models” matches
“Text to Speech Model”. The initials of a name are not a word: “RL” does not match “R. L. Stone”. Words in
Latin script match whole words only. Chinese, Japanese and Korean have no spaces between words, so their
keywords match anywhere.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from digest.core.errors import DigestError

LONGEST = 100
"""The maximum length of a keyword, in characters."""

_KEPT = 4096  # keywords of subscribers, which are read with each delivery
_SEPARATORS = re.compile(r"[,;\n\r，、；]")
_KANA = r"\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff"  # without the dot that separates words
_CJK = _KANA + r"\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
_TOKEN = re.compile(rf"[{_CJK}]|(?:(?![{_CJK}])[^\W_]|[+#])+")
_UNSEEN = re.compile(r"[\u00ad\u200b-\u200f\u2060\ufeff]")
_VOICING = "\u3099\u309a"  # part of a kana, not an accent: バス is not ハス
_PLURAL_CAPITALS = re.compile(r"(?<![A-Za-z0-9])([A-Z][A-Z0-9]+)s(?![A-Za-z0-9])")
_STROKED = str.maketrans("øłđħı", "oldhi")  # Unicode does not decompose these
_NO_PLURAL = ("ss", "us", "is")
_IRREGULAR = dict(
    pair.split("/")
    for pair in (  # noqa: SIM905 - a list of words reads best as words
        "aids/aids analyses/analysis appendices/appendix automata/automaton axes/axis bias/bias biases/bias "
        "buses/bus caches/cache corpora/corpus corpuses/corpus criteria/criterion crises/crisis foci/focus "
        "formulae/formula gases/gas hypotheses/hypothesis indices/index lens/lens lenses/lens matrices/matrix "
        "maxima/maximum minima/minimum movies/movie news/news niches/niche optima/optimum phenomena/phenomenon "
        "sars/sars spectra/spectrum stimuli/stimulus syntheses/synthesis theses/thesis vertices/vertex "
        "viruses/virus"
    ).split()
)


class InvalidKeywordError(DigestError):
    """The text cannot be a keyword: it is too long or has no letters or digits."""


@dataclass(frozen=True, slots=True)
class Keyword:
    """A keyword: `text` as the person wrote it, `key` its folded words joined without separators.

    `one_word` is True if `text` is a single word.
    """

    text: str
    key: str
    one_word: bool = False


@dataclass(frozen=True, slots=True)
class Folded:
    """A text prepared for matching: its folded words in one string, and the offsets at which words begin or end."""

    joined: str
    edges: frozenset[int]


@lru_cache(_KEPT)
def keyword(text: str) -> Keyword:
    """Parse `text` into a keyword. Raises InvalidKeywordError."""
    shown = " ".join(text.split())
    if len(shown) > LONGEST:
        raise InvalidKeywordError(f"“{shown[:20]}…” is longer than {LONGEST} characters.")
    words = _words(shown)
    key = "".join(words)
    if not any(map(str.isalnum, key)):  # “+” and “#” are parts of words, but none by themselves
        raise InvalidKeywordError(f"“{shown}” has no letters or digits to search for.")
    return Keyword(shown, key, one_word=len(words) == 1)


def keywords(text: str) -> tuple[Keyword, ...]:
    """Parse keywords separated by commas, semicolons or line breaks. Raises InvalidKeywordError."""
    found: dict[str, Keyword] = {}
    for part in _SEPARATORS.split(text):
        if part.strip():
            made = keyword(part)
            found.setdefault(made.key, made)
    return tuple(found.values())


def fold(text: str) -> Folded:
    """Prepare `text` for matching."""
    words = _words(text)
    edges, at = [0], 0
    for word in words:
        at += len(word)
        edges.append(at)
    return Folded("".join(words), frozenset(edges))


def found_in(keyword: Keyword, folded: Folded) -> bool:
    """Return True if `keyword` is in the text, from the beginning of a word to the end of one."""
    at = folded.joined.find(keyword.key)
    while at >= 0:
        if _is_there(keyword, folded.edges, at, at + len(keyword.key)):
            return True
        at = folded.joined.find(keyword.key, at + 1)
    return False


def _is_there(keyword: Keyword, edges: frozenset[int], start: int, end: int) -> bool:
    initials = end - start > 1 and all(at in edges for at in range(start, end))
    return {start, end} <= edges and not (keyword.one_word and initials)


def _words(text: str) -> list[str]:
    composed = unicodedata.normalize("NFKC", _UNSEEN.sub("", text))
    signs = unicodedata.normalize("NFD", _PLURAL_CAPITALS.sub(r"\1", composed).casefold())
    letters = (sign for sign in signs if sign in _VOICING or not unicodedata.combining(sign))
    plain = unicodedata.normalize("NFC", "".join(letters)).translate(_STROKED)
    return [_singular(word) for word in _TOKEN.findall(plain)]


def _singular(word: str) -> str:
    """Strip the ending of an English plural; a singular that looks like one changes too, but everywhere alike."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) < 4 or not word.isascii() or word.endswith(_NO_PLURAL) or not word.endswith("s"):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("ches", "shes", "xes", "sses", "zzes")):
        return word[:-2]
    return word[:-1]
