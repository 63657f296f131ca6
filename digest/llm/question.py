"""A question to a model: builds the body of its request, and extracts the answer from the completion. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, cast

from digest.core.models import Purpose, VersionId
from digest.llm.endpoint import Completion, Ending
from digest.llm.endpoint_profile import (
    SHORT_TOKENS,
    EndpointProfile,
    Streaming,
    TokenCounting,
    TokenField,
    is_cut,
    tokens_at_least,
)
from digest.llm.errors import CallError, CallOutcome, Usage
from digest.llm.profiles import EndpointFacts
from digest.llm.prompts import Marks, Prompt, marked_form
from digest.llm.structured_output import A, answer, response_format


@dataclass(frozen=True, slots=True)
class Question(Generic[A]):
    """A question about one paper version, and the type of the answer.

    `extra` are the operator's own request fields; `marks`, if any, are put at both ends of the prompt.
    """

    prompt: Prompt
    form: type[A]
    purpose: Purpose
    version: VersionId
    language: str
    model: str
    extra: Mapping[str, Any] = field(default_factory=dict)
    marks: Marks | None = None

    @property
    def text(self) -> str:
        """The whole text that the model must read."""
        return self.prompt.system + self.prompt.user


def request(
    question: Question[A], profile: EndpointProfile, room_tokens: int | None = None, *, stream: bool = False
) -> dict[str, Any]:
    """Build the body of the request as `profile` requires.

    It has no fields that some endpoints reject, such as a temperature. `room_tokens` is the maximum answer length; None
    means that of the profile. `stream` asks for a streamed answer.
    """
    body: dict[str, Any] = {"model": question.model, "messages": _messages(question, profile)}
    form = marked_form(question.form) if question.marks else question.form
    wanted = response_format(profile.response_format, question.purpose, form)
    if wanted is not None:
        body["response_format"] = wanted
    if streams(profile, wanted=stream):
        body["stream"] = True
        if profile.usage_in_streams:
            body["stream_options"] = {"include_usage": True}
    body |= {name: value for name, value in question.extra.items() if name not in profile.refused_fields}
    return _limited(body, profile, room_tokens or profile.answer_tokens)


def streams(profile: EndpointProfile, *, wanted: bool) -> bool:
    """Return True if the request asks for a stream."""
    return profile.streaming is Streaming.REQUIRED or (wanted and profile.streaming is Streaming.POSSIBLE)


def _messages(question: Question[A], profile: EndpointProfile) -> list[dict[str, str]]:
    system = question.prompt.system
    user = question.marks.around(question.prompt) if question.marks else question.prompt.user
    if profile.system_role:
        return [{"role": "system", "content": system}, {"role": "user", "content": user}]
    return [{"role": "user", "content": f"{system}\n\n{user}"}]


def _limited(body: dict[str, Any], profile: EndpointProfile, room_tokens: int | None) -> dict[str, Any]:
    """Return `body` with the token limit, the operator's included, in the field that the endpoint accepts."""
    names = (TokenField.MAX_TOKENS, TokenField.MAX_COMPLETION_TOKENS)
    own = [value for name in names if isinstance(value := body.pop(name, None), int)]
    asked = max((*own, room_tokens or 0))
    if asked and profile.token_field is not TokenField.NONE:
        body[profile.token_field.value] = min(asked, profile.most_tokens or asked)
    return body


def fits(question: Question[A], profile: EndpointProfile) -> bool:
    """Return True unless a prompt of this length is known to be too long."""
    return profile.window_tokens is None or tokens_at_least(question.text) < profile.window_tokens


def parse_completion(question: Question[A], told: Completion) -> A:
    """Parse the answer in the completion `told`, whatever reason it gives for its end.

    Raises CallError, also if the endpoint silently cut the prompt.
    """
    read = (
        told.usage.prompt_tokens + told.usage.cached_tokens
    )  # some endpoints do not count cached tokens as prompt tokens
    if is_cut(question.text, read):
        raise CallError(CallOutcome.CUT_PROMPT, f"{read:,} tokens of {len(question.text):,} characters")
    try:
        made = _made(question, told.text)
    except CallError as fault:
        if told.ending is Ending.LENGTH:
            raise CallError(CallOutcome.LENGTH, usage=told.usage) from None
        if told.ending is Ending.UNTOLD and fault.outcome in _PARTIAL:
            raise CallError(CallOutcome.UNFINISHED) from None
        raise
    if question.marks and not question.marks.are_in(made) and tokens_at_least(question.text) > SHORT_TOKENS:
        raise CallError(CallOutcome.CUT_PROMPT, "the marks at its ends are missing in the answer")
    return made


def _made(question: Question[A], text: str) -> A:
    form = cast(type[A], marked_form(question.form)) if question.marks else question.form
    return answer(text, form, question.language)


def observed_facts(question: Question[A], usage: Usage, made: A, room_tokens: int | None) -> EndpointFacts:
    """Return the facts that the answer `made` shows about its endpoint, such as how to detect cut prompts."""
    tokens = tokens_at_least(question.text)
    if usage.prompt_tokens or usage.cached_tokens:
        return EndpointFacts(
            tokens, is_read_whole=True, counting=TokenCounting.TOKENS, room_tokens=room_tokens
        )
    copied = question.marks is not None and question.marks.are_in(made)
    counting = TokenCounting.MARKS if copied or question.marks is None else TokenCounting.NOTHING
    return EndpointFacts(tokens, is_read_whole=copied, counting=counting, room_tokens=room_tokens)


_PARTIAL = frozenset({CallOutcome.BLANK, CallOutcome.PROSE, CallOutcome.HALF_JSON, CallOutcome.WRONG_SHAPE})
