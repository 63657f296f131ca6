"""The outcomes of a model call: for each a name for the records, an exception and a sentence for people."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from digest.core.errors import (
    LongPromptError,
    MalformedAnswerError,
    ModelError,
    ModelRefusedError,
    ModelThrottledError,
    ModelUnreachableError,
    QuotaSpentError,
)
from digest.llm.endpoint_profile import EndpointProfile


class CallOutcome(StrEnum):
    """The outcome of a call, stored in `models.Call.outcome`."""

    OK = "ok"
    UNREACHABLE = "unreachable"
    PROXY = "proxy"
    TIMEOUT = "timeout"
    SERVER_ERROR = "server-error"
    THROTTLED = "throttled"
    QUOTA = "quota"
    UNAUTHORISED = "unauthorised"
    REDIRECTED = "redirected"
    NO_MODEL = "no-model"
    REFUSED = "refused"
    FILTERED = "filtered"
    UNSUPPORTED_FORMAT = "unsupported-format"
    """The endpoint does not support this way of requesting structured output; another way may work."""
    UNSUPPORTED_STREAM = "unsupported-stream"
    UNSUPPORTED_STREAM_OPTIONS = "unsupported-stream-options"
    NEEDS_STREAM = "needs-stream"
    UNSUPPORTED_TOKEN_FIELD = "unsupported-token-field"  # noqa: S105 - the tokens of a model
    TOKENS_OUT_OF_RANGE = "tokens-out-of-range"
    UNSUPPORTED_SYSTEM_ROLE = "unsupported-system-role"
    UNSUPPORTED_FIELD = "unsupported-field"
    FORMAT_FAILED = "format-failed"
    """The endpoint reports that the model's answer does not have the requested format."""
    CERTIFICATE = "certificate"
    LONG_PROMPT = "long-prompt"
    CUT_PROMPT = "cut-prompt"
    TOO_LARGE = "too-large"
    NO_COMPLETION = "no-completion"
    ERROR_BODY = "error-body"
    NO_CHOICE = "no-choice"
    MANY_CHOICES = "many-choices"
    LENGTH = "length"
    UNFINISHED = "unfinished"
    REFUSAL = "refusal"
    BLANK = "blank"
    ONLY_THOUGHT = "only-thought"
    PROSE = "prose"
    HALF_JSON = "half-json"
    WRONG_SHAPE = "wrong-shape"

    @property
    def is_learned_from(self) -> bool:
        """True if another form of the request may be accepted, because the refusal named its cause."""
        return self in _LEARNED_FROM

    @property
    def of_the_paper(self) -> bool:
        """True if the model or the paper caused it, not the endpoint, so that the next call may end in the same way."""
        return self not in _OF_THE_ENDPOINT


