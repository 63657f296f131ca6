"""One small tree of faults. Each carries a sentence that can be shown to a person as it stands."""


class DigestError(Exception):
    """A fault in making an edition; `str(error)` is one clear sentence for whoever sees it."""


class InvalidPaperIdError(DigestError):
    """A text that was meant to name a paper does not."""


class SourceError(DigestError):
    """arXiv did not give what it was asked for."""


class UnreachableError(SourceError):
    """No answer: refused, reset, a name that does not resolve, or silence past the timeout."""


class ThrottledError(SourceError):
    """arXiv asks for fewer requests: 429, 503, or 406 (since September 2026).

    `retry_after` is the pause that it asked for, in seconds, or None.
    """

    def __init__(self, sentence: str, retry_after: float | None = None) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after


class MalformedError(SourceError):
    """An answer that is not what was asked for: an error page, half a document."""


class EmptyPageError(SourceError):
    """A feed that announces results and holds none of them."""


class RefusedError(SourceError):
    """arXiv read the query and refused it; asking again changes nothing."""


class TooManyError(SourceError):
    """More results than arXiv gives for one query."""


class NotFoundError(SourceError):
    """404 or 410: arXiv has nothing at this address, at least not now."""


class TooLargeError(SourceError):
    """An answer over the cap on its bytes; nothing beyond the cap was read."""


class UnknownPaperError(SourceError):
    """arXiv knows no paper, or no such version of it, by this identifier."""


class UnknownVersionError(UnknownPaperError):
    """arXiv has the paper, but not that version of it; `newest` is the newest that it has."""

    def __init__(self, ref: str, newest: str) -> None:
        super().__init__(f"arXiv has no {ref}: the newest version of that paper is {newest}.")
        self.newest = newest


class ModelError(DigestError):
    """The language model gave no usable answer."""


class ModelUnreachableError(ModelError):
    """No answer from the endpoint, or none before the deadline."""


class ModelThrottledError(ModelError):
    """The endpoint asks for fewer requests for longer than a call may wait."""


class QuotaSpentError(ModelError):
    """The account behind the key has nothing left: further calls are pointless today."""


class ModelRefusedError(ModelError):
    """The endpoint refused the request itself: key, model name, or content."""


class LongPromptError(ModelRefusedError):
    """The prompt is longer than what the model reads at once; a shorter one may pass."""


class MalformedAnswerError(ModelError):
    """The model answered, but not in the form that it was asked for."""


class BudgetSpentError(ModelError):
    """The operator's daily token budget leaves no room for this call."""


class StoreError(DigestError):
    """The database could not be opened, upgraded, read or written."""


class StoreUnavailableError(StoreError):
    """The database is locked, busy or out of reach, or has no disk: the same may work later."""


class ArchiveError(DigestError):
    """The archive of posts could not be read, written, committed or pushed."""
