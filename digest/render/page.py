"""Renderer of an edition as one self-contained HTML page: a post without a site around it."""

from functools import cache
from zoneinfo import ZoneInfo

from jinja2 import Environment
from markupsafe import Markup

from digest.core.models import Edition
from digest.render import i18n, stored_text, tex, tex_safety
from digest.render.stored_text import Code, Link, Math, Span, Strong, Text, clean, parse

_LINK = Markup('<a href="{0}">{0}</a>')


def render(edition: Edition, zone: ZoneInfo) -> str:
    """Render the page of `edition`, with times in `zone`. Formulas are shown in Unicode if possible, else as TeX."""
    page = _environment().get_template("page/edition.html.j2")
    return page.render(edition=edition, papers=papers(edition, zone))


def papers(edition: Edition, zone: ZoneInfo, address: str | None = None) -> Markup:
    """Render the papers of `edition` without the page around them, with times in `zone`.

    With `address`, that of the full page, the readings are left out.
    """
    part = _environment().get_template("page/papers.html.j2")
    return Markup(part.render(i18n.material(edition, zone), address=address))  # noqa: S704 - the template escapes


@cache
def _environment() -> Environment:
    environment = i18n.environment().overlay(autoescape=True)
    environment.filters = {**environment.filters, "html": html, "phrase": phrase, "paragraphs": paragraphs}
    return environment


def html(text: str) -> Markup:
    """Render stored `text` as HTML; everything but our own markup is escaped, and invisible characters are removed."""
    return Markup().join(_html(span, _LINK) for span in _spans(text))


def paragraphs(text: str) -> Markup:
    """Render stored `text` as HTML paragraphs; blank lines separate them."""
    return Markup("\n").join(
        Markup("<p>{}</p>").format(html(part)) for part in text.split("\n\n") if part.strip()
    )


def phrase(text: str) -> Markup:
    """Render stored `text` as HTML without links, for use within a link: addresses are text."""
    return Markup().join(_html(span, Markup("{}")) for span in _spans(text))


def plain(text: str) -> str:
    """Render stored `text` as plain text without marks; formulas are in Unicode if possible, else TeX."""
    return "".join(map(_plain, _spans(text)))


def _spans(text: str) -> tuple[Span, ...]:
    return parse(stored_text.typeset(clean(text)))


def _html(span: Span, link: Markup) -> Markup:
    match span:
        case Text(value):
            return Markup.escape(stored_text.prose(tex_safety.text(value)))
        case Link(url):
            return link.format(url)
        case Math(written):
            source = tex_safety.formula(written)
            return Markup('<i class="math" title="{}">{}</i>').format(source, tex.unicode(source) or source)
        case Code(value):
            return Markup("<code>{}</code>").format(value)
        case Strong(spans):
            return Markup("<strong>{}</strong>").format(Markup().join(_html(each, link) for each in spans))


def _plain(span: Span) -> str:
    match span:
        case Text(value):
            return stored_text.prose(tex_safety.text(value))
        case Link(value) | Code(value):
            return value
        case Math(written):
            source = tex_safety.formula(written)
            return tex.unicode(source) or source
        case Strong(spans):
            return "".join(map(_plain, spans))
