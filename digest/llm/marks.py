"""Marks at both ends of a prompt, which the model copies into its answer: it has read what lies between. Pure.

Asked for where an endpoint does not count the prompt's tokens, so that nothing else tells a prompt that was cut.
"""

import hashlib
from dataclasses import dataclass
from functools import cache

from pydantic import BaseModel, create_model

from digest.llm.prompts import Prompt
from digest.models import VersionId


@dataclass(frozen=True, slots=True)
class Marks:
    """What stands first in a prompt's material, and what stands last."""

    first: str
    last: str

    def around(self, prompt: Prompt) -> str:
        """The material of `prompt` between the marks."""
        return (
            f"First mark: {self.first}\n\n{prompt.user}\n\nLast mark: {self.last}\n"
            'Give your JSON object one more field, "marks": the first and the last mark, with a blank between them.'
        )

    def are_in(self, answer: BaseModel) -> bool:
        """Whether the model has copied both."""
        copied = str(getattr(answer, "marks", "")).upper()
        return self.first in copied and self.last in copied


def of(version: VersionId) -> Marks:
    """The marks for a paper version: always the same, so that a provider's prompt cache has its beginning."""
    digest = hashlib.sha256(str(version).encode()).hexdigest().upper()
    return Marks(digest[:6], digest[6:12])


@cache
def marked(form: type[BaseModel]) -> type[BaseModel]:
    """`form` with one more field, for the marks."""
    return create_model(f"Marked{form.__name__}", __base__=form, marks=(str, ""))
