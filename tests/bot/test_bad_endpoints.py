"""Tests of whole runs with faulty endpoints: one clear message each, the edition is made, and no key leaks."""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from bot import daily_run, scheduler
from tests.bot.world import WEDNESDAY_NOON, world
from tests.fakes import model_faults as faults
from tests.fakes.model import KEY, FakeModel
from tests.fakes.model_faults import Asked
from tests.fakes.model_stream import events, told
from tests.fakes.server import serving

_TO = "/v1/chat/completions"


def half_a_stream(asked: Asked) -> Response:
    sent = list(events(asked.completion, characters=20))

    async def half() -> AsyncIterator[bytes]:
        for each in sent[: len(sent) // 2]:
            yield each

    return StreamingResponse(half(), media_type="text/event-stream")


def in_english(asked: Asked) -> Response:
    return faults.says(json.dumps(_english(asked.answer)))(asked)


def _english(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _english(each) for name, each in value.items()}
    return "Rooms have shapes that can be heard by everybody." if isinstance(value, str) else value


def echo(asked: Asked) -> Response:
    return faults.says("\n".join(message["content"] for message in asked.body["messages"]))(asked)


def in_chinese_html(_: Asked) -> Response:
    return Response("<html>请先登录校园网</html>", media_type="text/html")


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        (half_a_stream, "the model's answer was not finished (3 times); check OPENAI_BASE_URL"),
        (in_english, "the translations are not in the requested language (2 times); another TRANS"),
        (
            echo,
            "the model's answer does not have the requested form (3 times); another TRANSLATION_MODEL",
        ),
        (
            in_chinese_html,
            "the endpoint answered with something other than a completion (3 times); check OPENAI_BASE",
        ),
    ],
)
async def test_a_run_ends_with_one_sentence_that_names_what_is_wrong(
    tmp_path: Path, answers: Callable[[Asked], Response], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with world(tmp_path, FakeModel(always=answers), papers=1) as here, here.app(WEDNESDAY_NOON) as app:
        made = await daily_run.work(app, WEDNESDAY_NOON, here.progress.append)
        fault = str(await scheduler.failure_of(app, made.news))
    assert sentence in fault
    said = capsys.readouterr()
    assert KEY not in f"{fault}{said.out}{said.err}{here.post('2026-02-11')}"
    assert "EchoNet-1" in here.post("2026-02-11")


async def test_another_host_to_which_an_endpoint_redirects_gets_nothing(tmp_path: Path) -> None:
    came = []

    async def other(scope: Scope, receive: Receive, send: Send) -> None:
        came.append(scope["path"])
        await JSONResponse({})(scope, receive, send)

    async with serving(other) as url:
        model = FakeModel(always=lambda _: RedirectResponse(f"{url}{_TO}", 308))
        async with world(tmp_path, model, papers=3) as here, here.app(WEDNESDAY_NOON) as app:
            made = await daily_run.work(app, WEDNESDAY_NOON, here.progress.append)
            fault = str(await scheduler.failure_of(app, made.news))
    assert "redirects, and the key is not sent elsewhere: correct OPENAI_BASE_URL (once); `arx" in fault
    assert came == []
    assert len(model.requests) == 1


async def test_an_endpoint_that_refuses_a_schema_after_it_took_some_loses_no_paper(tmp_path: Path) -> None:
    def until_noon(asked: Asked) -> Response:
        if len(model.requests) > 2 and asked.body.get("response_format", {}).get("type") == "json_schema":
            return faults.problem(400, "response_format json_schema is not supported")
        return told(asked, asked.completion)

    model = FakeModel(always=until_noon)
    async with world(tmp_path, model) as here:
        account = await here.run()
    assert account
    assert (account.translated, account.read) == (3, 3)
