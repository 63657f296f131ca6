"""The endpoint profiles of all models; every call benefits from what an earlier refusal taught."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace

import structlog

from digest.llm.endpoint_profile import NEW, SHORT_TOKENS, EndpointProfile, TokenCounting
from digest.llm.errors import CallError, CallOutcome
from digest.llm.refusals import lower_format

_log = structlog.get_logger()

Keep = Callable[[str, EndpointProfile], Awaitable[None]]

_TRIAL_SECONDS = 1.0  # a refusal comes at once; every second costs an edition of two hundred papers 2 %
"""How long other calls wait for a refusal of the first: a refusal comes before the model runs, an answer after."""

_FORMAT_FAILURES = 2
"""The number of consecutive format failures, as reported by the endpoint, from which the format is at fault."""


@dataclass(frozen=True, slots=True)
class EndpointFacts:
    """The facts that one answer shows about its endpoint.

    `tokens` is the lower bound for the prompt's tokens. `is_read_whole` is True if the answer proves that the endpoint
    read the whole prompt. `room_tokens` is the answer length that had to be requested; None if the default was enough.
    """

    tokens: int
    is_read_whole: bool
    counting: TokenCounting
    room_tokens: int | None = None


def _after(used: EndpointProfile, shown: EndpointFacts) -> EndpointProfile:
    """Update `used` with what an answer showed; if the model never copies marks, conclusions from them are undone."""
    counting = shown.counting
    if used.counting is TokenCounting.NOTHING and counting is TokenCounting.MARKS:
        counting = TokenCounting.NOTHING
    is_kept = used.counting is counting or counting is not TokenCounting.NOTHING
    window = used.window_tokens if is_kept else None
    room = max(shown.room_tokens, used.answer_tokens or 0) if shown.room_tokens else used.answer_tokens
    cuts = used.cuts_prompts and window is not None
    return replace(used, counting=counting, window_tokens=window, cuts_prompts=cuts, answer_tokens=room)


@dataclass(frozen=True, slots=True)
class RequestForm:
    """The form of a request: the profile that it was built with, and the names of its fields.

    Requests differ in their fields: a token limit is set only after an answer was cut off, a stream only if somebody
    watches. An endpoint may reject any of these although it accepted requests without it.
    """

    profile: EndpointProfile
    fields: frozenset[str]


_ALWAYS = frozenset({"model", "messages", "response_format"})


@dataclass(slots=True)
class _KnownProfile:
    """A model's profile; `tried` are the request fields that were accepted in this form.

    `trial` is set once the first request with the fields `on_trial` has its answer. `fitted_tokens` is the lower bound
    for the tokens of the longest prompt that was certainly read as a whole.
    """

    profile: EndpointProfile
    tried: frozenset[str]
    is_kept: bool
    trial: asyncio.Event | None = None
    on_trial: frozenset[str] = frozenset()
    format_failures: int = 0
    fitted_tokens: int = 0
    copies_marks: bool = False


@dataclass(slots=True)
class Profiles:
    """The profiles of an endpoint's models: `kept` by earlier processes, and stored by `keep` when they change.

    While a form of request is untried, one call goes ahead and the others wait for it, for at most a second, so
    that a refusal costs one call, however many papers there are.
    """

    kept: Mapping[str, EndpointProfile]
    keep: Keep
    _models: dict[str, _KnownProfile] = field(default_factory=dict)

    def of(self, model: str) -> EndpointProfile:
        """Return the current profile of `model`."""
        return self._known(model).profile

    async def wait(self, model: str) -> None:
        """Wait until no untried form of request is on trial."""
        known = self._known(model)
        while (trial := known.trial) is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(_TRIAL_SECONDS):
                    await trial.wait()
                    continue
            known.tried |= known.on_trial  # the call is running or lost: no reason to wait longer
            known.trial = None

    def is_on_trial(self, model: str) -> bool:
        return self._known(model).trial is not None

    @contextmanager
    def trying(self, model: str, form: RequestForm) -> Iterator[None]:
        """Wrap one call; if the `form` of its request is untried, the other calls wait for it."""
        known = self._known(model)
        if form.fields <= known.tried or known.trial is not None:
            yield
            return
        known.trial, known.on_trial = (trial := asyncio.Event()), form.fields
        try:
            yield
        finally:
            if known.trial is trial:
                known.trial = None
            trial.set()

    async def refused(self, model: str, used: RequestForm, fault: CallError, tokens: int) -> bool:
        """Learn from a call in the form `used` that ended with `fault`; return True if another form is left to try.

        `tokens` is the lower bound for the tokens of its prompt.
        """
        known = self._known(model)
        if fault.learn is not None:
            if used.profile == known.profile:
                await self._change(known, model, fault.learn(used.profile), fault.outcome)
                known.tried = used.fields if used.profile == known.profile else frozenset()
            return used.profile != known.profile
        known.tried |= used.fields
        if fault.outcome in {CallOutcome.LONG_PROMPT, CallOutcome.CUT_PROMPT}:
            await self._narrow(known, model, tokens, fault.outcome)
        elif fault.outcome is CallOutcome.FORMAT_FAILED:
            known.format_failures += 1
            if known.format_failures >= _FORMAT_FAILURES:
                known.format_failures = 0
                await self._change(known, model, lower_format(known.profile), fault.outcome)
        return False

    async def answered(self, model: str, used: RequestForm, shown: EndpointFacts) -> None:
        """Learn from an answer to a request in the form `used`; `shown` are the facts that it showed."""
        known = self._known(model)
        known.tried, known.format_failures = known.tried | used.fields, 0
        if shown.is_read_whole:
            known.fitted_tokens = max(known.fitted_tokens, shown.tokens)
        known.copies_marks = known.copies_marks or (
            shown.is_read_whole and used.profile.counting is TokenCounting.MARKS
        )
        if used.profile == known.profile:
            learned = _after(used.profile, shown)
            if learned.counting is not TokenCounting.NOTHING or not known.copies_marks:
                await self._change(known, model, learned, CallOutcome.OK)
        if not known.is_kept:
            known.is_kept = True
            await self.keep(model, known.profile)

    def fitted_tokens(self, model: str) -> int:
        """Return the lower bound for the tokens of the longest prompt that was certainly read as a whole."""
        return self._known(model).fitted_tokens

    async def _narrow(self, known: _KnownProfile, model: str, tokens: int, why: CallOutcome) -> None:
        """Lower the known context size to `tokens`, unless a longer prompt did fit or this one is a short one."""
        if tokens > max(known.fitted_tokens, SHORT_TOKENS):
            window = min(tokens, known.profile.window_tokens or tokens)
            cuts = why is CallOutcome.CUT_PROMPT
            if cuts:
                _log.warning("prompt_silently_truncated", model=model, tokens=tokens)
            narrower = replace(
                known.profile, window_tokens=window, cuts_prompts=cuts or known.profile.cuts_prompts
            )
            await self._change(known, model, narrower, why)

    async def _change(
        self, known: _KnownProfile, model: str, profile: EndpointProfile, why: CallOutcome
    ) -> None:
        if profile == known.profile:
            return
        known.profile, known.is_kept = profile, True
        _log.info("endpoint_learned", model=model, reason=why.value)
        await self.keep(model, profile)

    def _known(self, model: str) -> _KnownProfile:
        if model not in self._models:
            profile = self.kept.get(model)
            self._models[model] = _KnownProfile(
                profile or NEW, tried=_ALWAYS if profile else frozenset(), is_kept=profile is not None
            )
        return self._models[model]
