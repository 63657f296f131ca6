"""Whether a translation says what its original says. Pure: nothing is asked, nothing is changed."""

from dataclasses import dataclass

from digest.fidelity.findings import Finding
from digest.fidelity.glossary import Glossary


@dataclass(frozen=True, slots=True)
class Original:
    """A paper's English title and abstract, as arXiv has them or in the stored form."""

    title: str
    abstract: str


@dataclass(frozen=True, slots=True)
class Made:
    """What a model made of it, restored and `cleaned`."""

    title: str
    abstract: str
    summary: str


def translated(original: Original, made: Made, language: str, glossary: Glossary) -> tuple[Finding, ...]:
    """What is wrong with `made` as a translation of `original` into `language` (a BCP 47 tag), each thing once.

    Numbers, hedges, sentences and script are judged for Chinese only; names, formulas, addresses, refusals,
    repetition and markup for every language.
    """
    raise NotImplementedError


def cleaned(text: str, language: str, *, spaced: bool = False) -> str:
    """`text` without what models put around it (a preamble, a note, a fence) and what nobody sees; typeset."""
    raise NotImplementedError
