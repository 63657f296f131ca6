"""Whether a judge is believed: one that objects to nearly everything, or costs too much, is not. Pure.

Both are measured over the last texts that it judged. While it is not believed, only some texts are still judged, to see
whether it has become better; the checks decide alone.
"""

from collections import deque
from dataclasses import dataclass

TEXTS = 20
"""The number of texts over which a judge is measured."""
PROBE = 5
"""Of so many texts one is judged while the judge is not believed."""
_FEWEST_PAIRS = 12  # judged in the last texts, before a judge can lose trust
_FEWEST_OBJECTIONS = (
    3  # to one text, from which more than half is too many; a short text may be wrong as a whole
)
_FEWEST_TEXTS = 5  # before the costs are compared
_COSTS = 2  # times the tokens that were estimated, on the high side


@dataclass(frozen=True, slots=True)
class JudgedText:
    """The number of `pairs` judged in one text, of `objections` among them, and its tokens, estimated and used."""

    pairs: int
    objections: int
    expected_tokens: int
    tokens: int


def is_believable(objections: int, pairs: int) -> bool:
    """Return False if so many objections to one text say more about the judge than about the text."""
    return objections < _FEWEST_OBJECTIONS or 2 * objections <= pairs


class Trust:
    """The record of one judge."""

    def __init__(self) -> None:
        self._texts: deque[JudgedText] = deque(maxlen=TEXTS)
        self._skipped = 0

    def note(self, text: JudgedText) -> None:
        """Add a judged text."""
        self._texts.append(text)

    @property
    def doubt(self) -> str | None:
        """The reason not to believe the judge, as a sentence; None if it is believed."""
        pairs = sum(text.pairs for text in self._texts)
        objections = sum(text.objections for text in self._texts)
        if pairs >= _FEWEST_PAIRS and 2 * objections > pairs:
            return f"It objects to {objections} of the last {pairs} passages, more than half."
        tokens = sum(text.tokens for text in self._texts)
        expected = sum(text.expected_tokens for text in self._texts)
        if len(self._texts) >= _FEWEST_TEXTS and tokens > _COSTS * expected:
            return f"It needs {tokens / expected:.0f} times the tokens that its answers should need."
        return None

    def asks(self) -> bool:
        """Return True if the next text is to be judged; count it if it is not."""
        if self.doubt is None or self._skipped == PROBE - 1:
            self._skipped = 0
            return True
        self._skipped += 1
        return False
