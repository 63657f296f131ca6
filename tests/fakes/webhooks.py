"""Fake services behind ALERT_WEBHOOK on loopback, each by its own documentation.

Feishu: custom bots, error codes 9499, 19024. WeCom: 40008, 40058 under status 200. Slack and its like: plain text, 400
for bodies they cannot parse. ntfy: JSON at the root with a topic.
"""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from tests.fakes.server import serving


@dataclass
class FakeWebhook:
    """A fake service; with `down` it answers 503."""

    service: str = "plain"
    shown: list[str] = field(default_factory=list)
    down: bool = False
    url: str = ""

    @asynccontextmanager
    async def serve(self) -> AsyncIterator["FakeWebhook"]:
        async with serving(Starlette(routes=[Route("/{path:path}", self._take, methods=["POST"])])) as base:
            self.url = f"{base}/hook/secret-of-the-hook" if self.service != "ntfy" else f"{base}/"
            yield self

    async def _take(self, request: Request) -> Response:
        if self.down:
            return PlainTextResponse("upstream is away", 503)
        if not request.headers["content-type"].startswith("application/json"):
            return PlainTextResponse("unsupported media type", 415)
        return _SERVICES[self.service](self, json.loads(await request.body()))

    def _plain(self, body: dict[str, Any]) -> Response:
        if not isinstance(body.get("text"), str):
            return PlainTextResponse("no_text", 400)
        self.shown.append(body["text"])
        return PlainTextResponse("ok")

    def _feishu(self, body: dict[str, Any]) -> Response:
        text = body.get("content", {}).get("text")
        if body.get("msg_type") != "text" or not isinstance(text, str):
            return JSONResponse({"code": 9499, "msg": "Bad Request", "data": {}}, 400)
        if "arXiv" not in text:  # a keyword that the group's owner has set
            return JSONResponse({"code": 19024, "msg": "Key Words Not Found", "data": {}})
        self.shown.append(text)
        return JSONResponse(
            {"StatusCode": 0, "StatusMessage": "success", "code": 0, "data": {}, "msg": "success"}
        )

    def _wecom(self, body: dict[str, Any]) -> Response:
        text = body.get("text", {}).get("content") if isinstance(body.get("text"), dict) else None
        if body.get("msgtype") != "text" or not isinstance(text, str):
            return JSONResponse({"errcode": 40008, "errmsg": "invalid message type"})
        if len(text.encode()) > 2048:
            return JSONResponse({"errcode": 40058, "errmsg": "text.content exceed max length 2048"})
        self.shown.append(text)
        return JSONResponse({"errcode": 0, "errmsg": "ok"})

    def _ntfy(self, body: dict[str, Any]) -> Response:
        if not body.get("topic"):
            return JSONResponse({"code": 40009, "http": 400, "error": "invalid request: topic invalid"}, 400)
        self.shown.append(f"{body['topic']}: {body.get('message', 'triggered')}")
        return JSONResponse({"id": "hwQ2YpKdmg", "time": 1635528741, "event": "message", **body})


_SERVICES: dict[str, Callable[[FakeWebhook, dict[str, Any]], Response]] = {
    "plain": FakeWebhook._plain,
    "feishu": FakeWebhook._feishu,
    "wecom": FakeWebhook._wecom,
    "ntfy": FakeWebhook._ntfy,
}
