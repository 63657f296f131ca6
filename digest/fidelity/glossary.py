"""Which term is translated how.

Files are CSV with a head: `term,translation`. A translation may name others behind `|` that pass too; an empty one
means that the term is kept as it is written.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from importlib.resources import files
from pathlib import Path

from digest.errors import DigestError

_HEAD = ["term", "translation"]
_LARGEST = 1_000_000  # characters of a file
_WORD = re.compile(r"[A-Za-z0-9]+")
_NO_PLURAL = ("ss", "us", "is")


class GlossaryError(DigestError):
    """A glossary's file that cannot be read; the sentence names the file, and the line where one is at fault."""


@dataclass(frozen=True, slots=True)
class Term:
    """`source` in English; `target` is its translation, or None: kept as it is. `accepted` pass too."""

    source: str
    target: str | None
    accepted: tuple[str, ...] = ()

    @property
    def passing(self) -> tuple[str, ...]:
        """Every wording that a translation may have for it."""
        return (self.target or self.source, *self.accepted)

    def is_in(self, made: str) -> bool:
        """Whether the text `made` has one of these wordings, in whatever case Latin letters are."""
        lower = made.lower()
        return any(wording.lower() in lower for wording in self.passing)


@dataclass(frozen=True)
class Glossary:
    """Terms by the words of their source, folded."""

    terms: Mapping[tuple[str, ...], Term]

    @cached_property
    def _longest(self) -> dict[str, int]:
        """The first words of the terms, and how many words the longest term has that begins so."""
        longest: dict[str, int] = {}
        for key in self.terms:
            longest[key[0]] = max(longest.get(key[0], 0), len(key))
        return longest

    def relevant(self, text: str) -> tuple[Term, ...]:
        """The terms in an English `text` by their first appearance; within a longer term a shorter one is not seen.

        Case, hyphens and plurals make no difference.
        """
        words = _folded(text)
        return tuple(dict.fromkeys(self._found(words)))

    def deciding(self, terms: Iterable[Term]) -> "Glossary":
        """This glossary with `terms` decided: what passed beside their translations no longer does."""
        decided = {_key(term.source): replace(term, accepted=()) for term in terms}
        return Glossary({**self.terms, **decided})

    def decided(self, original: str, made: str) -> tuple[Term, ...]:
        """For the terms in `original` that may be worded in several ways: the way that `made` chose, if it is one."""
        choices = ((term, _chosen(term, made)) for term in self.relevant(original) if term.accepted)
        return tuple(Term(term.source, chosen) for term, chosen in choices if chosen is not None)

    def _found(self, words: list[str]) -> Iterator[Term]:
        at = 0
        while at < len(words):
            for length in range(self._longest.get(words[at], 0), 0, -1):
                term = self.terms.get(tuple(words[at : at + length]))
                if term is not None:
                    yield term
                    at += length
                    break
            else:
                at += 1


def load(language: str, extra: Path | None = None) -> Glossary:
    """The shipped glossary of `language` (none is empty), in which the terms of the file `extra` take precedence.

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


def _terms(text: str, name: str) -> dict[tuple[str, ...], Term]:
    try:
        rows = [*csv.reader(text.splitlines())]
    except csv.Error as error:
        raise GlossaryError(f"The glossary {name} is no CSV file: {error}.") from error
    if [cell.strip() for cell in (rows or [[]])[0]] != _HEAD:
        raise GlossaryError(f"The glossary {name} does not begin with the line “{','.join(_HEAD)}”.")
    terms = {}
    for number, row in enumerate(rows[1:], start=2):
        if not any(cell.strip() for cell in row):
            continue
        term = _term(row)
        if term is None:
            raise GlossaryError(f"The glossary {name} has no term and translation in line {number}.")
        terms[_key(term.source)] = term
    return terms


def _term(row: list[str]) -> Term | None:
    if len(row) != len(_HEAD) or not _key(row[0]):
        return None
    wordings = [wording.strip() for wording in row[1].split("|") if wording.strip()]
    return Term(row[0].strip(), wordings[0] if wordings else None, tuple(wordings[1:]))


def _chosen(term: Term, made: str) -> str | None:
    """The one wording in `made`; one that is part of another there is none of its own."""
    rest, chosen = made, []
    for wording in sorted(term.passing, key=len, reverse=True):
        if wording in rest:
            chosen.append(wording)
            rest = rest.replace(wording, "\0")
    return chosen[0] if len(chosen) == 1 and not chosen[0].isascii() else None


def _key(source: str) -> tuple[str, ...]:
    return tuple(_folded(source))


def _folded(text: str) -> list[str]:
    return [_singular(word) for word in _WORD.findall(text.lower())]


@lru_cache(maxsize=20_000)
def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith(_NO_PLURAL) else word
