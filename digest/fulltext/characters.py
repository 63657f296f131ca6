"""The characters of an extracted text: made plain, and judged."""

import re

# These ligatures and no other compatibility forms: NFKC would turn x² into x2.
_PLAIN = str.maketrans(
    {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"}
    | {"\u00a0": " ", "\u00ad": "-", "\u2028": "\n", "\u2029": "\n"}
)
# Control characters (no database takes NUL), halves of surrogate pairs, and what shows nothing at all: zero
# width, changes of direction, and the tags and variants of signs in which orders to models have been hidden.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e01ef]"
)
_TAGS = re.compile("[\U000e0020-\U000e007e]")
MINIMUM_CHARACTERS = 1_250
"""A text of fewer is hardly more than an abstract."""

_WORD = re.compile(r"[^\W\d_]{3,}")
_LEGIBLE = 0.3  # share of the characters in words: 0.75 and more in papers, 0.2 and less in noise
_JUDGED_CHARACTERS = 200  # below which a share says nothing


def plain(text: str) -> str:
    """`text` with ligatures as letters, and without characters that cannot be seen."""
    return _UNSEEN.sub("", text.translate(_PLAIN))


def tagged(text: str) -> str:
    """The ASCII that `text` holds in tags (U+E0020 to U+E007E), which no reader sees and models read."""
    return "".join(chr(ord(sign) - 0xE0000) for sign in _TAGS.findall(text))


def is_garbled(text: str) -> bool:
    """Return whether `text` is noise because its fonts do not map glyphs to characters; a short text never is."""
    characters = len("".join(text.split()))
    if characters < _JUDGED_CHARACTERS:
        return False
    return sum(len(word) for word in _WORD.findall(text) if _is_natural(word)) < _LEGIBLE * characters


def _is_natural(word: str) -> bool:
    """Return whether capitals stand where a script puts them; in scripts without capitals they always do."""
    return word[1:].islower() or word.isupper() or word.lower() == word.upper()
