"""A completion that comes in pieces: told while it is written, and put together as if it had come at once.

Pieces come as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html), each with a
`chat.completion.chunk`. Lines are cut here: what reads lines of text takes U+2028 within one for its end.
"""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import httpx2

from digest.flights import Hear
from digest.llm.completion import joined_content
from digest.llm.faults import CallError, Outcome
from digest.llm.statuses import Sent, fault_in_answer

MEDIA_TYPE = "text/event-stream"
_DONE = b"[DONE]"


async def joined(received: AsyncIterator[bytes], hear: Hear, sent: Sent | None = None) -> bytes:
    """The body of the completion that comes as `received`; `hear` is told the text so far with each piece.

    Raises CallError. A connection that breaks behind the end of the text takes nothing from it but the count of its
    tokens.
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
    """The data of each event; one that is cut off is none."""
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
    """A completion in the making."""

    sent: Sent | None = None
    choices: dict[int, _Choice] = field(default_factory=dict)
    usage: Any = None

    @property
    def text(self) -> str:
        """What the model has written so far; of several choices, none is the answer."""
        return next(iter(self.choices.values())).content if len(self.choices) == 1 else ""

    @property
    def is_begun(self) -> bool:
        return bool(self.choices)

    @property
    def is_finished(self) -> bool:
        return self.is_begun and all(choice.finish_reason for choice in self.choices.values())

    def add(self, data: bytes) -> bool:
        """Takes in one piece; whether there is more text now. Raises CallError."""
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
        """As the endpoint would have given it at once."""
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
        except RecursionError:  # it is written with less depth than it is read
            raise CallError(Outcome.NO_COMPLETION) from None


def _parsed(data: bytes) -> Mapping[str, Any]:
    """Not by pydantic: a character may come as two escapes in two pieces, and neither is one by itself."""
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
