"""A fake language model on loopback: an OpenAI-compatible endpoint, strict about requests, valid unless told otherwise.

For benchmarks it runs on its own: `python -m tests.fakes.model --port 8899 --reading-seconds 8`;
`GET /_fake/requests` then returns the number of requests of each kind.
"""

import argparse
import asyncio
import json
import re
from collections import Counter, deque
from types import TracebackType
from typing import Annotated, Any, Literal, Self

import uvicorn
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from digest.core.models import Purpose
from tests.fakes import model_answers, model_judges
from tests.fakes.model_faults import Asked, Fault, problem
from tests.fakes.model_judges import Script
from tests.fakes.model_stream import told
from tests.fakes.server import serving

KEY = "sk-fake-key"

_PAPER = re.compile(r"^(?:Paper arXiv:|Edition of )([^\s,]+)", re.MULTILINE)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Message(_Strict):
    role: Literal["system", "user"]
    content: Annotated[str, Field(min_length=1)]


class _Schema(_Strict):
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    strict: Literal[True]
    schema_: Annotated[dict[str, Any], Field(alias="schema")]


class _Format(_Strict):
    type: Literal["json_schema", "json_object"]
    json_schema: _Schema | None = None


class _StreamOptions(_Strict):
    include_usage: Literal[True]


class _Request(_Strict):
    model: Annotated[str, Field(min_length=1)]
    messages: list[_Message]
    stream: Literal[True] | None = None
    stream_options: _StreamOptions | None = None
    response_format: _Format | None = None
    max_tokens: Annotated[int, Field(gt=0)] | None = None
    max_completion_tokens: Annotated[int, Field(gt=0)] | None = None


class FakeModel:
    """A model: `async with FakeModel() as model` serves at `model.url`; each request takes a fault, oldest first.

    `always` answers every request that no fault is left for; `formats` are the supported response formats, `streams`
    tells whether streaming is supported, `fields` are further accepted ones; the delays are in seconds. A streamed
    answer is spread over its delay. `judge` answers the prompts of a judge.
    """

    def __init__(
        self,
        *faults: Fault,
        always: Fault | None = None,
        formats: tuple[str, ...] = ("json_schema", "json_object"),
        streams: bool = True,
        fields: tuple[str, ...] = (),
        translation_seconds: float = 0,
        reading_seconds: float = 0,
        key: str = KEY,
        judge: Script = model_judges.agreeing,
    ) -> None:
        self.faults = deque(faults)
        self.always = always
        self.requests: list[dict[str, Any]] = []
        self.asked_for: Counter[tuple[Purpose, str]] = Counter()
        self.headers: list[dict[str, str]] = []
        self.most_at_once = 0
        self.url = ""
        self._at_once = 0
        self._formats = formats
        self._streams = streams
        self._fields = fields
        self._seconds = {
            Purpose.TRANSLATION: translation_seconds,
            Purpose.READING: reading_seconds,
            Purpose.TERM_LIST: translation_seconds,  # as many tokens
        }
        self._key = key
        self.judge = judge
        self._prefixes: set[str] = set()

    async def __aenter__(self) -> Self:
        self._serving = serving(self.app())
        self.url = f"{await self._serving.__aenter__()}/v1"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._serving.__aexit__(kind, error, trace)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/v1/chat/completions", self._complete, methods=["POST"]),
                Route("/_fake/requests", self._counts),
            ]
        )

    async def _complete(self, request: Request) -> Response:
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            return await self._answer(request)
        except ClientDisconnect:  # a client that was killed
            return Response(status_code=499)
        finally:
            self._at_once -= 1

    async def _answer(self, request: Request) -> Response:
        body = await request.json()
        self.requests.append(body)
        self.headers.append(dict(request.headers))
        if request.headers.get("Authorization") != f"Bearer {self._key}":
            return problem(401, "Incorrect API key provided", "invalid_api_key")
        refused = self._refusal({name: value for name, value in body.items() if name not in self._fields})
        if refused is not None:
            return refused
        purpose, paper = _subject(body)
        self.asked_for[purpose, paper] += 1
        seconds = self._seconds.get(purpose, 0)
        if not body.get("stream"):
            await asyncio.sleep(seconds)
        answer = _sound(body, purpose, paper, self.judge)
        asked = Asked(request, body, answer, self._completion(body, answer), seconds)
        fault = self.faults.popleft() if self.faults else self.always
        return fault(asked) if fault else told(asked, asked.completion)

    def _refusal(self, body: dict[str, Any]) -> Response | None:
        """Return a strict endpoint's refusal of the request, or None."""
        try:
            asked = _Request.model_validate(body)
        except ValidationError as error:
            return problem(400, f"Invalid request: {error}")
        if asked.stream and not self._streams:
            return problem(400, "This model does not support streaming.", "unsupported_value", "stream")
        kind = asked.response_format.type if asked.response_format else None
        if kind is None:
            return None
        if kind not in self._formats:
            return problem(400, f"This response_format type is unavailable now: {kind}")
        if kind == "json_object" and "json" not in json.dumps(body["messages"]).lower():
            return problem(400, "'messages' must contain the word 'json'", param="messages")
        schema = body["response_format"]["json_schema"]["schema"] if kind == "json_schema" else None
        if schema is not None and not _is_strict(schema):
            return problem(400, "Invalid schema for response_format", param="response_format")
        return None

    def _completion(self, body: dict[str, Any], answer: dict[str, Any] | str) -> dict[str, Any]:
        text = answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)
        system, user = texts(body)
        cached = len(system) // 4 if system in self._prefixes else 0
        self._prefixes.add(system)
        prompt_tokens, completion_tokens = (len(system) + len(user)) // 4, len(text)
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1770627600,
            "model": body["model"],
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": text, "refusal": None},
                    "logprobs": None,
                    "finish_reason": "stop",
                }
            ],
            "usage": {
                "prompt_tokens": prompt_tokens,
                "completion_tokens": completion_tokens,
                "total_tokens": prompt_tokens + completion_tokens,
                "prompt_tokens_details": {"cached_tokens": cached},
            },
        }

    async def _counts(self, request: Request) -> Response:  # noqa: ARG002 - Starlette hands it over
        counts: dict[str, dict[str, int]] = {purpose.value: {} for purpose in Purpose}
        for (purpose, paper), number in self.asked_for.items():
            counts[purpose][paper] = number
        return JSONResponse({**counts, "most_at_once": self.most_at_once})


