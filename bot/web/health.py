"""Whether the program lives, and whether it can do its work: for those who start and watch it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import structlog
from sqlalchemy import text
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bot.web.pages import Pages
from digest.store import engine as database

_PATIENCE_SECONDS = 3.0
_log = structlog.get_logger()

Check = Callable[[], Awaitable[bool]]
"""Whether one part does its work."""


async def live(_: Pages, __: Request) -> Response:
    """The process answers."""
    return JSONResponse({"status": "live"})


def ready(checks: Mapping[str, Check]) -> Callable[[Pages, Request], Awaitable[Response]]:
    """What answers with 200 where the database and all of `checks` do their work, and 503 where one does not."""

    async def answer(pages: Pages, _: Request) -> Response:
        async def store() -> bool:
            async with database.reading(pages.app.engine) as connection:
                await connection.execute(text("SELECT 1"))
            return True

        named = {"database": store, **checks}
        results = await asyncio.gather(*(_holds(name, check) for name, check in named.items()))
        found = dict(zip(named, results, strict=True))
        is_ready = all(results)
        body = {"status": "ready" if is_ready else "not ready", "checks": found}
        return JSONResponse(body, 200 if is_ready else 503)

    return answer


async def _holds(name: str, check: Check) -> bool:
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            return await check()
    except Exception as error:  # noqa: BLE001 - whatever it is, the part does not do its work
        _log.warning("not_ready", part=name, error=type(error).__name__)
        return False
