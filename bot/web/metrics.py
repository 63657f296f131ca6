"""Metrics for Prometheus, counted from the tables on request, so that a restart loses none."""

import ipaddress
from datetime import UTC, datetime, time

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.db import totals
from bot.web.pages import Pages
from digest.db import editions
from digest.db import engine as database

_LATEST = 3  # editions
_PROXIES = ("x-forwarded-for", "forwarded", "x-real-ip", "via")


class Metrics:
    """The metrics of one site."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = self._counter("http_requests", "Requests answered.", "route", "status")
        self._subscribers = self._gauge("subscribers", "Subscribers.", "channel", "standing")
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
        async with database.reading(pages.app.engine) as connection:
            await self._count(connection)
        return Response(generate_latest(self._registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _count(self, connection: AsyncConnection) -> None:
        _set(self._subscribers, await totals.subscribers_by_standing(connection))
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


class Counting:
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
