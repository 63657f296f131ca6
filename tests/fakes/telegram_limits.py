"""Telegram's limits: its rates for messages, and the sizes of their contents."""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

MESSAGE_UNITS = 4096  # after entity parsing; refused by UTF-16 units, the stricter of the two counts in use
CAPTION_UNITS = 1024
RICH_CHARACTERS, RICH_BLOCKS, RICH_LEVELS = 32_768, 500, 16
ENTITIES = 100
BUTTONS, BUTTONS_IN_A_ROW, CALLBACK_BYTES = 100, 8, 64
DOCUMENT_BYTES = 50 * 1024**2


def utf16_units(text: str) -> int:
    """Return the length of `text` as the Bot API counts offsets ("MessageEntity")."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


@dataclass(frozen=True, slots=True)
class Refusal:
    """One response 429; `at` is in seconds of the fake's clock, `retry_after` None if none was given."""

    method: str
    chat_id: int | str | None
    at: float
    retry_after: int | None


class Rates:
    """Telegram's rates (Bots FAQ, "My bot is hitting limits").

    All chats together: `per_second` in any sliding second, and in the long run 2 % less: of 7,473 messages at exactly
    30 a second, 146 were refused in a public report. One chat: one a second after a burst of
    `per_chat_burst`. One group: `per_group_minute` in any sliding minute.
    """

    def __init__(
        self, per_second: int, per_chat_burst: int, per_group_minute: int, clock: Callable[[], float]
    ) -> None:
        self._clock = clock
        self._burst = per_chat_burst
        self._per_group_minute = per_group_minute
        self._all: deque[float] = deque(maxlen=per_second)
        self._sustained = per_second * (1 - 146 / 7473)
        self._spare, self._spare_at = float(per_second), clock()
        self._groups: dict[int, deque[float]] = {}
        self._credit: dict[int, tuple[float, float]] = {}

    def take(self, chat_id: int, *, group: bool) -> int | None:
        """Count a message and return None if it may pass; otherwise return the whole seconds to wait."""
        now = self._clock()
        minute = self._minute(chat_id) if group else None
        self._spare = min(self._all.maxlen or 0, self._spare + (now - self._spare_at) * self._sustained)
        self._spare_at = now
        wait = max(
            self._chat_wait(chat_id, now), _wait(self._all, now, 1), (1 - self._spare) / self._sustained
        )
        if minute is not None:
            wait = max(wait, _wait(minute, now, 60))
        if wait > 0:
            return math.ceil(wait)
        self._all.append(now)
        self._spare -= 1
        self._credit[chat_id] = (self._credit_now(chat_id, now) - 1, now)
        if minute is not None:
            minute.append(now)
        return None

    def _minute(self, chat_id: int) -> deque[float]:
        return self._groups.setdefault(chat_id, deque(maxlen=self._per_group_minute))

    def _credit_now(self, chat_id: int, now: float) -> float:
        credit, since = self._credit.get(chat_id, (self._burst, now))
        return min(self._burst, credit + now - since)

    def _chat_wait(self, chat_id: int, now: float) -> float:
        missing = 1 - self._credit_now(chat_id, now)
        return missing if missing > 1e-6 else 0  # the rounding errors of floats are no reason to refuse


def _wait(passed: deque[float], now: float, window_seconds: float) -> float:
    return passed[0] + window_seconds - now if len(passed) == passed.maxlen else 0
