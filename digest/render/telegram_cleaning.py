"""Characters that can hurt a chat taken out of text: those that nobody sees, and those that turn lines around. Pure."""

import regex

_LINES = regex.compile(r"\r\n?|[\v\f\x85\u2028\u2029]")
_HARMFUL = regex.compile(
    r"[\p{Cc}--\n]"
    r"|[\p{Cf}--[\u200d\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd\U000e0020-\U000e007f]]"
    r"|[\p{Cs}\p{Co}\p{Noncharacter_Code_Point=Yes}]"
    r"|[\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0]",  # blank, though they count as letters and marks
    flags=regex.VERSION1,
)
_EMOJI = r"\p{Extended_Pictographic}[\p{Emoji_Modifier}\ufe0f]{0,2}"
_LONE_JOINER = regex.compile(rf"(?<!{_EMOJI})\u200d|\u200d(?!\p{{Extended_Pictographic}})")
_TAGS = regex.compile(r"(\U0001f3f4[\U000e0020-\U000e007f]{1,8})|[\U000e0020-\U000e007f]")  # of flags: Wales
_MARKS = regex.compile(r"(\p{M}{8})\p{M}+")  # no script stacks more; what does is drawn over its neighbours
_EMPTY_LINES = regex.compile(r"\n{3,}")


def clean(text: str) -> str:
    """`text` without control, bidirectional, invisible and private characters; tabs are spaces.

    A zero-width joiner stays between emoji, which it makes one. No more than one line in a row is empty.
    """
    text = _LINES.sub("\n", text).replace("\t", " ")
    text = _TAGS.sub(r"\1", _LONE_JOINER.sub("", _HARMFUL.sub("", text)))
    *lines, last = _MARKS.sub(r"\1", text).split("\n")
    return _EMPTY_LINES.sub("\n\n", "\n".join([*map(str.rstrip, lines), last]))
