"""The typography of a language, applied to text in the stored form. Pure; formulas, code and addresses are untouched.

Chinese follows GB/T 15834-2011 (punctuation) and GB/T 15835-2011 (numerals). The libraries for it always put spaces
between scripts, turn full-width parentheses into half-width ones, and change formulas.
"""

import re
from collections.abc import Callable

from digest.checks.fixed import Kind, fixed

_ADDRESS, _OTHER = "\ufdd0", "\ufdd1"  # stand for fixed parts: noncharacters, which no text contains
_STANDINS = re.compile(f"[{_ADDRESS}{_OTHER}]")
_HAN = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WIDE = rf"{_HAN}，。、；：？！（）《》〈〉【】「」『』“”‘’…—"
_LATIN = rf"A-Za-z0-9%‰°$\u00c0-\u024f\u0370-\u03ff{_OTHER}"
_HALF_WIDTH = {
    **{
        code: code - 0xFEE0
        for code in (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B))
    },
    **{ord(wide): narrow for wide, narrow in zip("％＋－＝／＜＞＆＃＠　", "%+-=/<>&#@ ", strict=True)},
}
_CLOSED = rf"{_LATIN}{_HAN}）”’》」』\)\]*`{_ADDRESS}"
_MARKS = str.maketrans(",;:?!", "，；：？！")


def _widened(found: re.Match[str]) -> str:
    return found[0].strip().translate(_MARKS)


def _in_wide_parentheses(found: re.Match[str]) -> str:
    return f"（{found[1] or found[2] or ''}）"


def _widened_around_chinese(found: re.Match[str]) -> str:
    return f"（{found[1]}）" if re.search(f"[{_HAN}]", found[1]) else found[0]


def _stopped(found: re.Match[str]) -> str:
    """Return a Chinese full stop; the full stop after the number of a list item stays: 1. 首先."""
    return found[0] if found["mark"] else "。"


def _stopped_word(found: re.Match[str]) -> str:
    return f"{found[0].rstrip()[:-1]}。"


_ABBREVIATED = (
    r"(?:al|etc|vs|cf|[Ff]igs?|[Ee]qs?|[Nn]o|[Dd]r|[Mm]rs?|[Mm]s|[Ss]ec|[Tt]ab|approx|resp|[A-Za-z])\."
)
_RULES: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"\.{3,}|。{2,}|…+"), "……"),
    # Parentheses that contain Chinese or are beside it.
    (re.compile(r"\(([^()（）]*)\)"), _widened_around_chinese),
    (re.compile(rf"(?<=[{_WIDE}])[^\S\n]*\(([^()（）]*)\)"), r"（\1）"),
    (re.compile(rf"\(([^()（）]*)\)(?=[^\S\n]*[{_WIDE}])"), r"（\1）"),
    (re.compile(r"(?<=\S)[^\S\n]+\(([^()（）]*)\)"), r"（\1）"),
    (re.compile(r"（([^()（）]*)\)|\(([^()（）]*)）"), _in_wide_parentheses),
    # Commas, semicolons, colons, question and exclamation marks beside Chinese.
    (re.compile(rf"(?<=[{_WIDE}])[^\S\n]*[,;:?!](?![A-Za-z0-9/])[^\S\n]*"), _widened),
    (re.compile(rf"(?<=[{_WIDE}])[^\S\n]*[,;:?!](?=[A-Za-z0-9])"), _widened),
    (re.compile(rf"(?<=[{_CLOSED}])[^\S\n]*[,;:?!][^\S\n]*(?=[*“（《]{{0,2}}[{_HAN}])"), _widened),
    # Full stops: after Chinese, and at the end of a paragraph in Chinese.
    (re.compile(rf"(?<=[{_HAN}）”》」』])[^\S\n]*\.(?![A-Za-z0-9.])[^\S\n]*"), "。"),
    (re.compile(rf"(?<=[{_LATIN}{_ADDRESS})\]])\.(?=[^\S\n]*$)(?<!\.\.)", re.MULTILINE), "。"),
    (re.compile(rf"(?P<mark>(?:^|[，。、；：？！（])[^\S\n]*(?<![0-9])[0-9]{{1,2}}\.[^\S\n]+(?=[{_HAN}]))"
                rf"|(?<=[0-9%{_OTHER}{_ADDRESS}])\.[^\S\n]*(?=[{_HAN}])", re.MULTILINE), _stopped),
    (re.compile(rf"(?<![A-Za-z.])(?!{_ABBREVIATED})[A-Za-z][A-Za-z0-9+-]*\.[^\S\n]+(?=[{_HAN}])"), _stopped_word),
    # No spaces beside full-width punctuation, or between two Chinese characters.
    (re.compile(r"[^\S\n]+(?=[，。、；：？！）》」』”])|(?<=[，。、；：？！（《「『“])[^\S\n]+"), ""),
    (re.compile(rf"[^\S\n]+(?=[（《「『“])|(?<=[）》」』”])[^\S\n]+(?=[{_WIDE}{_LATIN}])"), ""),
    (re.compile(rf"(?<=[{_HAN}])[^\S\n]+(?=[{_HAN}])"), ""),
)  # fmt: skip
_SEAM = re.compile(
    rf"(?<=[{_HAN}])[^\S\n]*(?=[{_LATIN}+-])(?![+-](?![0-9]))|(?<=[{_LATIN}])[^\S\n]*(?=[{_HAN}])"
)
_BEFORE_ADDRESS = re.compile(rf"(?<=[{_HAN}{_LATIN}])[^\S\n]*(?={_ADDRESS})")
_AFTER_ADDRESS = re.compile(rf"(?<={_ADDRESS})[^\S\n]*(?=[{_HAN}{_LATIN}])")


