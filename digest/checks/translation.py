"""The checks of a translation against its original. Pure.

A language without checks of its own gets those of `any_language`.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property, lru_cache

from digest import languages
from digest.checks import (
    any_language,
    hedges,
    llm_artifacts,
    names,
    numbers,
    sentences,
    typography,
)
from digest.checks.glossary import Glossary, Term, lacking
from digest.checks.masking import FixedKind, FixedPart, replaced
from digest.checks.quantities import UNITS
from digest.checks.typography import is_chinese, typeset
from digest.core.findings import Finding, Flaw, finding
from digest.languages import Check
from digest.render.stored_text import stored
from digest.render.tex import unicode

_WORD = re.compile(r"[A-Za-z]{2,}")
_PLAIN_WORD = re.compile(r"\b[a-z]{3,}\b")
_FEWEST = 12  # words; lengths of shorter texts cannot be compared
_LENGTHS = (1.2, 3.0)  # Chinese characters per English word; good translations have 1.54 to 2.46
_MOST_OF_FEW = 20  # additional characters for a title or an abstract of a few words
_ANY_LENGTHS = (0.3, 4.0)  # characters per character, for other languages
_TITLE = 100  # characters; a shorter text is full of names
_PAIRS = ("《》", "“”", "「」", "【】")
_MARK = re.compile(r"(?<![A-Za-z0-9.])(?:\d{1,2}|[ivx]{1,4}|[a-h])$")  # the mark of a list item: 1）, iv）
_MAY_LINK = re.compile(r"[A-Za-z0-9-]\.[A-Za-z]|@[A-Za-z]|://")
_LINKED = re.compile(  # evil.com, @evil and tg://user, which Telegram and mail clients turn into links
    r"(?<![\w@./-])(?:[A-Za-z0-9-]{1,63}\.)+(?:com|org|net|io|cn|me|ai|co|info|xyz|top|app|dev|site|shop|vip|cc|gg|ly|ru)"
    r"(?![\w-])|(?<![\w.@])@[A-Za-z]\w{3,}|\b[A-Za-z][A-Za-z0-9+]{1,12}://[^\s)）]+",
    re.ASCII | re.IGNORECASE,
)
_BESIDE = 20  # characters before an acronym
_COORDINATED = re.compile(r"[、，和与及]\s*$")
_UNIT = "|".join(sorted(map(re.escape, UNITS), key=len, reverse=True))
_SAID = re.compile(  # a formula that text says as well: numbers, signs, units
    r"[\d.,%‰°±≈∼~×≤≥<>=→↑↓+−\-–/ ()²³]*"
    rf"(?:(?<![A-Za-z])(?:µ|μ|{_UNIT}|[kMGmnµμ]?[WVA]|[kKMBT])[²³]?)?"
)
_GIVEN = re.compile(  # N = 100, T₆₀ ≈ 0.5, n > 1,000
    r"[^\W\d]\w{0,9} ?(?P<sign>[=≈∼~<>≤≥]) ?(?P<number>\d[\d,]{0,20}(?:\.\d{1,20})?)%?"
)
_TEX_SPACE = re.compile(r"\\[,;:! ]|(?<=[\w)])~(?=[A-Za-z(\\])|(?<=[A-Za-z.])~(?=\w)")
_CUT = re.compile(r"[\u4e00-\u9fff，、；：（]\Z")
_DELIMITERS = re.compile(r"\A(?:\$\$?|\\[(\[])|(?:\$\$?|\\[)\]])\Z")
_TEX = re.compile(r"\\[A-Za-z]+|(?<!\\)\$")
_NO_TERMS = Glossary({})


@dataclass(frozen=True, slots=True)
class Original:
    """A paper's English title and abstract, as on arXiv or in the stored form."""

    title: str
    abstract: str


@dataclass(frozen=True, slots=True)
class Translated:
    """A model's translation, unmasked and `cleaned`; translations of old posts have no title and no summary."""

    title: str | None
    abstract: str
    summary: str | None


