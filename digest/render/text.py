"""A paper as plain text, for a terminal."""

from digest.models import Gap, Paper, Reading, Translation
from digest.render import words
from digest.render.inline import Code, Link, Math, Span, Strong, Text, parse


def paper(found: Paper, translation: Translation | Gap, reading: Reading | Gap, language: str) -> str:
    """The record, the translation and the reading of a paper; formulas stay in TeX."""
    environment = words.environment().overlay()
    environment.filters = {**environment.filters, "plain": plain}
    rendered = environment.get_template("text/paper.txt.j2").render(
        paper=found,
        translation=None if isinstance(translation, Gap) else translation,
        reading=None if isinstance(reading, Gap) else reading,
        untranslated=translation if isinstance(translation, Gap) else None,
        unread=reading if isinstance(reading, Gap) else None,
        words=words.words("post", words.words_of("post", language)),
    )
    return rendered.strip("\n")


def plain(text: str) -> str:
    """Stored `text` without its marks."""
    return "".join(map(_plain, parse(text)))


def _plain(span: Span) -> str:
    match span:
        case Text(value) | Code(value) | Link(value):
            return value
        case Math(tex):
            return f"${tex}$"
        case Strong(spans):
            return "".join(map(_plain, spans))