def is_chinese(language: str) -> bool:
    """Return True if `language` (a BCP 47 tag) is Chinese."""
    return language.partition("-")[0].lower() == "zh"


def is_traditional(language: str) -> bool:
    """Return True if `language` (a BCP 47 tag) is Chinese in traditional characters."""
    parts = {part.lower() for part in language.split("-")[1:]}
    return is_chinese(language) and "hans" not in parts and bool(parts & {"hant", "tw", "hk", "mo"})


def typeset(text: str, language: str, *, spaced: bool = False) -> str:
    """Typeset `text` by the conventions of `language` (a BCP 47 tag).

    Chinese gets full-width punctuation beside Chinese, half-width digits and Latin letters, and a space between Chinese
    and Latin or digits only if `spaced`; addresses always have spaces around them. Other languages are not changed.
    """
    if not is_chinese(language) or not re.search(f"[{_HAN}]", text):
        return text
    prose, sources = _without_fixed(_STANDINS.sub("", text))
    prose = "\n".join(map(_quoted, prose.translate(_HALF_WIDTH).split("\n")))
    for pattern, replacement in _RULES:
        prose = pattern.sub(replacement, prose)
    prose = _SEAM.sub(" " if spaced else "", prose)
    prose = _AFTER_ADDRESS.sub(" ", _BEFORE_ADDRESS.sub(" ", prose))
    left = iter(sources)
    return _STANDINS.sub(lambda _: next(left), prose)


def _quoted(paragraph: str) -> str:
    """Use Chinese quotation marks around and beside Chinese in `paragraph`, if its marks are balanced."""
    pieces = paragraph.split('"')
    if len(pieces) % 2 == 0:
        return paragraph
    for at in range(1, len(pieces), 2):
        before, quote, behind = pieces[at - 1 : at + 2]
        beside = before.rstrip()[-1:] + behind.lstrip()[:1]
        pieces[at] = (
            f"“{quote}”" if re.search(f"[{_HAN}]", quote) or re.search(f"[{_WIDE}]", beside) else f'"{quote}"'
        )
    return "".join(pieces)


def _without_fixed(text: str) -> tuple[str, list[str]]:
    """Return `text` with a stand-in character for each fixed part, and those parts."""
    pieces, sources, at = [], [], 0
    for part in fixed(text):
        pieces += [text[at : part.start], _ADDRESS if part.kind is Kind.ADDRESS else _OTHER]
        sources.append(part.source)
        at = part.end
    return "".join([*pieces, text[at:]]), sources
