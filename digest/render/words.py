"""The templates of everything that people read, and the words of each language in them."""

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

FALLBACK = "en"


@cache
def environment() -> Environment:
    """The templates as plain text: each output adds its own filters to an overlay, and escapes by them."""
    return Environment(
        loader=PackageLoader("templates", ""),
        autoescape=False,  # noqa: S701 - Markdown and plain text; pages switch it on
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def words_of(folder: str, language: str) -> str:
    """The language in which the templates in `folder` have words for `language`: itself, or English."""
    return language if f"{folder}/{language}.j2" in environment().list_templates() else FALLBACK


@cache
def words(folder: str, language: str) -> Any:
    """The words of the templates in `folder`, as attributes; `language` comes from `words_of`."""
    return environment().get_template(f"{folder}/{language}.j2").module
