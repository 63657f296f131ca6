"""The result of extracting text from a document."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Extract:
    """The text that a reader sees, and what the document holds beside it that no reader does.

    Not `whole`: the document says itself that it breaks off, or pages of it are lost. `has_references` tells whether
    there was a list of references, which is not in `text`. `extractors` names the libraries that the text is from.
    """

    text: str
    hidden: str = ""
    whole: bool = True
    has_references: bool = False
    extractors: tuple[str, ...] = ()
