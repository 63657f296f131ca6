"""What a model must not touch (formulas, addresses, citations, code, macros) as placeholders, and back. Pure.

title, abstract = mask_all((stored(paper.title), stored(paper.abstract)))
… a model translates title.text and abstract.text …
text, findings = abstract.restored(answer)
"""

from collections.abc import Sequence
from dataclasses import dataclass

from digest.fidelity.findings import Finding


@dataclass(frozen=True, slots=True)
class Masked:
    """A text for a model: `text` has a placeholder for each of `spans`, the n-th of which is numbered `first + n`."""

    text: str
    spans: tuple[str, ...]
    first: int = 1
    known: tuple[str, ...] = ()
    """The spans of all texts that are masked together, from number 1 on."""

    def restored(self, answer: str, *, whole: bool = True) -> tuple[str, tuple[Finding, ...]]:
        """`answer` with each span in its placeholder's place, and what is wrong with its placeholders.

        Understands full-width forms, blanks within and Markdown's escapes. The spans may come in any order, but each
        once. Not `whole` (a summary): spans may be missing or repeated, and those of the other texts are known too.
        """
        raise NotImplementedError


def stored(text: str) -> str:
    r"""An original in the stored form (`digest.models`), without TeX in its prose.

    Formulas stand between single dollars, `\href{u}{so}` is so (u), `\textbf{so}` and `\emph{so}` are `**so**`,
    `\texttt{so}` is code, `\'e` is é. What is in the stored form stays as it is.
    """
    raise NotImplementedError


def mask(text: str) -> Masked:
    """`text`, masked: what is restored from the masked text is `text` to the letter, whatever it is."""
    return mask_all((text,))[0]


def mask_all(texts: Sequence[str]) -> tuple[Masked, ...]:
    """`texts` that one prompt shows together, masked with one form of placeholder and numbered through."""
    raise NotImplementedError
