"""How long one question is pressed: which faults are worth another call, and after which wait."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from digest.llm.faults import CallError, Outcome


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a model is waited for: seconds, but for `attempts` and `papers`."""

    call_seconds: float = 300
    """For one whole call, its body included."""
    attempts: int = 3
    """Calls for one question at most, those aside that were throttled or asked in an unknown way."""
    backoff_initial_seconds: float = 1
    backoff_max_seconds: float = 30
    backoff_jitter_seconds: float = 1
    retry_after_seconds: float = 60
    """The longest wait that an endpoint may ask for; over that, it is closed."""
    throttle_seconds: float = 120
    """How long calls are throttled, or unanswered, before the endpoint is closed."""
    rest_seconds: float = 600
    """How long an endpoint stays closed that throttled too long, or fell silent."""
    closed_seconds: float = 3600
    """The same for a spent quota, a key that is refused and a model that is unknown."""
    papers: int = 3
    """How many papers must stay unanswered until the endpoint, and not a paper, is at fault."""


class Tries:
    """The calls that one question has cost so far.

    `room_tokens` is how long its answer may be, None for the model's own limit; `is_cut_short`, whether that limit is
    one that many answers will meet; `may_stream`, whether the answer may come as a stream: some endpoints send whole
    what they stream in disorder.
    """

    def __init__(
        self,
        patience: Patience,
        monotonic: Callable[[], float] = time.monotonic,
        *,
        attempts: int | None = None,
    ) -> None:
        self._patience = patience
        self._attempts = min(patience.attempts, attempts or patience.attempts)
        self._monotonic = monotonic
        self._faults: Counter[Outcome] = Counter()
        self._throttled_at: float | None = None
        self.room_tokens: int | None = None
        self.is_cut_short = False
        self.may_stream = True

    @property
    def counted(self) -> int:
        """The calls that failed, but for those that were throttled or asked in an unknown way."""
        free = self._faults[Outcome.THROTTLED] + self._learned_from
        return self._faults.total() - free

    @property
    def _learned_from(self) -> int:
        return sum(number for outcome, number in self._faults.items() if outcome.is_learned_from)

    def wait_before_next(self, error: Exception) -> bool | float:
        """Whether `error` is worth another call: a wait in seconds, True for the usual one, False for no call.

        A call that was throttled goes back to wait with the others (`availability`), hence without a wait here.
        """
        if not isinstance(error, CallError):
            return False
        self._faults[error.outcome] += 1
        self.may_stream = self.may_stream and not error.malformed
        if error.outcome.is_learned_from:
            return 0.0 if self._learned_from <= _FORMS else False
        if error.outcome is Outcome.THROTTLED:
            return 0.0 if self._throttled_seconds() <= self._patience.throttle_seconds else False
        if error.outcome is Outcome.LENGTH:
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
        return self._faults[Outcome.LENGTH] == 1 and self.counted < self._attempts


_FORMS = 10  # of a request that one question may try: more than there are causes to change it
_ROOM_TOKENS = 8192  # the least that a cut answer gets the second time