def check_translation(
    original: Original,
    made: Translated,
    language: str,
    glossary: Glossary,
    shared: Glossary = _NO_TERMS,
) -> tuple[Finding, ...]:
    """Check `made` as a translation of `original` into `language` (a BCP 47 tag); return findings without duplicates.

    `shared` are the terms of the edition, which the glossary does not have.

    Units are checked for a language that carries Check.QUANTITY (`digest.languages`), sentences and hedges for one that
    carries Check.SENTENCE: what carries Check.HEDGE is for the screens (`meaning`). Words, script and brackets are
    checked for Chinese only, in both forms; names, formulas, addresses, the digits of numbers, untranslated text,
    lengths, refusals, repetition and markup for every language.
    """
    title, abstract, made_abstract = map(_text, (original.title, original.abstract, made.abstract))
    used = [
        (flaw, _terms(text, wanted), written)
        for flaw, wanted in ((Flaw.TERM, glossary), (Flaw.TERM_OF_EDITION, shared))
        for text, written in ((title, made.title), (abstract, made.abstract))
    ]
    known = _known(
        title, abstract, (wording for _, some, _ in used for term in some for wording in term.passing)
    )
    named = names.named_by(title.prose, abstract.prose)
    found = [*_as_a_whole(abstract, made_abstract, known, language, named)]
    if made.title is not None:
        found += _as_a_whole(title, _text(made.title), known, language, named)
    if made.summary is not None:
        found += _as_a_part(known, _text(made.summary), language)
    if languages.carries(language, Check.SENTENCE):
        found += _in_chinese(abstract, made_abstract)
    found += [finding(flaw, term.source) for flaw, some, text in used if text for term in lacking(some, text)]
    return tuple(dict.fromkeys(found))


def cleaned(text: str, language: str, *, spaced: bool = False) -> str:
    """Remove a model's additions (a preamble, a note, a fence) and invisible characters from `text`, and typeset it."""
    return typeset(llm_artifacts.unwrapped(text), language, spaced=spaced)


