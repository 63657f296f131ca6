"""Whether a judge is believed: not if it confirms few passages, answers for hardly any, or costs too much. Pure.

All are measured over the last texts that it judged. While it is not believed, only some texts are still judged, to see
whether it has become better; the checks decide alone.
"""

from collections import deque
from dataclasses import dataclass

TEXTS = 20
"""The number of texts over which a judge is measured."""
PROBE = 5
"""Of so many texts one is judged while the judge is not believed."""
_FEWEST_PAIRS = 12  # in the last texts, before a judge can lose trust
_FEWEST_VERDICTS = 0.1  # of the passages
_FEWEST_OBJECTIONS = (
    3  # to one text, from which more than half is too many; a short text may be wrong as a whole
)
_FEWEST_TEXTS = 5  # before the costs are compared
_COSTS = 2  # times the tokens that were estimated, on the high side
_RUNAWAY = 10  # times them, from which one text is enough


@dataclass(frozen=True, slots=True)
class JudgedText:
    """The passages of one text that a judge was asked about, its verdicts, and its tokens, estimated and used.

    `unconfirmed` are the verdicts that do not confirm their passage: objections, and those that cannot tell.
    """

    pairs: int
    verdicts: int
    unconfirmed: int
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
        verdicts = sum(text.verdicts for text in self._texts)
        unconfirmed = sum(text.unconfirmed for text in self._texts)
        if pairs >= _FEWEST_PAIRS and verdicts < _FEWEST_VERDICTS * pairs:
            return f"It gives a usable verdict on {verdicts} of the last {pairs} passages."
        if verdicts >= _FEWEST_PAIRS and 2 * unconfirmed > verdicts:
            return f"It does not confirm {unconfirmed} of the last {verdicts} passages, more than half."
        tokens = sum(text.tokens for text in self._texts)
        expected = sum(text.expected_tokens for text in self._texts)
        most = _COSTS if len(self._texts) >= _FEWEST_TEXTS else _RUNAWAY
        if tokens > most * expected:
            return f"It needs {tokens / expected:.0f} times the tokens that its answers should need."
        return None

    @property
    def is_known(self) -> bool:
        """True if the judge has given enough verdicts to tell whether it is believed."""
        return sum(text.verdicts for text in self._texts) >= _FEWEST_PAIRS

    def asks(self) -> bool:
        """Return True if the next text is to be judged; count it if it is not."""
        if self.doubt is None or self._skipped == PROBE - 1:
            self._skipped = 0
            return True
        self._skipped += 1
        return False
