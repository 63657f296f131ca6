"""What a model is asked, as the body of a request; and what its completion says to that. Pure."""

from dataclasses import dataclass
from typing import Any, Generic

from digest.llm.answers import A, answer
from digest.llm.completion import Completion
from digest.llm.faults import CallError, Outcome
from digest.llm.formats import Rung, response_format
from digest.llm.prompts import Prompt
from digest.models import Purpose, VersionId

_SMALLEST_WINDOW_TOKENS = 2_000  # no endpoint cuts to less; a smaller count is a made-up one, as some report
_LEAST_TOKENS_A_CHARACTER = 1 / 10  # no tokenizer makes fewer of a prompt, so fewer is a prompt that was cut


@dataclass(frozen=True, slots=True)
class Question(Generic[A]):
    """What a model is asked about one paper version, and the form of the answer."""

    prompt: Prompt
    form: type[A]
    purpose: Purpose
    version: VersionId
    language: str
    model: str


def request(question: Question[A], rung: Rung, room_tokens: int | None) -> dict[str, Any]:
    """The body of the request: nothing in it that some endpoints refuse, a temperature for one."""
    body: dict[str, Any] = {
        "model": question.model,
        "messages": [
            {"role": "system", "content": question.prompt.system},
            {"role": "user", "content": question.prompt.user},
        ],
    }
    asked = response_format(rung, question.purpose, question.form)
    if asked is not None:
        body["response_format"] = asked
    if room_tokens is not None:
        body["max_tokens"] = room_tokens
    return body


def value(question: Question[A], told: Completion) -> A:
    """The answer in `told`. Raises CallError, also where the endpoint cut the prompt and did not say so."""
    read = told.usage.prompt_tokens + told.usage.cached_tokens
    sent = len(question.prompt.system) + len(question.prompt.user)
    if _SMALLEST_WINDOW_TOKENS <= read < sent * _LEAST_TOKENS_A_CHARACTER:
        raise CallError(Outcome.CUT_PROMPT, f"{read:,} tokens of {sent:,} characters")
    return answer(told.text, question.form, question.language)
