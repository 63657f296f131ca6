"""The texts of the chat: auto-escaping templates, and the words of each language."""

import re
from functools import cache
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from digest.core.models import Gap
from digest.render import i18n, telegram_html, telegram_split

_LANGUAGE_FILE = re.compile(r"chat/([a-z]{2,3}(?:-[A-Za-z0-9]+)*)\.j2")
_AUTHORS = 3  # authors listed before the rest is only counted


def languages() -> tuple[str, ...]:
    """Return the languages of the chat, one for each file of words."""
    found = map(_LANGUAGE_FILE.fullmatch, environment().list_templates())
    return tuple(match[1] for match in found if match)


def nearest(tag: str | None, fallback: str) -> str:
    """Return the language for a client's `tag` (IETF, such as zh-hans), or else `fallback`, or else English."""
    known = languages()
    wanted = (tag or "").partition("-")[0].lower()
    same = [language for language in known if language.partition("-")[0] == wanted]
    if same:
        return same[0]
    return fallback if fallback in known else i18n.FALLBACK


def of(language: str) -> Any:
    """Return the words of `language` as attributes. Their arguments are escaped."""
    return _words(language if language in languages() else i18n.FALLBACK)


def render(template: str, language: str, **material: Any) -> str:
    """Render a message of `templates/chat` as Telegram HTML with the marks of `splitting`."""
    made = environment().get_template(f"chat/{template}.html.j2")
    return made.render(words=of(language), post=_post_words(language), language=language, **material).strip()


def line(text: str) -> str:
    """Return the stored `text` as one line without markup."""
    return telegram_html.plain(telegram_split.finish(telegram_html.html(text))).replace("\n", " ")


@cache
def environment() -> Environment:
    """Return the environment of the chat's templates."""
    made = i18n.environment().overlay(autoescape=True)
    made.filters = {
        **made.filters,
        "html": telegram_html.html,
        "rich": telegram_html.rich,
        "literal": telegram_html.literal,
        "title": _title,
        "authors": _authors,
    }
    made.tests = {**made.tests, "gap": lambda value: isinstance(value, Gap)}
    return made


@cache
def _words(language: str) -> Any:
    return environment().get_template(f"chat/{language}.j2").module


def _post_words(language: str) -> Any:
    return i18n.words("post", i18n.words_of("post", language))


def _title(text: str) -> Markup:
    """Render a title without markup, because it stands in links and bold text, which may not contain code."""
    return telegram_html.literal(line(text))


def _authors(names: tuple[str, ...], and_others: Any) -> Markup:
    """Render the first of `names`, and the total if some are left out."""
    shown = Markup(", ").join(map(telegram_html.literal, names[:_AUTHORS]))
    return shown if len(names) <= _AUTHORS else Markup("{} {}").format(shown, and_others(len(names)))
