"""Parser for the body of a chat completion: returns its text, or raises a named fault. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from digest.llm.errors import NOT_COUNTED, CallError, Outcome, Usage
from digest.llm.statuses import Sent, fault_in_answer


class Ending(StrEnum):
    """The reason why a completion ended."""

    OWN = "own"
    LENGTH = "length"
    UNTOLD = "untold"


@dataclass(frozen=True, slots=True)
class Completion:
    """A model's text, thoughts included, its token usage, and why it ended.

    Endpoints have many words for the end, so only the answer itself shows whether it is complete.
    """

    text: str
    usage: Usage
    ending: Ending = Ending.OWN


def joined_content(content: object) -> str:
    """Return the text of a message's `content`, a string or a list of typed chunks (Mistral), without thoughts."""
    if isinstance(content, list):
        return "".join(map(_chunk, content))
    return content if isinstance(content, str) else ""


def _chunk(chunk: object) -> str:
    if isinstance(chunk, str):
        return chunk
    if not isinstance(chunk, Mapping) or chunk.get("type", "text") not in {"text", "output_text"}:
        return ""
    text = chunk.get("text")
    return text if isinstance(text, str) else ""


class _Message(BaseModel):
    content: Annotated[str, BeforeValidator(joined_content)] = ""
    refusal: str | None = None
    reasoning_content: Any = None
    """DeepSeek's name for the model's thoughts; vLLM and OpenRouter use `reasoning`."""
    reasoning: Any = None


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


def completion(body: bytes, sent: Sent | None = None) -> Completion:
    """Parse the one completion in `body`, the response to the request `sent`.

    Raises CallError, with the usage if the body contains it.
    """
    try:
        parsed = _Body.model_validate_json(body)
    except ValidationError:
        raise CallError(Outcome.NO_COMPLETION) from None
    if parsed.error:
        raise fault_in_answer(parsed.error, sent)
    usage = _usage(parsed.usage)
    choices = parsed.choices or []
    if len(choices) != 1:
        raise CallError(Outcome.MANY_CHOICES if choices else Outcome.NO_CHOICE, usage=usage)
    return Completion(_text(choices[0], usage), usage, _ending(choices[0].finish_reason))


def _text(choice: _Choice, usage: Usage) -> str:
    message, ending = choice.message, _ending(choice.finish_reason)
    if message.refusal:
        raise CallError(Outcome.REFUSAL, usage=usage)
    if _FILTERS.search(choice.finish_reason or ""):
        raise CallError(Outcome.FILTERED, usage=usage)
    if message.content.strip():
        return message.content
    if ending is Ending.LENGTH:
        raise CallError(Outcome.LENGTH, usage=usage)
    if message.reasoning_content or message.reasoning:
        raise CallError(Outcome.ONLY_THOUGHT, usage=usage)
    raise CallError(Outcome.UNFINISHED if ending is Ending.UNTOLD else Outcome.BLANK, usage=usage)


def _ending(finish_reason: str | None) -> Ending:
    if not finish_reason:
        return Ending.UNTOLD
    return Ending.LENGTH if _LENGTHS.search(finish_reason) else Ending.OWN


# Azure, OpenAI content_filter; Zhipu sensitive; Gemini SAFETY, RECITATION, PROHIBITED_CONTENT, BLOCKLIST, SPII.
_FILTERS = re.compile(r"filter|sensitive|safety|recitation|prohibited|blocklist|spii", re.IGNORECASE)
_LENGTHS = re.compile(r"length|max_?tokens|window_exceeded", re.IGNORECASE)


def _usage(raw: object) -> Usage:
    """Parse the token counts; nonsensical ones are ignored, so that they do not cost an answer."""
    try:
        told = _Usage.model_validate(raw)
    except ValidationError:
        return NOT_COUNTED
    details = told.prompt_tokens_details
    cached = (details.cached_tokens if details else None) or told.prompt_cache_hit_tokens or 0
    return Usage(told.prompt_tokens, told.completion_tokens, cached)
