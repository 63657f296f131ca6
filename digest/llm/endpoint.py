"""One HTTP exchange with an OpenAI-compatible endpoint: takes a request, returns a completion or raises a named fault.

Chunks of a streamed completion are server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html)
with a `chat.completion.chunk` each. Their text is reported while it is written, and they are joined into one body. The
lines are split here, because text line readers also split at U+2028.

The openai package 3.52 sends the prompt along when it follows redirects, reads bodies of any size, retries a spent
quota, and its timeout does not stop a slow trickle of bytes. Therefore redirects are off, bodies are limited, its
retries are unused, and one deadline covers the whole call.
"""

import asyncio
import json
import re
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Self
from urllib.parse import parse_qsl, urlsplit, urlunsplit

import httpx2
from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from digest.core import backoff
from digest.core.body_limit import BodyLimit
from digest.core.singleflight import Hear
from digest.llm.errors import NOT_COUNTED, CallError, CallOutcome, Usage
from digest.llm.statuses import Sent, fault_for, fault_in_answer

if TYPE_CHECKING:
    import openai


class Ending(StrEnum):
    """The reason why a completion ended."""

    OWN = "own"
    LENGTH = "length"
    UNTOLD = "untold"


@dataclass(frozen=True, slots=True)
class Completion:
    """A model's text, thoughts included, its token usage, and why it ended.

    Endpoints have many words for the end, so only the answer itself shows whether it is complete.
    """

    text: str
    usage: Usage
    ending: Ending = Ending.OWN


def joined_content(content: object) -> str:
    """Return the text of a message's `content`, a string or a list of typed chunks (Mistral), without thoughts."""
    if isinstance(content, list):
        return "".join(map(_chunk, content))
    return content if isinstance(content, str) else ""


def _chunk(chunk: object) -> str:
    if isinstance(chunk, str):
        return chunk
    if not isinstance(chunk, Mapping) or chunk.get("type", "text") not in {"text", "output_text"}:
        return ""
    text = chunk.get("text")
    return text if isinstance(text, str) else ""


class _Message(BaseModel):
    content: Annotated[str, BeforeValidator(joined_content)] = ""
    refusal: str | None = None
    reasoning_content: Any = None
    """DeepSeek's name for the model's thoughts; vLLM and OpenRouter use `reasoning`."""
    reasoning: Any = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Body(BaseModel):
    choices: list[_Choice] | None = None
    usage: Any = None
    error: Any = None


_Tokens = Annotated[int, Field(ge=0, le=10**9)]  # of one call: no model has a window of a billion


class _PromptDetails(BaseModel):
    cached_tokens: _Tokens | None = None


class _Usage(BaseModel):
    prompt_tokens: _Tokens = 0
    completion_tokens: _Tokens = 0
    prompt_tokens_details: _PromptDetails | None = None
    prompt_cache_hit_tokens: _Tokens | None = None
    """DeepSeek's name for the cached tokens."""


def completion(body: bytes, sent: Sent | None = None) -> Completion:
    """Parse the one completion in `body`, the response to the request `sent`.

    Raises CallError, with the usage if the body contains it.
    """
    try:
        parsed = _Body.model_validate_json(body)
    except ValidationError:
        raise CallError(CallOutcome.NO_COMPLETION) from None
    if parsed.error:
        raise fault_in_answer(parsed.error, sent)
    usage = _usage(parsed.usage)
    choices = parsed.choices or []
    if len(choices) != 1:
        raise CallError(CallOutcome.MANY_CHOICES if choices else CallOutcome.NO_CHOICE, usage=usage)
    return Completion(_text(choices[0], usage), usage, _ending(choices[0].finish_reason))


def _text(choice: _Choice, usage: Usage) -> str:
    message, ending = choice.message, _ending(choice.finish_reason)
    if message.refusal:
        raise CallError(CallOutcome.REFUSAL, usage=usage)
    if _FILTERS.search(choice.finish_reason or ""):
        raise CallError(CallOutcome.FILTERED, usage=usage)
    if message.content.strip():
        return message.content
    if ending is Ending.LENGTH:
        raise CallError(CallOutcome.LENGTH, usage=usage)
    if message.reasoning_content or message.reasoning:
        raise CallError(CallOutcome.ONLY_THOUGHT, usage=usage)
    raise CallError(CallOutcome.UNFINISHED if ending is Ending.UNTOLD else CallOutcome.BLANK, usage=usage)


def _ending(finish_reason: str | None) -> Ending:
    if not finish_reason:
        return Ending.UNTOLD
    return Ending.LENGTH if _LENGTHS.search(finish_reason) else Ending.OWN


