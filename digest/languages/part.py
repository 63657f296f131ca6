"""What the parts of a language have in common. Pure."""

import re
from collections.abc import Iterable
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Word = Annotated[str, Field(min_length=1)]
WordList = Annotated[tuple[Word, ...], Field(min_length=1)]


class Part(BaseModel):
    """One file of a language, or a table in it; an unknown key is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


def any_of(words: Iterable[str]) -> str:
    """Return a pattern that matches any of `words`, the longest one."""
    return "|".join(sorted(map(re.escape, words), key=len, reverse=True))