@dataclass(frozen=True)
class _CheckedText:
    """A text in the stored form, its fixed parts, and its prose with a space in place of each.

    A formula that is but a number, a sign or a unit is prose: `$8.28\\%$` may become 8.28%.
    """

    whole: str
    parts: tuple[FixedPart, ...]
    prose: str

    @cached_property
    def said(self) -> numbers.StatedNumbers:
        return numbers.stated(self.prose)

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The different words in Latin letters of the prose."""
        return names.words(self.prose)

    @cached_property
    def all_words(self) -> tuple[str, ...]:
        """The different words in Latin letters of the whole text."""
        return self.words if self.prose == self.whole else names.words(self.whole)

    @cached_property
    def coined(self) -> tuple[str, ...]:
        return names.coined(self.words)


@dataclass(frozen=True)
class _KnownWords:
    """The content of the paper that a translation may contain."""

    whole: str
    prose: str
    formulas: frozenset[str]
    words: frozenset[str]
    numbers: numbers.KnownNumbers

    @cached_property
    def forms(self) -> frozenset[str]:
        return names.known_forms(self.words)


def _text(text: str) -> _CheckedText:
    whole = stored(text)
    kept: list[FixedPart] = []

    def prose(part: FixedPart) -> str:
        said = _said(part)
        if said is None:
            kept.append(part)
        return " " if said is None else said

    spaced = _spaced(replaced(whole, prose))
    return _CheckedText(whole, tuple(kept), spaced)


def _spaced(prose: str) -> str:
    """Replace the spaces of TeX in `prose`."""
    return _TEX_SPACE.sub(" ", prose) if "\\" in prose or "~" in prose else prose


def _said(part: FixedPart) -> str | None:
    """Return a formula of only numbers, signs and units as text, else None."""
    if part.kind is not FixedKind.FORMULA:
        return None
    line = _line(part.source)
    return line if line and _SAID.fullmatch(line) else None


@lru_cache(maxsize=2_000)
def _line(formula: str) -> str | None:
    """Return a formula with its delimiters as a line of Unicode; None if it cannot be read as one."""
    return unicode(_DELIMITERS.sub("", formula))


def _known(title: _CheckedText, abstract: _CheckedText, wordings: Iterable[str]) -> _KnownWords:
    whole = f"{title.whole}\n{abstract.whole}"
    words = frozenset((*title.all_words, *abstract.all_words, *names.words(" ".join(wordings))))
    prose = f"{title.prose}\n{abstract.prose}"
    formulas = frozenset(map(_canonical, (*title.parts, *abstract.parts)))
    return _KnownWords(whole, prose, formulas, words, numbers.allowed((title.said, abstract.said), whole))


def _terms(text: _CheckedText, glossary: Glossary) -> tuple[Term, ...]:
    """Return the terms in `text` except those within a coined name, such as the codec of SimWhisper-Codec."""
    words = text.whole
    for name in text.coined:
        if "-" in name:
            words = words.replace(name, " ")
    return glossary.relevant(words)


def _as_a_whole(
    original: _CheckedText, made: _CheckedText, known: _KnownWords, language: str, named: str | None
) -> Iterator[Finding]:
    """Check a title or an abstract: nothing may be missing or added; `named` is the name in the title."""
    if not re.search(r"\w", made.whole) and re.search(r"\w", original.whole):
        yield finding(Flaw.EMPTY)
        return
    yield from _parts(original, made)
    yield from _names(original, made, named)
    yield from _lengths(original, made, language)
    if languages.carries(language, Check.QUANTITY):
        yield from numbers.find_missing(original.said, made.said, known.numbers)
    else:
        yield from any_language.missing_numbers(original.prose, made.prose, known.whole)
    yield from _as_a_part(known, made, language, needs_words=bool(_PLAIN_WORD.search(original.prose)))


def _as_a_part(
    known: _KnownWords, made: _CheckedText, language: str, *, needs_words: bool = True
) -> Iterator[Finding]:
    """Check what any text about the paper, also a summary, must not contain."""
    declined = llm_artifacts.refusal(known.whole, made.whole)
    if declined:
        yield finding(Flaw.REFUSAL, declined)
    for flaw, said in (
        (Flaw.CHAT, llm_artifacts.echo(known.whole, made.whole)),
        (Flaw.CHAT, llm_artifacts.thinking(made.whole)),
        (Flaw.CHAT, llm_artifacts.praise(known.whole, made.prose)),
        (Flaw.MARKUP, llm_artifacts.markup(known.whole, made.prose)),
        (Flaw.REPETITION, llm_artifacts.repetition(known.whole, made.whole)),
        (Flaw.SCRIPT, typography.foreign_character(made.prose, language)),
    ):
        if said:
            yield finding(flaw, said)
    yield from _strange_parts(known, made)
    if is_chinese(language):
        yield from _strange_words(known, made)
    if languages.carries(language, Check.QUANTITY):
        yield from numbers.find_invented(made.said, known.numbers)
    else:
        yield from any_language.invented_numbers(made.prose, known.whole)
    if is_chinese(language):
        yield from _untranslated(made, needs_words=needs_words)
        yield from _brackets(made.whole)
    else:
        for copied in any_language.copied_sentences(known.whole, made.prose):
            yield finding(Flaw.UNTRANSLATED, copied.strip()[:60])


def _parts(original: _CheckedText, made: _CheckedText) -> Iterator[Finding]:
    """Check that formulas and addresses occur as in the original; a formula may be written with other TeX.

    A formula that occurs less often or more often is soft (a translator repeats a noun, or takes its place), and so is
    one that only stood in parentheses after its name, a citation, and a bound such as n > 100 whose number text has.
    """
    wanted = Counter(map(_canonical, original.parts))
    given = Counter(map(_canonical, made.parts))
    kinds = {_canonical(part): part for part in (*made.parts, *original.parts)}
    for key in {**wanted, **given}:
        part = kinds[key]
        flaw = Flaw.ADDRESS if part.kind is FixedKind.ADDRESS else Flaw.FORMULA
        if wanted[key] == given[key]:
            continue
        if wanted[key] > given[key]:
            if given[key] or (part.kind is FixedKind.FORMULA and _is_written(key, made.prose)):
                continue
            relation = (
                _told_by_number(key, wanted, original, made) if part.kind is FixedKind.FORMULA else None
            )
            if relation == "=":
                continue
            is_aside = f"({part.source})" in original.whole or _is_cited(part)
            yield Finding(flaw, part.source, hard=not is_aside and relation is None)
        elif part.kind is FixedKind.ADDRESS or (part.kind is FixedKind.FORMULA and not wanted[key]):
            yield finding(flaw, part.source)


def _told_by_number(
    line: str, wanted: Counter[str], original: _CheckedText, made: _CheckedText
) -> str | None:
    """Return the sign of a formula such as N = 100 if text has its number instead, as 100名用户 does; else None.

    Text must have it once more than the original's own text does, for each formula that gives it.
    """
    found = _GIVEN.fullmatch(line)
    if not found:
        return None
    value = _value_of(found)
    of_formulas = sum(_value_of(each) == value for other in wanted if (each := _GIVEN.fullmatch(other)))
    of_text = sum(each.bare == value for each in original.said.quantities)
    there = sum(each.bare == value for each in made.said.quantities)
    return found["sign"] if there >= of_text + of_formulas else None


def _value_of(given: re.Match[str]) -> Decimal:
    return Decimal(given["number"].replace(",", ""))


def _canonical(part: FixedPart) -> str:
    """Return the form in which two fixed parts that readers see alike are equal."""
    return (part.kind is FixedKind.FORMULA and _line(part.source)) or part.source


def _is_cited(part: FixedPart) -> bool:
    return part.kind is FixedKind.OTHER and part.source.startswith(("[", r"\cite", r"\ref"))


def _is_written(line: str, prose: str) -> bool:
    """Return True if a formula is in `prose` as characters: τ, p<0.05, the k of k-means."""
    alone = rf"(?<![A-Za-z0-9$\\]){re.escape(line.replace(' ', ''))}(?![A-Za-z0-9$\\])"
    return re.search(alone, prose.replace(" ", "")) is not None


def _strange_parts(known: _KnownWords, made: _CheckedText) -> Iterator[Finding]:
    """Find formulas, code, addresses and text that clients turn into links, if the paper does not have them."""
    stray = _TEX.search(made.prose)
    if stray and stray[0] not in known.prose:
        yield finding(Flaw.FORMULA, stray[0])
    for part in made.parts:
        if part.source.strip("`") not in known.whole and _canonical(part) not in known.formulas:
            yield finding(Flaw.ADDRESS if part.kind is FixedKind.ADDRESS else Flaw.FORMULA, part.source)
    if not _MAY_LINK.search(made.prose):
        return
    lower = known.whole.lower()
    for link in _LINKED.findall(made.prose):
        if link.lower() not in lower:
            yield finding(Flaw.ADDRESS, link)


def _names(original: _CheckedText, made: _CheckedText, named: str | None) -> Iterator[Finding]:
    """Find the names that `made` lacks; that of the paper, or one that the original uses again, is a hard finding.

    A name that occurs once mostly belongs to a thing that has a name in Chinese: an institution, a network's layer.
    """
    wanted = original.coined
    if named and named not in wanted and names.stands_in(named, original.prose):
        wanted = (named, *wanted)
    for name in wanted:
        if not names.stands_in(name, made.prose):
            is_theirs = name == named or names.occurrences(name, original.prose) > 1
            yield Finding(Flaw.NAME_MISSING, name, hard=is_theirs)
    for acronym in names.acronyms(original.prose):
        if _stands_apart(acronym, made.prose):
            yield finding(Flaw.ACRONYM, acronym)
        elif acronym not in wanted and not names.stands_in(acronym, made.prose):
            yield finding(Flaw.ACRONYM_MISSING, acronym)


def _stands_apart(acronym: str, made: str) -> bool:
    """Return True if an acronym is listed beside its full name as a separate thing (阿尔茨海默病、AD)."""
    explains = any(f"{opening}{acronym}" in made for opening in "（(")
    at = made.find(acronym)
    return not explains and _COORDINATED.search(made[max(0, at - _BESIDE) : max(0, at)]) is not None


def _strange_words(known: _KnownWords, made: _CheckedText) -> Iterator[Finding]:
    """Find words in Latin letters that the paper does not have; those that resemble names are invented names."""
    others = [word for word in made.words if word not in known.words]
    for word in names.strange(others, known.forms) if others else ():
        if names.is_coined(word) or names.resembles(word, known.forms):
            yield finding(Flaw.NAME_INVENTED, word)
        elif len(word) > 1:
            yield finding(Flaw.WORD, word)


def _lengths(original: _CheckedText, made: _CheckedText, language: str) -> Iterator[Finding]:
    words = len(_WORD.findall(original.prose))
    if words < _FEWEST:
        if (
            is_chinese(language)
            and typography.han_characters(made.prose) > _MOST_OF_FEW + _LENGTHS[1] * words
        ):
            yield finding(Flaw.LENGTH, f"{typography.han_characters(made.prose)}")
        return
    if is_chinese(language):
        characters = typography.han_characters(made.prose) + 2 * len(_WORD.findall(made.prose))
        size, bounds = words, _LENGTHS
    else:
        characters = len(made.prose)
        size, bounds = len(original.prose), _ANY_LENGTHS
    if not bounds[0] * size <= characters <= bounds[1] * size:
        yield finding(Flaw.LENGTH, f"{characters / size:.1f}")


def _untranslated(made: _CheckedText, *, needs_words: bool) -> Iterator[Finding]:
    if needs_words and not typography.is_translated(made.prose, is_title=len(made.prose) < _TITLE):
        yield finding(Flaw.UNTRANSLATED, made.prose.strip()[:60])
        return
    for run in typography.english_runs(made.prose):
        yield finding(Flaw.UNTRANSLATED, run[:60])


def _brackets(made: str) -> Iterator[Finding]:
    if not _is_paired(made):
        yield finding(Flaw.BRACKETS, "（）")
    for pair in _PAIRS:
        if made.count(pair[0]) != made.count(pair[1]):
            yield finding(Flaw.BRACKETS, pair)


def _is_paired(made: str) -> bool:
    """Return True if all parentheses are balanced, except those after list marks."""
    depth = 0
    for found in re.finditer("[（）]", made):
        if found[0] == "（":
            depth += 1
        elif depth:
            depth -= 1
        elif not _MARK.search(made, max(0, found.start() - 6), found.start()):
            return False
    return depth == 0


def _in_chinese(original: _CheckedText, made: _CheckedText) -> Iterator[Finding]:
    """Check the hedges and sentences of an abstract."""
    for hedge in hedges.lost(original.prose, made.prose):
        yield finding(Flaw.HEDGE, hedge)
    unmatched = sentences.unmatched(original.prose, made.prose)
    for sentence, is_certain in unmatched.missing:
        yield Finding(Flaw.SENTENCE_MISSING, sentence.text[:60], hard=is_certain)
    for sentence in unmatched.added:
        yield finding(Flaw.SENTENCE_ADDED, sentence.text[:60])
    if _breaks_off(original.prose, made.prose):
        yield finding(Flaw.SENTENCE_MISSING, made.prose.rstrip()[-20:])


def _breaks_off(original: str, made: str) -> bool:
    """Return True if the translation of a text that ends with a full stop ends within a sentence."""
    return original.rstrip().endswith((".", "!", "?")) and _CUT.search(made.rstrip()) is not None
