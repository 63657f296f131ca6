"""Telegram's answer 429, and what is to be made of it. Pure; times are seconds of one monotonic clock.

A 429 names no scope, so the scope is inferred. Most belong to one chat, whose wait may be hours long (43,838 s were
reported) while all others are served. Telegram limits the bot as a whole too
(https://core.telegram.org/bots/faq#broadcasting-to-users), and then refuses one chat after another. So a wait is the
chat's own, and only different chats in a row, with nothing taken in between, are a sign about all of them. Even that is
not believed: one message at a time goes on as a probe.
"""

from datetime import timedelta

from telegram.error import RetryAfter

from bot.chat.pacing import Scope
from bot.chat.request import ThrottledError, pause_of

_BACKOFF_SECONDS = (1, 2, 4)  # after a 429 that names no pause
_SIGN = 3  # different chats refused in a row, with nothing taken in between
LONGEST_PAUSE_SECONDS = 60.0
"""Of everything, until the next probe. A wait that is longer than that is a chat's own."""


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
    """Whether the latest 429s concern the bot as a whole, and when the next message may try that.

    Suspicion begins with three different chats refused in a row, or with one message that belongs to no chat. From
    then on one message at a time is sent, a probe, to a chat that has no wait of its own. After the n-th probe that is
    refused, everything rests for 2 ** (n - 1) seconds, at most 60. Whatever Telegram takes ends the suspicion.
    """

    def __init__(self) -> None:
        self._refused: set[Scope] = set()
        self._probes = 0
        self.suspected = False

    def taken(self) -> None:
        """Telegram has taken a message, or refused one for what it was."""
        self._refused.clear()
        self._probes = 0
        self.suspected = False

    def refused(self, scope: Scope, *, probe: bool) -> float:
        """For how many seconds everything is to rest after a 429 to `scope`."""
        self._refused.add(scope)
        if not self.suspected:
            self.suspected = len(self._refused) >= _SIGN or scope is None
            return 0
        if not probe:  # sent before the suspicion: it tells nothing new
            return 0
        self._probes += 1
        return min(2.0 ** min(self._probes - 1, 10), LONGEST_PAUSE_SECONDS)
