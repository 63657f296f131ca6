"""Dialects of endpoints that are called compatible: one name each, from public reports and documentation.

A dialect answers every request in place of the fake model: with a refusal in the endpoint's own words, or with the
valid answer in its own form.
"""

# ruff: noqa: E501 - the words of endpoints are kept as they are

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.responses import JSONResponse, Response, StreamingResponse

from tests.fakes.model_asked import Asked
from tests.fakes.model_faults import around, problem, says
from tests.fakes.model_stream import events, streamed, told

Body = dict[str, Any]
Reply = Callable[[Asked], Response]
Refuse = Callable[[Body], Response | None]


@dataclass(frozen=True)
class Dialect:
    """A dialect: `refuse` returns its refusal of a request, or None; `reply` returns the valid answer in its form."""

    name: str
    source: str
    refuse: Refuse = lambda _: None
    reply: Reply = lambda asked: told(asked, asked.completion)
    lines: int = 20
    """The length of the paper that shows the dialect."""

    def __call__(self, asked: Asked) -> Response:
        return self.refuse(asked.body) or self.reply(asked)


def _error(status: int, error: object) -> Response:
    return JSONResponse({"error": error}, status)


def _when(true: Callable[[Body], bool], refusal: Callable[[], Response]) -> Refuse:
    return lambda body: refusal() if true(body) else None


def _kind(body: Body) -> str | None:
    kind: str | None = body.get("response_format", {}).get("type")
    return kind


def _has_system(body: Body) -> bool:
    return bool(body["messages"][0]["role"] == "system")


def _tokens(body: Body) -> int:
    return sum(len(message["content"]) for message in body["messages"]) // 4


def _with_usage(prompt_tokens: Callable[[Body], int]) -> Reply:
    def reply(asked: Asked) -> Response:
        usage = {
            **asked.completion["usage"],
            "prompt_tokens": prompt_tokens(asked.body),
            "prompt_tokens_details": None,
        }
        return told(asked, {**asked.completion, "usage": usage})

    return reply


def _text(asked: Asked) -> str:
    return json.dumps(asked.answer, ensure_ascii=False)


def _draft(asked: Asked) -> str:
    """Return an answer of the same form and more words, none of which may be shown."""
    return json.dumps(_drafted(asked.answer), ensure_ascii=False)


def _drafted(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _drafted(each) if name != "quotes" else each for name, each in value.items()}
    if isinstance(value, list):
        return [_drafted(each) for each in value]
    return f"草稿草稿{value}" if isinstance(value, str) else value


def _saying(write: Callable[[Asked], str], finish_reason: str | None = "stop") -> Reply:
    return lambda asked: says(write(asked), finish_reason=finish_reason)(asked)


def _streamed(asked: Asked) -> Response:
    return streamed(events(asked.completion, characters=200), size=4096)


def _chunks(asked: Asked) -> Response:
    text = _text(asked)
    content = [
        {"type": "thinking", "thinking": [{"type": "text", "text": _draft(asked)}]},
        {"type": "text", "text": text[:9]},
        {"type": "text", "text": text[9:]},
    ]
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
    return JSONResponse({**asked.completion, "choices": [choice]})


def _kept_alive(asked: Asked) -> Response:
    body = json.dumps(asked.completion).encode()
    return StreamingResponse(iter([b"\n\n", b"\n", body]), media_type="application/json")


