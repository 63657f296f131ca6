"""Which term is translated how. Files are CSV: `term,translation`, alternatives behind `|`, nothing for keep as is."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from digest.errors import DigestError


class GlossaryError(DigestError):
    """A glossary's file that cannot be read; the sentence names the file and the line."""


@dataclass(frozen=True, slots=True)
class Term:
    """`source` in English, singular; `target` in the language, or None: kept as it is. `accepted` pass too."""

    source: str
    target: str | None
    accepted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Glossary:
    """Terms by their folded source."""

    terms: dict[str, Term]

    def relevant(self, text: str) -> tuple[Term, ...]:
        """The terms in an English `text`, in order of appearance, the longest where several begin or overlap."""
        raise NotImplementedError

    def deciding(self, terms: Iterable[Term]) -> "Glossary":
        """This glossary with `terms` decided: what was accepted beside them no longer is."""
        raise NotImplementedError

    def decided(self, original: str, made: str) -> tuple[Term, ...]:
        """Which of several accepted translations `made` chose for the terms in `original`: for `deciding`."""
        raise NotImplementedError


def load(language: str, extra: Path | None = None) -> Glossary:
    """The shipped glossary of `language` (empty where none is shipped), with `extra` taking precedence.

    Raises GlossaryError.
    """
    raise NotImplementedError