# Azure, OpenAI content_filter; Zhipu sensitive; Gemini SAFETY, RECITATION, PROHIBITED_CONTENT, BLOCKLIST, SPII.
_FILTERS = re.compile(r"filter|sensitive|safety|recitation|prohibited|blocklist|spii", re.IGNORECASE)
_LENGTHS = re.compile(r"length|max_?tokens|window_exceeded", re.IGNORECASE)


def _usage(raw: object) -> Usage:
    """Parse the token counts; nonsensical ones are ignored, so that they do not cost an answer."""
    try:
        told = _Usage.model_validate(raw)
    except ValidationError:
        return NOT_COUNTED
    details = told.prompt_tokens_details
    cached = (details.cached_tokens if details else None) or told.prompt_cache_hit_tokens or 0
    return Usage(told.prompt_tokens, told.completion_tokens, cached)


EVENT_STREAM = "text/event-stream"
_DONE = b"[DONE]"


async def joined_stream(received: AsyncIterator[bytes], hear: Hear, sent: Sent | None = None) -> bytes:
    """Join the stream `received` into the body of a completion; `hear` gets the text so far with each chunk.

    Raises CallError. If the connection breaks after the end of the text, only the token counts are lost.
    """
    made = _Completion(sent)
    try:
        async with aclosing(stream_events(received)) as pieces:
            async for data in pieces:
                if data == _DONE:
                    break
                if made.add(data):
                    hear(made.text)
    except httpx2.HTTPError:
        if not made.is_finished:
            raise CallError(CallOutcome.UNREACHABLE, begun=made.is_begun) from None
    except CallError as fault:
        fault.begun = fault.begun or made.is_begun
        raise
    return made.body()


