"""Templates of all texts that people read, and the words of each language in them."""

from dataclasses import dataclass
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from digest.core.comments import acceptance, is_withdrawn
from digest.core.invisible import removed
from digest.core.models import RULE, Edition, Gap
from digest.render import stored_text

FALLBACK = "en"


@cache
def environment() -> Environment:
    """Return the template environment without escaping; each output escapes with filters that it adds to an overlay."""
    made = Environment(
        loader=PackageLoader("templates", ""),
        autoescape=False,  # noqa: S701 - Markdown and plain text; pages switch it on
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_visible,
    )
    made.tests["gap"] = lambda value: isinstance(value, Gap)
    made.tests["rule"] = lambda value: value == RULE
    made.tests["withdrawn"] = is_withdrawn
    made.filters["acceptance"] = acceptance
    made.filters["original"] = stored_text.stored
    return made


@cache
def words_of(folder: str, language: str) -> str:
    """Return `language` if the templates in `folder` have words for it, else English."""
    return language if f"{folder}/{language}.j2" in environment().list_templates() else FALLBACK


def _visible(value: object) -> object:
    """Remove invisible characters from a value in a template; markup stays markup."""
    if isinstance(value, Markup):
        return Markup(removed(str(value)))  # noqa: S704 - escaped as before: nothing is added
    return removed(value) if isinstance(value, str) else value


@cache
def words(folder: str, language: str) -> Any:
    """Return the words of the templates in `folder`, as attributes; `language` must come from `words_of`."""
    return environment().get_template(f"{folder}/{language}.j2").module


@dataclass(frozen=True, slots=True)
class Zone:
    """A time zone, shown by its abbreviation at the time of the edition."""

    key: str
    abbreviation: str

    def __str__(self) -> str:
        return self.abbreviation


def material(edition: Edition, zone: ZoneInfo) -> dict[str, Any]:
    """Return the variables of an edition's templates; times are in `zone`."""
    start, end = (moment.astimezone(zone) for moment in (edition.window.start, edition.window.end))
    return {
        "edition": edition,
        "language": words_of("post", edition.language),
        "zone": Zone(zone.key, end.tzname() or ""),
        "start": start,
        "end": end,
    }
