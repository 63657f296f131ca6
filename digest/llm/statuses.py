"""An HTTP status, and the error in the body behind it -> the fault that they stand for. Pure."""

import re
from collections.abc import Mapping

from digest.llm.faults import CallError, Outcome

_QUOTA_CODES = ("insufficient_quota", "billing", "current_quota", "insufficient_balance", "arrearage")
_FILTER_WORDS = ("content_filter", "content_policy", "data_inspection_failed", "content exists risk")
_WINDOW_WORDS = re.compile(
    r"context[ _](?:length|window|size)|maximum context|(?:prompt|input)(?: is|_is)?[ _]too[ _]long"
    r"|range of input length|maximum (?:input|prompt) length|exceeds?.{0,40}(?:token|context) (?:limit|length)"
)
_FORMAT_WORDS = re.compile(
    r"response[ _]?format|json[ _](?:schema|object|mode)|structured.?output|unsupported"
)
_STREAM_WORD = re.compile(r"(?<![a-z])stream")  # not "upstream", of which gateways speak


def fault_for(
    status: int, body: object, retry_after: float | None = None, *, streamed: bool = False
) -> CallError:
    """The fault that an HTTP status and the error object in its body stand for.

    `streamed` is whether the request asked for a stream.
    """
    words = str(body).lower()
    code, param = _code(body), _param(body)
    if status == 402 or any(known in code for known in _QUOTA_CODES):
        outcome = Outcome.QUOTA
    elif any(known in words for known in _FILTER_WORDS):
        outcome = Outcome.FILTERED
    elif status == 413 or (status in (400, 422) and _WINDOW_WORDS.search(words)):
        outcome = Outcome.LONG_PROMPT
    elif streamed and status in (400, 422, 501) and _STREAM_WORD.search(words):
        outcome = Outcome.UNSUPPORTED_STREAM
    elif (
        status in (400, 422)
        and "response_format" in (param or "response_format")
        and _FORMAT_WORDS.search(words)
    ):
        outcome = Outcome.UNSUPPORTED_FORMAT
    else:
        outcome = _OUTCOMES.get(status) or _outcome_by_class(status)
    return CallError(outcome, f"HTTP {status}", retry_after=retry_after)


_OUTCOMES = {
    401: Outcome.UNAUTHORISED,
    403: Outcome.NO_MODEL,
    404: Outcome.NO_MODEL,
    408: Outcome.SERVER_ERROR,
    409: Outcome.SERVER_ERROR,
    429: Outcome.THROTTLED,
}


def _outcome_by_class(status: int) -> Outcome:
    if status >= 500:
        return Outcome.SERVER_ERROR
    return Outcome.REFUSED if status >= 400 else Outcome.REDIRECTED


def _code(body: object) -> str:
    """An error's code and type, in lower case; endpoints put the telling word in either."""
    return f"{body.get('code')} {body.get('type')}".lower() if isinstance(body, Mapping) else ""


def _param(body: object) -> str | None:
    param = body.get("param") if isinstance(body, Mapping) else None
    return param if isinstance(param, str) else None
