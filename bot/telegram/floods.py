"""Handling of Telegram's 429 responses. Pure; times are seconds of one monotonic clock.

A 429 names no scope, so the scope is inferred. Most concern one chat, whose pause may last hours (43,838 s were
reported) while all others are served. Telegram limits the bot as a whole too
(https://core.telegram.org/bots/faq#broadcasting-to-users), and then refuses one chat after another. So a pause applies
to its chat alone. Only refusals of different chats in a row, with nothing accepted in between, suggest a limit for the
whole bot. Even then, one message at a time is sent as a probe.
"""

from datetime import timedelta

from telegram.error import RetryAfter

from bot.telegram.http import ThrottledError, pause_of
from bot.telegram.pacing import Scope

_BACKOFF_SECONDS = (1, 2, 4)  # after a 429 that names no pause
_SIGN = 3  # different chats refused in a row, with nothing accepted in between
LONGEST_PAUSE_SECONDS = 60.0
"""Longest pause of all messages before the next probe, in seconds. A longer pause concerns one chat only."""


class Attempts:
    """The attempts of one request: whether to retry it, and after what pause."""

    def __init__(self, patience_seconds: float) -> None:
        self._patience = timedelta(seconds=patience_seconds)
        self._floods = 0
        self._throttled = 0
        self.another = True

    def pause_after(self, error: RetryAfter | ThrottledError) -> timedelta:
        """Return the pause of the request's scope. Afterwards `another` tells whether to retry the request."""
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
    """Detection of a limit for the whole bot, and of the time of the next probe.

    The limit is suspected after refusals of three different chats in a row, or of one message without a chat. Then one
    message at a time is sent as a probe, to a chat that is not paused. After the n-th refused probe, all messages pause
    for 2 ** (n - 1) seconds, at most 60. Any accepted message ends the suspicion.
    """

    def __init__(self) -> None:
        self._refused: set[Scope] = set()
        self._probes = 0
        self.suspected = False

    def taken(self) -> None:
        """Record that Telegram accepted a message, or refused it for its content."""
        self._refused.clear()
        self._probes = 0
        self.suspected = False

    def refused(self, scope: Scope, *, probe: bool) -> float:
        """Record a 429 for `scope` and return the pause for all messages, in seconds."""
        self._refused.add(scope)
        if not self.suspected:
            self.suspected = len(self._refused) >= _SIGN or scope is None
            return 0
        if not probe:  # sent before the suspicion: it adds no evidence
            return 0
        self._probes += 1
        return min(2.0 ** min(self._probes - 1, 10), LONGEST_PAUSE_SECONDS)
