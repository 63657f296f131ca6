"""Classification of HTTP errors: maps a status and the error in the body to a fault. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from digest.core.invisible import removed
from digest.llm import refusals
from digest.llm.endpoint_profile import EndpointProfile
from digest.llm.errors import CallError, CallOutcome
from digest.llm.refusals import Cause, Refusal

_SHOWN = 200  # characters of an endpoint's own words
_QUOTA_CODES = ("insufficient_quota", "billing", "current_quota", "insufficient_balance", "arrearage")

# OpenAI, Azure: content_filter, content_policy_violation, ResponsibleAIPolicyViolation. DashScope: DataInspection…
# DeepSeek: Content Exists Risk. Zhipu: 1301. Moonshot: considered high risk. Volcengine: SensitiveContentDetected.
# MiniMax: input_sensitive. Gemini: PROHIBITED_CONTENT, blocked for reason: SAFETY. Anthropic: content filtering policy.
# OpenAI, with invalid_prompt: limited access to this content for safety reasons (github.com/microsoft/PyRIT/pull/1463).
_FILTER_WORDS = re.compile(
    r"content[_ ]?filter|content[_ ]policy|content management policy|responsibleai|data_?inspection_?failed"
    r"|content exists risk|considered high risk|sensitive ?content|(?:in|out)put_sensitive|new_sensitive"
    r"|prohibited_content|unsafe or sensitive content|不安全或敏感内容|敏感信息|敏感内容|内容(?:不合规|违规|安全)|违禁"
    r"|flagged (?:by|for|as)|moderation|inappropriate content|content for safety reasons"
    r"|blocked for reason|blocked by (?:an? |the )?guardrail|safety (?:system|filter)"
    r"|(?:content|prompt|response|message)s?\b.{0,30} blocked (?:by|due to|because of)\b.{0,40}(?:safety|content|polic)"
)
_WINDOW_WORDS = re.compile(
    r"context[ _](?:length|window|size)|maximum context|(?:prompt|input)(?: is|_is)?[ _]too[ _](?:long|large)"
    r"|range of input length|maximum (?:input|prompt) length|exceeds?.{0,40}(?:token|context) (?:limit|length)"
    r"|input token count.{0,40}exceeds|`inputs` (?:tokens|must have)|exceeded model token limit"
    r"|(?:prompt|input|message)s?(?: tokens?)?(?: length)?.{0,20}exceeds?.{0,20}max|max_(?:seq|model|input)_len"
    r"|exceeds? the (?:maximum number of (?:input )?tokens|configured limit)"
    r"|exceeds? max(?:imum)? (?:message|input|prompt) (?:tokens|length)|tokens? limit exceeded"
    r"|(?:prompt|输入|内容|消息|文本|上下文).{0,8}(?:超长|过长)|超[出过].{0,16}(?:上下文|长度)"
)
# Groq: `max_tokens` must be less than or equal to `8000`, the maximum … is less than the `context_window`.
_LIMIT_WORDS = re.compile(r"max_(?:completion_|new_)?tokens\W{1,3}(?:must|should|can(?:not|'t)|is too)\b")
# SiliconFlow: balance is insufficient. Zhipu: 余额不足. Anthropic: credit balance is too low. OpenRouter: Key limit
# exceeded. DashScope: AllocationQuota.FreeTierOnly. Not "exceeded your current quota", as Gemini says of a minute's.
_QUOTA_WORDS = re.compile(
    r"balance is (?:insufficient|too low)|insufficient (?:balance|credit|fund)|余额不足|欠费|key limit exceeded"
    r"|free ?tier.{0,40}exhausted|out of credits"
)
_KEY_WORDS = re.compile(
    r"(?:invalid|incorrect) api[ _-]?key|api[ _-]?key (?:is )?(?:not valid|invalid|expired)"
)
# DeepSeek: Model Not Exist. SiliconFlow: Model does not exist. OpenRouter: … is not a valid model ID. Groq:
# model_decommissioned.
_MODEL_WORDS = re.compile(
    r"\bmodel\b.{0,80}?(?:(?:does )?not (?:exist|found)|has been (?:decommissioned|deprecated|retired))"
    r"|not a valid model|(?:unknown|no such|invalid) model\b(?! (?:output|response))|模型不存在"
)
# OpenAI, with 429: Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 31538. Groq says it
# with 413. https://github.com/TheR1D/shell_gpt/issues/653
_OVERSIZE_WORDS = re.compile(
    r"request too large|(?:tokens|prompt|message size|input).{0,60}must be reduced"
    r"|reduce (?:your|the) (?:message|prompt)"
)
_BOTH_PARTS = re.compile(
    r"maximum context length is (\d+).{0,120}?\((\d+) in the messages, (\d+) in the completion\)"
)


@dataclass(frozen=True, slots=True)
class Sent:
    """A sent request: its body, and the API key."""

    request: Mapping[str, Any] = field(default_factory=dict)
    key: str = ""


def fault_for(
    status: int, body: object, retry_after: float | None = None, sent: Sent | None = None
) -> CallError:
    """Return the fault for an HTTP status and the error object in its body; `retry_after` is in seconds."""
    sent = sent or Sent()
    refusal = Refusal(refusals.words(body), sent.request)
    outcome = _of_the_content(status, body, refusal)
    cause = None if outcome else refusals.cause(status, refusal)
    if cause is not None:
        return CallError(cause.outcome, f"HTTP {status}", learn=partial(_learned, cause, refusal))
    outcome = outcome or _OUTCOMES.get(status) or _outcome_by_class(status)
    detail = f"HTTP {status}"
    if outcome is CallOutcome.REFUSED:
        detail += _told(body, refusal.words, sent)
    return CallError(outcome, detail, retry_after=retry_after)


def fault_in_answer(error: object, sent: Sent | None = None) -> CallError:
    """Return the fault for an `error` in place of a completion, with status 200.

    Gateways pass on an upstream's error in this way, with its status as the error's code; LM Studio sends no code.
    """
    sent = sent or Sent()
    code = error.get("code") if isinstance(error, Mapping) else None
    if isinstance(code, int) and 400 <= code < 600:
        return fault_for(code, error, sent=sent)
    fault = fault_for(400, error, sent=sent)
    if fault.outcome is not CallOutcome.REFUSED:
        return fault
    return CallError(CallOutcome.ERROR_BODY, _told(error, refusals.words(error), sent).lstrip(":; "))


def _learned(cause: Cause, refusal: Refusal, profile: EndpointProfile) -> EndpointProfile:
    return cause.step(profile, refusal)


def _of_the_content(status: int, body: object, refusal: Refusal) -> CallOutcome | None:
    """Return the outcome if the account or the content is at fault, not the form of the request; else None."""
    code, words = _code(body), refusal.words
    if status == 402 or any(known in code for known in _QUOTA_CODES):
        return CallOutcome.QUOTA
    if status in _ACCOUNT and _QUOTA_WORDS.search(words):
        return CallOutcome.QUOTA
    if status in (400, 403) and _KEY_WORDS.search(words):
        return CallOutcome.UNAUTHORISED
    if status in _JUDGING and _FILTER_WORDS.search(words):
        return CallOutcome.FILTERED
    if status == 400 and "json_validate_failed" in words:
        return CallOutcome.FORMAT_FAILED
    if status == 413 or (status == 429 and _OVERSIZE_WORDS.search(words)):
        return CallOutcome.LONG_PROMPT
    if status in (400, 422, 500) and _WINDOW_WORDS.search(words) and not _asks_too_much(refusal):
        return CallOutcome.LONG_PROMPT
    if status == 400 and _MODEL_WORDS.search(words):
        return CallOutcome.NO_MODEL
    return None


def _asks_too_much(refusal: Refusal) -> bool:
    """Return True if the prompt fits and only the requested answer length does not; vLLM's message has both numbers."""
    if refusals.token_limit(refusal.request) is None:
        return False
    if found := _BOTH_PARTS.search(refusal.words):
        return int(found[2]) < int(found[1])
    return _LIMIT_WORDS.search(refusal.words) is not None


