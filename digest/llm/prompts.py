"""Prompts rendered from templates; the constant part comes first, so that the provider's prompt cache is hit.

Marks stand at both ends of a prompt if an endpoint does not count its tokens: a model that copies both into its answer
has read the whole prompt.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from pydantic import BaseModel, create_model

from digest.core.invisible import removed
from digest.core.models import VersionId
from digest.llm.structured_output import schema

_DELIMITER = re.compile(r"<(?=\s*/?\s*(?:material|question|terms|translation)\b)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt for a model; `system` is the same for all papers, `version` is a hash of the templates."""

    system: str
    user: str
    version: str


class PromptTemplate:
    """The templates `NAME.system.j2` and `NAME.user.j2`, for answers of type `form` in `language` (a BCP 47 tag)."""

    def __init__(self, name: str, form: type[BaseModel], language: str) -> None:
        environment = _environment()
        rules = environment.get_template(f"{name}.system.j2")
        self._environment = environment
        self._system = rules.render(language=language, schema=json.dumps(schema(form), ensure_ascii=False))
        self._user = environment.get_template(f"{name}.user.j2")
        self.version = _version(self._system, _loader().get_source(environment, f"{name}.user.j2")[0])

    def render(self, **material: object) -> Prompt:
        """Render the prompt for one paper; `material` are the variables of the user template."""
        return Prompt(self._system, self._user.render(**material), self.version)

    def part(self, name: str, **material: object) -> str:
        """Render the template `NAME.user.j2`, to be appended to a prompt so that its beginning stays the same."""
        return self._environment.get_template(f"{name}.user.j2").render(**material)


def inert(text: str) -> str:
    """Make `text` safe between the delimiters: it cannot close them and has no invisible characters."""
    return _DELIMITER.sub("‹", removed(text))


def line(text: str) -> str:
    """Make `text` one line, so that it cannot begin a line as the material around it does."""
    return " ".join(text.split())


@cache
def _loader() -> PackageLoader:
    return PackageLoader("templates", "prompts")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=_loader(),
        autoescape=False,  # noqa: S701 - the reader is a model, not a browser
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["inert"] = inert
    environment.filters["line"] = line
    return environment


def _version(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Marks:
    """The first and the last mark of a prompt's material."""

    first: str
    last: str

    def around(self, prompt: Prompt) -> str:
        """Return the material of `prompt` between the marks, with the instruction to copy them."""
        return (
            f"First mark: {self.first}\n\n{prompt.user}\n\nLast mark: {self.last}\n"
            'Give your JSON object one more field, "marks": the first and the last mark, separated by a space.'
        )

    def are_in(self, answer: BaseModel) -> bool:
        """Return True if the model has copied both marks."""
        copied = str(getattr(answer, "marks", "")).upper()
        return self.first in copied and self.last in copied


def marks_of(version: VersionId) -> Marks:
    """Return the marks for a paper version; always the same, so that the provider's prompt cache is hit."""
    digest = hashlib.sha256(str(version).encode()).hexdigest().upper()
    return Marks(digest[:6], digest[6:12])


@cache
def marked_form(form: type[BaseModel]) -> type[BaseModel]:
    """Return `form` with one more field for the marks."""
    return create_model(f"Marked{form.__name__}", __base__=form, marks=(str, ""))