@dataclass(frozen=True, slots=True)
class Usage:
    """The tokens of one call as the endpoint counts them; zeros if it does not."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens


NOT_COUNTED = Usage()

_LEARNED_FROM = frozenset(
    {
        CallOutcome.UNSUPPORTED_FORMAT,
        CallOutcome.UNSUPPORTED_STREAM,
        CallOutcome.UNSUPPORTED_STREAM_OPTIONS,
        CallOutcome.NEEDS_STREAM,
        CallOutcome.UNSUPPORTED_TOKEN_FIELD,
        CallOutcome.TOKENS_OUT_OF_RANGE,
        CallOutcome.UNSUPPORTED_SYSTEM_ROLE,
        CallOutcome.UNSUPPORTED_FIELD,
    }
)
_OF_THE_ENDPOINT = _LEARNED_FROM | {
    CallOutcome.UNREACHABLE,
    CallOutcome.PROXY,
    CallOutcome.CERTIFICATE,
    CallOutcome.SERVER_ERROR,
    CallOutcome.THROTTLED,
    CallOutcome.QUOTA,
    CallOutcome.UNAUTHORISED,
    CallOutcome.REDIRECTED,
    CallOutcome.NO_MODEL,
    CallOutcome.ONLY_THOUGHT,
}
_MEANING: dict[CallOutcome, tuple[type[ModelError], str]] = {
    CallOutcome.UNREACHABLE: (ModelUnreachableError, "The model's endpoint cannot be reached"),
    CallOutcome.PROXY: (
        ModelUnreachableError,
        "The proxy for the model's endpoint does not connect: check OPENAI_PROXY or HTTPS_PROXY",
    ),
    CallOutcome.CERTIFICATE: (
        ModelRefusedError,
        "The certificate of the model's endpoint is not valid, so nothing was sent: have it fixed there",
    ),
    CallOutcome.TIMEOUT: (
        ModelUnreachableError,
        "The model did not finish its answer before the deadline that OPENAI_TIMEOUT sets",
    ),
    CallOutcome.SERVER_ERROR: (ModelUnreachableError, "The model's endpoint reports an internal error"),
    CallOutcome.THROTTLED: (ModelThrottledError, "The model's endpoint asks for fewer requests"),
    CallOutcome.QUOTA: (QuotaSpentError, "The account behind OPENAI_API_KEY has no quota left"),
    CallOutcome.UNAUTHORISED: (ModelRefusedError, "The model's endpoint does not accept OPENAI_API_KEY"),
    CallOutcome.REDIRECTED: (
        ModelRefusedError,
        "The model's endpoint redirects, and the key is not sent elsewhere: correct OPENAI_BASE_URL",
    ),
    CallOutcome.NO_MODEL: (
        ModelRefusedError,
        "The endpoint does not offer this model to this key: correct the model's name or OPENAI_BASE_URL",
    ),
    CallOutcome.REFUSED: (ModelRefusedError, "The model's endpoint refused the request"),
    CallOutcome.FILTERED: (ModelRefusedError, "The endpoint's content filter refused this paper"),
    CallOutcome.UNSUPPORTED_FORMAT: (
        ModelRefusedError,
        "The endpoint does not support this kind of structured output",
    ),
    CallOutcome.UNSUPPORTED_STREAM: (ModelRefusedError, "The endpoint does not stream its answers"),
    CallOutcome.UNSUPPORTED_STREAM_OPTIONS: (
        ModelRefusedError,
        "The endpoint does not accept stream_options",
    ),
    CallOutcome.NEEDS_STREAM: (ModelRefusedError, "The endpoint only streams its answers"),
    CallOutcome.UNSUPPORTED_TOKEN_FIELD: (
        ModelRefusedError,
        "The endpoint has another name for the token limit of an answer",
    ),
    CallOutcome.TOKENS_OUT_OF_RANGE: (
        ModelRefusedError,
        "The endpoint does not allow answers of so many tokens",
    ),
    CallOutcome.UNSUPPORTED_SYSTEM_ROLE: (ModelRefusedError, "The model does not support the system role"),
    CallOutcome.UNSUPPORTED_FIELD: (ModelRefusedError, "The endpoint rejects a field of OPENAI_EXTRA_BODY"),
    CallOutcome.FORMAT_FAILED: (
        MalformedAnswerError,
        "The endpoint reports that the model did not keep to the requested format",
    ),
    CallOutcome.LONG_PROMPT: (LongPromptError, "The prompt is longer than the model's context"),
    CallOutcome.CUT_PROMPT: (LongPromptError, "The endpoint read only part of the prompt"),
    CallOutcome.TOO_LARGE: (MalformedAnswerError, "The model's answer is too large"),
    CallOutcome.NO_COMPLETION: (
        MalformedAnswerError,
        "The endpoint answered with something other than a completion",
    ),
    CallOutcome.ERROR_BODY: (
        MalformedAnswerError,
        "The endpoint answered with an error instead of a completion",
    ),
    CallOutcome.NO_CHOICE: (MalformedAnswerError, "The model's answer has no choice"),
    CallOutcome.MANY_CHOICES: (MalformedAnswerError, "The model's answer has several choices"),
    CallOutcome.LENGTH: (MalformedAnswerError, "The model's answer was cut off at its length limit"),
    CallOutcome.UNFINISHED: (MalformedAnswerError, "The model's answer was not finished"),
    CallOutcome.REFUSAL: (ModelRefusedError, "The model declined to answer"),
    CallOutcome.BLANK: (MalformedAnswerError, "The model's answer is blank"),
    CallOutcome.ONLY_THOUGHT: (
        ModelRefusedError,
        "The model only produced thoughts and left its answer blank: turn thinking off or down with OPENAI_EXTRA_BODY",
    ),
    CallOutcome.PROSE: (MalformedAnswerError, "The model's answer contains no JSON object"),
    CallOutcome.HALF_JSON: (MalformedAnswerError, "The model's answer is broken JSON"),
    CallOutcome.WRONG_SHAPE: (MalformedAnswerError, "The model's answer does not have the requested form"),
}


class CallError(Exception):
    """One call failed. Internal to this package: `ask` raises `error()` when it gives up.

    `detail` is shown to people. The endpoint's own words can contain a key or the prompt, so they must pass through
    `statuses.shown` first. `retry_after` is the wait that the endpoint asks for, in seconds. `begun` is True if a part
    of the answer had arrived. `learn` is the change to the endpoint's profile.
    """

    def __init__(
        self,
        outcome: CallOutcome,
        detail: str = "",
        *,
        retry_after: float | None = None,
        usage: Usage = NOT_COUNTED,
        begun: bool = False,
        learn: Callable[[EndpointProfile], EndpointProfile] | None = None,
    ) -> None:
        self.outcome = outcome
        self.learn = learn
        self.begun = begun
        self.retry_after = retry_after
        self.usage = usage
        sentence = _MEANING[outcome][1]
        super().__init__(f"{sentence} ({detail})." if detail else f"{sentence}.")

    def error(self) -> ModelError:
        """Return the exception for callers of the package."""
        return _MEANING[self.outcome][0](str(self))

    @property
    def answered(self) -> bool:
        """True if the model ran, so that the call may cost money."""
        return self.begun or self.outcome in {CallOutcome.TIMEOUT, CallOutcome.ONLY_THOUGHT} or self.malformed

    @property
    def malformed(self) -> bool:
        """True if there was an answer, and a second one may be better."""
        return _MEANING[self.outcome][0] is MalformedAnswerError

    @property
    def unreachable(self) -> bool:
        return _MEANING[self.outcome][0] is ModelUnreachableError
