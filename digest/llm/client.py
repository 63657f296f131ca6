"""Questions to a language model behind any OpenAI-compatible endpoint: a prompt in, a validated value out.

Here is the asynchronous edge; what is decided about a call is decided in the modules beside it.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Generic

import openai
import stamina
import structlog

from digest.errors import BudgetSpentError
from digest.flights import Audience, Hear
from digest.llm import marks
from digest.llm.answers import A
from digest.llm.availability import Availability
from digest.llm.budget import Budget, estimate_tokens
from digest.llm.completion import completion
from digest.llm.endpoint import exchange
from digest.llm.faults import NOT_COUNTED, CallError, Outcome, Usage
from digest.llm.line import Line
from digest.llm.patience import Patience, Tries
from digest.llm.profile import Counting, EndpointProfile
from digest.llm.profiles import Form, Profiles
from digest.llm.prompts import Prompt
from digest.llm.question import Question, fits, request, shown, value
from digest.llm.statuses import Sent
from digest.llm.token_bounds import tokens_at_least
from digest.models import Call, Origin, Purpose, VersionId

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Reply(Generic[A]):
    """What came of one call."""

    result: A | CallError
    usage: Usage

    @property
    def outcome(self) -> Outcome:
        return self.result.outcome if isinstance(self.result, CallError) else Outcome.OK


@dataclass(frozen=True, slots=True)
class Answered(Generic[A]):
    """An answer, and the call that brought it.

    Whoever keeps what is made of the answer keeps the call with it, in one transaction: a process that dies between
    the two would pay again, or not know that it had paid.
    """

    value: A
    call: Call
    tries: int
    """The calls that it took, as `Patience.attempts` counts them: this one, and those whose answers were of no use."""


class Model:
    """The models behind one endpoint, asked by at most `concurrency` calls at a time.

    `client` is made by `endpoint.connect`; `clock` gives aware UTC; `record` stores each call that brought no
    answer, as it ends; `profiles` is what is known of the endpoint; `extra` are the operator's own fields of
    requests, by purpose.
    """

    def __init__(
        self,
        client: openai.AsyncOpenAI,
        *,
        concurrency: int,
        patience: Patience,
        budget: Budget,
        clock: Callable[[], datetime],
        record: Callable[[Call], Awaitable[None]],
        profiles: Profiles,
        extra: Mapping[Purpose, Mapping[str, Any]] | None = None,
    ) -> None:
        self._client = client
        self._line = Line(concurrency)
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
        audience: Audience | None = None,
        attempts: int | None = None,
        heard: bool = True,
    ) -> Answered[A]:
        """The model's answer, valid as a `form`; its validators find `language` in their context.

        `attempts` is for a question that may take fewer calls than the patience has for others.
        Those of the `audience` who want to are told the text while it is written, before it is known to be valid; none
        where the answer is not to be `heard`.
        Raises ModelError: when the faults of the calls outlast the patience, when the budget is spent, and
        without any call while the endpoint is known to take none.
        """
        question = Question(prompt, form, purpose, version, language, model, self._extra.get(purpose, {}))
        tries = Tries(self._patience, attempts=attempts)
        waiting = audience or Audience()
        try:
            async for attempt in self._attempts(tries):
                with attempt:
                    return await self._once(question, tries, waiting, heard=heard)
        except CallError as fault:
            raise fault.error() from fault
        raise AssertionError  # stamina returns or raises

    async def record(self, call: Call) -> None:
        """Keeps a call whose answer is not kept itself: it was a step to one that will be."""
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
        self, question: Question[A], tries: Tries, audience: Audience, *, heard: bool
    ) -> Answered[A]:
        async with self._slot(question.model, audience):
            profile = self._profiles.of(question.model)
            if not fits(question, profile):
                raise CallError(Outcome.LONG_PROMPT, "as it was for others")
            question = self._marked(question, profile)
            hears = heard and audience.hears
            body = request(question, profile, tries.room_tokens, stream=hears and tries.may_stream)
            form = Form(profile, frozenset(body))
            with self._profiles.trying(question.model, form):
                reply = await self._paid(question, body, audience.tell if hears else None)
                reply = await self._learned(question, form, reply, tries)
        call = self._call(question, reply)
        if isinstance(reply.result, CallError):
            await self._record(call)
            raise reply.result
        return Answered(reply.result, call, tries.counted + 1)

    def _marked(self, question: Question[A], profile: EndpointProfile) -> Question[A]:
        """`question` with marks, where nothing else would tell that its prompt is cut."""
        is_new = tokens_at_least(question.text) > self._profiles.fitted_tokens(question.model)
        if profile.counting is Counting.MARKS and is_new:
            return replace(question, marks=marks.of(question.version))
        return question

    @asynccontextmanager
    async def _slot(self, model: str, audience: Audience) -> AsyncIterator[None]:
        """One of the endpoint's slots, taken once `model` may be called: nobody waits for that in a slot."""
        while True:
            await self._availability.wait(model)
            await self._profiles.wait(model)
            await self._line.enter(lambda: audience.is_urgent)
            if self._availability.is_open(model) and not self._profiles.is_on_trial(model):
                break
            self._line.leave()
        try:
            yield
        finally:
            self._line.leave()

    async def _paid(self, question: Question[A], body: dict[str, Any], hear: Hear | None) -> _Reply[A]:
        """The reply to the request `body`, its tokens reserved before and counted after. Raises BudgetSpentError."""
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
            return _Reply(value(question, told), usage)
        except CallError as fault:
            return _Reply(fault, usage if fault.usage is NOT_COUNTED else fault.usage)

    async def _learned(self, question: Question[A], used: Form, reply: _Reply[A], tries: Tries) -> _Reply[A]:
        """`reply`, from which the next calls learn; a refusal from which nothing is left to learn is a plain one."""
        model, tokens, fault = question.model, tokens_at_least(question.text), reply.result
        if not isinstance(fault, CallError):
            self._availability.succeeded(model)
            needed = tries.room_tokens if tries.is_cut_short else None
            await self._profiles.answered(model, used, shown(question, reply.usage, fault, needed))
            return reply
        self._availability.failed(model, question.version, fault)
        if not await self._profiles.refused(model, used, fault, tokens) and fault.outcome.is_learned_from:
            return _Reply(CallError(Outcome.REFUSED, str(fault).rstrip(".")), reply.usage)
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
    """What a call counts for: what the endpoint says, else what was reserved if the model was at work."""
    if reply.usage.total_tokens:
        return reply.usage.total_tokens
    unpaid = isinstance(reply.result, CallError) and not reply.result.answered
    return 0 if unpaid else reserved