async def stream_events(received: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """Yield the data of each event; an incomplete last event is dropped."""
    data: list[bytes] = []
    async for line in _lines(received):
        if line.startswith(b"data:"):
            data.append(line[5:].removeprefix(b" "))
        elif not line and data:
            yield b"\n".join(data)
            data = []


async def _lines(received: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    pending = bytearray()
    async for chunk in received:
        pending += chunk
        if b"\n" in chunk:
            *lines, pending = pending.split(b"\n")
            for line in lines:
                yield bytes(line.removesuffix(b"\r"))


@dataclass(slots=True)
class _StreamChoice:
    content: str = ""
    refusal: str = ""
    has_thoughts: bool = False
    finish_reason: str | None = None


@dataclass(slots=True)
class _Completion:
    """A partial completion."""

    sent: Sent | None = None
    choices: dict[int, _StreamChoice] = field(default_factory=dict)
    usage: Any = None

    @property
    def text(self) -> str:
        """The text so far; empty if there are several choices, because then none is the answer."""
        return next(iter(self.choices.values())).content if len(self.choices) == 1 else ""

    @property
    def is_begun(self) -> bool:
        return bool(self.choices)

    @property
    def is_finished(self) -> bool:
        return self.is_begun and all(choice.finish_reason for choice in self.choices.values())

    def add(self, data: bytes) -> bool:
        """Add one chunk; return True if the text grew. Raises CallError."""
        piece = _parsed(data)
        if piece.get("error"):
            raise fault_in_answer(piece["error"], self.sent)
        self.usage = piece.get("usage") or self.usage
        before = len(self.text)
        for part in _list(piece.get("choices")):
            self._extend(_mapping(part))
        return len(self.text) > before

    def _extend(self, part: Mapping[str, Any]) -> None:
        index, delta = part.get("index"), _mapping(part.get("delta") or {})
        choice = self.choices.setdefault(index if isinstance(index, int) else 0, _StreamChoice())
        choice.content += joined_content(delta.get("content"))
        choice.has_thoughts |= bool(delta.get("reasoning_content") or delta.get("reasoning"))
        choice.refusal += _string(delta.get("refusal"))
        choice.finish_reason = part.get("finish_reason") or choice.finish_reason

    def body(self) -> bytes:
        """Return the body as the endpoint would have sent it without streaming. Raises CallError."""
        choices = [
            {
                "message": {
                    "content": choice.content,
                    "refusal": choice.refusal or None,
                    "reasoning": choice.has_thoughts or None,
                },
                "finish_reason": choice.finish_reason,
            }
            for choice in self.choices.values()
        ]
        try:
            return json.dumps({"choices": choices, "usage": self.usage}).encode()
        except RecursionError:  # json can parse deeper nesting than it can write
            raise CallError(CallOutcome.NO_COMPLETION) from None


def _parsed(data: bytes) -> Mapping[str, Any]:
    """Parse a chunk, without pydantic: a character may arrive as two escapes in two chunks, each invalid alone."""
    try:
        return _mapping(json.loads(data))
    except (ValueError, RecursionError):
        raise CallError(CallOutcome.NO_COMPLETION) from None


def _mapping(value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise CallError(CallOutcome.NO_COMPLETION)
    return value


def _list(value: object) -> list[Any]:
    if value is not None and not isinstance(value, list):
        raise CallError(CallOutcome.NO_COMPLETION)
    return value or []


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""


BODY_LIMIT_BYTES = 4 * 1024 * 1024
_CONNECT_SECONDS = 10


class EndpointClient:
    """A client for the endpoint at `base_url`, such as `https://api.openai.com/v1`. Close it after use.

    A query in `base_url`, such as Azure's `?api-version=…`, is sent with each request. Requests go through `proxy`, or
    without one through that of the environment (HTTPS_PROXY, NO_PROXY); `transport` replaces the network.
    The openai package, which takes half a second to import, is imported for the first request.
    """

    def __init__(
        self,
        api_key: str,
        base_url: str,
        proxy: str | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self.api_key = api_key
        self._base_url = base_url
        self._proxy = proxy
        self._transport = transport

    @cached_property
    def openai(self) -> "openai.AsyncOpenAI":
        """The package's client."""
        import openai  # noqa: PLC0415 - see above

        http = openai.DefaultAsyncHttpxClient(
            follow_redirects=False,
            timeout=openai.Timeout(None, connect=_CONNECT_SECONDS),
            headers={"Accept-Encoding": "identity"},  # decoding costs time, and compression delays chunks
            event_hooks={"response": [BodyLimit(BODY_LIMIT_BYTES, _too_large)]},
            proxy=self._proxy,
            transport=self._transport,
        )
        address = urlsplit(self._base_url)
        return openai.AsyncOpenAI(
            api_key=self.api_key,
            base_url=urlunsplit(address._replace(query="", fragment="")),
            default_query=dict(parse_qsl(address.query, keep_blank_values=True)),
            max_retries=0,
            http_client=http,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if "openai" in self.__dict__:
            await self.openai.close()


async def exchange(
    client: EndpointClient,
    request: Mapping[str, Any],
    seconds: float,
    now: datetime,
    hear: Hear | None = None,
) -> bytes:
    """Send the chat completion `request` and return the body of the response, which must arrive within `seconds`.

    If the request asks for a stream, `hear` gets the text while it is written; an endpoint that does not stream may
    still send a whole body. `now` (aware) is needed because a Retry-After can be a date. Raises CallError.
    """
    import openai  # noqa: PLC0415 - as in EndpointClient

    sent = Sent(request, client.api_key)
    try:
        async with asyncio.timeout(seconds):
            return await _exchanged(client.openai, sent, hear or _unheard)
    except (TimeoutError, openai.APITimeoutError):
        raise CallError(CallOutcome.TIMEOUT, f"{seconds:g} s") from None
    except openai.APIStatusError as error:
        # `from None`: the package's exception repeats the endpoint's text, which can contain a key.
        wait = backoff.retry_after_seconds(error.response.headers.get("Retry-After"), now)
        raise fault_for(error.status_code, error.body, wait, sent) from None
    except openai.APIConnectionError as error:
        raise _unconnected(error) from None


async def _exchanged(client: "openai.AsyncOpenAI", sent: Sent, hear: Hear) -> bytes:
    rest = {name: value for name, value in sent.request.items() if name not in {"model", "messages"}}
    asked = client.chat.completions.with_streaming_response.create(
        model=sent.request["model"], messages=sent.request["messages"], extra_body=rest
    )
    async with asked as response:
        if response.headers.get("Content-Type", "").startswith(EVENT_STREAM):
            return await joined_stream(response.iter_bytes(), hear, sent)
        try:
            return bytes(await response.read())
        except httpx2.HTTPError:
            raise CallError(CallOutcome.UNREACHABLE) from None


def _unheard(_: str) -> None:
    """Ignore the text while it is written."""


def _unconnected(error: BaseException) -> CallError:
    """Return the fault for a failed connection: the certificate, the proxy, or anything else."""
    causes = [*_causes(error)]
    for each in causes:
        if isinstance(each, ssl.SSLCertVerificationError):
            return CallError(CallOutcome.CERTIFICATE, each.verify_message.rstrip("."))
    is_proxy = any(isinstance(each, httpx2.ProxyError) for each in causes)
    return CallError(CallOutcome.PROXY if is_proxy else CallOutcome.UNREACHABLE)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _too_large() -> CallError:
    return CallError(CallOutcome.TOO_LARGE, f"over {BODY_LIMIT_BYTES // 1024**2} MB")
