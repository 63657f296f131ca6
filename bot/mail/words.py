"""The texts of the newsletter: templates for HTML and plain text, and the words of each language."""

from functools import cache, lru_cache
from typing import Any

from jinja2 import Environment

from digest.render import i18n, page

_FOLDER = "mail"
_AUTHORS = 3  # authors listed before the rest is only counted
_KEPT = 2048  # cached HTML texts: different selections, and attempts to shorten a mail, show the same ones


def of(language: str) -> Any:
    """Return the words of `language`, or the English ones, as attributes, for plain text."""
    return i18n.words(_FOLDER, i18n.words_of(_FOLDER, language))


def html(template: str, language: str, **material: Any) -> str:
    """Render a mail of `templates/mail` as HTML. Its context is escaped."""
    return _render(_pages(), f"{template}.html.j2", language, material)


def text(template: str, language: str, **material: Any) -> str:
    """Render a mail of `templates/mail` as plain text."""
    return _render(_texts(), f"{template}.txt.j2", language, material)


def line(stored: str) -> str:
    """Return stored text on one line, without markup."""
    return " ".join(page.plain(stored).split())


def _render(environment: Environment, name: str, language: str, material: dict[str, Any]) -> str:
    spoken = i18n.words_of(_FOLDER, language)
    return environment.get_template(f"{_FOLDER}/{name}").render(
        language=spoken,
        words=environment.get_template(f"{_FOLDER}/{spoken}.j2").module,
        post=i18n.words("post", i18n.words_of("post", language)),
        **material,
    )


@cache
def _pages() -> Environment:
    made = i18n.environment().overlay(autoescape=True)
    made.filters = {
        **made.filters,
        "html": lru_cache(_KEPT)(page.html),
        "phrase": lru_cache(_KEPT)(page.phrase),
        "paragraphs": lru_cache(_KEPT)(page.paragraphs),
        "authors": _authors,
    }
    return made


@cache
def _texts() -> Environment:
    made = i18n.environment().overlay()
    made.filters = {**made.filters, "plain": page.plain, "line": line, "authors": _authors}
    return made


def _authors(names: tuple[str, ...], said: Any) -> str:
    """Format the first of `names`, and the total if some are left out."""
    shown = ", ".join(map(line, names[:_AUTHORS]))
    return shown if len(names) <= _AUTHORS else f"{shown} {said.and_others(len(names))}"
