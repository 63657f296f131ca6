"""Causes for which an endpoint rejects a request, and the change of the next request for each. Pure.

The causes are data: each has the words that endpoints use, and a public source for them. A cause applies only if the
request has the feature in question: the word "unsupported" alone changes nothing.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from digest.llm.endpoint_profile import EndpointProfile, Streaming, TokenField
from digest.llm.errors import CallOutcome

PROTOCOL_FIELDS = frozenset(
    {
        "model",
        "messages",
        "stream",
        "stream_options",
        "response_format",
        "max_tokens",
        "max_completion_tokens",
    }
)
"""The request fields that the program itself sets; all others are the operator's."""

_LONGEST = 4_000  # characters of a refusal that are searched
_ECHOES = frozenset(
    {"input", "failed_generation", "ctx", "url", "request_id"}
)  # fields that repeat the request


@dataclass(frozen=True, slots=True)
class Refusal:
    """A rejected request, and the endpoint's words in lower case."""

    words: str
    request: Mapping[str, Any]

    def number_behind(self, pattern: str) -> int | None:
        """Return the number in the first group of the first match of `pattern`; None if there is no match."""
        found = re.search(pattern, self.words)
        return int(found[1]) if found else None


Step = Callable[[EndpointProfile, Refusal], EndpointProfile]


@dataclass(frozen=True, slots=True)
class Cause:
    """A cause of refusals that another form of the request avoids. `source` is a public report of such words."""

    outcome: CallOutcome
    words: re.Pattern[str]
    concerns: Callable[[Refusal], bool]
    step: Step
    statuses: frozenset[int]
    source: str


def words(body: object) -> str:
    """Return the text of an error's body in lower case, without the echoed request; a `loc` becomes `body.stream`."""
    return " ".join(_strings(body))[:_LONGEST].lower()


def _strings(value: object, deep: int = 0) -> Iterator[str]:
    if deep > 6:
        return
    if isinstance(value, Mapping):
        for name, each in value.items():
            if name == "loc" and isinstance(each, list):
                yield ".".join(map(str, each))
            elif name not in _ECHOES:
                yield from _strings(each, deep + 1)
    elif isinstance(value, list):
        for each in value[:20]:
            yield from _strings(each, deep + 1)
    elif isinstance(value, str | int):
        yield str(value)


def cause(status: int, refusal: Refusal) -> Cause | None:
    """Return the known cause that the refusal names; None if it names none."""
    return next((each for each in _CAUSES if _is(each, status, refusal)), None)


def _is(each: Cause, status: int, refusal: Refusal) -> bool:
    named = status in each.statuses and each.words.search(refusal.words) is not None
    return named and each.concerns(refusal)


def refused_fields(refusal: Refusal) -> tuple[str, ...]:
    """Return the operator's fields that the refusal names."""
    own = (name for name in refusal.request if name not in PROTOCOL_FIELDS)
    return tuple(
        name for name in own if re.search(rf"(?<![a-z_]){re.escape(name.lower())}(?![a-z_])", refusal.words)
    )


def token_limit(request: Mapping[str, Any]) -> int | None:
    """Return the maximum answer length that `request` asks for, in tokens; None if it sets none."""
    limit = request.get(TokenField.MAX_TOKENS, request.get(TokenField.MAX_COMPLETION_TOKENS))
    return limit if isinstance(limit, int) else None


def _streamed(refusal: Refusal) -> bool:
    return bool(refusal.request.get("stream"))


def _has_system(refusal: Refusal) -> bool:
    return any(message.get("role") == "system" for message in refusal.request.get("messages", ()))


def _has_limit(refusal: Refusal) -> bool:
    return token_limit(refusal.request) is not None


def _has(field: str) -> Callable[[Refusal], bool]:
    return lambda refusal: field in refusal.request


def _other_name(profile: EndpointProfile, refusal: Refusal) -> EndpointProfile:
    known = TokenField.MAX_COMPLETION_TOKENS
    return replace(profile, token_field=TokenField.NONE if known in refusal.request else known)


