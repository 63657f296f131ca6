"""The glossary: the required translations of terms.

Files are CSV with the header `term,translation`. A translation may list accepted alternatives after `|`; an empty one
means that the term stays untranslated.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from importlib.resources import files
from pathlib import Path

from digest.core.errors import DigestError

_HEAD = ["term", "translation"]
_LARGEST = 1_000_000  # characters of a file
_WORD = re.compile(r"[A-Za-z0-9]+")
_NO_PLURAL = ("ss", "us", "is")


class GlossaryError(DigestError):
    """A glossary file is invalid; the sentence names the file and, if one is at fault, the line."""


Key = tuple[str, ...]
"""The folded words of a term."""

_HYPHENS = "-‐‑–·・ "  # that translators set between the parts of a term


@dataclass(frozen=True, slots=True)
class Term:
    """An English term; `target` is its translation, None if it stays untranslated; `accepted` are alternatives."""

    source: str
    target: str | None
    accepted: tuple[str, ...] = ()

    @property
    def passing(self) -> tuple[str, ...]:
        """All wordings that a translation may use."""
        return (self.target or self.source, *self.accepted)

    def is_in(self, made: str) -> bool:
        """Return True if `made` contains one of these wordings, regardless of case and hyphens: 音频-语言模型."""
        return not lacking((self,), made)


@dataclass(frozen=True)
class Glossary:
    """Terms by the folded words of their source."""

    terms: Mapping[Key, Term]

    @cached_property
    def _longest(self) -> dict[str, int]:
        """The first words of the terms, each with the number of words of the longest term that begins with it."""
        longest: dict[str, int] = {}
        for key in self.terms:
            longest[key[0]] = max(longest.get(key[0], 0), len(key))
        return longest

    def relevant(self, text: str) -> tuple[Term, ...]:
        """Return the terms in an English `text`, in order of first appearance; the longest match wins.

        Case, hyphens and plurals make no difference.
        """
        return tuple(dict.fromkeys(self._found(_folded(text)))) if self.terms else ()

    def deciding(self, terms: Iterable[Term]) -> "Glossary":
        """Return a glossary in which `terms` are decided: their alternatives are no longer accepted."""
        decided = {key_of(term.source): replace(term, accepted=()) for term in terms}
        return Glossary({**self.terms, **decided})

    def decided(self, original: str, made: str) -> tuple[Term, ...]:
        """Return the terms in `original` with alternatives, each with the one wording that `made` uses, if unique."""
        choices = ((term, _chosen(term, made)) for term in self.relevant(original) if term.accepted)
        return tuple(Term(term.source, chosen) for term, chosen in choices if chosen is not None)

    def _found(self, words: list[str]) -> Iterator[Term]:
        begins, end = self._longest, 0
        for at, word in enumerate(words):
            if word not in begins or at < end:
                continue
            for length in range(begins[word], 0, -1):
                term = self.terms.get(tuple(words[at : at + length]))
                if term is not None:
                    yield term
                    end = at + length
                    break


def lacking(terms: Sequence[Term], made: str) -> list[Term]:
    """Return those of `terms` that are not in `made`."""
    bare = _bare(made) if terms else ""
    return [term for term in terms if not any(_bare_wording(each) in bare for each in term.passing)]


def load(language: str, extra: Path | None = None) -> Glossary:
    """Load the bundled glossary of `language` (empty if there is none); terms of the file `extra` take precedence.

    Raises GlossaryError.
    """
    shipped = files("templates").joinpath("glossary", f"{language}.csv")
    terms = _terms(shipped.read_text("utf-8"), f"{language}.csv") if shipped.is_file() else {}
    return Glossary({**terms, **(_terms(_read(extra), str(extra)) if extra else {})})


def _read(path: Path) -> str:
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise GlossaryError(f"The glossary {path} cannot be read as UTF-8 text.") from error
    if len(text) > _LARGEST:
        raise GlossaryError(f"The glossary {path} is larger than {_LARGEST:,} characters.")
    return text


def _terms(text: str, name: str) -> dict[Key, Term]:
    try:
        rows = [*csv.reader(text.splitlines())]
    except csv.Error as error:
        raise GlossaryError(f"The glossary {name} is not a CSV file: {error}.") from error
    if [cell.strip() for cell in (rows or [[]])[0]] != _HEAD:
        raise GlossaryError(f"The glossary {name} does not begin with the line “{','.join(_HEAD)}”.")
    terms = {}
    for number, row in enumerate(rows[1:], start=2):
        if not any(cell.strip() for cell in row):
            continue
        term = _term(row)
        if term is None:
            raise GlossaryError(f"The glossary {name} lacks a term or a translation in line {number}.")
        terms[key_of(term.source)] = term
    return terms


def _term(row: list[str]) -> Term | None:
    if len(row) != len(_HEAD) or not key_of(row[0]):
        return None
    wordings = [wording.strip() for wording in row[1].split("|") if wording.strip()]
    return Term(row[0].strip(), wordings[0] if wordings else None, tuple(wordings[1:]))


def _chosen(term: Term, made: str) -> str | None:
    """Return the one wording in `made`, else None; a wording that is only part of a longer one does not count."""
    rest, chosen = made, []
    for wording in sorted(term.passing, key=len, reverse=True):
        if wording in rest:
            chosen.append(wording)
            rest = rest.replace(wording, "\0")
    return chosen[0] if len(chosen) == 1 and not chosen[0].isascii() else None


def _bare(text: str) -> str:
    text = text.lower()
    for sign in _HYPHENS:
        text = text.replace(sign, "")
    return text


@lru_cache(maxsize=2_000)
def _bare_wording(wording: str) -> str:
    return _bare(wording)


def key_of(source: str) -> Key:
    """Return the words of `source` by which a glossary finds it: without case, hyphens and plurals."""
    return tuple(_folded(source))


def _folded(text: str) -> list[str]:
    return [*map(_singular, _WORD.findall(text.lower()))]


@lru_cache(maxsize=20_000)
def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith(_NO_PLURAL) else word
