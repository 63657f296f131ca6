"""Telegram's answer 429, and what is to be made of it. Pure; times are seconds of one monotonic clock."""

from collections import deque
from datetime import timedelta

from telegram.error import RetryAfter

from bot.chat.request import ThrottledError, pause_of

_BACKOFF_SECONDS = (1, 2, 4)  # after a 429 that names no pause
_FLOOD_SECONDS, _FLOOD_CHATS = 10, 3  # 429s of so many chats within that time concern the bot as a whole


class Attempts:
    """What one request has gone through: whether it is sent again, and after which pause."""

    def __init__(self, patience_seconds: float) -> None:
        self._patience = timedelta(seconds=patience_seconds)
        self._floods = 0
        self._throttled = 0
        self.another = True

    def pause_after(self, error: RetryAfter | ThrottledError) -> timedelta:
        """How long its scope is to rest; `another` then tells whether the request is tried again."""
        if isinstance(error, RetryAfter):
            pause = pause_of(error)
            self.another = pause <= self._patience and self._floods == 0
            self._floods += 1
        else:
            pause = timedelta(seconds=_BACKOFF_SECONDS[min(self._throttled, len(_BACKOFF_SECONDS) - 1)])
            self.another = self._throttled < len(_BACKOFF_SECONDS)
            self._throttled += 1
        return pause


class Floods:
    """The latest 429s: of many chats at once, they concern the bot as a whole."""

    def __init__(self) -> None:
        self._latest: deque[tuple[float, int | str]] = deque()

    def concern_all(self, chat: int | str, now: float) -> bool:
        """Whether everything is to pause, with the one that `chat` has got now."""
        self._latest.append((now, chat))
        while self._latest[0][0] < now - _FLOOD_SECONDS:
            self._latest.popleft()
        return len({chat for _, chat in self._latest}) >= _FLOOD_CHATS
