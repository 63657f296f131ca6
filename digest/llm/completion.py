"""The body of a chat completion -> the one finished text in it, or a named fault. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from digest.llm.faults import NOT_COUNTED, CallError, Outcome, Usage
from digest.llm.statuses import fault_for


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model wrote, thoughts and all, and what it cost."""

    text: str
    usage: Usage


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Body(BaseModel):
    choices: list[_Choice] | None = None
    usage: Any = None
    error: Any = None


_Tokens = Annotated[int, Field(ge=0, le=10**9)]  # of one call: no model has a window of a billion


class _PromptDetails(BaseModel):
    cached_tokens: _Tokens | None = None


class _Usage(BaseModel):
    prompt_tokens: _Tokens = 0
    completion_tokens: _Tokens = 0
    prompt_tokens_details: _PromptDetails | None = None
    prompt_cache_hit_tokens: _Tokens | None = None
    """DeepSeek's name for the cached tokens."""


def completion(body: bytes) -> Completion:
    """The one finished completion in `body`. Raises CallError, with the usage where the body tells it."""
    try:
        parsed = _Body.model_validate_json(body)
    except ValidationError:
        raise CallError(Outcome.NO_COMPLETION) from None
    if parsed.error:
        raise error_fault(parsed.error)
    usage = _usage(parsed.usage)
    choices = parsed.choices or []
    if len(choices) != 1:
        raise CallError(Outcome.MANY_CHOICES if choices else Outcome.NO_CHOICE, usage=usage)
    return Completion(_text(choices[0], usage), usage)


def _text(choice: _Choice, usage: Usage) -> str:
    if choice.message.refusal:
        raise CallError(Outcome.REFUSAL, usage=usage)
    if choice.finish_reason != "stop":
        raise CallError(_UNFINISHED.get(choice.finish_reason or "", Outcome.UNFINISHED), usage=usage)
    text = choice.message.content or ""
    if not text.strip():
        raise CallError(Outcome.BLANK, usage=usage)
    return text


_UNFINISHED = {"length": Outcome.LENGTH, "content_filter": Outcome.FILTERED}


def error_fault(error: object) -> CallError:
    """The fault that an `error` in place of a completion stands for.

    Gateways pass on an upstream's error with status 200, and its status as the error's code.
    """
    code = error.get("code") if isinstance(error, Mapping) else None
    if isinstance(code, int) and 400 <= code < 600:
        return fault_for(code, error)
    return CallError(Outcome.ERROR_BODY)


def _usage(raw: object) -> Usage:
    """Counts that make no sense cost no answer: they count as not told."""
    try:
        told = _Usage.model_validate(raw)
    except ValidationError:
        return NOT_COUNTED
    details = told.prompt_tokens_details
    cached = (details.cached_tokens if details else None) or told.prompt_cache_hit_tokens or 0
    return Usage(told.prompt_tokens, told.completion_tokens, cached)
