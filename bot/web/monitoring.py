"""Health checks for load balancers and monitors, and metrics for Prometheus.

`/health/live` answers while the process does. `/health/ready` is for load balancers: 503 if the program cannot work at
all. `/health` is for monitors: 503 also if a part of it has a problem, such as a channel or publishing. Metrics are
counted from the tables on request, so that a restart loses none.
"""

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import UTC, datetime, time
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.core.models import Alert, AlertKind
from bot.db import alerts, publications, totals
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
        async with database.reading(pages.engine) as connection:
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


_LATEST = 3  # editions
_PROXIES = ("x-forwarded-for", "forwarded", "x-real-ip", "via")


class Metrics:
    """The metrics of one site."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = self._counter("http_requests", "Requests answered.", "route", "status")
        self._subscribers = self._gauge("subscribers", "Subscribers.", "channel", "status")
        self._deliveries = self._gauge(
            "deliveries", "Deliveries of the latest editions.", "channel", "date", "state"
        )
        self._queued = self._gauge(
            "queued", "Waiting deliveries, transactional mails and paper requests.", "queue"
        )
        self._alerts = self._gauge("alerts", "Open problems.", "kind")
        self._unpublished = self._gauge(
            "unpublished_posts", "Posts that are not written or not pushed.", "step"
        )
        self._edition = self._gauge("last_edition_date_seconds", "The newest edition's day, at midnight UTC.")
        self._closed = self._gauge(
            "last_edition_closed_seconds", "Time at which the newest edition was closed."
        )

    async def show(self, pages: Pages, request: Request) -> Response:
        """Show the metrics to clients nearby, but not through a proxy that serves the internet."""
        if not is_near(request):
            raise HTTPException(404)
        async with database.reading(pages.engine) as connection:
            await self._count(connection)
        return Response(generate_latest(self._registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _count(self, connection: AsyncConnection) -> None:
        _set(self._subscribers, await totals.subscribers_by_status(connection))
        _set(self._deliveries, await totals.latest_deliveries(connection, _LATEST))
        _set(self._queued, await totals.queues(connection))
        _set(self._alerts, await totals.alerts_by_kind(connection))
        _set(self._unpublished, await totals.unpublished(connection))
        if last := await editions.last(connection):
            self._edition.set(datetime.combine(last.date, time(), UTC).timestamp())
            self._closed.set(last.closed_at.timestamp())

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(f"arxiv_daily_{name}", about, labels, registry=self._registry)

    def _gauge(self, name: str, about: str, *labels: str) -> Gauge:
        return Gauge(f"arxiv_daily_{name}", about, labels, registry=self._registry)


class CountingMiddleware:
    """Middleware that counts requests by the pattern of their route, never by path, because paths contain tokens."""

    def __init__(self, app: ASGIApp, counter: Counter) -> None:
        self._app = app
        self._counter = counter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", "unknown")
                self._counter.labels(route, str(message["status"])).inc()
            await send(message)

        await self._app(scope, receive, counted)


def is_near(request: Request) -> bool:
    """Return whether a request comes from this machine or its private network, and through no proxy. Pure."""
    if any(name in request.headers for name in _PROXIES) or request.client is None:
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_private
    except ValueError:
        return False


def _set(gauge: Gauge, counts: totals.Counts) -> None:
    gauge.clear()
    for labels, count in counts.items():
        gauge.labels(*labels).set(count)
