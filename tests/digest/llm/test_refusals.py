"""Tests of parsing refusals of many vendors' endpoints, in the words of public reports."""

# ruff: noqa: E501 - the words of endpoints are kept as they are

from typing import Any

import pytest

from digest.llm.endpoint_profile import NEW
from digest.llm.statuses import Sent, fault_for, fault_in_answer

ASKED: dict[str, Any] = {
    "model": "m",
    "messages": [{"role": "system", "content": "Translate."}, {"role": "user", "content": "A paper."}],
    "response_format": {"type": "json_schema"},
    "enable_thinking": False,
}
STREAMED = {**ASKED, "stream": True, "stream_options": {"include_usage": True}}
LIMITED = {**ASKED, "max_tokens": 8192}

FORMATS = (
    "The response_format parameter is unsupported at the moment. Leave it unset.",  # xAI
    "The parameter `response_format.type` specified in the request are not valid: invalid value: `json_schema`",
    "'response_format.type' must be 'json_schema' or 'text'",  # LM Studio
    "Json mode is not enabled for models/gemini-pro",
    "Response_format value as json_schema is enabled only for api versions 2024-08-01-preview and later",  # Azure
    "The specified schema produces a constraint that has too many states for serving.",  # Gemini
    "Failed to compile json grammar: unsupported",
    "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
    "json mode response is not supported when enable_thinking is true",  # DashScope
)
WINDOWS = (
    "Trying to keep the first 111490 tokens when context the overflows. However, the model is loaded with context length of only 32768 tokens, which is not enough.",  # LM Studio
    "request (20001 tokens) exceeds the available context size (8192 tokens), try increasing it",  # llama.cpp
    "Requested tokens (5000) exceed context window of 512",  # llama-cpp-python
    "Prompt is 11543 tokens but the model context window is 4096 tokens.",
    "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length",  # Mistral
    "Input length 40000 exceeds the maximum allowed length 32768",
    "length of prompt_tokens (40000) must be less than max_seq_len (32768).",  # SiliconFlow
    "<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 30720]",  # DashScope
    "The input (40000 tokens) is longer than the model's context length (8192 tokens).",  # SGLang
    "输入内容过长，超出模型上下文长度限制",
    "The input exceeds the maximum number of tokens allowed (1048576).",  # Gemini
    "Input tokens exceed the configured limit of 272000 tokens.",  # OpenAI
    "上下文超长",
    "Prompt 超长",  # Zhipu
    "Total tokens of image and text exceed max message tokens",  # Volcengine
)
FILTERS = (
    "Invalid prompt: we've limited access to this content for safety reasons.",
    "Message is being blocked for reason: SAFETY",
    'm requires moderation on chat. Your input was flagged for "violence"',  # OpenRouter
    "Input data may contain inappropriate content.",
    "the content of messages is blocked by policy",
    "内容不合规",
    "输入文本包含违禁内容",
    "Request blocked by a guardrail",
)
RANGES = (
    "Value error, max_tokens should be less than or equal to 4096",
    "max_tokens is too large: 8192. This model supports at most 4096 completion tokens, you provided 8192.",
    "`max_tokens` must be less than or equal to `4096`, the maximum value for `max_tokens` is less than the `context_window` for this model",  # Groq
    "Unable to submit request because it has a maxOutputTokens value of 8192 but the supported range is from 1 (inclusive) to 4097 (exclusive). Update the value and try again.",  # Vertex
    "The maximum tokens you requested exceeds the model limit of 4096. Try again with a maximum tokens value that is lower than 4096.",  # Bedrock
    "Invalid 'max_tokens': integer above maximum value. Expected a value <= 4096, but got 8192 instead.",
)
SYSTEM_ROLES = (
    "This model does not support system messages",
    'Error rendering prompt with jinja template: "System role not supported"',
    "invalid message role: system",
    "messages.0.role: Input should be 'user' or 'assistant'",
    "the role of first message must be user",
    "Only 'user', 'assistant' roles are allowed",
)
STREAMS = (
    "parameter.enable_thinking must be set to false for non-streaming calls",
    "Streaming is required for operations that may take longer than 10 minutes",
    "Stream must be set to true",
    "Please set stream to true",
)
QUOTAS = (
    "Sorry, your account balance is insufficient",  # SiliconFlow
    "余额不足或无可用资源包,请充值。",  # Zhipu
    "Your credit balance is too low to access the API",
    "Key limit exceeded (total limit)",  # OpenRouter
    "The free tier of the model has been exhausted.",  # DashScope
)
MODELS = (
    "Model Not Exist",  # DeepSeek
    "Model does not exist. Please check it carefully.",  # SiliconFlow
    "The model `x` has been decommissioned and is no longer supported.",  # Groq
    "x is not a valid model ID",  # OpenRouter
)


