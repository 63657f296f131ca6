"""Typesets text in the stored form by the typography of its language, and detects its script and language. Pure.

Formulas, code and addresses are untouched. Chinese follows GB/T 15834-2011 (punctuation) and GB/T 15835-2011
(numerals). The libraries for it always put spaces between scripts, turn full-width parentheses into half-width ones,
and change formulas.
"""

import re
from collections.abc import Callable, Iterator
from functools import cache

from digest import languages
from digest.checks.masking import FixedKind, FixedPart, replaced
from digest.languages.part import any_of

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


_ABBREVIATED = rf"(?:{any_of(languages.shipped(languages.CHINESE).sentences.abbreviations)}|[A-Za-z])\."
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
    (re.compile(rf"(?<![A-Za-z.])(?!{_ABBREVIATED})[A-Za-z][A-Za-z0-9+-]{{0,60}}\.[^\S\n]+(?=[{_HAN}])"), _stopped_word),  # noqa: E501 - one rule
    # No spaces beside full-width punctuation, or between two Chinese characters.
    (re.compile(r"(?<![^\S\n])[^\S\n]+(?=[，。、；：？！）》」』”])|(?<=[，。、；：？！（《「『“])[^\S\n]+"), ""),
    (re.compile(rf"(?<![^\S\n])[^\S\n]+(?=[（《「『“])|(?<=[）》」』”])[^\S\n]+(?=[{_WIDE}{_LATIN}])"), ""),
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
    sources: list[str] = []

    def stand_in(part: FixedPart) -> str:
        sources.append(part.source)
        return _ADDRESS if part.kind is FixedKind.ADDRESS else _OTHER

    return replaced(text, stand_in), sources


HAN = re.compile(f"[{_HAN}]+")
"""A run of Chinese characters."""
_HAN_CODES = (*range(0x3400, 0x4DC0), *range(0x4E00, 0xA000), *range(0xF900, 0xFB00))
_KANA_OR_HANGUL = re.compile(r"[\u3041-\u3096\u30a1-\u30fa\uac00-\ud7af]")
_LETTERS = re.compile(r"[A-Za-z]+")
_LATIN_RUN = (
    re.compile(  # only from the first letter of a word: from each, long words would take quadratic time
        r"(?<![A-Za-z0-9'’.-])[0-9'’.-]*([A-Za-z][A-Za-z0-9'’.-]*(?:[ ,]+[A-Za-z0-9$][A-Za-z0-9'’.%-]*){3,})"
    )
)
_PARENTHESES = re.compile(r"[（(][^（）()]{0,120}[）)]|[“\"‘][^“”\"‘’]{0,200}[”\"’]")
_PLAIN_WORD = re.compile(r"\b[a-z]{3,}\b")
_COMMON = languages.shipped(languages.SOURCE).words.function
_LEAST_HAN = 0.5  # of the letters; published translations have 0.66 or more
_LEAST_HAN_IN_A_TITLE = 0.15
_MOST_FOREIGN = 0.01  # of the Chinese characters: a rare character in a name is not another script
_FEW = 2
_HARDLY_ANY = 0.05  # of the letters: a Chinese statement about a long English title has more
_LEAST_COMMON = 2  # common English words in a run that makes it a clause, not a name
_LEAST_PLAIN = 5  # words in lower case that make it a clause, too


def foreign_character(made: str, language: str) -> str | None:
    """Return the first character of `made` in another script than that of `language`, if there are many; else None.

    Only Chinese is checked. Simplified characters are those of GB 2312 (1980), traditional ones those of Big5: each set
    lacks nearly all characters that are specific to the other.
    """
    if not is_chinese(language):
        return None
    others = _KANA_OR_HANGUL.findall(made)
    if len(others) > _FEW:
        return str(others[0])
    unusual = _absent_from("big5" if is_traditional(language) else "gb2312").findall(made)
    return unusual[0] if len(unusual) > max(_FEW, _MOST_FOREIGN * han_characters(made)) else None


def is_all_chinese(made: str, language: str) -> bool:
    """Return True if all letters of `made` are Chinese characters in the form of `language`, and there are some."""
    letters = [sign for sign in made if sign.isalpha()]
    return bool(letters) and {*letters} <= _repertoire("big5" if is_traditional(language) else "gb2312")


def is_in_another_script(statement: str, language: str) -> bool:
    """Return True if a model's `statement` is certainly not in `language`. Only Chinese is checked."""
    if foreign_character(statement, language):
        return True
    is_english = share_of_han(statement) < _HARDLY_ANY and any(english_runs(statement))
    return is_chinese(language) and is_english


def han_characters(made: str) -> int:
    """Count the Chinese characters in `made`."""
    return sum(map(len, HAN.findall(made)))


def share_of_han(made: str) -> float:
    """Return the share of Chinese characters among the letters of `made`, from 0 to 1; 1 if it has no letters."""
    han = han_characters(made)
    letters = han + sum(map(len, _LETTERS.findall(made)))
    return han / letters if letters else 1.0


def is_translated(made: str, *, is_title: bool) -> bool:
    """Return True if enough of the letters of `made` are Chinese; a title needs fewer, since it is full of names."""
    return share_of_han(made) >= (_LEAST_HAN_IN_A_TITLE if is_title else _LEAST_HAN)


def english_runs(made: str) -> Iterator[str]:
    """Yield the untranslated English clauses in a Chinese text; names, quotations and parentheses do not count."""
    for run in _LATIN_RUN.findall(_PARENTHESES.sub("。", made)):
        words = run.replace(",", " ").lower().split()
        common = sum(word in _COMMON for word in words)
        plain = len(_PLAIN_WORD.findall(run))
        if common >= _LEAST_COMMON or plain >= _LEAST_PLAIN:
            yield run


@cache
def _repertoire(encoding: str) -> frozenset[str]:
    """Return the Chinese characters of a two-byte encoding."""
    pairs = (bytes((lead, trail)) for lead in range(0xA1, 0xFF) for trail in range(0x40, 0xFF))
    return frozenset(sign for pair in pairs for sign in pair.decode(encoding, "ignore") if HAN.match(sign))


@cache
def _absent_from(encoding: str) -> re.Pattern[str]:
    """Return a pattern of the Chinese characters that a two-byte encoding lacks."""
    known = _repertoire(encoding)
    return re.compile(f"[{''.join(sign for sign in map(chr, _HAN_CODES) if sign not in known)}]")
