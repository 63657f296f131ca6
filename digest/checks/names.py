"""Coined names and acronyms, which keep their spelling in every language. Pure."""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from digest import languages
from digest.checks.quantities import UNITS

_WORD = re.compile(r"[A-Za-z0-9]+(?:(?:[-_'’+&/]|(?<=\d)\.(?=\d))[A-Za-z0-9]+)*\+*", re.ASCII)
_PART = re.compile(r"[A-Za-z0-9]+(?:\.\d+)*\+*")
_CAMEL = re.compile(r"[a-z][A-Z]|[A-Z]{2}[a-z]{2}")
_PLURAL = re.compile(r"(?<=[A-Z0-9])s\b")
_DESCRIBED = re.compile(  # speech2text, 16kHz, v3; and words that spell an acronym: INteraction, strucTUral
    r"[a-z]+2[a-z]+|\d.*|v\d+|[A-Za-z]\d{1,2}|(?:Tier|Task|Track|Stage|Phase|Level|Type|Step|Class|Group|Conv)\dD?"
    r"|[A-Z]{2}[a-z]{3,}|[a-z]{3,}[A-Z]{1,2}[a-z]+",
    re.ASCII,
)
_GENERIC = languages.shipped(languages.SOURCE).words.generic
_ACRONYM = re.compile(r"\(([a-z]*[A-Z][a-z0-9]*[A-Z][A-Za-z0-9]*(?:-[A-Za-z0-9]+)*)(?:[,;][^()]*)?\)")
_SHORTEST = 5  # letters of a coined name; shorter ones (MoE, QoS, IoT) are acronyms, which have translations


def words(text: str) -> tuple[str, ...]:
    """Return the different words in Latin letters in `text`, with their inner hyphens."""
    return tuple(dict.fromkeys(_WORD.findall(text)))


def coined(words: Iterable[str]) -> tuple[str, ...]:
    """Return the coined names among `words`, without duplicates: SteerMoE, wav2vec2, GPT-4, RT60."""
    return tuple(dict.fromkeys(filter(None, map(_name, words))))


def named_by(title: str, abstract: str) -> str | None:
    """Return the name before the colon of a title, if it is one word: PESTO, Moshi; else None.

    A word before the colon may also be an ordinary one (Text-to-Speech: …, Beyond: …). Only a name keeps its capital
    within a sentence of the abstract, without another capitalized word or an acronym after it.
    """
    before, colon, _ = title.partition(":")
    found = _WORD.fullmatch(before.strip()) if colon else None
    if not found:
        return None
    word = found[0]
    if all(map(_is_spoken, word.split("-"))):
        used = re.search(rf"(?<=[a-z,(] ){re.escape(word)}(?![\w-])(?! [A-Z(])", abstract)
        return word if used and not word.islower() else None
    return word if len(re.findall(r"[A-Z0-9]", word)) > 1 and len(word) > 2 else None


def _is_spoken(part: str) -> bool:
    """Return True if a part of a word is spelled like an ordinary word, with or without an initial capital."""
    return part.isalpha() and (part[1:].islower() or len(part) == 1)


def acronyms(text: str) -> tuple[str, ...]:
    """Return the acronyms in parentheses in `text`, in the singular and without duplicates."""
    return tuple(dict.fromkeys(_PLURAL.sub("", found) for found in _ACRONYM.findall(text)))


def stands_in(name: str, text: str) -> bool:
    """Return True if `name` is in `text` as a whole word in its exact spelling; its plural counts."""
    return occurrences(name, text) > 0


def occurrences(name: str, text: str) -> int:
    """Count `name` in `text` as a whole word in its exact spelling; its plural counts."""
    count, at = 0, text.find(name)
    while at >= 0:
        before, after = text[at - 1 : at] if at else "", text[at + len(name) :][:2]
        count += not _is_letter(before) and not _is_letter(after[:1].removesuffix("s") or after[1:])
        at = text.find(name, at + 1)
    return count


def known_forms(words: Iterable[str]) -> frozenset[str]:
    """Return each of `words`, its parts, and the parts joined; each also in lower case.

    The initials of words with capitals count: KL for Kullback-Leibler.
    """
    forms: set[str] = set()
    for word in words:
        if word.isalpha():
            forms.add(word)
            continue
        parts = _PART.findall(word)
        forms.update((word, word.rstrip("+"), "".join(parts), *parts))
        if all(map(str.istitle, parts)):
            forms.add("".join(part[0] for part in parts))
    return frozenset(forms.union("\n".join(forms).lower().split("\n")))  # faster than one by one


def strange(words: Iterable[str], known: frozenset[str]) -> Iterator[str]:
    """Yield those of `words` that are not among the `known` forms, neither as a whole nor in all of their parts."""
    for word in words:
        if word[0].isdigit() or word in UNITS:  # checked as a number
            continue
        if not _is_known(word, known) and not all(_is_known(part, known) for part in _PART.findall(word)):
            yield word


def is_coined(word: str) -> bool:
    """Return True if `word` is or contains a coined name."""
    return bool(_name(word))


def resembles(word: str, others: Iterable[str]) -> bool:
    """Return True if `word` differs from one of the names among `others` by one or two letters."""
    if len(word) < 4 or not word[0].isupper():
        return False
    most = 1 if len(word) < 7 else 2
    alike = (other for other in others if other[:1].isupper() and abs(len(other) - len(word)) <= most)
    return any(_distance(word.lower(), other.lower()) <= most for other in alike)


@lru_cache(maxsize=20_000)
def _name(word: str) -> str | None:
    """Return the coined part of a word: SteerMoE for SteerMoE-based, None for Text-to-Speech."""
    if word.isalpha() and (word.islower() or word[1:].islower() or word.isupper()):
        return None
    parts = word.removesuffix("'s").removesuffix("’s").split("-")
    while len(parts) > 1 and _is_plain(parts[-1]):
        parts.pop()
    while len(parts) > 1 and _is_plain(parts[0]):
        parts.pop(0)
    name = _PLURAL.sub("", "-".join(parts))
    if not any(map(_is_coined, name.split("-"))) and not _is_numbered(parts):
        return None
    return None if "/" in name or name.lower() in _GENERIC else name


def _is_plain(part: str) -> bool:
    return part.isalpha() and part.islower()


def _is_coined(part: str) -> bool:
    letters = sum(map(str.isalpha, part))
    if _DESCRIBED.fullmatch(part) or part.lower() in _GENERIC:
        return False
    if any(map(str.isdigit, part)):
        return letters > 1 and len(part) > 3
    return letters >= _SHORTEST and bool(_CAMEL.search(_PLURAL.sub("", part)))


def _is_numbered(parts: list[str]) -> bool:
    """Return True if a word is capitals and a number, as GPT-4 and CIFAR-10, but not Top-5."""
    return len(parts) > 1 and len(parts[0]) > 1 and parts[0].isupper() and parts[1][:1].isdigit()


def _is_known(form: str, known: frozenset[str]) -> bool:
    lower = form.lower().rstrip("+")
    joined = "".join(_PART.findall(lower))
    return bool({lower, joined, lower.removesuffix("s"), f"{lower}s"} & known)


def _is_letter(sign: str) -> bool:
    return sign.isascii() and sign.isalnum()


def _distance(one: str, other: str) -> int:
    """Return the Levenshtein distance of two words."""
    row = list(range(len(other) + 1))
    for at, letter in enumerate(one, start=1):
        before, row = row, [at]
        for to, sign in enumerate(other, start=1):
            row.append(min(row[-1] + 1, before[to] + 1, before[to - 1] + (letter != sign)))
    return row[-1]
