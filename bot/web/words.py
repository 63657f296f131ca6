"""The texts of the pages: auto-escaping templates, and the words of each language."""

import re
from collections.abc import Iterable
from functools import cache
from typing import Any

from jinja2 import Environment
from starlette.requests import Request

from digest.render import i18n

_LANGUAGE_FILE = re.compile(r"web/([a-z]{2,3}(?:-[A-Za-z0-9]+)*)\.j2")
_LONGEST = 500  # characters of Accept-Language that are read


@cache
def languages(own: str) -> tuple[str, ...]:
    """Return the available languages: those with a file of words, and the edition's `own`."""
    found = map(_LANGUAGE_FILE.fullmatch, environment().list_templates())
    known = tuple(match[1] for match in found if match)
    return known if own in known else (*known, own)


def chosen(request: Request, own: str, reader: str = "") -> str:
    """Choose the language of a request.

    In this order: the one in its URL, the language of its `reader` if known, the browser's preferences, `own`.
    """
    asked = request.query_params.get("language", "")
    preferred = _preferred(request.headers.get("accept-language", ""))
    return _nearest([asked, reader, *preferred], languages(own)) or own


@cache
def of(language: str) -> Any:
    """Return the words of `language` as attributes, or the English ones."""
    return i18n.words("web", i18n.words_of("web", language))


@cache
def name(language: str) -> str:
    """Return the name of a language in that language."""
    has_words = i18n.words_of("web", language) == language
    return str(of(language).language_name) if has_words else language


@cache
def environment() -> Environment:
    """Return the environment of the pages' templates."""
    made = i18n.environment().overlay(autoescape=True)
    made.filters = {**made.filters, "language_name": name}
    return made


def _nearest(tags: Iterable[str], known: tuple[str, ...]) -> str | None:
    """Return the first of `tags` (BCP 47) that is in `known`, exactly or by its primary subtag."""
    for tag in tags:
        same = [each for each in known if each.lower() == tag.lower()]
        alike = [each for each in known if each.partition("-")[0] == tag.partition("-")[0].lower()]
        if found := same or alike:
            return found[0]
    return None


def _preferred(header: str) -> list[str]:
    """Return the tags of an Accept-Language header, most preferred first (RFC 9110 §12.5.4)."""
    found = []
    for part in header[:_LONGEST].split(","):
        tag, _, weight = part.strip().partition(";")
        match = re.fullmatch(r"\s*q=([01](?:\.\d{0,3})?)\s*", weight)
        quality = float(match[1]) if match else 0.0 if weight else 1.0
        if tag and quality:
            found.append((quality, tag.strip()))
    return [tag for _, tag in sorted(found, key=lambda each: -each[0])]
