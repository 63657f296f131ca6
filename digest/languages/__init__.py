"""Languages as data: one folder of TOML files for each language, named by its BCP 47 tag. Pure.

`language.toml` holds the names of a language and the checks that its data carry, `lexicon.toml` the wordings of the
concepts that the checks look for, and the other files what some checks need besides. Concepts have the same key in
every language, which joins the original's language to that of the translation. `docs/languages.md` explains the format.
"""

import tomllib
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from pydantic import ValidationError

from digest.core.errors import DigestError
from digest.languages.language import Check, Language
from digest.languages.lexicon import (
    Bound,
    Chatter,
    Lexicon,
    Numerals,
    Opposites,
    Role,
    RoleWords,
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
    "LanguageError",
    "Lexicon",
    "Numerals",
    "Opposites",
    "Role",
    "RoleWords",
    "Rung",
    "Superlative",
    "TermWords",
    "Wordings",
    "carries",
    "is_source",
    "known",
    "load",
    "missing_checks",
    "names",
    "read",
    "shipped",
]

SOURCE = "en"
"""The language of the originals."""

CHINESE = "zh-CN"
"""The language for whose numbers, hedges and sentences `digest.checks` has rules of its own."""

_HEAD = "language"
_PARTS = ("lexicon", "numbers", "sentences", "hedges", "words", "terms")
"""The files of a folder, without `.toml`; only the lexicon is required."""


class LanguageError(DigestError):
    """A language's folder is invalid; the sentence names the file and the key at fault."""


@cache
def known() -> tuple[Language, ...]:
    """Return all languages that have a folder, by their tag."""
    folders = (each for each in files(__name__).iterdir() if each.joinpath("language.toml").is_file())
    return tuple(map(read, sorted(folders, key=lambda each: each.name)))


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


@cache
def shipped(tag: str) -> Language:
    """Return the language of the folder `tag`, one on which the program itself relies."""
    return next(each for each in known() if each.tag == tag)


def is_source(tag: str) -> bool:
    """Return True if `tag` is the language of arXiv's own titles and abstracts, in which nothing is translated."""
    return tag.partition("-")[0].lower() == SOURCE


def carries(tag: str, check: Check) -> bool:
    """Return True if `check` is made of texts in the language of `tag`."""
    language = load(tag)
    return language is not None and check in language.checks


def missing_checks(tag: str) -> tuple[Check, ...]:
    """Return the checks that are not made of texts in the language of `tag`; all of `Check` if it has no folder."""
    return tuple(check for check in Check if not carries(tag, check))


def names() -> str:
    """Return the languages that have a folder, for a sentence: “de (German), en (English), …”."""
    return ", ".join(f"{each.tag} ({each.name})" for each in known())


def read(folder: Traversable) -> Language:
    """Read the language of a `folder` that is named by its tag. Raises LanguageError."""
    present = {file.name.removesuffix(".toml") for file in folder.iterdir() if file.name.endswith(".toml")}
    if strange := present - {_HEAD, *_PARTS}:
        raise LanguageError(f"{folder.name}/{min(strange)}.toml is none of the files that a language has.")
    facts = _toml(folder, _HEAD)
    parts = {part: _toml(folder, part) for part in _PARTS if part in present}
    bounded = {"bounded": facts.get("bounded_words")}
    try:
        return Language.model_validate({**facts, "tag": folder.name, **parts}, context=bounded)
    except ValidationError as error:
        raise LanguageError(f"{folder.name}/{_fault(error)}.") from error


def _fault(error: ValidationError) -> str:
    """Return the first fault with its file and key: “numbers.toml: units.second: Input should be …”."""
    fault = error.errors()[0]
    part, *keys = map(str, fault["loc"] or [_HEAD])
    file, key = (part, keys) if part in _PARTS and keys else (_HEAD, [part, *keys] if fault["loc"] else [])
    return ": ".join(
        filter(None, (f"{file}.toml", ".".join(key), fault["msg"].removeprefix("Value error, ")))
    )


def _toml(folder: Traversable, part: str) -> dict[str, Any]:
    try:
        return tomllib.loads(folder.joinpath(f"{part}.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LanguageError(f"{folder.name}/{part}.toml cannot be read as TOML: {error}.") from error
