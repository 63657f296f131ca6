"""Tests of whole editions with judges, honest and bad, from the command line."""

import sqlite3
from contextlib import closing
from pathlib import Path

from digest.core.models import Purpose
from tests.bot.cli.test_main import rows
from tests.bot.world import WEDNESDAY_NOON, world

NAME = "2602.00001v1"


async def test_a_translation_that_was_made_before_the_process_ended_is_not_paid_for_again(
    tmp_path: Path,
) -> None:
    async with world(tmp_path, papers=1) as here:
        await here.run()
        with closing(sqlite3.connect(here.folder / "arxiv-daily.db")) as database:
            database.execute("DELETE FROM translations")
            database.commit()
        async with here.app(WEDNESDAY_NOON) as app:
            [paper] = here.arxiv.papers
            made = await app.paper_service.translation(paper)
        assert rows(here, "SELECT abstract FROM translations") == [(made.abstract,)]
        assert here.model.asked_for[Purpose.TRANSLATION, NAME] == 1
