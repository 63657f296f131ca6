"""Extracts the technical terms of several English papers that a glossary leaves open. Pure.

Verbs, function words, punctuation, names and numbers cut a text into phrases. A phrase is a term if

- somewhere it stands alone: nothing else is in its phrase, in lower case, and no name or number beside it,
- it begins and ends as terms do (`digest/languages/en/terms.toml` has the word lists), and
- two papers use it, or one many times.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import cache, lru_cache

import regex

from digest import languages
from digest.checks import llm_artifacts, typography
from digest.checks.glossary import Glossary, Key, key_of
from digest.checks.masking import replaced
from digest.checks.translation import Original
from digest.languages import SOURCE, Chatter, TermWords, Wordings
from digest.render.stored_text import stored

MOST_TERMS = 60
"""The maximum number of terms: those that most papers use. Fifty papers have about twenty-five."""
LONGEST_TERM = 60
"""The maximum number of characters of a term."""
_LENGTHS = range(2, 5)  # words, those with hyphens counted as one
_FEWEST_PAPERS = 2
_OFTEN = 4  # uses by one paper
_TOKEN = re.compile(r"(?P<word>[^\W_]+(?:[-‐‑][^\W_]+)*)|\S")
_HYPHEN = re.compile("[-‐‑]")
_ACRONYM = re.compile(r"\s*\(([A-Z]{2,8})s?\)")
_MOST_GROWTH = 3  # characters of a translation for each of its term
_WORDS = regex.compile(r"[\p{L}\p{M}]+(?:[ '’·・-][\p{L}\p{M}]+)*")
_LATIN_WORD = re.compile(r"[A-Za-z]+")
_SCRIPTS = {"Latn": r"\p{Latin}", "Jpan": r"\p{Han}\p{Hiragana}\p{Katakana}ー", "Kore": r"\p{Hangul}"}


@dataclass(frozen=True, slots=True)
class OpenTerm:
    """A term as most papers write it, and the positions of the papers that use it."""

    source: str
    papers: frozenset[int]


def open_terms(papers: Sequence[Original], glossary: Glossary) -> tuple[OpenTerm, ...]:
    """Return the terms in `papers` without an entry in `glossary`, those that most papers use first."""
    proses = [(_prose(paper.title), _prose(paper.abstract)) for paper in papers]
    alone = {key_of(" ".join(phrase)) for _, abstract in proses for phrase in _phrases(abstract)}
    known = {*alone, *glossary.terms}
    wanted = frozenset(key for key in alone if key not in glossary.terms and _is_term(key, known))
    uses: defaultdict[Key, _Uses] = defaultdict(_Uses)
    for position, prose in enumerate(proses):
        for text in prose:
            for key, written in _used(text, wanted, glossary):
                uses[key].papers.add(position)
                uses[key].forms[written] += 1
    often = [each for each in uses.values() if len(each.papers) >= _FEWEST_PAPERS or each.count >= _OFTEN]
    often.sort(key=lambda each: (-len(each.papers), -each.count, each.source))
    return tuple(OpenTerm(each.source, frozenset(each.papers)) for each in often[:MOST_TERMS])


@dataclass(slots=True)
class _Uses:
    """The papers that use a term, and how they write it."""

    papers: set[int] = field(default_factory=set)
    forms: Counter[str] = field(default_factory=Counter)

    @property
    def count(self) -> int:
        return self.forms.total()

    @property
    def source(self) -> str:
        return min(self.forms, key=lambda form: (-self.forms[form], len(form), form))


def is_usable(source: str, translation: str, language: str, glossary: Glossary) -> bool:
    """Return True if a model's `translation` of the term `source` into `language` (a BCP 47 tag) can be one.

    It is a few words in the script of the language, with nothing around them, and uses the wordings that `glossary`
    requires for parts of the term.
    """
    if len(translation) > _MOST_GROWTH * len(source) or not _WORDS.fullmatch(translation):
        return False
    if not _is_in_script(source, translation, language) or _is_chat(translation, language):
        return False
    return all(term.is_in(translation) for term in glossary.relevant(source))


@dataclass(frozen=True, slots=True)
class _Run:
    """Words in a row that may be in terms, in lower case; `end` is the offset behind them.

    `is_whole` is False if a name or a number stands beside them, which may belong to the phrase.
    """

    words: tuple[str, ...]
    is_whole: bool
    end: int


def _prose(text: str) -> str:
    """Return `text` with a mark in place of each formula, address and the like."""
    return replaced(stored(text), lambda _: " | ")


def _runs(text: str, *, any_case: bool) -> Iterator[_Run]:
    """Cut `text` into runs. A word with a capital counts as a name, unless `any_case` is set."""
    words: list[str] = []
    end, is_whole = 0, True
    for token in _TOKEN.finditer(text):
        word = _plain(token["word"], any_case=any_case) if token["word"] else None
        if word is not None and not _is_break(word):
            words.append(word)
            end = token.end()
            continue
        is_name = token["word"] is not None and word is None and not _is_break(token[0].lower())
        if words:
            yield _Run(tuple(words), is_whole and not is_name, end)
        words, is_whole = [], not is_name
    if words:
        yield _Run(tuple(words), is_whole, end)


def _plain(word: str, *, any_case: bool) -> str | None:
    """Return a plain `word` in lower case; None for a name, an acronym or a number."""
    parts = _HYPHEN.split(word)
    if any_case:
        parts = [part.lower() if part.istitle() else part for part in parts]
    is_plain = all(part.isascii() and part.isalpha() and part.islower() for part in parts)
    return "-".join(parts) if is_plain else None


def _phrases(text: str) -> Iterator[tuple[str, ...]]:
    """Yield the phrases in lower case that stand alone in `text`, and those with their acronym in parentheses."""
    for run in _runs(text, any_case=False):
        acronym = _ACRONYM.match(text, run.end)
        if acronym:
            yield from _spelled(run.words, acronym[1].lower())
        if run.is_whole and len(run.words) in _LENGTHS and _begins(run.words[0]) and _ends(run.words[-1]):
            yield run.words


def _spelled(words: tuple[str, ...], acronym: str) -> Iterator[tuple[str, ...]]:
    """Yield the last of `words` whose initials are `acronym`."""
    for length in _LENGTHS:
        initials = [part[0] for word in words[-length:] for part in word.split("-")]
        if len(words) >= length and "".join(initials) == acronym:
            yield words[-length:]


def _is_term(key: Key, known: AbstractSet[Key]) -> bool:
    """Return True if the phrase `key` is a term, and not one of `known` with a head: a speech recognition system."""
    words, phrase = _words(), " ".join(key)
    if len(phrase) > LONGEST_TERM or words.never.pattern.fullmatch(phrase):
        return False
    return key[:-1] not in known or words.heads.pattern.fullmatch(key[-1]) is None


def _used(text: str, wanted: AbstractSet[Key], glossary: Glossary) -> Iterator[tuple[Key, str]]:
    """Yield the terms in `text` that are `wanted`, as they are written; not those that are part of another term."""
    for run in _runs(text, any_case=True):
        required = list(_spans(run.words, glossary.terms.keys(), range(1, len(run.words) + 1)))
        for start, end in _spans(run.words, wanted, _LENGTHS):
            if all(
                start <= first and last <= end for first, last in required if first < end and start < last
            ):
                written = " ".join(run.words[start:end])
                yield key_of(written), written


def _spans(words: Sequence[str], keys: AbstractSet[Key], lengths: range) -> Iterator[tuple[int, int]]:
    """Yield the places of `words` that are among `keys`: the first word, and the one behind the last."""
    folded = [key_of(word) for word in words]
    for start in range(len(words)):
        for length in lengths:
            if start + length <= len(words) and sum(folded[start : start + length], ()) in keys:
                yield start, start + length


def _is_in_script(source: str, translation: str, language: str) -> bool:
    """Return True if `translation` is in the script of the language, except for words of `source`."""
    if typography.is_chinese(language):
        return typography.is_all_chinese(_without_words(source, translation), language)
    known = languages.load(language)
    script = _SCRIPTS.get(known.script, r"\p{L}") if known else r"\p{L}"
    own = translation if script == _SCRIPTS["Latn"] else _without_words(source, translation)
    return regex.fullmatch(rf"(?:[{script}\p{{M}}]|[ '’·・-])+", own) is not None and any(
        map(str.isalpha, own)
    )


def _without_words(source: str, translation: str) -> str:
    """Return `translation` without the words in Latin letters that it shares with `source`."""
    words = {*_LATIN_WORD.findall(source.lower())}
    return _LATIN_WORD.sub(lambda word: "" if word[0].lower() in words else word[0], translation)


def _is_chat(translation: str, language: str) -> bool:
    """Return True if a model refuses, thinks aloud, asks for a good review or names the part of a text."""
    if llm_artifacts.refusal("", translation) or llm_artifacts.thinking(translation):
        return True
    known = languages.load(language)
    chatter = known.lexicon.chatter if known else Chatter()
    is_label = chatter.labels.pattern.fullmatch(translation) is not None
    is_spoken = chatter.openers.are_in(translation) or chatter.thinking.are_in(translation)
    return is_label or is_spoken or llm_artifacts.praise("", translation) is not None


@cache
def _words() -> TermWords:
    language = languages.load(SOURCE)
    return language.terms if language else TermWords()


@lru_cache(maxsize=20_000)
def _is_break(word: str) -> bool:
    return len(word) == 1 or _is_among(word, _words().breaks)


@lru_cache(maxsize=20_000)
def _begins(word: str) -> bool:
    return not _is_among(word, _words().not_first)


@lru_cache(maxsize=20_000)
def _ends(word: str) -> bool:
    return not _is_among(word, _words().not_last)


def _is_among(word: str, wordings: Wordings) -> bool:
    kept = _words().kept
    return wordings.pattern.fullmatch(word) is not None and kept.pattern.fullmatch(word) is None
