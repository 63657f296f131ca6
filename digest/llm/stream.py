"""Streamed completions: report the text while it is written, and join the chunks into one body.

Chunks arrive as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html), each with a
`chat.completion.chunk`. The lines are split here, because text line readers also split at U+2028.
"""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import httpx2

from digest.core.singleflight import Hear
from digest.llm.completion import joined_content
from digest.llm.errors import CallError, Outcome
from digest.llm.statuses import Sent, fault_in_answer

MEDIA_TYPE = "text/event-stream"
_DONE = b"[DONE]"


async def joined(received: AsyncIterator[bytes], hear: Hear, sent: Sent | None = None) -> bytes:
    """Join the stream `received` into the body of a completion; `hear` gets the text so far with each chunk.

    Raises CallError. If the connection breaks after the end of the text, only the token counts are lost.
    """
    made = _Completion(sent)
    try:
        async with aclosing(events(received)) as pieces:
            async for data in pieces:
                if data == _DONE:
                    break
                if made.add(data):
                    hear(made.text)
    except httpx2.HTTPError:
        if not made.is_finished:
            raise CallError(Outcome.UNREACHABLE, begun=made.is_begun) from None
    except CallError as fault:
        fault.begun = fault.begun or made.is_begun
        raise
    return made.body()


async def events(received: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
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
class _Choice:
    content: str = ""
    refusal: str = ""
    has_thoughts: bool = False
    finish_reason: str | None = None


@dataclass(slots=True)
class _Completion:
    """A partial completion."""

    sent: Sent | None = None
    choices: dict[int, _Choice] = field(default_factory=dict)
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
        choice = self.choices.setdefault(index if isinstance(index, int) else 0, _Choice())
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
            raise CallError(Outcome.NO_COMPLETION) from None


def _parsed(data: bytes) -> Mapping[str, Any]:
    """Parse a chunk, without pydantic: a character may arrive as two escapes in two chunks, each invalid alone."""
    try:
        return _mapping(json.loads(data))
    except (ValueError, RecursionError):
        raise CallError(Outcome.NO_COMPLETION) from None


def _mapping(value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise CallError(Outcome.NO_COMPLETION)
    return value


def _list(value: object) -> list[Any]:
    if value is not None and not isinstance(value, list):
        raise CallError(Outcome.NO_COMPLETION)
    return value or []


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""