@pytest.mark.parametrize(
    ("status", "message", "request_", "outcome"),
    [
        *((400, each, ASKED, "unsupported-format") for each in FORMATS),
        *((400, each, STREAMED, "long-prompt") for each in WINDOWS),
        *((400, each, STREAMED, "filtered") for each in FILTERS),
        *((400, each, LIMITED, "tokens-out-of-range") for each in RANGES),
        *((400, each, ASKED, "unsupported-system-role") for each in SYSTEM_ROLES),
        *((400, each, ASKED, "needs-stream") for each in STREAMS),
        *((status, each, ASKED, "quota") for each in QUOTAS for status in (403, 429)),
        *((400, each, ASKED, "no-model") for each in MODELS),
        (400, "API key not valid. Please pass a valid API key.", ASKED, "unauthorised"),  # Gemini
        (451, "Unavailable for legal reasons", ASKED, "filtered"),
        (400, "Unrecognized request argument supplied: max_tokens", LIMITED, "unsupported-token-field"),
        (
            400,
            "Unrecognized request argument supplied: stream_options",
            STREAMED,
            "unsupported-stream-options",
        ),
        (400, "Your organization must be verified to stream this model.", STREAMED, "unsupported-stream"),
        (400, 'Unknown name "enable_thinking": Cannot find field.', ASKED, "unsupported-field"),
        (400, "property 'enable_thinking' is unsupported", ASKED, "unsupported-field"),
        # Gemini reports a limit per minute in the words that others use for an account without money.
        (429, "You exceeded your current quota, please check your plan. Retry in 43s.", ASKED, "throttled"),
        (400, "The model is overloaded", ASKED, "refused"),
        (400, "The system is busy and could not answer", ASKED, "refused"),
    ],
)
def test_a_refusal_is_understood_whatever_its_words(
    status: int, message: str, request_: dict[str, Any], outcome: str
) -> None:
    assert fault_for(status, {"message": message}, sent=Sent(request_)).outcome == outcome


def test_of_a_range_the_most_is_asked_for() -> None:
    for each in RANGES:
        fault = fault_for(400, {"message": each}, sent=Sent(LIMITED))
        assert fault.learn is not None
        assert fault.learn(NEW).most_tokens == 4096


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        ({"message": WINDOWS[0]}, "long-prompt"),
        (WINDOWS[1], "long-prompt"),
        ({"message": FILTERS[1], "code": "blocked"}, "filtered"),
        ({"message": "Upstream is gone", "code": 502}, "server-error"),
        ({"message": "Something else"}, "error-body"),
    ],
)
def test_an_error_in_the_place_of_an_answer_is_understood_alike(error: object, outcome: str) -> None:
    assert fault_in_answer(error, Sent(STREAMED)).outcome == outcome


def test_an_error_in_the_place_of_an_answer_that_is_not_understood_is_shown() -> None:
    assert "“Something else”" in str(fault_in_answer({"message": "Something else"}, Sent(ASKED)))
