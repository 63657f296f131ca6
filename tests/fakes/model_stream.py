"""Completions of the fake model: at once, or streamed if the request asks for that."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

from starlette.responses import JSONResponse, Response, StreamingResponse

from tests.fakes.model_asked import Asked

_CHARACTERS = 7  # of the text in one event, unless told otherwise
_BYTES = 11  # of the stream that are sent together: events, escapes and characters come in pieces


def told(asked: Asked, completion: dict[str, Any]) -> Response:
    """Return `completion` in the form that was requested."""
    if not asked.body.get("stream"):
        return JSONResponse(completion)
    return streamed(events(completion), asked.seconds)


def events(completion: dict[str, Any], characters: int = _CHARACTERS) -> list[bytes]:
    """Return the events of a streamed `completion`: its text by `characters`, the end, the usage."""
    head = {name: completion.get(name) for name in ("id", "created", "model")}
    head["object"] = "chat.completion.chunk"
    chunks: list[dict[str, Any]] = []
    for index, choice in enumerate(completion.get("choices") or ()):
        chunks += [{**head, "choices": [{"index": index, **part}]} for part in _parts(choice, characters)]
    if completion.get("usage") is not None:
        chunks.append({**head, "choices": [], "usage": completion["usage"]})
    return [*map(event, chunks), b"data: [DONE]\n\n"]


def _parts(choice: dict[str, Any], characters: int) -> Iterator[dict[str, Any]]:
    message = choice["message"]
    yield {"delta": {"role": "assistant", "content": "", "refusal": message.get("refusal")}}
    text = message.get("content") or ""
    for start in range(0, len(text), characters):
        yield {"delta": {"content": text[start : start + characters]}, "finish_reason": None}
    yield {"delta": {}, "finish_reason": choice.get("finish_reason")}


def event(data: dict[str, Any]) -> bytes:
    """Return one server-sent event; JSON in UTF-8, as most endpoints write it."""
    return b"data: " + json.dumps(data, ensure_ascii=False).encode() + b"\n\n"


def streamed(sent: Iterable[bytes], seconds: float = 0, size: int = _BYTES) -> Response:
    """Send the events `sent`, `size` bytes at a time, evenly over `seconds`."""
    body = b"".join(sent)

    async def pieces() -> AsyncIterator[bytes]:
        starts = range(0, len(body), size)
        began = asyncio.get_running_loop().time()
        for number, start in enumerate(starts, start=1):
            yield body[start : start + size]
            early = began + seconds * number / len(starts) - asyncio.get_running_loop().time()
            if early > 0:
                await asyncio.sleep(early)

    return StreamingResponse(pieces(), media_type="text/event-stream")