def _is_strict(schema: dict[str, Any]) -> bool:
    """Return whether the schema is in the subset of JSON schema that every strict server accepts."""
    if schema["type"] == "object":
        fields = schema["properties"]
        whole = schema.get("additionalProperties") is False and schema.get("required") == [*fields]
        known = set(schema) == {"type", "properties", "required", "additionalProperties"}
        return whole and known and all(_is_strict(field) for field in fields.values())
    if schema["type"] == "array":
        return set(schema) == {"type", "items"} and _is_strict(schema["items"])
    return schema == {"type": "string"}


_SIGNS = {
    '"background"': Purpose.READING,
    '"statements"': Purpose.ANSWER,
    '"verdicts"': Purpose.JUDGEMENT,
    '"terms"': Purpose.TERM_LIST,
}


def texts(body: dict[str, Any]) -> tuple[str, str]:
    """Return the instructions and the input of a prompt; a single message holds both."""
    first, *others = (message["content"] for message in body["messages"])
    return first, others[0] if others else first


def _subject(body: dict[str, Any]) -> tuple[Purpose, str]:
    """Return the purpose of the prompt, and its paper or the day of its edition.

    It is recognised by its form, because the schema may not be sent.
    """
    system, user = texts(body)
    paper = _PAPER.search(user)
    purpose = next((each for sign, each in _SIGNS.items() if sign in system), Purpose.TRANSLATION)
    return purpose, paper[1] if paper else ""


def _sound(body: dict[str, Any], purpose: Purpose, paper: str, judge: Script) -> dict[str, Any] | str:
    system, user = texts(body)
    if purpose is Purpose.JUDGEMENT:
        return judge(model_judges.pairs_of(user))
    if purpose is Purpose.TERM_LIST:
        return model_answers.term_list(system, user)
    if purpose is Purpose.READING:
        return model_answers.reading(user, paper)
    if purpose is Purpose.ANSWER:
        return model_answers.answer(user)
    if '"passages"' in system:
        return model_answers.passages(user)
    return model_answers.translation(system, user)


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description="A language model that answers at once, or after a delay.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--translation-seconds", type=float, default=0)
    parser.add_argument("--reading-seconds", type=float, default=0)
    parser.add_argument("--key", default=KEY)
    options = parser.parse_args()
    fake = FakeModel(
        translation_seconds=options.translation_seconds,
        reading_seconds=options.reading_seconds,
        key=options.key,
    )
    uvicorn.run(fake.app(), host="127.0.0.1", port=options.port, lifespan="off", log_level="warning")


if __name__ == "__main__":
    main()
