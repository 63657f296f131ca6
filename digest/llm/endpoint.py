"""One HTTP exchange with an OpenAI-compatible endpoint: a request in, a body or a named fault out.

The openai package 3.52 follows redirects with the prompt in hand, reads bodies of any size, retries a spent
quota and lets a slow drip pass its timeout. So redirects are off, bodies capped, its retries unused, and one
deadline holds for the whole call.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import httpx2
import openai

from digest import retry_after
from digest.body_limit import BodyLimit
from digest.flights import Hear
from digest.llm import stream
from digest.llm.faults import CallError, Outcome
from digest.llm.statuses import fault_for

BODY_LIMIT_BYTES = 4 * 1024 * 1024
_CONNECT_SECONDS = 10


def connect(api_key: str, base_url: str) -> openai.AsyncOpenAI:
    """A client for the endpoint at `base_url`, such as `https://api.openai.com/v1`. Close it after use."""
    http = openai.DefaultAsyncHttpxClient(
        follow_redirects=False,
        timeout=openai.Timeout(None, connect=_CONNECT_SECONDS),
        headers={"Accept-Encoding": "identity"},  # unpacking costs time, and gateways pack small pieces late
        event_hooks={"response": [BodyLimit(BODY_LIMIT_BYTES, _too_large)]},
    )
    return openai.AsyncOpenAI(api_key=api_key, base_url=base_url, max_retries=0, http_client=http)


async def exchange(
    client: openai.AsyncOpenAI,
    request: Mapping[str, Any],
    seconds: float,
    now: datetime,
    hear: Hear | None = None,
) -> bytes:
    """The body of the answer to the chat completion `request`, which must be there within `seconds`.

    Where somebody wants to `hear` the text while it is written, the endpoint is asked to stream it; one that does not
    stream may give the whole body all the same. `now` is aware: a Retry-After can be a date. Raises CallError.
    """
    try:
        async with asyncio.timeout(seconds):
            if hear is not None:
                return await _streamed(client, request, hear)
            response = await client.chat.completions.with_raw_response.create(**request)
            return bytes(response.content)
    except (TimeoutError, openai.APITimeoutError):
        raise CallError(Outcome.TIMEOUT, f"{seconds:g} s") from None
    except openai.APIStatusError as error:
        # Without the package's exception behind it: its text repeats the endpoint's, and that can repeat a key.
        raise _status_fault(error, now, streamed=hear is not None) from None
    except openai.APIConnectionError:
        raise CallError(Outcome.UNREACHABLE) from None


async def _streamed(client: openai.AsyncOpenAI, request: Mapping[str, Any], hear: Hear) -> bytes:
    asked = client.chat.completions.with_streaming_response.create(
        **request, stream=True, stream_options={"include_usage": True}
    )
    async with asked as response:
        if response.headers.get("Content-Type", "").startswith(stream.MEDIA_TYPE):
            return await stream.joined(response.iter_bytes(), hear)
        try:
            return bytes(await response.read())
        except httpx2.HTTPError:
            raise CallError(Outcome.UNREACHABLE) from None


def _status_fault(error: openai.APIStatusError, now: datetime, *, streamed: bool) -> CallError:
    wait = retry_after.seconds(error.response.headers.get("Retry-After"), now)
    return fault_for(error.status_code, error.body, wait, streamed=streamed)


def _too_large() -> CallError:
    return CallError(Outcome.TOO_LARGE, f"over {BODY_LIMIT_BYTES // 1024**2} MB")
