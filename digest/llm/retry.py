"""The retry policy for one question: which faults are worth another call, and after which wait."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from digest.llm.errors import CallError, CallOutcome


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The limits on retries and waits; all in seconds except `attempts` and `papers`."""

    call_seconds: float = 300
    """The timeout of one whole call, including the body."""
    attempts: int = 3
    """The maximum number of calls for one question, not counting throttled calls and rejected forms of the request."""
    backoff_initial_seconds: float = 1
    backoff_max_seconds: float = 30
    backoff_jitter_seconds: float = 1
    retry_after_seconds: float = 60
    """The longest wait that an endpoint may ask for; if it asks for more, it is closed."""
    throttle_seconds: float = 120
    """The time of throttled or unanswered calls after which the endpoint is closed."""
    rest_seconds: float = 600
    """The time for which an endpoint is closed that throttles for too long or does not answer."""
    closed_seconds: float = 3600
    """The time for which an endpoint or model is closed after a spent quota, a rejected key or an unknown model."""
    papers: int = 3
    """The number of unanswered papers from which the endpoint is at fault, not a paper."""


class Tries:
    """The calls that one question has cost so far.

    `room_tokens` is the maximum length of its answer; None means the model's own limit. `is_cut_short` is True if the
    model's own limit is so low that it will cut many answers. `may_stream` turns False after a malformed answer, since
    some endpoints garble streams but send whole bodies correctly.
    """

    def __init__(
        self,
        patience: RetryPolicy,
        monotonic: Callable[[], float] = time.monotonic,
        *,
        attempts: int | None = None,
    ) -> None:
        self._patience = patience
        self._attempts = min(patience.attempts, attempts or patience.attempts)
        self._monotonic = monotonic
        self._faults: Counter[CallOutcome] = Counter()
        self._throttled_at: float | None = None
        self.room_tokens: int | None = None
        self.is_cut_short = False
        self.may_stream = True

    @property
    def counted(self) -> int:
        """The number of failed calls, without throttled ones and rejected forms of the request."""
        free = self._faults[CallOutcome.THROTTLED] + self._learned_from
        return self._faults.total() - free

    @property
    def _learned_from(self) -> int:
        return sum(number for outcome, number in self._faults.items() if outcome.is_learned_from)

    def wait_before_next(self, error: Exception) -> bool | float:
        """Decide whether `error` is worth another call: a wait in seconds, True for the usual wait, False for no call.

        A throttled call has no wait here, because it waits with the others in `Availability`.
        """
        if not isinstance(error, CallError):
            return False
        self._faults[error.outcome] += 1
        self.may_stream = self.may_stream and not error.malformed
        if error.outcome.is_learned_from:
            return 0.0 if self._learned_from <= _FORMS else False
        if error.outcome is CallOutcome.THROTTLED:
            return 0.0 if self._throttled_seconds() <= self._patience.throttle_seconds else False
        if error.outcome is CallOutcome.LENGTH:
            return self._with_more_room(error)
        if not (error.malformed or error.unreachable) or self.counted >= self._attempts:
            return False
        asked = error.retry_after or 0.0
        sensible = self._patience.backoff_initial_seconds <= asked <= self._patience.retry_after_seconds
        return asked if sensible else True

    def _throttled_seconds(self) -> float:
        now = self._monotonic()
        if self._throttled_at is None:
            self._throttled_at = now
        return now - self._throttled_at

    def _with_more_room(self, fault: CallError) -> bool:
        self.room_tokens = max(2 * fault.usage.completion_tokens, _ROOM_TOKENS)
        self.is_cut_short = 0 < fault.usage.completion_tokens <= _ROOM_TOKENS // 2
        return self._faults[CallOutcome.LENGTH] == 1 and self.counted < self._attempts


_FORMS = 10  # of a request that one question may try: more than there are causes to change the form
_ROOM_TOKENS = 8192  # the minimum length for the retry after an answer was cut off
