"""The year of arXiv that lies beside the checkout, if there is one: a process on loopback, queried over HTTP."""

import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

_PROGRAM = Path(__file__).resolve().parents[1].parent / "shared" / "tools" / "arxiv_world.py"


@dataclass(frozen=True)
class ArxivYear:
    """A running year; its clock moves only when a test moves it."""

    url: str
    client: httpx.AsyncClient

    async def set_clock(self, at: datetime) -> None:
        await self._ask("now", t=at.isoformat())

    async def fail(self, kind: str, times: int = 1) -> None:
        await self._ask("fault", kind=kind, n=str(times))

    async def truth(self) -> list[dict[str, Any]]:
        """Return every paper: id, submitted, announced, visible, categories, title."""
        found: list[dict[str, Any]] = json.loads(await self._ask("truth"))
        return found

    async def stats(self) -> dict[str, Any]:
        counted: dict[str, Any] = json.loads(await self._ask("stats"))
        return counted

    async def _ask(self, verb: str, **query: str) -> str:
        answer = await self.client.get(f"{self.url}/_world/{verb}", params=query)
        return answer.raise_for_status().text


@asynccontextmanager
async def arxiv_year(*options: str) -> AsyncIterator[ArxivYear]:
    """The year of arXiv. Skips the test if there is none; in CI, fails it."""
    if not _PROGRAM.exists():
        message = "the year of arXiv is not beside this checkout"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(_PROGRAM), "--port", str(port), *options
    )
    try:
        async with httpx.AsyncClient(timeout=300) as client:
            year = ArxivYear(f"http://127.0.0.1:{port}", client)
            await _listening(year)
            yield year
    finally:
        process.kill()
        await process.wait()


async def _listening(year: ArxivYear) -> None:
    async with asyncio.timeout(300):
        while True:
            try:
                await year.stats()
            except httpx.TransportError:
                await asyncio.sleep(0.05)
            else:
                return
