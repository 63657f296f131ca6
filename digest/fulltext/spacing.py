"""Word spacing of a page: measured, and corrected by the spaces that another extractor finds. Pure.

pypdf infers the spaces of a PDF from gaps, and where a font tells its widths wrong, misses most of them. Such a page
is asked of a second extractor, and of its answer nothing is taken but the spaces: each character of a corrected text
is one of the first extractor's, so that what `visible` hid does not come back.
"""

import re
from itertools import pairwise

from digest.fulltext.characters import plain

GLUED_SHARE = 0.02
"""Of the letters of a page: more of them in overlong words are a reason to ask again.

Measured on the pages of twelve sound papers: 0.007 and less in English, up to 0.09 in German, for which asking again
changes nothing and takes a few hundredths of a second.
"""
_OVERLONG = 19  # letters
_ALONE_SHARE = 0.05  # of the words: more single letters than before are words taken apart
_LOCATABLE = 8  # characters: fewer are found anywhere
_MOST_CHARACTERS = 200_000  # of a page that is looked at
_WORD = re.compile(
    r"[A-Za-z\u00c0-\u024f\u0370-\u03ff\u0400-\u04ff]+"
)  # of scripts that put spaces between words
_ADDRESS = re.compile(r"\S*(?:://|www\.|@|[_\\])\S*")
_HYPHENS = str.maketrans("\x02\ufffe", "--")  # PDFium's marks for one at a line's end


def glued_share(text: str) -> float:
    """The share of the letters of `text` that stand in runs of 19 or more, addresses and identifiers left out."""
    runs = [len(run) for run in _WORD.findall(_ADDRESS.sub(" ", plain(text)))]
    return sum(run for run in runs if run >= _OVERLONG) / max(1, sum(runs))


def is_glued(text: str) -> bool:
    """Return whether so many words run together that another extractor is worth asking."""
    return glued_share(text) > GLUED_SHARE


def respaced(text: str, other: str) -> str:
    """`text` with the spaces that `other`, the same page by another extractor, has between the same characters.

    Unchanged where that is no better.
    """
    if max(len(text), len(other)) > _MOST_CHARACTERS:
        return text
    words = plain(other.translate(_HYPHENS)).split()
    found = _Spaces(words)
    made = "\n".join(found.put_into(line) for line in plain(text).splitlines())
    better = glued_share(made) < glued_share(text) and _alone(made) <= _alone(text) + _ALONE_SHARE
    return made if better else text


class _Spaces:
    """The characters of a text without its spaces, and where these were."""

    def __init__(self, words: list[str]) -> None:
        self._characters = "".join(words)
        self._ends: set[int] = set()
        at = 0
        for word in words:
            at += len(word)
            self._ends.add(at)
        self._reached = 0  # lines mostly come in the same order

    def put_into(self, line: str) -> str:
        """`line` with these spaces; where it is not to be found as a whole, each of its words by itself."""
        whole = self._spaced("".join(line.split()))
        if whole is not None:
            return whole
        return " ".join(word if (made := self._spaced(word)) is None else made for word in line.split())

    def _spaced(self, characters: str) -> str | None:
        if len(characters) < _LOCATABLE:
            return None
        begin = self._characters.find(characters, self._reached)
        if begin < 0:
            begin = self._characters.find(characters)
        if begin < 0:
            return None
        self._reached = begin + len(characters)
        cuts = [at for at in range(begin, self._reached) if at in self._ends and at > begin]
        bounds = [0, *(at - begin for at in cuts), len(characters)]
        return " ".join(characters[one:other] for one, other in pairwise(bounds))


def _alone(text: str) -> float:
    """The share of the words that are one letter."""
    words = _WORD.findall(text)
    return sum(len(word) == 1 for word in words) / max(1, len(words))
