"""A circuit breaker for an endpoint: what one call learns about its availability applies to all others.

Ten minutes of 429 must not be discovered by two hundred papers one after another.
"""

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import structlog

from digest.core.errors import ModelError
from digest.core.models import VersionId
from digest.llm.errors import CallError, CallOutcome
from digest.llm.retry import RetryPolicy

_log = structlog.get_logger()

_OF_THE_KEY = {CallOutcome.QUOTA, CallOutcome.UNAUTHORISED}
_CLOSING_ALL = {*_OF_THE_KEY, CallOutcome.REDIRECTED, CallOutcome.CERTIFICATE}
_CLOSING_MODEL = {CallOutcome.NO_MODEL}


@dataclass(slots=True)
class _Trouble:
    """An uninterrupted series of failed calls to one model; times are on the monotonic clock, in seconds."""

    since: float
    last: float
    paused_until: float = 0.0
    pauses: int = 0
    unanswered: set[VersionId] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Closure:
    until: float
    fault: CallError


class Availability:
    """The availability of an endpoint's models, shared by all calls."""

    def __init__(self, patience: RetryPolicy, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._patience = patience
        self._now = monotonic
        self._troubles: dict[str, _Trouble] = {}
        self._closures: dict[str | None, _Closure] = {}  # None: all models of the endpoint
        self._closing = asyncio.Event()

    async def wait(self, model: str) -> None:
        """Wait until `model` may be called. Raises ModelError at once while it is closed."""
        while (seconds := self.pause_seconds(model)) > 0:
            jitter = random.uniform(0, self._patience.backoff_jitter_seconds)  # noqa: S311 - not a secret
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds + jitter):
                    await self._closing.wait()

    def pause_seconds(self, model: str) -> float:
        """Return the remaining pause before calls to `model`, in seconds. Raises ModelError while it is closed."""
        now = self._now()
        for closure in (self._closures.get(None), self._closures.get(model)):
            if closure is not None and now < closure.until:
                raise _closed(closure, closure.until - now)
        trouble = self._troubles.get(model)
        return max(0.0, trouble.paused_until - now) if trouble else 0.0

    def is_open(self, model: str) -> bool:
        try:
            return self.pause_seconds(model) == 0
        except ModelError:
            return False

    def succeeded(self, model: str) -> None:
        """Record that `model` answered; any answer shows that it is available."""
        self._troubles.pop(model, None)

    def failed(self, model: str, paper: VersionId, fault: CallError, *, is_judge: bool = False) -> None:
        """Record that a call to `model` for `paper` ended with `fault`.

        A key, or its credit, may be good for other models than that of a judge, which texts can go without. So what
        they say to a judge closes its model alone.
        """
        if is_judge and fault.outcome in _OF_THE_KEY:
            self._close(model, fault, self._patience.closed_seconds)
        elif fault.outcome in _CLOSING_ALL:
            self._close(None, fault, self._patience.closed_seconds)
        elif fault.outcome in _CLOSING_MODEL:
            self._close(model, fault, self._patience.closed_seconds)
        elif fault.outcome is CallOutcome.THROTTLED:
            self._throttled(model, fault)
        elif fault.unreachable:
            self._unanswered(model, paper, fault)
        elif fault.outcome is CallOutcome.ONLY_THOUGHT:
            self._only_thought(model, paper, fault)
        else:
            self.succeeded(model)

    def _throttled(self, model: str, fault: CallError) -> None:
        trouble, now = self._trouble(model), self._now()
        wait = self._wait_seconds(trouble, fault)
        resume = max(trouble.paused_until, now + wait)
        if wait > self._patience.retry_after_seconds:
            self._close(model, fault, min(wait, self._patience.closed_seconds))
        elif resume - trouble.since > self._patience.throttle_seconds:
            self._close(model, fault, self._patience.rest_seconds)
        trouble.paused_until = resume

    def _wait_seconds(self, trouble: _Trouble, fault: CallError) -> float:
        """Return the wait that the endpoint asks for, else one that doubles with each pause, in seconds.

        Calls that were already running when a pause began add no wait.
        """
        asked = fault.retry_after or 0.0
        if asked >= self._patience.backoff_initial_seconds:
            return asked
        if self._now() < trouble.paused_until:
            return 0.0
        trouble.pauses += 1
        doubled = self._patience.backoff_initial_seconds * 2.0 ** min(trouble.pauses - 1, 30)
        return min(doubled, self._patience.backoff_max_seconds)

    def _unanswered(self, model: str, paper: VersionId, fault: CallError) -> None:
        """Count an unanswered call; several papers in a row, for a long time, close the model.

        A single paper may be too much for a model.
        """
        trouble = self._trouble(model)
        trouble.unanswered.add(paper)
        lasted = trouble.last - trouble.since
        if len(trouble.unanswered) >= self._patience.papers and lasted > self._patience.throttle_seconds:
            self._close(model, fault, self._patience.rest_seconds)

    def _only_thought(self, model: str, paper: VersionId, fault: CallError) -> None:
        """Count an answer of thoughts only; several papers in a row are not the papers' fault and close the model."""
        trouble = self._trouble(model)
        trouble.unanswered.add(paper)
        if len(trouble.unanswered) >= self._patience.papers:
            self._close(model, fault, self._patience.rest_seconds)

    def _trouble(self, model: str) -> _Trouble:
        now = self._now()
        trouble = self._troubles.get(model)
        forgotten = self._patience.call_seconds + self._patience.throttle_seconds
        if trouble is None or now - trouble.last > forgotten:
            trouble = self._troubles[model] = _Trouble(since=now, last=now)
        trouble.last = now
        return trouble

    def _close(self, model: str | None, fault: CallError, seconds: float) -> None:
        closure = self._closures.get(model)
        if closure is not None and self._now() < closure.until:
            return  # the fault of a call that was already running when it closed
        self._closures[model] = _Closure(self._now() + seconds, fault)
        _log.warning("circuit_opened", model=model or "all", reason=fault.outcome, seconds=round(seconds))
        self._closing.set()
        self._closing = asyncio.Event()


def _closed(closure: _Closure, seconds: float) -> ModelError:
    error = closure.fault.error()
    minutes = max(1, round(seconds / 60))
    return type(error)(f"{error} No further call for about {minutes} min.")
