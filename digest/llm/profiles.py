"""What is known of each model's endpoint, and how all calls learn from the refusal of one."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace

import structlog

from digest.llm.faults import CallError, Outcome
from digest.llm.profile import NEW, Counting, EndpointProfile
from digest.llm.refusals import lower_format
from digest.llm.token_bounds import SHORT_TOKENS

_log = structlog.get_logger()

Keep = Callable[[str, EndpointProfile], Awaitable[None]]

_TRIAL_SECONDS = 3.0
"""How long others wait for the first call's refusal: a refusal comes before the model is at work, an answer after."""

_FORMAT_FAILURES = 2
"""So many answers in a row that did not keep to the format, by the endpoint's own word, are the format's fault."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What one answer shows of its endpoint.

    `tokens` is the lower bound of the prompt's, and `is_read_whole` whether the answer proves that all of it was read;
    `room_tokens` is the limit that had to be asked for, None where the endpoint's own was enough.
    """

    tokens: int
    is_read_whole: bool
    counting: Counting
    room_tokens: int | None = None


def _after(used: EndpointProfile, shown: Shown) -> EndpointProfile:
    """`used` with what an answer has shown; where marks are not copied, what their absence said is taken back."""
    counting = shown.counting
    if used.counting is Counting.NOTHING and counting is Counting.MARKS:
        counting = Counting.NOTHING
    is_kept = used.counting is counting or counting is not Counting.NOTHING
    window = used.window_tokens if is_kept else None
    room = max(shown.room_tokens, used.answer_tokens or 0) if shown.room_tokens else used.answer_tokens
    cuts = used.cuts_prompts and window is not None
    return replace(used, counting=counting, window_tokens=window, cuts_prompts=cuts, answer_tokens=room)


@dataclass(frozen=True, slots=True)
class Form:
    """The form of a request: the profile that it was made by, and the names of its fields.

    Not all requests have all fields: a limit of tokens is asked for once an answer was cut off, a stream where
    somebody watches. Each may be refused where requests without it were taken.
    """

    profile: EndpointProfile
    fields: frozenset[str]


_ALWAYS = frozenset({"model", "messages", "response_format"})


@dataclass(slots=True)
class _Known:
    """A model's profile; `tried` are the fields of requests in its form that were not refused.

    `trial` ends once the first request with the fields `on_trial` has its answer. `fitted_tokens` is the lower bound
    of the longest prompt that is known to have been read whole.
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
            known.tried |= known.on_trial  # it is at work, or lost: no reason to wait longer
            known.trial = None

    def is_on_trial(self, model: str) -> bool:
        return self._known(model).trial is not None

    @contextmanager
    def trying(self, model: str, form: Form) -> Iterator[None]:
        """The time of one call, which goes ahead of the others where the `form` of its request is untried."""
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

    async def refused(self, model: str, used: Form, fault: CallError, tokens: int) -> bool:
        """Learn from a call in the form `used` that ended with `fault`; whether another form is left to try.

        `tokens` is the lower bound of its prompt's tokens.
        """
        known = self._known(model)
        if fault.learn is not None:
            if used.profile == known.profile:
                await self._change(known, model, fault.learn(used.profile), fault.outcome)
                known.tried = used.fields if used.profile == known.profile else frozenset()
            return used.profile != known.profile
        known.tried |= used.fields
        if fault.outcome in {Outcome.LONG_PROMPT, Outcome.CUT_PROMPT}:
            await self._narrow(known, model, tokens, fault.outcome)
        elif fault.outcome is Outcome.FORMAT_FAILED:
            known.format_failures += 1
            if known.format_failures >= _FORMAT_FAILURES:
                known.format_failures = 0
                await self._change(known, model, lower_format(known.profile), fault.outcome)
        return False

    async def answered(self, model: str, used: Form, shown: Shown) -> None:
        """Learn from an answer to a request in the form `used`, which has `shown` so much."""
        known = self._known(model)
        known.tried, known.format_failures = known.tried | used.fields, 0
        if shown.is_read_whole:
            known.fitted_tokens = max(known.fitted_tokens, shown.tokens)
        known.copies_marks = known.copies_marks or (
            shown.is_read_whole and used.profile.counting is Counting.MARKS
        )
        if used.profile == known.profile:
            learned = _after(used.profile, shown)
            if learned.counting is not Counting.NOTHING or not known.copies_marks:
                await self._change(known, model, learned, Outcome.OK)
        if not known.is_kept:
            known.is_kept = True
            await self.keep(model, known.profile)

    def fitted_tokens(self, model: str) -> int:
        """The lower bound of the longest prompt that is known to have been read whole."""
        return self._known(model).fitted_tokens

    async def _narrow(self, known: _Known, model: str, tokens: int, why: Outcome) -> None:
        """Prompts of so many tokens do not fit; unless a longer one did, or this one is as short as an abstract's."""
        if tokens > max(known.fitted_tokens, SHORT_TOKENS):
            window = min(tokens, known.profile.window_tokens or tokens)
            cuts = why is Outcome.CUT_PROMPT
            if cuts:
                _log.warning("prompt_cut_in_silence", model=model, tokens=tokens)
            narrower = replace(
                known.profile, window_tokens=window, cuts_prompts=cuts or known.profile.cuts_prompts
            )
            await self._change(known, model, narrower, why)

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
                profile or NEW, tried=_ALWAYS if profile else frozenset(), is_kept=profile is not None
            )
        return self._models[model]
