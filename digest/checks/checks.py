"""The checks of a translation against its original. Pure."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from digest.checks import any_language, hedges, llm_artifacts, names, numbers, script, sentences
from digest.checks.fixed import Kind, Part, fixed
from digest.checks.glossary import Glossary, Term
from digest.checks.typography import is_chinese, typeset
from digest.core.findings import Finding, Flaw, finding
from digest.render.originals import stored

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
_COORDINATED = re.compile(r"[、，和与及]\s*$")


@dataclass(frozen=True, slots=True)
class Original:
    """A paper's English title and abstract, as on arXiv or in the stored form."""

    title: str
    abstract: str


@dataclass(frozen=True, slots=True)
class Made:
    """A model's translation, unmasked and `cleaned`; translations of old posts have no title and no summary."""

    title: str | None
    abstract: str
    summary: str | None


def translated(original: Original, made: Made, language: str, glossary: Glossary) -> tuple[Finding, ...]:
    """Check `made` as a translation of `original` into `language` (a BCP 47 tag); return findings without duplicates.

    Hedges, sentences, words, units and script are checked for Chinese only; names, formulas, addresses, the digits of
    numbers, untranslated text, refusals, repetition and markup for every language.
    """
    title, abstract, made_abstract = map(_text, (original.title, original.abstract, made.abstract))
    terms = [(_terms(title, glossary), made.title), (_terms(abstract, glossary), made.abstract)]
    known = _known(
        title, abstract, " ".join(wording for some, _ in terms for term in some for wording in term.passing)
    )
    named = names.named_by(title.prose, abstract.prose)
    found = [*_as_a_whole(abstract, made_abstract, known, language, named)]
    if made.title is not None:
        found += _as_a_whole(title, _text(made.title), known, language, named)
    if made.summary is not None:
        found += _as_a_part(known, _text(made.summary), language)
    if is_chinese(language):
        found += _in_chinese(abstract, made_abstract)
    found += [
        finding(Flaw.TERM, term.source)
        for some, text in terms
        if text
        for term in some
        if not term.is_in(text)
    ]
    return tuple(dict.fromkeys(found))


def cleaned(text: str, language: str, *, spaced: bool = False) -> str:
    """Remove a model's additions (a preamble, a note, a fence) and invisible characters from `text`, and typeset it."""
    return typeset(llm_artifacts.unwrapped(text), language, spaced=spaced)


@dataclass(frozen=True)
class _Text:
    """A text in the stored form, its fixed parts, and its prose with a space in place of each."""

    whole: str
    parts: tuple[Part, ...]
    prose: str

    @cached_property
    def said(self) -> numbers.Said:
        return numbers.said(self.prose)


@dataclass(frozen=True, slots=True)
class _Known:
    """The content of the paper that a translation may contain."""

    whole: str
    forms: frozenset[str]
    numbers: numbers.Known


def _text(text: str) -> _Text:
    whole = stored(text)
    parts = tuple(fixed(whole))
    pieces, at = [], 0
    for part in parts:
        pieces += [whole[at : part.start], " "]
        at = part.end
    return _Text(whole, parts, "".join([*pieces, whole[at:]]) if parts else whole)


def _known(title: _Text, abstract: _Text, wordings: str) -> _Known:
    whole = f"{title.whole}\n{abstract.whole}"
    forms = names.known_forms(f"{whole} {wordings}")
    return _Known(whole, forms, numbers.known((title.said, abstract.said), whole))


def _terms(text: _Text, glossary: Glossary) -> tuple[Term, ...]:
    """Return the terms in `text` except those within a coined name, such as the codec of SimWhisper-Codec."""
    words = text.whole
    for name in names.coined(text.prose):
        if "-" in name:
            words = words.replace(name, " ")
    return glossary.relevant(words)


def _as_a_whole(
    original: _Text, made: _Text, known: _Known, language: str, named: str | None
) -> Iterator[Finding]:
    """Check a title or an abstract: nothing may be missing or added; `named` is the name in the title."""
    if not re.search(r"\w", made.whole) and re.search(r"\w", original.whole):
        yield finding(Flaw.EMPTY)
        return
    yield from _parts(original, made)
    yield from _names(original, made, named)
    yield from _lengths(original, made, language)
    if is_chinese(language):
        yield from numbers.missing(original.said, made.said, known.numbers)
    else:
        yield from any_language.missing(original.prose, made.prose, known.whole)
    yield from _as_a_part(known, made, language, needs_words=bool(_PLAIN_WORD.search(original.prose)))


