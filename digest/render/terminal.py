"""Renderer of papers and reports as plain text, for a terminal."""

from functools import cache
from typing import Any

from jinja2 import Environment

from digest.core.comments import is_withdrawn
from digest.core.invisible import removed_in_line
from digest.core.models import Gap, Paper, Reading, Translation
from digest.render import i18n, stored_text
from digest.render.stored_text import Code, Link, Math, Span, Strong, Text, parse


def paper(
    found: Paper,
    translation: Translation | Gap,
    reading: Reading | Gap,
    language: str,
    earlier: Reading | None = None,
) -> str:
    """Render the record, the translation and the reading of a paper; formulas stay in TeX.

    `earlier` is the reading of an older version, shown if the newest has none.
    """
    rendered = render(
        "paper",
        paper=found,
        withdrawn=is_withdrawn(found),
        translation=None if isinstance(translation, Gap) else translation,
        reading=earlier if isinstance(reading, Gap) else reading,
        untranslated=translation if isinstance(translation, Gap) else None,
        unread=reading if isinstance(reading, Gap) else None,
        words=i18n.words("post", i18n.words_of("post", language)),
    )
    return rendered.strip("\n")


def render(template: str, **material: Any) -> str:
    """Render one of the plain texts in `templates/text`."""
    return _environment().get_template(f"text/{template}.txt.j2").render(**material)


@cache
def _environment() -> Environment:
    environment = i18n.environment().overlay()
    environment.filters = {**environment.filters, "plain": plain, "printable": printable}
    return environment


def plain(text: str) -> str:
    """Render stored `text` without its marks; formulas keep their dollar signs."""
    return "".join(map(_plain, parse(stored_text.typeset(text))))


def printable(text: str) -> str:
    """Return `text` on one line, without characters that would control a terminal."""
    return removed_in_line(text)


def _plain(span: Span) -> str:
    match span:
        case Text(value) | Code(value) | Link(value):
            return value
        case Math(tex):
            return f"${tex}$"
        case Strong(spans):
            return "".join(map(_plain, spans))
