"""An update that cannot be parsed, stored or handled delays no other person's answer."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from unittest.mock import patch

from tests.bot.telegram.talks import talking
from tests.bot.telegram.world import bot_world

LOGGED = frozenset({"update_failed"})
LEFT = "SELECT count(*) FROM updates WHERE content IS NOT NULL"


async def test_a_handler_that_fails_and_an_update_that_cannot_be_read_cost_nobody_else(
    tmp_path: Path,
) -> None:
    async with talking(tmp_path, may_log=LOGGED) as here:
        user, other = here.telegram.user(1001), here.telegram.user(1002)
        with patch("bot.telegram.handlers.editions.editions.last", side_effect=RuntimeError("a fault")):
            await user.says("/today")
            await here.telegram.send_update({"message": {"message_id": "none", "chat": []}})
            await here.telegram.send_update({"callback_query": {"id": "1", "data": 5}})
            await here.telegram.send_update({"something_new": {"a": 1}})
            await other.says("/help")
            await other.chat.waits_for(1)
            await here.until(LEFT, [(0,)])
        await user.says("/help")
        assert await user.chat.waits_for(1)


async def test_what_was_kept_and_cannot_be_read_any_more_keeps_no_bot_from_starting(tmp_path: Path) -> None:
    async with bot_world(tmp_path, papers=0) as here:
        user = here.telegram.user(1001)
        contents = [{"update_id": 1, "message": {"message_id": "none"}}, {"update_id": 2}, [], {}]
        with closing(sqlite3.connect(tmp_path / "arxiv-daily.db")) as database:
            for number, content in enumerate(contents):
                values = (number + 1, "2026-02-11 03:59:00.000000", json.dumps(content))
                database.execute("INSERT INTO updates (id, taken_at, content) VALUES (?, ?, ?)", values)
            database.commit()
        async with here.running():
            await user.says("/help")
            assert await user.chat.waits_for(1)
