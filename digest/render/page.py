"""An edition as one HTML page that needs no network: what a post comes to, without a site around it."""

from functools import cache
from zoneinfo import ZoneInfo

from jinja2 import Environment
from markupsafe import Markup

from digest.models import Edition
from digest.render import originals, tex, tex_safety, words
from digest.render.inline import Code, Link, Math, Span, Strong, Text, parse
from digest.render.telegram_cleaning import clean

_LINK = Markup('<a href="{0}">{0}</a>')


def render(edition: Edition, zone: ZoneInfo) -> str:
    """The page of `edition`, its times in `zone`. Formulas are shown in Unicode, as far as that goes."""
    page = _environment().get_template("page/edition.html.j2")
    return page.render(edition=edition, papers=papers(edition, zone))


def papers(edition: Edition, zone: ZoneInfo, address: str | None = None) -> Markup:
    """The same without its frame, for other pages to hold; with `address`, where it is whole, without its readings."""
    part = _environment().get_template("page/papers.html.j2")
    return Markup(part.render(words.material(edition, zone), address=address))  # noqa: S704 - the template escapes


@cache
def _environment() -> Environment:
    environment = words.environment().overlay(autoescape=True)
    environment.filters = {**environment.filters, "html": html, "phrase": phrase, "paragraphs": paragraphs}
    return environment


def html(text: str) -> Markup:
    """Stored `text` as HTML; all that is not our own markup is escaped, and what nobody sees is left out."""
    return Markup().join(_html(span, _LINK) for span in _spans(text))


def paragraphs(text: str) -> Markup:
    """Stored `text` with its empty lines as the ends of paragraphs."""
    return Markup("\n").join(
        Markup("<p>{}</p>").format(html(part)) for part in text.split("\n\n") if part.strip()
    )


def phrase(text: str) -> Markup:
    """The same where no link may stand, for it is one itself: addresses are text."""
    return Markup().join(_html(span, Markup("{}")) for span in _spans(text))


def plain(text: str) -> str:
    """The text of `html`: formulas in Unicode, as far as that goes, and no marks."""
    return "".join(map(_plain, _spans(text)))


def _spans(text: str) -> tuple[Span, ...]:
    return parse(originals.typeset(clean(text)))


def _html(span: Span, link: Markup) -> Markup:
    match span:
        case Text(value):
            return Markup.escape(tex.prose(tex_safety.text(value)))
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
            return tex.prose(tex_safety.text(value))
        case Link(value) | Code(value):
            return value
        case Math(written):
            source = tex_safety.formula(written)
            return tex.unicode(source) or source
        case Strong(spans):
            return "".join(map(_plain, spans))
