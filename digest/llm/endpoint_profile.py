"""The capabilities of one model behind one endpoint, as learned from its own refusals. Pure.

"OpenAI compatible" is a family of dialects. A profile begins with the full protocol, and each refusal that names its
cause (`refusals`) changes it by one step. A lower bound for the tokens of a text, for any tokenizer, shows what no
refusal does: an endpoint that counts fewer has cut the text.
"""

import re
from dataclasses import asdict, dataclass
from enum import IntEnum, StrEnum
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

_HAN = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]")

# The maximum average number of characters in a token. Measured with OpenAI's tokenizers o200k_base and cl100k_base and
# that of DeepSeek V4: English papers 3.5 to 4.9, the plainest 4,000 characters of them 5.85; Han characters alone 0.9
# to 1.8. The bounds are a fifth and two fifths above the maxima.
_CHARACTERS_A_TOKEN = 7.0
_HAN_A_TOKEN = 2.5


def tokens_at_least(text: str) -> int:
    """Return a lower bound for the number of tokens of `text`."""
    han = sum(1 for _ in _HAN.finditer(text))
    return int(han / _HAN_A_TOKEN + (len(text) - han) / _CHARACTERS_A_TOKEN)


SHORT_TOKENS = 1_500
"""The lower bound of a prompt about an abstract: it fits every context, so if it fails, length is not the reason."""


_SMALLEST_WINDOW_TOKENS = 2_000  # no endpoint cuts to less; some report smaller counts that are made up
_WINDOWS = frozenset(2**power for power in range(11, 18))  # 2,048 to 131,072
_PLAIN = 1.35  # times the lower bound: the fewest tokens measured for whole papers


def is_cut(prompt: str, counted_tokens: int) -> bool:
    """Return True if an endpoint that counts `counted_tokens` for `prompt` has cut it.

    Servers that cut silently (Ollama beyond `num_ctx`) report the size of the context as that of the prompt. For such a
    number, a count that is merely low is enough.
    """
    least = tokens_at_least(prompt)
    if counted_tokens < _SMALLEST_WINDOW_TOKENS:
        return False
    return counted_tokens < least or (counted_tokens in _WINDOWS and counted_tokens < least * _PLAIN)


class Streaming(StrEnum):
    """The endpoint's support for streamed answers."""

    REQUIRED = "required"
    POSSIBLE = "possible"
    IMPOSSIBLE = "impossible"


class ResponseFormat(IntEnum):
    """A way to request structured output; an endpoint that does not support it gets the next weaker one."""

    TEXT = 0
    """Only the prompt asks for JSON."""
    JSON_OBJECT = 1
    JSON_SCHEMA = 2

    @property
    def below(self) -> "ResponseFormat":
        return ResponseFormat(max(self - 1, ResponseFormat.TEXT))


class TokenField(StrEnum):
    """The name of the request field for the maximum length of an answer, in tokens."""

    MAX_TOKENS = "max_tokens"
    MAX_COMPLETION_TOKENS = "max_completion_tokens"
    NONE = ""
    """The endpoint accepts no such field."""


_Tokens = Annotated[int, Field(gt=0, lt=10**8)]


class TokenCounting(StrEnum):
    """The way to detect that an endpoint cuts prompts silently."""

    TOKENS = "tokens"
    """The endpoint counts the prompt's tokens."""
    MARKS = "marks"
    """The endpoint does not count them: the model is asked to copy marks."""
    NOTHING = "nothing"
    """There is none: the endpoint does not count tokens, and the model does not copy marks."""


@dataclass(frozen=True, slots=True)
class EndpointProfile:
    """The form of requests that this endpoint accepts for this model."""

    streaming: Streaming = Streaming.POSSIBLE
    usage_in_streams: bool = True
    """True if a request may have `stream_options`."""
    response_format: ResponseFormat = ResponseFormat.JSON_SCHEMA
    token_field: TokenField = TokenField.MAX_TOKENS
    most_tokens: _Tokens | None = None
    """The largest answer length that the endpoint accepts; None if no limit was hit."""
    answer_tokens: _Tokens | None = None
    """The answer length that must be requested because the endpoint's default cuts answers off; None if none must."""
    system_role: bool = True
    refused_fields: tuple[str, ...] = ()
    """The operator's extra fields that the endpoint rejects."""
    counting: TokenCounting = TokenCounting.TOKENS
    window_tokens: Annotated[_Tokens, Field(gt=SHORT_TOKENS)] | None = None
    """The size of the smallest prompt that did not fit, by `tokens_at_least`; None if all did."""
    cuts_prompts: bool = False
    """True if the endpoint silently cut a prompt that did not fit."""


NEW = EndpointProfile()
"""The profile of an unknown endpoint."""

_STORED = TypeAdapter(EndpointProfile)


def stored(profile: EndpointProfile) -> dict[str, Any]:
    """Convert `profile` to a JSON object."""
    return asdict(profile)


def restored(value: object) -> EndpointProfile | None:
    """Parse the profile in a JSON object; None if it is invalid, as one of another program version may be."""
    try:
        return _STORED.validate_python(value)
    except ValidationError:
        return None


def capabilities(profile: EndpointProfile) -> str:
    """Describe `profile` in one line for the operator."""
    formats = {0: "JSON by the prompt alone", 1: "JSON objects", 2: "JSON schemas"}
    limit = profile.token_field.value or "no token limit"
    if profile.most_tokens is not None:
        limit += f" up to {profile.most_tokens:,}"
    told = [
        formats[profile.response_format],
        f"streaming {profile.streaming}",
        limit,
        "system role" if profile.system_role else "no system role",
    ]
    if profile.window_tokens is not None:
        silently = ", longer ones are cut silently" if profile.cuts_prompts else ""
        told.append(f"prompts under about {profile.window_tokens:,} tokens{silently}")
    if profile.counting is not TokenCounting.TOKENS:
        told.append("does not count prompt tokens")
    if profile.refused_fields:
        told.append(f"rejects {', '.join(profile.refused_fields)}")
    return ", ".join(told)
