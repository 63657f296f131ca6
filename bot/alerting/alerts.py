"""Alerts: the operator hears once of each problem, and once of its end.

Whoever notices a problem raises the alert, as often as they like; whoever sees that it is gone resolves it. Each notice
is a row of `alerts` until a route has carried it to the operator, across restarts and by any process.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.core.models import Alert, AlertKind
from bot.db import alerts as rows
from digest.core.backoff import Backoff
from digest.core.errors import DigestError, StoreError
from digest.db import engine as database
from digest.render import i18n

_log = structlog.get_logger()
_FOLDER = "alerts"
_QUIET = timedelta(hours=1)  # a problem that comes and goes is alerted once in this time
BACKOFF = Backoff(timedelta(seconds=30), timedelta(hours=1))  # for an alert that no route carried
_LONGEST_REASON = 500  # characters: a remote server may say anything


class NotToldError(Exception):
    """A route could not carry an alert; the message gives the reason without addresses and tokens."""


class Route(Protocol):
    """A route to the operator."""

    @property
    def name(self) -> str:
        """The name of the channel that it uses."""

    async def tell(self, alert: Alert) -> None:
        """Send `alert`, or the notice of its end, to the operator. Raises NotToldError."""


@dataclass
class Alerts:
    """Raises, resolves and sends alerts. A failing database does not stop the caller."""

    engine: AsyncEngine
    clock: Callable[[], datetime]
    _changed: asyncio.Event = field(init=False, default_factory=asyncio.Event)
    _unkept: dict[tuple[AlertKind, str], Alert] = field(init=False, default_factory=dict)
    """Alerts that the database did not store, perhaps because it is the problem. They are sent all the same."""

    async def raise_(self, kind: AlertKind, subject: str = "", reason: str = "") -> None:
        """Raise an alert; the operator is told if it is new."""
        reason, at = reason[:_LONGEST_REASON], self.clock()
        try:
            async with database.writing(self.engine) as connection:
                is_news = await rows.raise_(connection, kind, subject, reason, at)
        except StoreError as error:
            _log.error("alert_not_kept", kind=kind, error=str(error))
            is_news = (kind, subject) not in self._unkept
            self._unkept.setdefault((kind, subject), Alert(kind, subject, reason, at))
        if is_news:
            _log.warning("alert", kind=kind, subject=subject, reason=reason)
            self._changed.set()

    async def resolve(self, kind: AlertKind, subject: str = "") -> None:
        """Resolve an alert, if it is open."""
        try:
            async with database.writing(self.engine) as connection:
                if (lost := self._unkept.pop((kind, subject), None)) is not None:
                    await rows.raise_(connection, kind, subject, lost.reason, lost.raised_at)
                    await rows.claim(connection, lost, self.clock(), self.clock())
                was_there = await rows.resolve(connection, kind, subject, self.clock())
        except StoreError as error:
            _log.error("alert_not_kept", kind=kind, error=str(error))
            return
        if was_there:
            _log.info("alert_over", kind=kind, subject=subject)
            self._changed.set()

    async def update(self, kind: AlertKind, found: Mapping[str, str]) -> None:
        """Set the open alerts of this `kind` to those `found`, which map subjects to reasons. Others are resolved."""
        for subject, reason in found.items():
            await self.raise_(kind, subject, reason)
        for alert in await self.lasting(kind):
            if alert.subject not in found:
                await self.resolve(kind, alert.subject)

    async def lasting(self, kind: AlertKind | None = None) -> list[Alert]:
        """Return the open alerts, oldest first, of one `kind` or of all."""
        try:
            async with database.reading(self.engine) as connection:
                return await rows.lasting(connection, kind)
        except StoreError:
            return [each for each in self._unkept.values() if kind in (None, each.kind)]

    async def keep_telling(self, routes: Sequence[Route], look_seconds: float) -> None:
        """Send due alerts forever, checking every `look_seconds` for those of other processes."""
        while True:
            self._changed.clear()
            try:
                await self.tell(routes)
            except Exception:  # noqa: BLE001 - alerts must go on, whatever one of them met
                _log.exception("alerts_not_told")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), look_seconds)

    async def hurry(self) -> None:
        """Retry failed alerts at once, because there is a new route to the operator."""
        with suppress(StoreError):
            async with database.writing(self.engine) as connection:
                await rows.hurry(connection, self.clock())
        self._changed.set()

    async def tell(self, routes: Sequence[Route]) -> None:
        """Send each due alert by the first of `routes` that carries it. Others stay due."""
        await self._tell_unkept(routes)
        try:
            async with database.reading(self.engine) as connection:
                due = await rows.due(connection, self.clock())
            for alert in due:
                await self._tell_kept(alert, routes)
        except StoreError as error:
            _log.error("alerts_not_read", error=str(error))

    async def _tell_kept(self, alert: Alert, routes: Sequence[Route]) -> None:
        next_at = self.clock() + BACKOFF.pause(alert.tries)
        async with database.writing(self.engine) as connection:
            if not await rows.claim(connection, alert, self.clock(), next_at):
                return
        if await _carried(alert, routes):
            async with database.writing(self.engine) as connection:
                await rows.note_told(connection, alert, self.clock(), _QUIET)

    async def _tell_unkept(self, routes: Sequence[Route]) -> None:
        for key, alert in list(self._unkept.items()):
            if not alert.tries and await _carried(alert, routes):
                told = Alert(alert.kind, alert.subject, alert.reason, alert.raised_at, tries=1)
                self._unkept[key] = told


def in_order(alert: Alert, routes: Sequence[Route]) -> list[Route]:
    """Return `routes` with the one last whose channel the `alert` concerns. Pure."""
    return sorted(routes, key=lambda route: route.name == alert.subject)


def text(alert: Alert, language: str) -> str:
    """Return the alert as one line of plain text, in `language` or English."""
    said: Any = i18n.words(_FOLDER, i18n.words_of(_FOLDER, language))
    return " ".join(str(said.alert(alert)).split())


def title(language: str) -> str:
    """Return the subject of an alert mail."""
    return str(i18n.words(_FOLDER, i18n.words_of(_FOLDER, language)).title)


async def _carried(alert: Alert, routes: Sequence[Route]) -> bool:
    for route in in_order(alert, routes):
        try:
            await route.tell(alert)
        except (NotToldError, DigestError) as error:
            _log.warning("alert_not_told", kind=alert.kind, route=route.name, error=str(error))
        else:
            _log.info("alert_told", kind=alert.kind, subject=alert.subject, route=route.name)
            return True
    return False
