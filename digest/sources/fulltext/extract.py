"""What is taken out of a document."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Extract:
    """The text that a reader sees, and what the document holds beside it that no reader does."""

    text: str
    hidden: str = ""
