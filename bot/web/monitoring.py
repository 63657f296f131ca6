"""Health checks for load balancers and monitors.

`/health/live` answers while the process does. `/health/ready` is for load balancers: 503 if the program cannot work at
all. `/health` is for monitors: 503 also if a part of it has a problem, such as a channel or publishing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bot.core.models import Alert, AlertKind
from bot.db import alerts, publications
from bot.web.pages import Pages
from digest.db import editions
from digest.db import engine as database

_PATIENCE_SECONDS = 3.0
_log = structlog.get_logger()

Check = Callable[[], Awaitable[bool]]
"""A check that tells whether one part works."""
_Answer = Callable[[Pages, Request], Awaitable[Response]]


async def live(_: Pages, __: Request) -> Response:
    """Answer that the process is alive."""
    return JSONResponse({"status": "live"})


def ready(checks: Mapping[str, Check], channels: Collection[str]) -> _Answer:
    """Create the handler that answers 200 if the database and all `checks` pass, and 503 otherwise."""

    async def answer(pages: Pages, _: Request) -> Response:
        found = await _report(pages, checks, channels)
        return JSONResponse(found, 503 if found["status"] == "not ready" else 200)

    return answer


def healthy(checks: Mapping[str, Check], channels: Collection[str]) -> _Answer:
    """Create the handler that answers as `ready`, and 503 also for problems of a channel, publishing or an edition."""

    async def answer(pages: Pages, _: Request) -> Response:
        found = await _report(pages, checks, channels)
        return JSONResponse(found, 200 if found["status"] == "ready" else 503)

    return answer


async def _report(pages: Pages, checks: Mapping[str, Check], channels: Collection[str]) -> dict[str, Any]:
    """Report the state of each part without reasons, because they may contain addresses and this page is public."""
    state: dict[str, Any] = {}

    async def store() -> bool:
        async with database.reading(pages.app.engine) as connection:
            await connection.execute(text("SELECT 1"))
            state.update(await _state(connection, channels))
        return True

    named = {"database": store, **checks}
    results = await asyncio.gather(*(_holds(name, check) for name, check in named.items()))
    found = dict(zip(named, results, strict=True))
    status = "not ready" if not all(results) else "degraded" if state.get("alerts") else "ready"
    return {"status": status, "checks": found, **state}


async def _state(connection: AsyncConnection, channels: Collection[str]) -> dict[str, Any]:
    lasting = await alerts.lasting(connection)
    last = await editions.last_date(connection)
    unwritten = await publications.unwritten(connection)
    unpushed = await publications.unpushed(connection)
    return {
        "channels": {name: _channel(name, lasting) for name in channels},
        "publishing": {
            "state": "failing" if any(each.kind in _PUBLISHING for each in lasting) else "ok",
            "unwritten": [str(each.day) for each in unwritten],
            "unpushed": [str(each.day) for each in unpushed],
        },
        "last_edition": str(last) if last else None,
        "alerts": [
            {"kind": each.kind, "subject": each.subject, "since": each.raised_at.isoformat()}
            for each in lasting
        ],
    }


_PUBLISHING = (AlertKind.POST_NOT_WRITTEN, AlertKind.POST_NOT_PUSHED)


def _channel(name: str, lasting: list[Alert]) -> str:
    paused = any(each.kind is AlertKind.CHANNEL_PAUSED and each.subject == name for each in lasting)
    return "paused" if paused else "ok"


async def _holds(name: str, check: Check) -> bool:
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            return await check()
    except Exception as error:  # noqa: BLE001 - whatever it is, the part does not do its work
        _log.warning("not_ready", part=name, error=type(error).__name__)
        return False
