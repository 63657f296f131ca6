"""Telegram's updates as they are pushed (Bot API, setWebhook)."""

import json
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

PATH = "/telegram"
_LARGEST_BYTES = 1_000_000  # an update holds a message or two
_HEADER = "X-Telegram-Bot-Api-Secret-Token"

Take = Callable[[dict[str, Any]], Awaitable[None]]


def app(secret: str, take: Take) -> Starlette:
    """Hands each update that knows the `secret` to `take`; Telegram sends it again until it is answered with 200."""

    async def receive(request: Request) -> Response:
        if not secrets.compare_digest(request.headers.get(_HEADER, "").encode(), secret.encode()):
            return Response(status_code=403)
        body = await _body(request)
        if body is None:
            return Response(status_code=413)
        try:
            update = json.loads(body)
        except ValueError:
            return Response(status_code=400)
        if not isinstance(update, dict) or not isinstance(update.get("update_id"), int):
            return Response(status_code=400)
        await take(update)
        return Response(status_code=200)

    return Starlette(routes=[Route(PATH, receive, methods=["POST"])])


async def _body(request: Request) -> bytes | None:
    """The body; None where it is larger than any update, or broke off."""
    received = bytearray()
    try:
        async for chunk in request.stream():
            received += chunk
            if len(received) > _LARGEST_BYTES:
                return None
    except ClientDisconnect:
        return None
    return bytes(received)
