"""Faults between a model and us: each answers one request in place of the valid answer."""

# ruff: noqa: ARG002, ARG005 - all faults have one signature, and so have ASGI's responses

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from tests.fakes.model_asked import Asked
from tests.fakes.model_stream import event, events, streamed, told

__all__ = ["Asked", "Fault"]


Fault = Callable[[Asked], Response]


def problem(status: int, message: str, code: str | None = None, param: str | None = None) -> Response:
    """Return an error in OpenAI's form."""
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    return JSONResponse({"error": error}, status)


def status(number: int, *, code: str | None = None, retry_after: str | float | None = None) -> Fault:
    def fault(asked: Asked) -> Response:
        response = problem(
            number, f"The key {asked.request.headers['Authorization']} did something wrong", code
        )
        if retry_after is not None:
            response.headers["Retry-After"] = str(retry_after)
        return response

    return fault


def says(text: str | None, *, finish_reason: str | None = "stop", refusal: str | None = None) -> Fault:
    """Return a completion with the content `text`."""

    def fault(asked: Asked) -> Response:
        message = {"role": "assistant", "content": text, "refusal": refusal}
        choice = {"index": 0, "message": message, "finish_reason": finish_reason}
        return told(asked, {**asked.completion, "choices": [choice]})

    return fault


def around(before: str, after: str = "") -> Fault:
    """Put the valid answer between two texts: reasoning, code fences, polite phrases."""
    return lambda asked: says(before + json.dumps(asked.answer, ensure_ascii=False) + after)(asked)


def half_json(asked: Asked) -> Response:
    text = json.dumps(asked.answer)
    return says(text[: len(text) // 2])(asked)


def cut_at_length(asked: Asked) -> Response:
    text = json.dumps(asked.answer)
    return says(text[: len(text) // 2], finish_reason="length")(asked)


def html(asked: Asked) -> Response:
    return HTMLResponse("<!doctype html><title>Welcome to the hotel's network</title>")


def error_with_200(asked: Asked) -> Response:
    return JSONResponse({"error": {"message": "upstream went away"}})


def choices(value: object) -> Fault:
    return lambda asked: JSONResponse({**asked.completion, "choices": value})


def raw(body: bytes) -> Fault:
    return lambda asked: Response(body, media_type="application/json")


def redirect(url: str) -> Fault:
    return lambda asked: RedirectResponse(url, 307)


@dataclass
class Huge:
    """A body of many megabytes, with or without an error's status; `sent_bytes` is how much of it was read."""

    megabytes: int = 90
    status: int = 200
    sent_bytes: int = field(default=0, init=False)

    def __call__(self, asked: Asked) -> Response:
        return StreamingResponse(self._chunks(asked.request), self.status, media_type="application/json")

    async def _chunks(self, request: Request) -> AsyncIterator[bytes]:
        chunk = b" " * 65_536
        while self.sent_bytes < self.megabytes * 1024**2 and not await request.is_disconnected():
            self.sent_bytes += len(chunk)
            yield chunk


def drip(seconds: float) -> Fault:
    """Send the valid completion in ten pieces over `seconds`."""

    def fault(asked: Asked) -> Response:
        body = json.dumps(asked.completion).encode()
        size = len(body) // 10 + 1

        async def pieces() -> AsyncIterator[bytes]:
            for start in range(0, len(body), size):
                await asyncio.sleep(seconds / 10)
                yield body[start : start + size]

        return StreamingResponse(pieces(), media_type="application/json")

    return fault


class _Hang(Response):
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass


def hang(asked: Asked) -> Response:
    """Send nothing, until the other side gives up."""
    return _Hang()


class _Cut(Response):
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1000")]})
        await send({"type": "http.response.body", "body": b'{"id": ', "more_body": True})
        # Ended without its last piece: the server closes the connection.


def disconnect(asked: Asked) -> Response:
    """Break the connection within the answer."""
    return _Cut()


def breaks_off(part: float, *, finished: bool = False) -> Fault:
    """Break the connection of a stream after that part of the text; `finished`: after all of it except the usage."""

    def fault(asked: Asked) -> Response:
        sent = events(asked.completion)
        return _BrokenStream(b"".join(sent[:-2] if finished else sent[: int(len(sent) * part)]))

    return fault


class _BrokenStream(Response):
    def __init__(self, sent: bytes) -> None:
        super().__init__()
        self._sent = sent

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"text/event-stream"), (b"transfer-encoding", b"chunked")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": self._sent, "more_body": True})
        # Ended without its last piece, as `_Cut`.


def ends_early(asked: Asked) -> Response:
    """End a stream properly in the middle of the text."""
    sent = events(asked.completion)
    return streamed(sent[: len(sent) // 2])


def in_step(seen: Callable[[int], Awaitable[None]], parts: int = 3) -> Fault:
    """Send the valid stream in that many parts; the one after the `n`th waits for `seen(n)`."""

    def fault(asked: Asked) -> Response:
        sent = events(asked.completion)
        size = -(-len(sent) // parts)

        async def pieces() -> AsyncIterator[bytes]:
            for number in range(parts):
                if number:
                    await seen(number)
                yield b"".join(sent[number * size : (number + 1) * size])

        return StreamingResponse(pieces(), media_type="text/event-stream")

    return fault


def stalls(asked: Asked) -> Response:
    """Stall a stream in the middle of the text, until the other side gives up."""
    sent = events(asked.completion)

    async def pieces() -> AsyncIterator[bytes]:
        yield b"".join(sent[: len(sent) // 2])
        while not await asked.request.is_disconnected():  # noqa: ASYNC110 - Starlette has no event for it
            await asyncio.sleep(0.05)

    return StreamingResponse(pieces(), media_type="text/event-stream")


def error_in_stream(error: dict[str, Any]) -> Fault:
    """Send an error in the middle of a stream."""

    def fault(asked: Asked) -> Response:
        sent = events(asked.completion)
        return streamed([*sent[: len(sent) // 2], event({"error": error})])

    return fault


def without_usage(asked: Asked) -> Response:
    return told(asked, {**asked.completion, "usage": None})


def all_at_once(asked: Asked) -> Response:
    """Send the whole text in one event, and the stream in one piece."""
    return streamed(events(asked.completion, characters=1_000_000), size=1_000_000)


def at_once_all_the_same(asked: Asked) -> Response:
    """Send a whole body where a stream was requested."""
    return JSONResponse(asked.completion)


def stream_of(*sent: bytes) -> Fault:
    """Send a stream of these bytes."""
    return lambda asked: streamed(sent, size=65_536)