def _smaller(profile: EndpointProfile, refusal: Refusal) -> EndpointProfile:
    """Lower the token limit to the maximum that the refusal names, or to half if it names none."""
    asked = token_limit(refusal.request) or 0
    told = next((each for each in map(refusal.number_behind, _RANGES) if each and each < asked), asked // 2)
    return replace(profile, most_tokens=max(told - ("exclusive" in refusal.words), 1))


_RANGES = (
    r"\[\s*\d+\s*,\s*(\d+)\s*\]",  # DeepSeek, DashScope: the valid range of max_tokens is [1, 8192]
    r"(?:at most|up to|less than or equal to|no more than|not exceed|maximum (?:is|of)|<=?)\D{0,30}?(\d{3,7})",
    r"between \d+ and (\d+)",
    r"(?:limit of|to) (\d{3,7})",  # Bedrock; Gemini: the range is from 1 (inclusive) to 8193 (exclusive)
)


def _without(profile: EndpointProfile, refusal: Refusal) -> EndpointProfile:
    fields = dict.fromkeys((*profile.refused_fields, *refused_fields(refusal)))
    return replace(profile, refused_fields=tuple(fields))


def lower_format(profile: EndpointProfile) -> EndpointProfile:
    """Return `profile` with the next weaker way to request structured output."""
    return replace(profile, response_format=profile.response_format.below)


_REFUSED = frozenset({400, 404, 405, 415, 422, 501})
_STREAM = frozenset({400, 405, 422, 501})
_CRASHED = _REFUSED | {500}  # SGLang and some llama.cpp builds fail within the chat template
_CLIENT = frozenset({400, 422})
_TOKENS = r"max_(?:completion_|new_)?tokens|max[ _]?output[ _]?tokens|maximum tokens|completion tokens"

_CAUSES = (
    Cause(
        CallOutcome.NEEDS_STREAM,
        re.compile(
            r"only supports? (?:the )?stream|non-stream|stream(?:ing)? (?:mode )?(?:is |are )?(?:required|mandatory)"
            r"|非流式|只支持流式|仅支持流式|stream[`'\" ]*(?:=|must be (?:set to )?|to )\s*(?:true|`?f)"
            r"|enable the stream"
        ),
        lambda refusal: not _streamed(refusal),
        lambda profile, _: replace(profile, streaming=Streaming.REQUIRED),
        _CLIENT,
        "This model only support stream mode: https://github.com/FoundationAgents/OpenManus/issues/330; "
        "must be set to false for non-streaming calls: https://github.com/langchain4j/langchain4j/issues/3974",
    ),
    Cause(
        CallOutcome.UNSUPPORTED_STREAM_OPTIONS,
        re.compile(r"stream_options"),
        _has("stream_options"),
        lambda profile, _: replace(profile, usage_in_streams=False),
        _REFUSED,
        "https://github.com/microsoft/semantic-kernel/issues/10510",
    ),
    Cause(
        CallOutcome.UNSUPPORTED_STREAM,
        re.compile(r"(?<![a-z_])stream"),  # not "upstream", of which gateways speak
        _streamed,
        lambda profile, _: replace(profile, streaming=Streaming.IMPOSSIBLE),
        _STREAM,
        "'stream' does not support true with this model: https://github.com/chathub-dev/chathub/issues/1294",
    ),
    Cause(
        CallOutcome.UNSUPPORTED_TOKEN_FIELD,
        re.compile(
            r"(?:unsupported|unrecognized|unknown|extra|not (?:supported|permitted|allowed)|forbidden)"
            rf".{{0,120}}(?:{_TOKENS})|(?:{_TOKENS}).{{0,120}}"
            r"(?:unsupported|unrecognized|unknown|extra|not (?:supported|permitted|allowed)|forbidden)"
            r"|use\W{1,3}max_\w+\W{1,3}instead"
        ),
        _has_limit,
        _other_name,
        _CLIENT,
        "Use 'max_completion_tokens' instead: https://github.com/griptape-ai/ComfyUI-Griptape/issues/312",
    ),
    Cause(
        CallOutcome.TOKENS_OUT_OF_RANGE,
        re.compile(rf"{_TOKENS}|tokens? in the (?:messages, \d+ in the )?completion"),
        _has_limit,
        _smaller,
        _CLIENT,
        "the valid range of max_tokens is [1, 8192]: https://github.com/deepseek-ai/DeepSeek-V3/issues/69",
    ),
    Cause(
        CallOutcome.UNSUPPORTED_SYSTEM_ROLE,
        re.compile(
            r"system role|role.{0,40}'?system|(?:system|developer) (?:message|prompt|instruction)s?\b"
            r".{0,60}(?:not|n't|unsupported|unexpected)|roles must alternate"
            r"|(?:not|n't) (?:support|accept|allow|take|have|use).{0,20}(?:system|developer) (?:message|prompt|instr)"
            r"|role.{0,20}\bmust be\W{1,4}user|only\W{1,3}user\W{1,3}(?:and|or)?\W{0,3}assistant"
            r"|should be\W{1,3}user\W{1,3}or\W{1,3}assistant"
        ),
        _has_system,
        lambda profile, _: replace(profile, system_role=False),
        _CRASHED,
        "System role not supported: https://github.com/huggingface/chat-ui/issues/1386; "
        "Developer instruction is not enabled: https://github.com/BoundaryML/baml/issues/2109",
    ),
    Cause(
        CallOutcome.UNSUPPORTED_FORMAT,
        re.compile(
            r"response[ _]?(?:format|schema)|json[ _](?:schema|object|mode)|structured.?output"
            r"|guided.?(?:json|decoding)|(?:invalid|specified) schema|grammar|handle the requested parameters"
        ),
        _has("response_format"),
        lambda profile, _: lower_format(profile),
        _REFUSED,
        "This response_format type is unavailable now: DeepSeek's API for json_schema; No endpoints found that can "
        "handle the requested parameters: https://openrouter.ai/docs/features/structured-outputs",
    ),
    Cause(
        CallOutcome.UNSUPPORTED_FIELD,
        re.compile(
            r"unsupported|unrecognized|unknown|unexpected|extra|not (?:supported|permitted|allowed|a valid)"
            r"|invalid|forbidden|不支持|不合法"
        ),
        lambda refusal: bool(refused_fields(refusal)),
        _without,
        _CLIENT,
        "Extra inputs are not permitted, with the place in loc: https://github.com/mistralai/platform-docs-public/issues/7",
    ),
)
