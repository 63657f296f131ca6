"""Tests of retrying a reading that failed, through the whole program."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from starlette.responses import Response

from digest.core.ids import parse
from digest.core.models import Gap, Purpose
from tests import pdfs
from tests.bot.world import WEDNESDAY_NOON, World, world
from tests.fakes import model_faults as faults
from tests.fakes.model import FakeModel
from tests.fakes.model_faults import Asked
from tests.fakes.model_stream import told

UNFOUNDED = json.dumps(
    {"background": [{"text": "没有出处。", "quotes": []}], "method": [], "results": []}, ensure_ascii=False
)


def readings_fail(asked: Asked) -> Response:
    """Create a model that translates correctly, and whose readings have no evidence."""
    is_reading = asked.body["messages"][0]["content"].startswith("You read")
    return faults.says(UNFOUNDED)(asked) if is_reading else told(asked, asked.completion)


def asked_to_read(here: World) -> int:
    return here.model.asked_for[Purpose.READING, "2602.00001v1"]


async def test_what_cannot_be_read_is_tried_with_growing_pauses(tmp_path: Path) -> None:
    async with world(tmp_path, FakeModel(always=readings_fail), papers=1) as here:
        for hours, calls in (
            (0, 2),
            (0.5, 4),
            (0.9, 4),
            (1, 6),
            (1.5, 6),
            (2, 8),
            (30, 10),
            (53, 10),
            (54, 12),
        ):
            await here.work(WEDNESDAY_NOON + timedelta(hours=hours))
            assert asked_to_read(here) == calls, hours
        async with here.app(WEDNESDAY_NOON + timedelta(hours=55)) as app:
            assert (
                await app.paper_service.reading(await app.paper_service.paper(parse("2602.00001")))
                is Gap.MODEL
            )
        assert asked_to_read(here) == 12


async def test_an_outage_of_the_endpoint_puts_no_reading_off(tmp_path: Path) -> None:
    async with world(tmp_path, FakeModel(always=faults.status(401)), papers=1) as here:
        for hours in (0, 10):
            await here.work(WEDNESDAY_NOON + timedelta(hours=hours))
        here.model.always = None
        account = await here.run(WEDNESDAY_NOON + timedelta(hours=11))
    assert account is not None
    assert account.read == 1


NO_TEXTS = {
    "only references": pdfs.pdf(
        pdfs.shown(["References", *[f"[{n}] A. Author. Rooms. 20{n}." for n in range(10, 40)]])
    ),
    "garbled": pdfs.pdf(pdfs.shown(["ÍâÏÔ×ÓºÍÎ¢ÎÀÐÇÔî 0/>.3 5811;2 »ùÒòÍâÏÔ×Ó"] * 40)),
    "damaged": b"%PDF-1.7 and nothing more",
    "not there": None,
}


@pytest.mark.parametrize("document", NO_TEXTS.values(), ids=NO_TEXTS.keys())
async def test_a_text_that_cannot_be_read_now_is_asked_for_again(
    tmp_path: Path, document: bytes | None
) -> None:
    async with world(tmp_path, papers=1) as here:
        page = here.arxiv.html.pop("2602.00001v1")
        if document is not None:
            here.arxiv.pdf["2602.00001v1"] = document
        await here.run()
        assert "全文暂不可用" in here.post("2026-02-11")
        here.arxiv.html["2602.00001v1"] = page
        await here.run(WEDNESDAY_NOON + timedelta(minutes=20))
        assert asked_to_read(here) == 0
        await here.run(WEDNESDAY_NOON + timedelta(minutes=30))
    assert asked_to_read(here) == 1
    assert "全文暂不可用" not in here.post("2026-02-11")
