"""Prompts from their templates, the part that never changes first: a provider's prompt cache wants that."""

import hashlib
import json
import re
from dataclasses import dataclass
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from pydantic import BaseModel

from digest.invisible import removed
from digest.llm.formats import schema

_DELIMITER = re.compile(r"<(?=\s*/?\s*(?:material|question|terms|translation)\b)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model is sent: `system` is the same for all papers. `version` names the templates behind it."""

    system: str
    user: str
    version: str


class PromptTemplate:
    """The pair of templates `NAME.system.j2` and `NAME.user.j2`, for answers of type `form` in `language`."""

    def __init__(self, name: str, form: type[BaseModel], language: str) -> None:
        environment = _environment()
        rules = environment.get_template(f"{name}.system.j2")
        self._environment = environment
        self._system = rules.render(language=language, schema=json.dumps(schema(form), ensure_ascii=False))
        self._user = environment.get_template(f"{name}.user.j2")
        self.version = _version(self._system, _loader().get_source(environment, f"{name}.user.j2")[0])

    def render(self, **material: object) -> Prompt:
        """The prompt for one paper; `material` is all that the user template names."""
        return Prompt(self._system, self._user.render(**material), self.version)

    def part(self, name: str, **material: object) -> str:
        """The template `NAME.user.j2`: what may stand behind a prompt, so that its beginning stays the same."""
        return self._environment.get_template(f"{name}.user.j2").render(**material)


def inert(text: str) -> str:
    """`text` as it may stand between the delimiters: unable to close them, without characters nobody sees."""
    return _DELIMITER.sub("‹", removed(text))


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
    return environment


def _version(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:12]
