"""Tests of arXiv's real rate limit: three seconds between requests, one at a time, over all processes."""

import asyncio
import sys
from asyncio.subprocess import DEVNULL, Process
from datetime import datetime
from pathlib import Path

import pytest

from tests.shared_world import ArxivYear, arxiv_year

PROGRAM = str(Path(sys.executable).with_name("arxiv-daily"))
AT = datetime.fromisoformat("2026-02-12T12:00:00+08:00")


async def start(folder: Path, year: ArxivYear, *command: str) -> Process:
    environment = {
        "DATA_DIR": str(folder),
        "ARXIV_API_URL": f"{year.url}/api/query",
        "ARXIV_RSS_URL": f"{year.url}/rss",
        "ARXIV_SITE_URL": year.url,
        "PYTHONUTF8": "1",
    }
    (folder / ".env").touch()  # else that of this checkout would count
    return await asyncio.create_subprocess_exec(
        PROGRAM, *command, cwd=folder, env=environment, stdout=DEVNULL, stderr=DEVNULL
    )


@pytest.mark.play
async def test_processes_side_by_side_ask_arxiv_as_if_they_were_one(tmp_path: Path) -> None:
    async with arxiv_year("--from", "2026-01-20", "--days", "30", "--per-day", "4") as year:
        await year.set_clock(AT)
        papers = [each["id"] for each in await year.truth() if datetime.fromisoformat(each["visible"]) <= AT]
        commands = [("run", "--at", AT.isoformat()), *(("paper", name) for name in papers[-3:])]
        processes = [await start(tmp_path, year, *command) for command in commands]
        async with asyncio.timeout(300):
            statuses = [await process.wait() for process in processes]
        stats = await year.stats()
    assert statuses == [0] * 4
    assert stats["requests"] >= 5
    assert (stats["too_close"], stats["parallel"], stats["no_contact_ua"]) == (0, 0, 0)
