"""Marks at both ends of a prompt; a model that copies both into its answer has read the whole prompt. Pure.

They are used if an endpoint does not count the prompt's tokens, so that nothing else shows that a prompt was cut.
"""

import hashlib
from dataclasses import dataclass
from functools import cache

from pydantic import BaseModel, create_model

from digest.core.models import VersionId
from digest.llm.prompts import Prompt


@dataclass(frozen=True, slots=True)
class Marks:
    """The first and the last mark of a prompt's material."""

    first: str
    last: str

    def around(self, prompt: Prompt) -> str:
        """Return the material of `prompt` between the marks, with the instruction to copy them."""
        return (
            f"First mark: {self.first}\n\n{prompt.user}\n\nLast mark: {self.last}\n"
            'Give your JSON object one more field, "marks": the first and the last mark, with a blank between them.'
        )

    def are_in(self, answer: BaseModel) -> bool:
        """Return True if the model has copied both marks."""
        copied = str(getattr(answer, "marks", "")).upper()
        return self.first in copied and self.last in copied


def of(version: VersionId) -> Marks:
    """Return the marks for a paper version; always the same, so that the provider's prompt cache is hit."""
    digest = hashlib.sha256(str(version).encode()).hexdigest().upper()
    return Marks(digest[:6], digest[6:12])


@cache
def marked(form: type[BaseModel]) -> type[BaseModel]:
    """Return `form` with one more field for the marks."""
    return create_model(f"Marked{form.__name__}", __base__=form, marks=(str, ""))