def _cut_at(default: int) -> Reply:
    """End answers after `default` tokens, unless the request asks for more."""

    def reply(asked: Asked) -> Response:
        text = _text(asked)
        if asked.body.get("max_tokens", default) > default:
            return told(asked, asked.completion)
        usage = {"prompt_tokens": _tokens(asked.body), "completion_tokens": default}
        choice = {"index": 0, "message": {"content": text[: len(text) // 2]}, "finish_reason": "length"}
        return told(asked, {**asked.completion, "choices": [choice], "usage": usage})

    return reply


def _too_long(limit: int, refusal: Callable[[int], Response]) -> Refuse:
    return lambda body: refusal(_tokens(body)) if _tokens(body) > limit else None


def _validated_schema(body: Body) -> Response | None:
    if _kind(body) is None:
        return None
    return _error(
        400,
        {
            "message": "Failed to generate JSON. Please adjust your prompt. See 'failed_generation' for more details.",
            "type": "invalid_request_error",
            "code": "json_validate_failed",
            "failed_generation": body["messages"][0]["content"],
        },
    )


def _limits_in_range(body: Body) -> Response | None:
    if body.get("max_tokens", 0) <= 6000:
        return None
    return problem(
        400, "Invalid max_tokens value, the valid range of max_tokens is [1, 6000]", "invalid_request_error"
    )


_JSON_SLIPS: dict[str, Callable[[str], str]] = {
    "trailing comma": lambda text: text[:-1] + ",}",
    "full-width colons": lambda text: text.replace('": ', '"：').replace(', "', '，"'),
    "unescaped quotes": lambda text: text.replace("的", '的"它"', 1),
    "single line comment": lambda text: text.replace("{", "{ // the answer\n", 1),
}


def _slipping(slip: Callable[[str], str]) -> Reply:
    return _saying(lambda asked: slip(_text(asked)))


_RESPONSE_FORMAT = "This response_format type is unavailable now"
_STREAM_ONLY = "This model only support stream mode, please enable the stream parameter to access the model. "
_NOT_STREAMED = "parameter.enable_thinking must be set to false for non-streaming calls"
_WINDOW = "This model's maximum context length is 4096 tokens. However, your request has {} input tokens. Please reduce the length of the input messages."
_TPM = "Request too large for gpt-4o in organization org-123 on tokens per min (TPM): Limit 4000, Requested {}. The input or output tokens must be reduced in order to run successfully."

DIALECTS = (
    Dialect("openai", "https://platform.openai.com/docs/api-reference/chat/create"),
    Dialect(
        "openai, reasoning",
        "https://github.com/griptape-ai/ComfyUI-Griptape/issues/312",
        _when(
            lambda body: "max_tokens" in body,
            lambda: problem(
                400,
                "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
                "unsupported_parameter",
                "max_tokens",
            ),
        ),
        lambda asked: _cut_at(500)(
            Asked(
                asked.request,
                {**asked.body, "max_tokens": asked.body.get("max_completion_tokens", 0)},
                asked.answer,
                asked.completion,
            )
        ),
    ),
    Dialect(
        "openai, tokens a minute",
        "https://github.com/TheR1D/shell_gpt/issues/653",
        _too_long(
            4000,
            lambda tokens: _error(
                429, {"message": _TPM.format(tokens), "type": "tokens", "code": "rate_limit_exceeded"}
            ),
        ),
        lines=500,
    ),
    Dialect(
        "deepseek",
        "https://api-docs.deepseek.com/guides/json_mode",
        _when(lambda body: _kind(body) == "json_schema", lambda: problem(400, _RESPONSE_FORMAT)),
        _kept_alive,
    ),
    Dialect(
        "deepseek, range of max_tokens",
        "https://github.com/deepseek-ai/DeepSeek-V3/issues/69",
        _limits_in_range,
        _cut_at(400),
    ),
    Dialect(
        "deepseek, without structured output",
        "https://api-docs.deepseek.com",
        _when(lambda body: _kind(body) is not None, lambda: problem(400, _RESPONSE_FORMAT)),
    ),
    Dialect(
        "qwen, stream only",
        "https://github.com/FoundationAgents/OpenManus/issues/330",
        _when(
            lambda body: not body.get("stream"), lambda: problem(400, _STREAM_ONLY, "invalid_parameter_error")
        ),
        reply=_streamed,
    ),
    Dialect(
        "qwen, thinking",
        "https://github.com/langchain4j/langchain4j/issues/3974",
        _when(lambda body: not body.get("stream"), lambda: problem(400, _NOT_STREAMED, "InvalidParameter")),
        reply=_streamed,
    ),
    Dialect(
        "qwen, thinking, in Chinese",
        "https://github.com/alibaba/spring-ai-alibaba/issues/867",
        _when(
            lambda body: not body.get("stream"),
            lambda: problem(
                400, "parameter.enable_thinking必须设置为false才能进行非流式调用", "invalid_parameter_error"
            ),
        ),
        reply=_streamed,
    ),
    Dialect(
        "modelscope",
        "https://github.com/musistudio/claude-code-router/issues/948",
        _when(
            lambda body: not body.get("stream"),
            lambda: problem(
                400, "enable thinking can not be support when `stream=False`.", "invalid_parameter_error"
            ),
        ),
        reply=_streamed,
    ),
    Dialect("mistral, typed chunks", "https://docs.mistral.ai/capabilities/reasoning/", reply=_chunks),
    Dialect("groq", "https://github.com/thepersonalaicompany/amurex-backend/issues/38", _validated_schema),
    Dialect(
        "gemma on vllm",
        "https://github.com/huggingface/chat-ui/issues/1386",
        _when(
            _has_system,
            lambda: JSONResponse(
                {
                    "object": "error",
                    "message": "System role not supported",
                    "type": "BadRequestError",
                    "param": None,
                    "code": 400,
                },
                400,
            ),
        ),
    ),
    Dialect(
        "gemma on sglang",
        "https://github.com/sgl-project/sglang/issues/892",
        _when(_has_system, lambda: JSONResponse({"message": "System role not supported"}, 500)),
    ),
    Dialect(
        "gemma at google",
        "https://github.com/BoundaryML/baml/issues/2109",
        _when(
            _has_system,
            lambda: _error(
                400,
                {
                    "code": 400,
                    "message": "Developer instruction is not enabled for models/gemma-3-27b-it",
                    "status": "INVALID_ARGUMENT",
                },
            ),
        ),
    ),
    Dialect(
        "openrouter, error in a 200",
        "https://github.com/BoundaryML/baml/issues/2109",
        _when(
            _has_system,
            lambda: _error(
                200,
                {
                    "message": "Provider returned error",
                    "code": 400,
                    "metadata": {"raw": '{"error": {"message": "Developer instruction is not enabled"}}'},
                },
            ),
        ),
    ),
    Dialect(
        "openrouter, no provider",
        "https://openrouter.ai/docs/features/structured-outputs",
        _when(
            lambda body: _kind(body) == "json_schema",
            lambda: _error(
                404, {"message": "No endpoints found that can handle the requested parameters.", "code": 404}
            ),
        ),
    ),
    Dialect(
        "o1",
        "https://github.com/chathub-dev/chathub/issues/1294",
        _when(
            _has_system,
            lambda: problem(
                400,
                "Unsupported value: 'messages[0].role' does not support 'system' with this model.",
                "unsupported_value",
                "messages[0].role",
            ),
        ),
    ),
    Dialect(
        "ollama, 4096 tokens",
        "https://github.com/ollama/ollama/issues/14259",
        reply=_with_usage(lambda body: min(_tokens(body), 4096)),
        lines=900,
    ),
    Dialect(
        "vllm, window",
        "https://github.com/vllm-project/vllm/issues/20432",
        _too_long(
            4000,
            lambda tokens: JSONResponse(
                {
                    "object": "error",
                    "message": _WINDOW.format(tokens),
                    "type": "BadRequestError",
                    "code": 400,
                },
                400,
            ),
        ),
        lines=500,
    ),
    Dialect(
        "tgi",
        "https://huggingface.co/docs/text-generation-inference/messages_api",
        reply=_saying(_text, "eos_token"),
    ),
    Dialect("llama.cpp", "https://github.com/ggml-org/llama.cpp", reply=_saying(_text, None)),
    Dialect(
        "gemini", "https://ai.google.dev/api/generate-content#FinishReason", reply=_saying(_text, "STOP")
    ),
    Dialect("cut at its end", "a limit that the whole answer just meets", reply=_saying(_text, "length")),
    Dialect(
        "deepseek-r1, tag swallowed",
        "https://github.com/vllm-project/vllm/issues/13125",
        reply=_saying(lambda asked: f"Let me try: {_draft(asked)}\nBetter:</think>\n\n{_text(asked)}"),
    ),
    Dialect(
        "magistral",
        "https://huggingface.co/mistralai/Magistral-Small-2507",
        reply=_saying(lambda asked: f"[THINK]{_draft(asked)}[/THINK]{_text(asked)}"),
    ),
    Dialect(
        "gpt-oss, channels",
        "https://cookbook.openai.com/articles/openai-harmony",
        reply=_saying(
            lambda asked: (
                f"<|channel|>analysis<|message|>{_draft(asked)}<|end|><|start|>assistant<|channel|>final<|message|>{_text(asked)}<|return|>"
            )
        ),
    ),
    Dialect(
        "corrects itself",
        "a model that answers twice",
        reply=_saying(lambda asked: f"{_draft(asked)}\n\nCorrection:\n{_text(asked)}"),
    ),
    Dialect(
        "polite",
        "a model that was not asked for JSON alone",
        reply=around("当然可以：\n```json\n", "\n```\n希望有帮助！"),
    ),
    Dialect(
        "one wrapper",
        "a model that repeats the schema's name",
        reply=_saying(lambda asked: json.dumps({"translation": asked.answer}, ensure_ascii=False)),
    ),
    Dialect(
        "json in json",
        "a model that writes JSON as a string",
        reply=_saying(lambda asked: json.dumps(_text(asked), ensure_ascii=False)),
    ),
    Dialect(
        "capital names",
        "a model that writes names as headings",
        reply=_saying(lambda asked: json.dumps({name.title(): each for name, each in asked.answer.items()})),
    ),
    Dialect(
        "streams unasked",
        "https://github.com/LLM-Red-Team/kimi-free-api",
        reply=_streamed,
    ),
    *(
        Dialect(name, "models without constrained output", reply=_slipping(slip))
        for name, slip in _JSON_SLIPS.items()
    ),
)
