"""What is known of each model's endpoint, and how all calls learn from the refusal of one."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace

import structlog

from digest.llm.faults import CallError, Outcome
from digest.llm.profile import NEW, EndpointProfile
from digest.llm.refusals import lower_format

_log = structlog.get_logger()

Keep = Callable[[str, EndpointProfile], Awaitable[None]]

_TRIAL_SECONDS = 3.0
"""How long others wait for the first call's refusal: a refusal comes before the model is at work, an answer after."""

_FORMAT_FAILURES = 2
"""So many answers in a row that did not keep to the format, by the endpoint's own word, are the format's fault."""

_SHORT_TOKENS = 1_500
"""By the lower bound: what does not fit though it is as short has a reason of its own."""


@dataclass(slots=True)
class _Known:
    """A model's profile; `tried` is whether some request in its form was not refused.

    `fitted_tokens` is the lower bound of the longest prompt that was answered.
    """

    profile: EndpointProfile
    tried: bool
    is_kept: bool
    trial: asyncio.Event | None = None
    format_failures: int = 0
    fitted_tokens: int = 0


@dataclass(slots=True)
class Profiles:
    """The profiles of an endpoint's models: `kept` from earlier processes, and kept by `keep` as they change.

    While a form of request is untried, one call goes ahead and the others wait for it, for three seconds at the most:
    so a refusal costs one call, however many papers there are.
    """

    kept: Mapping[str, EndpointProfile]
    keep: Keep
    _models: dict[str, _Known] = field(default_factory=dict)

    def of(self, model: str) -> EndpointProfile:
        """The form that requests to `model` have to have, as far as it is known."""
        return self._known(model).profile

    async def wait(self, model: str) -> None:
        """Returns once nobody is trying an untried form of request."""
        known = self._known(model)
        while (trial := known.trial) is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(_TRIAL_SECONDS):
                    await trial.wait()
                    continue
            known.tried, known.trial = True, None  # it is at work, or lost: no reason to wait longer

    def is_on_trial(self, model: str) -> bool:
        return self._known(model).trial is not None

    @contextmanager
    def trying(self, model: str) -> Iterator[None]:
        """The time of one call, which goes ahead of the others where the form of its request is untried."""
        known = self._known(model)
        if known.tried or known.trial is not None:
            yield
            return
        known.trial = trial = asyncio.Event()
        try:
            yield
        finally:
            if known.trial is trial:
                known.trial = None
            trial.set()

    async def refused(self, model: str, used: EndpointProfile, fault: CallError, tokens: int) -> bool:
        """Learn from a call in the form `used` that ended with `fault`; whether another form is left to try.

        `tokens` is the lower bound of its prompt's tokens.
        """
        known = self._known(model)
        if fault.learn is not None:
            if used == known.profile:
                await self._change(known, model, fault.learn(used), fault.outcome)
                known.tried = used == known.profile
            return used != known.profile
        known.tried = True
        if fault.outcome in {Outcome.LONG_PROMPT, Outcome.CUT_PROMPT}:
            await self._narrow(known, model, tokens, fault.outcome)
        elif fault.outcome is Outcome.FORMAT_FAILED:
            known.format_failures += 1
            if known.format_failures >= _FORMAT_FAILURES:
                known.format_failures = 0
                await self._change(known, model, lower_format(known.profile), fault.outcome)
        return False

    async def answered(self, model: str, used: EndpointProfile, tokens: int, room_tokens: int | None) -> None:
        """Learn from an answer to a request in the form `used`, whose prompt has at least `tokens`.

        `room_tokens` is the limit that had to be asked for, None where the endpoint's own was enough.
        """
        known = self._known(model)
        known.tried, known.format_failures = True, 0
        known.fitted_tokens = max(known.fitted_tokens, tokens)
        if room_tokens and used == known.profile:
            room = max(room_tokens, used.answer_tokens or 0)
            await self._change(known, model, replace(used, answer_tokens=room), Outcome.LENGTH)
        if not known.is_kept:
            known.is_kept = True
            await self.keep(model, known.profile)

    async def _narrow(self, known: _Known, model: str, tokens: int, why: Outcome) -> None:
        """Prompts of so many tokens do not fit; unless a longer one did, or this one is as short as an abstract's."""
        if tokens > max(known.fitted_tokens, _SHORT_TOKENS):
            window = min(tokens, known.profile.window_tokens or tokens)
            await self._change(known, model, replace(known.profile, window_tokens=window), why)

    async def _change(self, known: _Known, model: str, profile: EndpointProfile, why: Outcome) -> None:
        if profile == known.profile:
            return
        known.profile, known.is_kept = profile, True
        _log.info("endpoint_learned", model=model, reason=why.value)
        await self.keep(model, profile)

    def _known(self, model: str) -> _Known:
        if model not in self._models:
            profile = self.kept.get(model)
            self._models[model] = _Known(
                profile or NEW, tried=profile is not None, is_kept=profile is not None
            )
        return self._models[model]
