"""Whether a model answers at all: one small question, outside of every budget."""

from datetime import datetime

import openai

from digest.llm.completion import completion
from digest.llm.endpoint import exchange
from digest.llm.faults import CallError, Usage

_SECONDS = 60.0
_MESSAGES = (
    {"role": "system", "content": "Answer with one word."},
    {"role": "user", "content": "Say: ok"},
)


async def probe(client: openai.AsyncOpenAI, model: str, now: datetime) -> Usage:
    """What one word of `model` cost. `now` is aware. Raises ModelError."""
    try:
        answer = await exchange(client, {"model": model, "messages": _MESSAGES}, _SECONDS, now)
        return completion(answer).usage
    except CallError as error:
        raise error.error() from None
