"""The edition of the day of the announcement, from arXiv to the post, in summer and in winter."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from digest.arxiv.calendar import announcement
from digest.pipeline.close_editions import ClosingState
from tests.bot.world import publish, world

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@pytest.mark.parametrize(
    ("sunday", "clock"), [(date(2026, 2, 8), "09:00"), (date(2026, 7, 12), "08:00")], ids=["winter", "summer"]
)
async def test_the_post_names_the_announcement_as_its_anchor(
    tmp_path: Path, sunday: date, clock: str
) -> None:
    async with world(tmp_path, papers=0, digest_time="announced", openai_api_key=None) as here:
        for number in (1, 2):
            batch = announcement(sunday + number * DAY)
            publish(here.arxiv, number, submitted=batch - 10 * HOUR)
            made = await here.work(batch + 7 * HOUR)
            assert [closed.date for closed in made.outcome.closed] == [sunday + (number + 1) * DAY]
        tuesday, wednesday = sunday + 2 * DAY, sunday + 3 * DAY
        line = f"- 时间窗口（锚点 {clock} CST）：{tuesday} {clock} — {wednesday} {clock}\n"
        assert line in here.post(str(wednesday))
        early = await here.work(announcement(sunday + 3 * DAY) - HOUR)
        friday = await here.work(announcement(sunday + 5 * DAY))
    assert (early.outcome.day, early.outcome.standing) == (wednesday, ClosingState.CLOSED)
    assert friday.outcome.standing is ClosingState.NO_BATCH
