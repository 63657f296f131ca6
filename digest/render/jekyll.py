"""Renderer of an edition as a Jekyll post: front matter, then Markdown for kramdown."""

from datetime import date
from functools import cache
from zoneinfo import ZoneInfo

from jinja2 import Environment

from digest.core.models import Edition
from digest.render import i18n, kramdown, originals

FOLDER = "post"


def post_name(day: date) -> str:
    """Return the file name of the post of `day`."""
    return f"{day}-arxiv.md"


def render(edition: Edition, zone: ZoneInfo) -> str:
    """Render the post of `edition`, with times in `zone`."""
    template = _environment().get_template(f"{FOLDER}/edition.md.j2")
    return template.render(i18n.material(edition, zone))


@cache
def _environment() -> Environment:
    environment = i18n.environment().overlay()
    environment.filters = {
        **environment.filters,
        "markdown": _markdown,
        "paragraphs": _paragraphs,
    }
    return environment


def _paragraphs(text: str) -> str:
    return "\n\n".join(_markdown(paragraph) for paragraph in text.split("\n\n") if paragraph.strip())


def _markdown(text: str) -> str:
    return kramdown.markdown(originals.typeset(text))
