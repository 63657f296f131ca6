"""Renders the templates of mails, as HTML and as plain text, with the words of each language."""

from functools import cache, lru_cache
from typing import Any

from jinja2 import Environment

from bot.mail.shortening import ShownLength
from digest.render import i18n, page

_FOLDER = "mail"
_AUTHORS = 3  # authors listed before the rest is only counted
CACHED = (
    2048  # cached papers and HTML texts: different selections, and attempts to shorten a mail, show the same
)


def words(language: str) -> Any:
    """Return the words of `language`, or the English ones, as attributes, for plain text."""
    return i18n.words(_FOLDER, i18n.words_of(_FOLDER, language))


def render_html(template: str, language: str, **material: Any) -> str:
    """Render a mail of `templates/mail` as HTML. Its context is escaped."""
    return _render(_pages(), f"{template}.html.j2", language, material)


def render_text(template: str, language: str, **material: Any) -> str:
    """Render a mail of `templates/mail` as plain text."""
    return _render(_texts(), f"{template}.txt.j2", language, material)


def render_macro(template: str, macro: str, language: str, *given: object) -> str:
    """Render a macro of `template` in `templates/mail`, which ends in .html or .txt, with the words of `language`."""
    environment = _pages() if template.endswith(".html") else _texts()
    said = _said(environment, language)
    module: Any = environment.get_template(f"{_FOLDER}/{template}.j2").module
    return str(getattr(module, macro)(*given, said["words"], said["post"]))


def style() -> str:
    """Return the style sheet of mails."""
    return _pages().get_template(f"{_FOLDER}/style.css").render()


def line(stored: str) -> str:
    """Return stored text on one line, without markup."""
    return " ".join(page.plain(stored).split())


def _render(environment: Environment, name: str, language: str, material: dict[str, Any]) -> str:
    made = environment.get_template(f"{_FOLDER}/{name}")
    return made.render(**_said(environment, language), **material)


def _said(environment: Environment, language: str) -> dict[str, Any]:
    spoken = i18n.words_of(_FOLDER, language)
    return {
        "language": spoken,
        "words": environment.get_template(f"{_FOLDER}/{spoken}.j2").module,
        "post": i18n.words("post", i18n.words_of("post", language)),
    }


@cache
def _pages() -> Environment:
    made = i18n.environment().overlay(autoescape=True)
    made.filters = {
        **made.filters,
        "html": lru_cache(CACHED)(page.html),
        "phrase": lru_cache(CACHED)(page.phrase),
        "paragraphs": lru_cache(CACHED)(page.paragraphs),
        "authors": _authors,
    }
    made.globals = {**made.globals, **ShownLength.__members__}
    return made


@cache
def _texts() -> Environment:
    made = i18n.environment().overlay()
    made.filters = {**made.filters, "plain": page.plain, "line": line, "authors": _authors}
    made.globals = {**made.globals, **ShownLength.__members__}
    return made


def _authors(names: tuple[str, ...], said: Any) -> str:
    """Format the first of `names`, and the total if some are left out."""
    shown = ", ".join(map(line, names[:_AUTHORS]))
    return shown if len(names) <= _AUTHORS else f"{shown} {said.and_others(len(names))}"
