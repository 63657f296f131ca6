"""The server side of a connection, in ASGI and, where that is not enough, in uvicorn."""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

Answering = Callable[[dict[str, Any], Scope, Receive], Awaitable[Response | None]]


class Endpoint:
    """The API as an ASGI application, because Starlette's overhead for a function exceeds the cost of the response."""

    def __init__(self, answer: Answering) -> None:
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._answer(scope["path_params"], scope, receive)
        if response is None:
            await _break(receive)
        else:
            await response(scope, receive, send)


async def body_of(receive: Receive) -> bytes:
    pieces = []
    more = True
    while more:
        event = await receive()
        pieces.append(event.get("body", b""))
        more = event.get("more_body", False)
    return b"".join(pieces)


async def gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _break(receive: Receive) -> None:
    """Reset the connection. ASGI has no event for it, so this uses uvicorn's transport."""
    receive.__self__.transport.abort()  # type: ignore[attr-defined]
    await gone(receive)


def content_type(scope: Scope) -> str:
    found = (value for name, value in scope["headers"] if name == b"content-type")
    return next(iter(found), b"").decode("latin-1")
