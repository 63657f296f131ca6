"""One HTTP exchange with an OpenAI-compatible endpoint: a request in, a body or a named fault out.

The openai package 3.52 follows redirects with the prompt in hand, reads bodies of any size, retries a spent
quota and lets a slow drip pass its timeout. So redirects are off, bodies capped, its retries unused, and one
deadline holds for the whole call.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any

import httpx2
import openai

from digest import retry_after
from digest.llm.faults import CallError, Outcome

BODY_LIMIT_BYTES = 4 * 1024 * 1024
_CONNECT_SECONDS = 10

_QUOTA_CODES = ("insufficient_quota", "billing", "current_quota", "insufficient_balance", "arrearage")
_FILTER_WORDS = ("content_filter", "content_policy", "data_inspection_failed", "content exists risk")
_FORMAT_WORDS = re.compile(
    r"response[ _]?format|json[ _](?:schema|object|mode)|structured.?output|unsupported"
)


def connect(api_key: str, base_url: str) -> openai.AsyncOpenAI:
    """A client for the endpoint at `base_url`, such as `https://api.openai.com/v1`. Close it after use."""
    http = openai.DefaultAsyncHttpxClient(
        follow_redirects=False,
        timeout=openai.Timeout(None, connect=_CONNECT_SECONDS),
        headers={"Accept-Encoding": "identity"},  # the cap is on the bytes that come in
        event_hooks={"response": [_cap]},
    )
    return openai.AsyncOpenAI(api_key=api_key, base_url=base_url, max_retries=0, http_client=http)


async def exchange(
    client: openai.AsyncOpenAI, request: Mapping[str, Any], seconds: float, now: datetime
) -> bytes:
    """The body of the answer to the chat completion `request`, which must be there within `seconds`.

    `now` is aware: a Retry-After can be a date. Raises CallError.
    """
    try:
        async with asyncio.timeout(seconds):
            response = await client.chat.completions.with_raw_response.create(**request)
            return bytes(response.content)
    except (TimeoutError, openai.APITimeoutError):
        raise CallError(Outcome.TIMEOUT, f"{seconds:g} s") from None
    except openai.APIStatusError as error:
        # Without the package's exception behind it: its text repeats the endpoint's, and that can repeat a key.
        raise _status_fault(error, now) from None
    except openai.APIConnectionError:
        raise CallError(Outcome.UNREACHABLE) from None


def _status_fault(error: openai.APIStatusError, now: datetime) -> CallError:
    wait = retry_after.seconds(error.response.headers.get("Retry-After"), now)
    return fault_for(error.status_code, error.body, wait)


def fault_for(status: int, body: object, retry_after: float | None = None) -> CallError:
    """The fault that an HTTP status and the error object in its body stand for."""
    words = str(body).lower()
    code, param = _code(body), _param(body)
    if status == 402 or any(known in code for known in _QUOTA_CODES):
        outcome = Outcome.QUOTA
    elif any(known in words for known in _FILTER_WORDS):
        outcome = Outcome.FILTERED
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


class _CappedStream(httpx2.AsyncByteStream):
    """A response's bytes up to the cap; reading on raises CallError."""

    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._stream:
            size += len(chunk)
            if size > BODY_LIMIT_BYTES:
                raise CallError(Outcome.TOO_LARGE, f"over {BODY_LIMIT_BYTES // 1024**2} MB")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


async def _cap(response: httpx2.Response) -> None:
    if isinstance(response.stream, httpx2.AsyncByteStream):
        response.stream = _CappedStream(response.stream)
