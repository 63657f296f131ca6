"""Endpoints that fail in other ways than by refusing: one clear message each, nothing lost, nothing leaked."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from digest.core.errors import MalformedAnswerError, ModelRefusedError, ModelUnreachableError
from digest.llm.endpoint import EndpointClient, exchange
from tests import certificates
from tests.digest.llm.llm_world import QUICK, world
from tests.fakes import model_faults as faults
from tests.fakes.model import KEY, FakeModel
from tests.fakes.model_faults import Asked
from tests.fakes.server import serving
from tests.papers import paper

NOON = datetime(2026, 2, 9, 12, 0, tzinfo=UTC)
ASKED = {
    "model": "fake-small",
    "messages": [{"role": "system", "content": "Translate."}, {"role": "user", "content": "A paper."}],
}


async def test_a_certificate_that_is_not_valid_ends_all_calls_with_one_sentence(tmp_path: Path) -> None:
    fake = FakeModel()
    async with serving(fake.app(), certificates.make(tmp_path, "localhost")) as url:
        fake.url = f"{url}/v1"
        async with world(fake) as it:
            with pytest.raises(ModelRefusedError, match=r"certificate .* is not valid, so nothing was sent"):
                await it.translate(paper(1))
            with pytest.raises(ModelRefusedError, match="No further call"):
                await it.translate(paper(2))
            assert it.outcomes == ["certificate"]
    assert fake.requests == []


async def test_a_certificate_that_ran_out_is_said_to_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake, expired = FakeModel(), certificates.make(tmp_path, "localhost", expired=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(expired.authority))
    async with serving(fake.app(), expired) as url:
        fake.url = f"{url}/v1"
        async with world(fake) as it:
            with pytest.raises(ModelRefusedError, match="certificate has expired"):
                await it.translate(paper(1))
    assert fake.requests == []


async def test_a_query_of_the_base_url_goes_with_each_request() -> None:
    queries = []

    def versioned(asked: Asked) -> Response:
        queries.append(asked.request.url.query)
        return JSONResponse(asked.completion)

    async with FakeModel(always=versioned) as fake:
        async with EndpointClient(KEY, f"{fake.url}?api-version=2024-10-21&empty=") as client:
            for _ in range(2):
                await exchange(client, ASKED, 60, NOON)
        assert queries == ["api-version=2024-10-21&empty="] * 2


async def test_a_proxy_of_the_models_own_is_asked_for_the_endpoint() -> None:
    targets = []

    async def proxy(scope: Scope, receive: Receive, send: Send) -> None:
        targets.append(scope["path"])
        await JSONResponse({"choices": []})(scope, receive, send)

    async with serving(proxy) as url, EndpointClient(KEY, "http://model.invalid/v1", url) as client:
        await exchange(client, ASKED, 60, NOON)
    assert targets == ["http://model.invalid/v1/chat/completions"]


@pytest.mark.parametrize("media_type", ["text/event-stream", "application/json"])
async def test_keep_alives_without_an_end_are_no_answer(media_type: str) -> None:
    sent = b": keep-alive\n\n" if media_type == "text/event-stream" else b"\n"

    def alive(asked: Asked) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            while not await asked.request.is_disconnected():
                yield sent
                await asyncio.sleep(0.02)

        return StreamingResponse(pieces(), media_type=media_type)

    patience = replace(QUICK, call_seconds=0.2, attempts=1)
    async with FakeModel(always=alive) as fake, world(fake, patience=patience) as it:
        with pytest.raises(ModelUnreachableError, match="OPENAI_TIMEOUT"):
            await it.translate(paper())
        assert it.outcomes == ["timeout"]


async def test_a_prompt_that_is_echoed_is_no_answer_and_nothing_of_it_is_shown() -> None:
    def echo(asked: Asked) -> Response:
        text = "\n".join(message["content"] for message in asked.body["messages"])
        return faults.says(text)(asked)

    async with FakeModel(always=echo) as fake, world(fake) as it:
        with pytest.raises(MalformedAnswerError) as caught:
            await it.translate(paper())
        assert len(it.outcomes) == 3
        assert len(str(caught.value)) < 200
