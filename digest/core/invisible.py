"""Removal of invisible characters and of direction controls from text. Pure.

Text from outside passes through here when it comes in (arXiv, models, chats, forms), and again before it goes out to a
post, a page, a message, a mail, a terminal or a log, so that text stored by older versions is safe too. It removes C0
and C1 controls (a terminal reads U+009B as the beginning of a command), direction marks and isolates, zero-width
characters, soft hyphens, tags and selectors that carry hidden text, and private and unassigned characters. Arabic and
Hebrew are displayed correctly without direction marks. Characters that writing needs are kept: joiners between letters
of scripts that use them, joiners in emoji, the tags of flags, one selector after a character that has variants.
"""

import re

import regex

# All candidates for removal in one cheap character class: most long texts contain none of them.
_SUSPECT = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\xad\u034f\u0600-\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5\u180e"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ud800-\uf8ff\ufdd0-\ufdef\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff"
    "\U000110bd\U000110cd\U00013430-\U0001345f\U0001bca0-\U0001bcaf\U0001d173-\U0001d17a"
    + "".join(f"{chr(plane + 0xFFFE)}-{chr(plane + 0xFFFF)}" for plane in range(0x10000, 0xE0000, 0x10000))
    + "\U000e0000-\U0010ffff]"
)
_LINES = regex.compile(r"\r\n?|[\v\f\x85\u2028\u2029]")
_INVISIBLE = regex.compile(
    r"[\p{Cc}--\n]"
    r"|[\p{Cf}--[\u200c\u200d\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd\U000e0020-\U000e007f]]"
    r"|[\p{Cs}\p{Co}\p{Noncharacter_Code_Point=Yes}\u2065\ufff0-\ufff8]"
    r"|[\U000e0000-\U000e001f\U000e0080-\U000e00ff\U000e01f0-\U000e0fff]"
    r"|[\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0]",  # blank, though they count as letters and marks
    flags=regex.VERSION1,
)
_EMOJI = r"\p{Extended_Pictographic}[\p{Emoji_Modifier}\ufe0f]{0,2}"
_JOINING = (  # scripts whose letters joiners shape: Persian, Hindi, Sinhala and their like
    r"[\p{Arabic}\p{Syriac}\p{Nko}\p{Mongolian}\p{Devanagari}\p{Bengali}\p{Gurmukhi}\p{Gujarati}\p{Oriya}\p{Tamil}"
    r"\p{Telugu}\p{Kannada}\p{Malayalam}\p{Sinhala}\p{Myanmar}\p{Khmer}]"
)
_JOINERS = regex.compile(
    rf"((?<={_EMOJI})\u200d(?=\p{{Extended_Pictographic}})|(?<={_JOINING})[\u200c\u200d](?={_JOINING}))"
    r"|[\u200c\u200d]"
)
_TAGS = regex.compile(r"(\U0001f3f4[\U000e0020-\U000e007f]{1,8})|[\U000e0020-\U000e007f]")  # of flags: Wales
_SELECTORS = regex.compile(
    r"((?<=[\p{Emoji}\p{S}\p{Han}\p{Myanmar}])[\ufe00-\ufe0f]|(?<=\p{Han})[\U000e0100-\U000e01ef])"
    r"|[\ufe00-\ufe0f\U000e0100-\U000e01ef]"
)


def removed(text: str) -> str:
    """Remove invisible characters from `text`; every line ending becomes a line feed, every tab a space."""
    if not _SUSPECT.search(text):
        return text
    text = _INVISIBLE.sub("", _LINES.sub("\n", text).replace("\t", " "))
    return text if text.isascii() else _SELECTORS.sub(r"\1", _TAGS.sub(r"\1", _JOINERS.sub(r"\1", text)))


def removed_in_line(text: str) -> str:
    """Remove invisible characters and line breaks from `text`: for names, headers and log lines."""
    return removed(text).replace("\n", " ")
