"""Languages as data: one folder of TOML files for each language, named by its BCP 47 tag. Pure.

`language.toml` holds the names of a language and the checks that its data carry, `lexicon.toml` the wordings of the
concepts that the checks look for. Concepts have the same key in every language, which joins the original's language to
that of the translation. `terms.toml`, which only English has, tells technical terms from other phrases.
`docs/languages.md` explains the format.
"""

import tomllib
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from digest.languages.language import Check, Language
from digest.languages.lexicon import (
    Bound,
    Chatter,
    Lexicon,
    Numerals,
    Opposites,
    Rung,
    Superlative,
    TermWords,
    Wordings,
)

__all__ = [
    "Bound",
    "Chatter",
    "Check",
    "Language",
    "Lexicon",
    "Numerals",
    "Opposites",
    "Rung",
    "Superlative",
    "TermWords",
    "Wordings",
    "known",
    "load",
    "missing_checks",
    "names",
]

SOURCE = "en"
"""The language of the originals."""


@cache
def known() -> tuple[Language, ...]:
    """Return all languages that have a folder, by their tag."""
    folders = (each for each in files(__name__).iterdir() if each.joinpath("language.toml").is_file())
    return tuple(map(_read, sorted(folders, key=lambda each: each.name)))


@cache
def load(tag: str) -> Language | None:
    """Return the language of a BCP 47 `tag`; None if no folder is meant for it.

    Subtags are dropped from the right until a language answers to the rest: de-AT is de, zh-Hans-SG is zh-CN. Another
    script is another language: nothing answers to zh-TW.
    """
    parts = tag.lower().split("-")
    for length in range(len(parts), 0, -1):
        shorter = "-".join(parts[:length])
        for each in known():
            if shorter in each.refuses:
                return None
            if shorter in each.answers_to:
                return each
    return None


def missing_checks(tag: str) -> tuple[Check, ...]:
    """Return the checks that are not made of texts in the language of `tag`; all of `Check` if it has no folder."""
    language = load(tag)
    return tuple(check for check in Check if language is None or check not in language.checks)


def names() -> str:
    """Return the languages that have a folder, for a sentence: “de (German), en (English), …”."""
    return ", ".join(f"{each.tag} ({each.name})" for each in known())


def _read(folder: Traversable) -> Language:
    facts = _toml(folder.joinpath("language.toml"))
    bounded = {"bounded": facts.get("bounded_words")}
    material = {**facts, "tag": folder.name, "lexicon": _toml(folder.joinpath("lexicon.toml"))}
    terms = folder.joinpath("terms.toml")
    if terms.is_file():
        material["term_words"] = _toml(terms)
    return Language.model_validate(material, context=bounded)


def _toml(file: Traversable) -> dict[str, Any]:
    return tomllib.loads(file.read_text(encoding="utf-8"))
