"""Telegram's updates by webhook (Bot API, setWebhook)."""

import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from digest.core import json_input
from digest.core.json_input import InvalidJsonError

PATH = "/telegram"
_LARGEST_BYTES = 1_000_000  # bytes; an update contains a message or two
_HEADER = "X-Telegram-Bot-Api-Secret-Token"

Take = Callable[[dict[str, Any]], Awaitable[None]]


def route(secret: str, take: Take) -> Route:
    """Create the route that passes updates with the `secret` to `take`. Telegram repeats an update until the answer is
    200.
    """

    async def receive(request: Request) -> Response:
        if not secrets.compare_digest(request.headers.get(_HEADER, "").encode(), secret.encode()):
            return Response(status_code=403)
        try:
            update = json_input.parse(await request.body())
        except (InvalidJsonError, ClientDisconnect):
            return Response(status_code=400)
        if not isinstance(update, dict) or not _is_number(update.get("update_id")):
            return Response(status_code=400)
        await take(update)
        return Response(status_code=200)

    return Route(PATH, receive, methods=["POST"], max_body_size=_LARGEST_BYTES)


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
