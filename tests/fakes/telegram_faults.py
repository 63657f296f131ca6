"""Faults between the Bot API and us: each answers one request in place of the valid response."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.responses import HTMLResponse, JSONResponse, Response

from tests.fakes.telegram_errors import BotApiError

_DESCRIPTIONS = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden: bot was blocked by the user",
    404: "Not Found",
    409: "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
    429: "Too Many Requests",
    500: "Internal Server Error",
}
_PROXY_PAGE = "<html>\r\n<head><title>{0} Bad Gateway</title></head>\r\n<body>nginx</body>\r\n</html>\r\n"


@dataclass(frozen=True)
class Refuses:
    """The request is refused, with a response in the Bot API's form."""

    error: BotApiError

    def response(self) -> Response:
        return JSONResponse(self.error.body(), self.error.code)


@dataclass(frozen=True)
class ProxyFails:
    """The request is not accepted; the response is an HTML page."""

    code: int

    def response(self) -> Response:
        return HTMLResponse(_PROXY_PAGE.format(self.code), self.code)


@dataclass(frozen=True)
class Garbage:
    """The request is not accepted; the response is 200 with a body that is not JSON."""

    def response(self) -> Response:
        return Response(b'{"ok":true,"result', media_type="application/json")


@dataclass(frozen=True)
class Resets:
    """The connection breaks before a response; the request is not accepted."""


@dataclass(frozen=True)
class Hangs:
    """No response until the other side gives up; `accepted` tells whether the request is accepted first."""

    accepted: bool


@dataclass(frozen=True)
class Slow:
    """A valid response, `seconds` late."""

    seconds: float


@dataclass(frozen=True)
class Held:
    """A valid response, once the test lets it go."""

    until: asyncio.Event


Fault = Refuses | ProxyFails | Garbage | Resets | Hangs | Slow | Held


def status(code: int, description: str | None = None, *, retry_after: int | None = None) -> Fault:
    """Return an HTTP error; 502 to 504 without a description are a proxy's HTML page. `retry_after` is in seconds."""
    if code in (502, 503, 504) and description is None:
        return ProxyFails(code)
    text = description or _DESCRIPTIONS.get(code, "Bad Request")
    if retry_after is None:
        return Refuses(BotApiError(code, text))
    text = description or f"{text}: retry after {retry_after}"
    return Refuses(BotApiError(code, text, {"retry_after": retry_after}))


def migrated(new_chat_id: int) -> Fault:
    """Return the response of a group that has become a supergroup."""
    why = "Bad Request: group chat was upgraded to a supergroup chat"
    return Refuses(BotApiError(400, why, {"migrate_to_chat_id": new_chat_id}))


def reset() -> Fault:
    return Resets()


def accept_then_hang() -> Fault:
    return Hangs(accepted=True)


def hang() -> Fault:
    return Hangs(accepted=False)


def garbage() -> Fault:
    return Garbage()


def held(until: asyncio.Event) -> Fault:
    return Held(until)


def slow(seconds: float) -> Fault:
    return Slow(seconds)


@dataclass
class _Planned:
    fault: Fault
    method: str | None
    chat_id: int | str | None
    times: int

    def fits(self, method: str, chat_id: int | str | None) -> bool:
        if self.method is None and method == "getupdates":
            return False
        return self.method in (None, method) and self.chat_id in (None, chat_id)


class Script:
    """The planned faults, each taken by the next request that it fits, oldest first."""

    def __init__(self) -> None:
        self._planned: list[_Planned] = []

    def plan(self, fault: Fault, method: str | None, chat_id: int | str | None, times: int) -> None:
        self._planned.append(_Planned(fault, method.lower() if method else None, chat_id, times))

    def clear(self) -> None:
        self._planned.clear()

    def take(self, method: str, chat_id: int | str | None) -> Fault | None:
        for planned in self._planned:
            if planned.fits(method, chat_id):
                planned.times -= 1
                if planned.times == 0:
                    self._planned.remove(planned)
                return planned.fault
        return None


async def until_gone(gone: Callable[[], Awaitable[object]], closing: asyncio.Event) -> None:
    """Wait until the other side has closed the connection, or this one is `closing`."""
    ends = [asyncio.ensure_future(gone()), asyncio.ensure_future(closing.wait())]
    try:
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for end in ends:
            end.cancel()