_ACCOUNT = frozenset({400, 403, 429})
_JUDGING = frozenset({400, 403, 422, 451, 500})
_OUTCOMES = {
    401: CallOutcome.UNAUTHORISED,
    403: CallOutcome.NO_MODEL,
    404: CallOutcome.NO_MODEL,
    408: CallOutcome.SERVER_ERROR,
    409: CallOutcome.SERVER_ERROR,
    429: CallOutcome.THROTTLED,
    451: CallOutcome.FILTERED,
}


def _outcome_by_class(status: int) -> CallOutcome:
    if status >= 500:
        return CallOutcome.SERVER_ERROR
    return CallOutcome.REFUSED if status >= 400 else CallOutcome.REDIRECTED


def _told(body: object, words: str, sent: Sent) -> str:
    """Return the endpoint's own words, and the setting that may help."""
    own = shown(_message(body), sent)
    hint = next((setting for known, setting in _SETTINGS if known.search(words)), "")
    return (f": “{own}”" if own else "") + (f"; see {hint}" if hint else "")


_SETTINGS = (
    (re.compile(r"think|reason|temperature|top_p|parameter|argument|field"), "OPENAI_EXTRA_BODY"),
    (re.compile(r"\bmodel\b"), "TRANSLATION_MODEL and READING_MODEL"),
    (re.compile(r"version|path|url|route|endpoint"), "OPENAI_BASE_URL"),
)
_SECRET = re.compile(
    r"(?i)\bbearer\s+\S+|\b(?:sk|org|proj|req|key)[-_][A-Za-z0-9_*-]{4,}|\b[A-Za-z0-9_*-]{24,}\b"
)


def shown(words: str, sent: Sent) -> str:
    """Sanitize an endpoint's `words` for display: shortened, without keys, and empty if they repeat the prompt."""
    text = " ".join(removed(words).split())
    text = _SECRET.sub("…", text.replace(sent.key, "…") if sent.key else text)
    prompt = " ".join(str(message.get("content")) for message in sent.request.get("messages", ()))
    if any(text[at : at + 40] in prompt for at in range(0, max(len(text) - 39, 0), 10)):
        return ""
    return text if len(text) <= _SHOWN else text[:_SHOWN].rstrip() + "…"


def _message(body: object) -> str:
    if isinstance(body, Mapping):
        told = body.get("message") or body.get("msg") or body.get("detail")
        return told if isinstance(told, str) else refusals.words(told or body)
    return body if isinstance(body, str) and "<" not in body else ""


def _code(body: object) -> str:
    """Return an error's code and type in lower case; endpoints use either for the cause."""
    return f"{body.get('code')} {body.get('type')}".lower() if isinstance(body, Mapping) else ""