def _as_a_part(known: _Known, made: _Text, language: str, *, needs_words: bool = True) -> Iterator[Finding]:
    """Check what any text about the paper, also a summary, must not contain."""
    declined = llm_artifacts.refusal(known.whole, made.whole)
    if declined:
        yield finding(Flaw.REFUSAL, declined)
    for flaw, said in (
        (Flaw.CHAT, llm_artifacts.echo(known.whole, made.whole)),
        (Flaw.CHAT, llm_artifacts.praise(known.whole, made.prose)),
        (Flaw.MARKUP, llm_artifacts.markup(known.whole, made.prose)),
        (Flaw.REPETITION, llm_artifacts.repetition(known.whole, made.whole)),
        (Flaw.SCRIPT, script.is_foreign(made.prose, language)),
    ):
        if said:
            yield finding(flaw, said)
    yield from _strange_parts(known, made)
    if is_chinese(language):
        yield from _strange_words(known, made)
        yield from numbers.invented(made.said, known.numbers)
        yield from _untranslated(made, needs_words=needs_words)
        yield from _brackets(made.whole)
    else:
        yield from any_language.invented(made.prose, known.whole)
        for copied in any_language.copied(known.whole, made.prose):
            yield finding(Flaw.UNTRANSLATED, copied.strip()[:60])


def _parts(original: _Text, made: _Text) -> Iterator[Finding]:
    """Check that formulas and addresses occur verbatim and as often as in the original."""
    wanted = Counter(part.source for part in original.parts)
    given = Counter(part.source for part in made.parts)
    kinds = {part.source: part.kind for part in (*original.parts, *made.parts)}
    for source in {**wanted, **given}:
        flaw = Flaw.ADDRESS if kinds[source] is Kind.ADDRESS else Flaw.FORMULA
        if wanted[source] > given[source] or (
            given[source] > wanted[source] and kinds[source] is not Kind.OTHER
        ):
            yield finding(flaw, source)


def _strange_parts(known: _Known, made: _Text) -> Iterator[Finding]:
    """Find formulas, code, addresses and text that clients turn into links, if the paper does not have them."""
    for part in made.parts:
        if part.source.strip("`") not in known.whole:
            yield finding(Flaw.ADDRESS if part.kind is Kind.ADDRESS else Flaw.FORMULA, part.source)
    if not _MAY_LINK.search(made.prose):
        return
    lower = known.whole.lower()
    for link in _LINKED.findall(made.prose):
        if link.lower() not in lower:
            yield finding(Flaw.ADDRESS, link)


def _names(original: _Text, made: _Text, named: str | None) -> Iterator[Finding]:
    wanted = names.coined(original.prose)
    if named and named not in wanted and names.stands_in(named, original.prose):
        wanted = (named, *wanted)
    for name in wanted:
        if not names.stands_in(name, made.prose):
            yield finding(Flaw.NAME_MISSING, name)
    for acronym in names.acronyms(original.prose):
        gone = acronym not in wanted and not names.stands_in(acronym, made.prose)
        if gone or _stands_apart(acronym, made.prose):
            yield finding(Flaw.ACRONYM, acronym)


def _stands_apart(acronym: str, made: str) -> bool:
    """Return True if an acronym is listed beside its full name as a separate thing (阿尔茨海默病、AD)."""
    explains = any(f"{opening}{acronym}" in made for opening in "（(")
    return not explains and _COORDINATED.search(made[: made.find(acronym)]) is not None


def _strange_words(known: _Known, made: _Text) -> Iterator[Finding]:
    """Find words in Latin letters that the paper does not have; those that resemble names are invented names."""
    for word in names.strange(made.prose, known.forms):
        if names.is_coined(word) or names.resembles(word, known.forms):
            yield finding(Flaw.NAME_INVENTED, word)
        elif len(word) > 1:
            yield finding(Flaw.WORD, word)


def _lengths(original: _Text, made: _Text, language: str) -> Iterator[Finding]:
    words = len(_WORD.findall(original.prose))
    if words < _FEWEST:
        if is_chinese(language) and script.characters(made.prose) > _MOST_OF_FEW + _LENGTHS[1] * words:
            yield finding(Flaw.LENGTH, f"{script.characters(made.prose)}")
        return
    if is_chinese(language):
        characters = script.characters(made.prose) + 2 * len(_WORD.findall(made.prose))
        least, most = (bound * words for bound in _LENGTHS)
    else:
        characters = len(made.prose)
        least, most = (bound * len(original.prose) for bound in _ANY_LENGTHS)
    if not least <= characters <= most:
        yield finding(Flaw.LENGTH, f"{characters / words:.1f}")


def _untranslated(made: _Text, *, needs_words: bool) -> Iterator[Finding]:
    if needs_words and not script.is_translated(made.prose, is_title=len(made.prose) < _TITLE):
        yield finding(Flaw.UNTRANSLATED, made.prose.strip()[:60])
        return
    for run in script.english_runs(made.prose):
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


def _in_chinese(original: _Text, made: _Text) -> Iterator[Finding]:
    """Check the hedges and sentences of an abstract."""
    for hedge in hedges.lost(original.prose, made.prose):
        yield finding(Flaw.HEDGE, hedge)
    missing, added = sentences.alone(sentences.english(original.prose), sentences.chinese(made.prose))
    for flaw, lone in ((Flaw.SENTENCE_MISSING, missing), (Flaw.SENTENCE_ADDED, added)):
        for sentence in lone:
            yield finding(flaw, sentence.text[:60])
