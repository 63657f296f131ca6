"""A fake token endpoint on loopback (RFC 6749 §6), as strict as Google's and Microsoft's about its form fields."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from tests.fakes.server import serving

CLIENT, SECRET = "client-id", "client-secret"
_FORM = "application/x-www-form-urlencoded"


@dataclass
class FakeTokens:
    """Grants a token for each valid refresh token; with `rotates`, and a new refresh token, as Microsoft does."""

    good: set[str] = field(default_factory=lambda: {"refresh-0"})
    rotates: bool = False
    lifetime_seconds: int = 3600
    given: list[str] = field(default_factory=list)
    url: str = ""
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["FakeTokens"]:
        async with serving(Starlette(routes=[Route("/token", self._answer, methods=["POST"])])) as address:
            self.url = f"{address}/token"
            yield self

    async def _answer(self, request: Request) -> JSONResponse:
        form = dict(parse_qsl((await request.body()).decode(), strict_parsing=True))
        if request.headers["content-type"] != _FORM or form.get("grant_type") != "refresh_token":
            return JSONResponse({"error": "invalid_request"}, 400)
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT, SECRET):
            return JSONResponse({"error": "invalid_client"}, 401)
        if form.get("refresh_token") not in self.good:
            return JSONResponse({"error": "invalid_grant", "error_description": "revoked"}, 400)
        number = next(self._numbers)
        self.given.append(f"access-{number}")
        answer = {"access_token": self.given[-1], "token_type": "Bearer", "expires_in": self.lifetime_seconds}
        if self.rotates:
            self.good = {f"refresh-{number}"}
            answer["refresh_token"] = f"refresh-{number}"
        return JSONResponse(answer)
