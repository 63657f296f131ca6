"""When a reading is tried again that came to nothing: through the whole program."""

import json
from datetime import timedelta
from pathlib import Path

from digest.ids import parse
from digest.models import Gap, Purpose
from tests.bot.world import WEDNESDAY_NOON, World, world
from tests.fakes import model_faults as faults
from tests.fakes.model import FakeModel
from tests.fakes.model_faults import Asked, Response, told

UNFOUNDED = json.dumps(
    {"background": [{"text": "没有出处。", "quotes": []}], "method": [], "results": []}, ensure_ascii=False
)


def readings_fail(asked: Asked) -> Response:
    """A model that translates soundly, and reads what is not there."""
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
            assert await app.library.reading(await app.library.paper(parse("2602.00001"))) is Gap.MODEL
        assert asked_to_read(here) == 12


async def test_an_outage_of_the_endpoint_puts_no_reading_off(tmp_path: Path) -> None:
    async with world(tmp_path, FakeModel(always=faults.status(401)), papers=1) as here:
        for hours in (0, 10):
            await here.work(WEDNESDAY_NOON + timedelta(hours=hours))
        here.model.always = None
        account = await here.run(WEDNESDAY_NOON + timedelta(hours=11))
    assert account is not None
    assert account.read == 1
