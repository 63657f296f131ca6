"""Client for a language model behind any OpenAI-compatible endpoint: takes a prompt, returns a validated value.

This module is the asynchronous edge; the decisions about a call are made in the modules beside it. People who wait for
an answer have priority over the edition.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Generic

import stamina
import structlog

from digest.core.errors import BudgetSpentError
from digest.core.models import Call, Origin, Purpose, VersionId
from digest.core.singleflight import Hear, Listeners
from digest.llm import prompts
from digest.llm.budget import Budget, estimate_tokens
from digest.llm.circuit_breaker import Availability
from digest.llm.endpoint import EndpointClient, completion, exchange
from digest.llm.endpoint_profile import EndpointProfile, TokenCounting, tokens_at_least
from digest.llm.errors import NOT_COUNTED, CallError, CallOutcome, Usage
from digest.llm.profiles import Profiles, RequestForm
from digest.llm.prompts import Prompt
from digest.llm.question import Question, fits, observed_facts, parse_completion, request
from digest.llm.retry import RetryPolicy, Tries
from digest.llm.statuses import Sent
from digest.llm.structured_output import A


@dataclass(eq=False, frozen=True, slots=True)
class _Place:
    is_urgent: Callable[[], bool]
    called: "asyncio.Future[None]"


class PrioritySemaphore:
    """A priority semaphore with `width` slots: urgent waiters go first, then the others in order of arrival."""

    def __init__(self, width: int) -> None:
        self._free = width
        self._waiting: list[_Place] = []

    async def enter(self, is_urgent: Callable[[], bool]) -> None:
        """Wait for a slot and take it; `leave` must follow.

        `is_urgent` is evaluated whenever a slot becomes free, so a paper of the edition moves up when somebody asks for
        it meanwhile.
        """
        if self._free:
            self._free -= 1
            return
        place = _Place(is_urgent, asyncio.get_running_loop().create_future())
        self._waiting.append(place)
        try:
            await place.called
        except asyncio.CancelledError:
            if place in self._waiting:
                self._waiting.remove(place)
            else:
                self.leave()  # the slot was given to it at the same moment
            raise

    def leave(self) -> None:
        """Release a slot to the next waiter."""
        waiting = [place for place in self._waiting if not place.called.done()]
        if not waiting:
            self._free += 1
            return
        following = next((place for place in waiting if place.is_urgent()), waiting[0])
        self._waiting.remove(following)
        following.called.set_result(None)


_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Reply(Generic[A]):
    """The result of one call."""

    result: A | CallError
    usage: Usage

    @property
    def outcome(self) -> CallOutcome:
        return self.result.outcome if isinstance(self.result, CallError) else CallOutcome.OK


@dataclass(frozen=True, slots=True)
class Answered(Generic[A]):
    """An answer, and the call that produced it.

    The caller must store the call in the same transaction as whatever it makes of the answer: a process that crashes
    between the two would pay again, or not know that it had paid.
    """

    value: A
    call: Call
    tries: int
    """The number of calls, as `RetryPolicy.attempts` counts them: this one and those with unusable answers."""


class Model:
    """The models behind one endpoint, with at most `concurrency` calls at a time.

    `clock` returns aware UTC. `record` stores each call without an answer as it
    ends. `profiles` are the known capabilities of the endpoint. `extra` are the operator's own request fields, by
    purpose.
    """

    def __init__(
        self,
        client: EndpointClient,
        *,
        concurrency: int,
        patience: RetryPolicy,
        budget: Budget,
        clock: Callable[[], datetime],
        record: Callable[[Call], Awaitable[None]],
        profiles: Profiles,
        extra: Mapping[Purpose, Mapping[str, Any]] | None = None,
    ) -> None:
        self._client = client
        self._line = PrioritySemaphore(concurrency)
        self._patience = patience
        self._budget = budget
        self._clock = clock
        self._record = record
        self._availability = Availability(patience)
        self._profiles = profiles
        self._extra = extra or {}
        self._said: set[str] = set()

    async def ask(
        self,
        prompt: Prompt,
        form: type[A],
        *,
        purpose: Purpose,
        version: VersionId,
        language: str,
        model: str,
        listeners: Listeners | None = None,
        attempts: int | None = None,
        heard: bool = True,
    ) -> Answered[A]:
        """Ask the model and return its answer, validated as a `form`; validators find `language` in their context.

        `attempts` limits the calls further than `RetryPolicy.attempts`. The `listeners` get the text while
        it is written, before it is validated; not if `heard` is False.
        Raises ModelError if the calls keep failing beyond the limits of the patience, if the budget is spent, and,
        without a call, while the endpoint is known to take none.
        """
        question = Question(prompt, form, purpose, version, language, model, self._extra.get(purpose, {}))
        tries = Tries(self._patience, attempts=attempts)
        waiting = listeners or Listeners()
        try:
            async for attempt in self._attempts(tries):
                with attempt:
                    return await self._once(question, tries, waiting, heard=heard)
        except CallError as fault:
            raise fault.error() from fault
        raise AssertionError  # stamina returns or raises

    async def record(self, call: Call) -> None:
        """Store a call whose answer is only an intermediate step and is not stored itself."""
        await self._record(call)

    def _attempts(self, tries: Tries) -> AsyncIterator[stamina.Attempt]:
        return stamina.retry_context(
            on=tries.wait_before_next,
            attempts=None,
            timeout=None,
            wait_initial=self._patience.backoff_initial_seconds,
            wait_max=self._patience.backoff_max_seconds,
            wait_jitter=self._patience.backoff_jitter_seconds,
        )

    async def _once(
        self, question: Question[A], tries: Tries, listeners: Listeners, *, heard: bool
    ) -> Answered[A]:
        async with self._slot(question.model, listeners):
            profile = self._profiles.of(question.model)
            if not fits(question, profile):
                raise CallError(CallOutcome.LONG_PROMPT, "as others of this length were")
            question = self._marked(question, profile)
            hears = heard and listeners.hears
            body = request(question, profile, tries.room_tokens, stream=hears and tries.may_stream)
            form = RequestForm(profile, frozenset(body))
            with self._profiles.trying(question.model, form):
                reply = await self._paid(question, body, listeners.tell if hears else None)
                reply = await self._learned(question, form, reply, tries)
        call = self._call(question, reply)
        if isinstance(reply.result, CallError):
            await self._record(call)
            raise reply.result
        return Answered(reply.result, call, tries.counted + 1)

    def _marked(self, question: Question[A], profile: EndpointProfile) -> Question[A]:
        """Add marks to `question` if nothing else would show that the endpoint cuts its prompt."""
        is_new = tokens_at_least(question.text) > self._profiles.fitted_tokens(question.model)
        if profile.counting is TokenCounting.MARKS and is_new:
            return replace(question, marks=prompts.marks_of(question.version))
        return question

    @asynccontextmanager
    async def _slot(self, model: str, listeners: Listeners) -> AsyncIterator[None]:
        """Hold one of the endpoint's slots, taken only once `model` may be called, so that no waiting blocks a slot."""
        while True:
            await self._availability.wait(model)
            await self._profiles.wait(model)
            await self._line.enter(lambda: listeners.is_urgent)
            if self._availability.is_open(model) and not self._profiles.is_on_trial(model):
                break
            self._line.leave()
        try:
            yield
        finally:
            self._line.leave()

    async def _paid(self, question: Question[A], body: dict[str, Any], hear: Hear | None) -> _Reply[A]:
        """Send the request `body`; reserve its tokens before and settle them after. Raises BudgetSpentError."""
        reserved = used = estimate_tokens(question.purpose, question.text)
        self._reserve(question.purpose, reserved)
        try:
            reply = await self._reply(question, body, hear)
            used = _tokens(reply, reserved)
        finally:
            self._budget.settle(reserved, used, self._clock())
        return reply

    def _reserve(self, purpose: Purpose, tokens: int) -> None:
        try:
            self._budget.reserve(purpose, tokens, self._clock())
        except BudgetSpentError as error:
            if str(error) not in self._said:
                self._said.add(str(error))
                _log.warning("budget_spent", purpose=purpose, error=str(error))
            raise

    async def _reply(self, question: Question[A], body: dict[str, Any], hear: Hear | None) -> _Reply[A]:
        usage, seconds = NOT_COUNTED, self._patience.call_seconds
        sent = Sent(body, self._client.api_key)
        try:
            told = completion(await exchange(self._client, body, seconds, self._clock(), hear), sent)
            usage = told.usage
            return _Reply(parse_completion(question, told), usage)
        except CallError as fault:
            return _Reply(fault, usage if fault.usage is NOT_COUNTED else fault.usage)

    async def _learned(
        self, question: Question[A], used: RequestForm, reply: _Reply[A], tries: Tries
    ) -> _Reply[A]:
        """Let the next calls learn from `reply`; a refusal that teaches nothing new becomes `CallOutcome.REFUSED`."""
        model, tokens, fault = question.model, tokens_at_least(question.text), reply.result
        if not isinstance(fault, CallError):
            self._availability.succeeded(model)
            needed = tries.room_tokens if tries.is_cut_short else None
            await self._profiles.answered(model, used, observed_facts(question, reply.usage, fault, needed))
            return reply
        is_judge = question.purpose is Purpose.JUDGEMENT
        self._availability.failed(model, question.version, fault, is_judge=is_judge)
        if not await self._profiles.refused(model, used, fault, tokens) and fault.outcome.is_learned_from:
            return _Reply(CallError(CallOutcome.REFUSED, str(fault).rstrip(".")), reply.usage)
        return reply

    def _call(self, question: Question[A], reply: _Reply[A]) -> Call:
        call = Call(
            at=self._clock(),
            purpose=question.purpose,
            version=question.version,
            language=question.language,
            origin=Origin(question.model, question.prompt.version),
            outcome=reply.outcome.value,
            prompt_tokens=reply.usage.prompt_tokens,
            completion_tokens=reply.usage.completion_tokens,
            cached_tokens=reply.usage.cached_tokens,
        )
        _log.info(
            "model_called",
            purpose=call.purpose,
            paper=str(call.version),
            model=question.model,
            outcome=call.outcome,
            prompt_tokens=call.prompt_tokens,
            completion_tokens=call.completion_tokens,
            cached_tokens=call.cached_tokens,
        )
        return call


def _tokens(reply: _Reply[A], reserved: int) -> int:
    """Return the tokens to count for a call: the endpoint's own number, else those reserved if the model ran."""
    if reply.usage.total_tokens:
        return reply.usage.total_tokens
    unpaid = isinstance(reply.result, CallError) and not reply.result.answered
    return 0 if unpaid else reserved
