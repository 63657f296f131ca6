"""What one model behind one endpoint takes and can do, as far as its own refusals have shown. Pure.

"OpenAI compatible" is a family of dialects. A profile begins as the protocol's own form, and each refusal that names
its cause (`refusals`) moves it by one step.
"""

from dataclasses import asdict, dataclass
from enum import IntEnum, StrEnum
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from digest.llm.token_bounds import SHORT_TOKENS


class Streaming(StrEnum):
    """Whether answers may come as a stream."""

    REQUIRED = "required"
    POSSIBLE = "possible"
    IMPOSSIBLE = "impossible"


class ResponseFormat(IntEnum):
    """A way of asking for structured output; an endpoint that knows none of it gets the next one down."""

    TEXT = 0
    """Only the prompt asks."""
    JSON_OBJECT = 1
    JSON_SCHEMA = 2

    @property
    def below(self) -> "ResponseFormat":
        return ResponseFormat(max(self - 1, ResponseFormat.TEXT))


class TokenField(StrEnum):
    """The request's name for the greatest length of an answer, in tokens."""

    MAX_TOKENS = "max_tokens"
    MAX_COMPLETION_TOKENS = "max_completion_tokens"
    NONE = ""
    """None is taken."""


_Tokens = Annotated[int, Field(gt=0, lt=10**8)]


class Counting(StrEnum):
    """How a prompt that was cut in silence is noticed."""

    TOKENS = "tokens"
    """The endpoint counts the prompt's tokens."""
    MARKS = "marks"
    """It does not: the model is asked to copy marks."""
    NOTHING = "nothing"
    """It does not, and the model copies no marks."""


@dataclass(frozen=True, slots=True)
class EndpointProfile:
    """How a request has to look so that this endpoint takes it for this model."""

    streaming: Streaming = Streaming.POSSIBLE
    usage_in_streams: bool = True
    """Whether a request may have `stream_options`."""
    response_format: ResponseFormat = ResponseFormat.JSON_SCHEMA
    token_field: TokenField = TokenField.MAX_TOKENS
    most_tokens: _Tokens | None = None
    """The greatest length of an answer that may be asked for; None where no limit was met."""
    answer_tokens: _Tokens | None = None
    """The length that has to be asked for, because the endpoint's own default cuts answers off."""
    system_role: bool = True
    refused_fields: tuple[str, ...] = ()
    """Those of the operator's extra fields that the endpoint refuses."""
    counting: Counting = Counting.TOKENS
    window_tokens: Annotated[_Tokens, Field(gt=SHORT_TOKENS)] | None = None
    """Prompts of so many tokens, by the lower bound of `token_bounds`, did not fit; None where all have fitted."""
    cuts_prompts: bool = False
    """Whether it cut one that did not fit, without saying so."""


NEW = EndpointProfile()
"""Of an endpoint of which nothing is known."""

_STORED = TypeAdapter(EndpointProfile)


def stored(profile: EndpointProfile) -> dict[str, Any]:
    """`profile` as a JSON object."""
    return asdict(profile)


def restored(value: object) -> EndpointProfile | None:
    """The profile in a JSON object; None where an older or newer program wrote something else."""
    try:
        return _STORED.validate_python(value)
    except ValidationError:
        return None


def capabilities(profile: EndpointProfile) -> str:
    """One line for the operator that says what differs from the protocol's own form, and what does not."""
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
        silently = ", what is longer is cut in silence" if profile.cuts_prompts else ""
        told.append(f"prompts under about {profile.window_tokens:,} tokens{silently}")
    if profile.counting is not Counting.TOKENS:
        told.append("does not count a prompt's tokens")
    if profile.refused_fields:
        told.append(f"refuses {', '.join(profile.refused_fields)}")
    return ", ".join(told)
