"""The exception hierarchy: faults of arXiv, of models, of the database and of the archive.

Each sentence (`str(error)`) can be shown to a person unchanged. The class decides what the caller does: whether a retry
may help, and how long to wait.
"""


class DigestError(Exception):
    """Base class of all faults; `str(error)` is one clear sentence for the person who sees it."""


class InvalidPaperIdError(DigestError):
    """The text does not name exactly one paper."""


class SourceError(DigestError):
    """arXiv did not deliver what it was asked for."""


class UnreachableError(SourceError):
    """No response: the connection was refused or reset, the host name did not resolve, or the request timed out."""


class SourceThrottledError(SourceError):
    """arXiv asks for fewer requests: status 429, 503, or (since September 2026) 406.

    `retry_after` is the requested pause in seconds, or None.
    """

    def __init__(self, sentence: str, retry_after: float | None = None) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after


class MalformedError(SourceError):
    """The response is not what was asked for: an error page or a truncated document."""


class EmptyPageError(SourceError):
    """The response contains no papers although it should."""


class SourceRefusedError(SourceError):
    """arXiv understood the query and refused it; a retry does not help."""


class TooManyError(SourceError):
    """The query has more results than arXiv returns for one query."""


class NotFoundError(SourceError):
    """Status 404 or 410: arXiv has nothing at this URL, at least for now."""


class TooLargeError(SourceError):
    """The response exceeds the limit on bytes; nothing beyond the limit was read."""


class UnknownPaperError(SourceError):
    """arXiv has no paper with this identifier, or not this version of it."""


class UnknownVersionError(UnknownPaperError):
    """arXiv has the paper but not this version; `newest` is the newest version that it has."""

    def __init__(self, ref: str, newest: str) -> None:
        super().__init__(f"arXiv has no {ref}: the newest version of that paper is {newest}.")
        self.newest = newest


class ModelError(DigestError):
    """The language model gave no usable answer."""


class ModelUnreachableError(ModelError):
    """The endpoint did not answer, or not before the deadline."""


class ModelThrottledError(ModelError):
    """The endpoint asks for a pause that is longer than a call may wait."""


class QuotaSpentError(ModelError):
    """The quota of the account is used up: more calls today are pointless."""


class ModelRefusedError(ModelError):
    """The endpoint rejected the request itself: its key, model name or content."""


class LongPromptError(ModelRefusedError):
    """The prompt exceeds the model's context; a shorter one may pass."""


class MalformedAnswerError(ModelError):
    """The model answered, but not in the requested form."""


class BudgetSpentError(ModelError):
    """The call would exceed the operator's daily token budget."""


class StoreError(DigestError):
    """The database could not be opened, upgraded, read or written."""


class StoreUnavailableError(StoreError):
    """The database is locked, busy or unreachable, or its disk is full or failing: a retry may work later."""


class ArchiveError(DigestError):
    """The archive of posts could not be read, written, committed or pushed."""
