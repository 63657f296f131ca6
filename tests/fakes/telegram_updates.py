"""The bot's updates in their order, fetched by getUpdates or posted to a webhook."""

import asyncio
import contextlib
import re
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from tests.fakes.telegram_errors import bad_request, conflict
from tests.fakes.telegram_forms import Parameters

_ON_DEMAND = frozenset({"chat_member", "message_reaction", "message_reaction_count"})
_SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")
_PORTS = frozenset({None, 443, 80, 88, 8443})
_TAKEN_OVER = "terminated by other getUpdates request; make sure that only one bot instance is running"
_HOOKED = "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"


@dataclass(frozen=True)
class Webhook:
    """The URL to which updates are posted, and the secret sent with each."""

    url: str
    secret: str
    max_connections: int


class Updates:
    """The queue of undelivered updates. `retry_seconds` lie between two attempts to post one."""

    def __init__(self, *, retry_seconds: float = 0.05) -> None:
        self.webhook: Webhook | None = None
        self.posted: list[tuple[int, int]] = []
        """Each attempt at the webhook: the update's id, and the status (0: no answer)."""
        self._retry_seconds = retry_seconds
        self._queue: deque[dict[str, Any]] = deque()
        self._last_id = 100_000
        self._allowed: list[str] = []
        self._came = asyncio.Event()
        self._poll: asyncio.Future[None] | None = None
        self._posting: asyncio.Task[None] | None = None
        self._last_error = ""

    @property
    def pending(self) -> list[dict[str, Any]]:
        """The updates that have not been fetched yet, oldest first."""
        return list(self._queue)

    def push(self, kind: str, content: dict[str, Any]) -> int:
        """Queue a new update and return its id; an update of a kind that the bot did not request is left out."""
        return self.push_raw({kind: content})

    def push_raw(self, update: dict[str, Any]) -> int:
        """Like `push`, for an update of any form; its `update_id` may be given."""
        self._last_id = max(update.get("update_id", 0), self._last_id + 1)
        if all(map(self._is_allowed, update.keys() - {"update_id"})):
            self._queue.append({**update, "update_id": update.get("update_id", self._last_id)})
            self._came.set()
        return self._last_id

    def _is_allowed(self, kind: str) -> bool:
        return kind in self._allowed if self._allowed else kind not in _ON_DEMAND

    async def get(
        self, parameters: Parameters, gone: Callable[[], Awaitable[object]]
    ) -> list[dict[str, Any]]:
        """Handle getUpdates. Raises BotApiError (409) if there is a webhook, or another poll replaces this one."""
        if self.webhook is not None:
            raise conflict(_HOOKED)
        self._choose(parameters)
        self._confirm(parameters.number("offset") or 0)
        seconds = min(parameters.number("timeout") or 0, 50)
        limit = min(max(parameters.number("limit") or 100, 1), 100)
        if self._poll is not None and not self._poll.done():
            self._poll.set_exception(conflict(_TAKEN_OVER))
            self._poll.exception()  # so that nobody misses it when the poll has gone meanwhile
        if not self._queue:
            await self._wait(seconds, gone)
        return list(self._queue)[:limit]

    def _confirm(self, offset: int) -> None:
        if offset < 0:
            while len(self._queue) > -offset:
                self._queue.popleft()
        while offset > 0 and self._queue and self._queue[0]["update_id"] < offset:
            self._queue.popleft()

    async def _wait(self, seconds: float, gone: Callable[[], Awaitable[object]]) -> None:
        if seconds <= 0:
            return
        poll = self._poll = asyncio.get_running_loop().create_future()
        self._came.clear()
        ends = [poll, asyncio.ensure_future(self._came.wait()), asyncio.ensure_future(gone())]
        try:
            await asyncio.wait(ends, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if poll.done():
                poll.result()
        finally:
            for end in ends:
                end.cancel()

    def set_webhook(self, parameters: Parameters) -> bool:
        """Handle setWebhook; in addition to Telegram, it accepts an http address of loopback at any port."""
        url, secret = parameters.text("url"), parameters.text("secret_token")
        if secret and not _SECRET.fullmatch(secret):
            raise bad_request("secret token contains unallowed characters")
        if url:
            _check_address(url)
        self._choose(parameters)
        if parameters.flag("drop_pending_updates"):
            self._queue.clear()
        self._last_error = ""
        self._stop_posting()
        self.webhook = Webhook(url, secret, parameters.number("max_connections") or 40) if url else None
        if self.webhook is not None:
            self._posting = asyncio.create_task(self._post_all(self.webhook))
        return True

    def delete_webhook(self, parameters: Parameters) -> bool:
        if parameters.flag("drop_pending_updates"):
            self._queue.clear()
        self._stop_posting()
        self.webhook = None
        return True

    def webhook_info(self, parameters: Parameters) -> dict[str, Any]:
        del parameters
        info: dict[str, Any] = {"url": self.webhook.url if self.webhook else ""}
        info |= {"has_custom_certificate": False, "pending_update_count": len(self._queue)}
        if self.webhook:
            info["max_connections"] = self.webhook.max_connections
        if self._last_error:
            info |= {"last_error_date": 1, "last_error_message": self._last_error}
        return {**info, "allowed_updates": self._allowed} if self._allowed else info

    def _choose(self, parameters: Parameters) -> None:
        if parameters.get("allowed_updates") is not None:
            self._allowed = parameters.items("allowed_updates")

    def _stop_posting(self) -> None:
        if self._posting is not None:
            self._posting.cancel()
            self._posting = None

    async def close(self) -> None:
        """Stop posting, and end the poll that waits."""
        posting = self._posting
        self._stop_posting()
        if posting is not None:
            with contextlib.suppress(asyncio.CancelledError):
                await posting
        self._came.set()

    async def _post_all(self, webhook: Webhook) -> None:
        headers = {"X-Telegram-Bot-Api-Secret-Token": webhook.secret} if webhook.secret else {}
        async with httpx.AsyncClient(headers=headers, timeout=300, trust_env=False) as client:
            while True:
                self._came.clear()
                while self._queue:
                    update = self._queue[0]
                    if not await self._post(client, webhook.url, update):
                        await asyncio.sleep(self._retry_seconds)
                    elif self._queue and self._queue[0] is update:
                        self._queue.popleft()
                await self._came.wait()

    async def _post(self, client: httpx.AsyncClient, url: str, update: dict[str, Any]) -> bool:
        try:
            code = (await client.post(url, json=update)).status_code
        except httpx.HTTPError as error:
            code = 0
            self._last_error = type(error).__name__
        self.posted.append((update["update_id"], code))
        if 200 <= code < 300:
            return True
        if code:
            self._last_error = f"Wrong response from the webhook: {code}"
        return False


def _check_address(url: str) -> None:
    parts = urlsplit(url)
    if parts.hostname in ("127.0.0.1", "localhost", "::1"):
        return
    if parts.scheme != "https":
        raise bad_request("bad webhook: An HTTPS URL must be provided for webhook")
    if parts.port not in _PORTS:
        raise bad_request("bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443")
