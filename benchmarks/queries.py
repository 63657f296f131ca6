"""The time of `/search` in 50,000 papers on both databases, and the memory of lists of a million subscribers.

    python benchmarks/queries.py [--papers 50000] [--subscribers 1000000] [sqlite|postgresql|export …]

The papers are made of words as frequent as those of a language, and each has a Chinese translation and a reading. Each
search is made several times; the fastest counts, beside a comparison of every text.
"""

import argparse
import asyncio
import itertools
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parents[1])

# ruff: noqa: E402
import structlog
from sqlalchemy import Table, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from benchmarks.results import Result, run, unmet
from benchmarks.sending.crowd import ROOT, subscribe, telegram_settings
from bot.container import open_database
from bot.db.upgrade import upgrade
from digest.core.models import Claim, PaperId
from digest.db import engine as database
from digest.db import search, search_texts
from digest.db import tables as stored
from digest.db.bulk import parts
from tests.databases import postgresql

_LONGEST_SECONDS = 0.05
_MOST_BYTES = 300_000_000
_A_DAY = 100  # papers
_FOUND = 8  # papers, as many as `/search` shows
_FIRST = date(2024, 1, 1)
_MADE = datetime(2026, 2, 10, tzinfo=UTC)
# Of characters beyond those of the other words.
_RARE = {"rare word": "zyxgram", "rare word of two characters": "鼹鼠", "rare character": "鼹"}


@dataclass(frozen=True)
class Searches(Result):
    """Each search with the papers that it found and its seconds, and those of comparing every text."""

    database: str
    papers: int
    filled_seconds: float
    bytes_: int
    found: dict[str, tuple[int, float]]
    compared_seconds: float

    @property
    def undone(self) -> list[str]:
        return unmet(
            *(
                (self.found[kind][0] == 2, f"{kind}: {self.found[kind][0]} papers of 2")
                for kind in (*_RARE,)[:3]
            )
        )

    @property
    def missed(self) -> list[str]:
        return unmet(
            *(
                (took <= _LONGEST_SECONDS, f"{kind}: {took * 1000:.0f} ms")
                for kind, (_, took) in self.found.items()
            )
        )

    def __str__(self) -> str:
        size = f"written in {self.filled_seconds:.0f} s, {self.bytes_ / 1e6:.0f} MB"
        lines = [
            f"{self.database}: {self.papers:,} papers, {size}; at most {_LONGEST_SECONDS * 1000:.0f} ms a search"
        ]
        for kind, (count, took) in self.found.items():
            lines.append(f"    {kind}: {took * 1000:.1f} ms, {count} papers")
        lines.append(f"    comparing every text: {self.compared_seconds * 1000:.0f} ms")
        return "\n".join(lines)


@dataclass(frozen=True)
class Memory(Result):
    """The memory and time of each command that goes through all subscribers."""

    subscribers: int
    used: dict[str, tuple[int, int, float]]
    """Lines written, bytes of memory at the peak, and seconds, by command."""

    @property
    def undone(self) -> list[str]:
        return unmet(
            *(
                (lines >= self.subscribers, f"{name}: {lines} lines")
                for name, (lines, _, _) in self.used.items()
            )
        )

    @property
    def missed(self) -> list[str]:
        return unmet(
            *(
                (peak <= _MOST_BYTES, f"{name}: {peak / 1e6:.0f} MB")
                for name, (_, peak, _) in self.used.items()
            )
        )

    def __str__(self) -> str:
        return "\n".join(
            f"subscribers {name}: {self.subscribers:,} in {took:.0f} s with {peak / 1e6:.0f} MB of memory"
            f" (at most {_MOST_BYTES / 1e6:.0f} MB)"
            for name, (_, peak, took) in self.used.items()
        )


class Words:
    """Words of two languages, each as frequent as its rank says (Zipf's law)."""

    def __init__(self) -> None:
        self._random = random.Random(16)
        starts, vowels = (
            [
                "b",
                "c",
                "d",
                "f",
                "g",
                "h",
                "l",
                "m",
                "n",
                "p",
                "r",
                "s",
                "t",
                "v",
                "w",
                "st",
                "tr",
                "sp",
                "ch",
            ],
            ["a", "e", "i", "o", "u", "er", "an", "in", "or", "al"],
        )
        syllables = ["".join(pair) for pair in itertools.product(starts, vowels)]
        self.english = self._made(
            lambda: "".join(self._random.choices(syllables, k=self._random.randint(1, 4)))
        )
        characters = [chr(code) for code in range(0x4E00, 0x4E00 + 3_000)]
        weights = _by_rank(len(characters))
        self.chinese = self._made(lambda: "".join(self._random.choices(characters, cum_weights=weights, k=2)))
        self._weights = _by_rank(len(self.english))

    def _made(self, make: Callable[[], str]) -> list[str]:
        made: dict[str, None] = {}
        while len(made) < 15_000:
            made.setdefault(make())
        return list(made)

    def some_english(self, count: int) -> str:
        return " ".join(self._random.choices(self.english, cum_weights=self._weights, k=count))

    def some_chinese(self, count: int) -> str:
        return "".join(self._random.choices(self.chinese, cum_weights=self._weights, k=count))


def _by_rank(count: int) -> list[float]:
    return list(itertools.accumulate(1 / (rank + 3) for rank in range(count)))


async def fill(engine: AsyncEngine, words: Words, papers: int) -> None:
    """Store editions of `papers` papers, of which the third and one in the middle have the rare words."""
    days = [_FIRST + timedelta(days=number) for number in range(-(-papers // _A_DAY))]
    async with database.writing(engine) as connection:
        window = {"window_start": _MADE, "window_end": _MADE, "closed_at": _MADE}
        common = {"language": "zh-CN", "categories": (), "fetched": _A_DAY, **window}
        await connection.execute(insert(stored.editions), [{"date": day, **common} for day in days])
    for some in parts(range(papers)):
        rows = [
            row for number in some for row in _rows(words, number, days, is_rare=number in {2, papers // 2})
        ]
        async with database.writing(engine) as connection:
            for table in (
                stored.papers,
                stored.versions,
                stored.translations,
                stored.readings,
                stored.edition_papers,
            ):
                await connection.execute(insert(table), [row for each, row in rows if each is table])
            await search_texts.update(connection, [PaperId(_name(number)) for number in some])


def _rows(
    words: Words, number: int, days: Sequence[date], *, is_rare: bool
) -> Iterator[tuple[Table, dict[str, Any]]]:
    version = {"paper_id": _name(number), "version": 1}
    made = version | {"language": "zh-CN", "model": "model", "prompt": "prompt", "made_at": _MADE}
    rare = " zyxgram 鼹鼠" if is_rare else ""
    yield stored.papers, {"id": _name(number), "first_seen_at": _MADE}
    original = {"title": words.some_english(10), "abstract": words.some_english(170) + rare}
    yield (
        stored.versions,
        version | original | {"authors": ("Ada Lovelace", words.some_english(2)), "categories": ()},
    )
    translation = {"title": words.some_chinese(10), "abstract": words.some_chinese(150)}
    yield stored.translations, made | translation | {"summary": words.some_chinese(15)}
    claims = {name: (Claim(words.some_chinese(60)),) for name in ("background", "method", "results")}
    yield stored.readings, made | claims
    day, position = divmod(number, _A_DAY)
    yield stored.edition_papers, version | {"edition_date": days[day], "position": position}


def _name(number: int) -> str:
    return f"{2001 + number // 90_000}.{number % 90_000 + 10_000}"


async def searched(name: str, engine: AsyncEngine, papers: int) -> Searches:
    words = Words()
    began = time.perf_counter()
    await fill(engine, words, papers)
    filled = time.perf_counter() - began
    english, chinese = words.english, words.chinese
    long = [word for word in english if len(word) > 5]
    queries = _RARE | {
        "no such word": "qqqq",
        "common word": english[0],
        "common word of two characters": chinese[0],
        "word in some hundred papers": long[2_500],
        "word of two characters in some hundred papers": chinese[5_000],
        "three words": f"{long[40]} {chinese[60]} {long[90]}",
        "three words, one of them rare": f"{english[5]} {chinese[5]} zyxgram",
        "two words of two characters": f"{chinese[20]} {chinese[4_000]}",
    }
    if name == "postgresql":
        async with database.writing(engine) as connection:
            await connection.execute(text("ANALYZE"))
    found = {kind: await _timed(engine, partial(_search, query)) for kind, query in queries.items()}
    compared = await _timed(engine, _compare)
    size = "page_count * page_size FROM pragma_page_count, pragma_page_size"
    async with database.reading(engine) as connection:
        size = size if name == "sqlite" else "pg_database_size(current_database())"
        bytes_ = int(await connection.scalar(text(f"SELECT {size}")) or 0)
    return Searches(name, papers, filled, bytes_, found, compared[1])


async def _timed(engine: AsyncEngine, ask: Callable[[Any], Awaitable[int]]) -> tuple[int, float]:
    times: list[float] = []
    count = 0
    for _ in range(15):
        async with database.reading(engine) as connection:
            began = time.perf_counter()
            count = await ask(connection)
            times.append(time.perf_counter() - began)
    return count, min(times)


async def _search(query: str, connection: Any) -> int:
    return len(await search.search(connection, query, "zh-CN", _FOUND))


async def _compare(connection: Any) -> int:
    query = select(func.count()).where(stored.search_texts.c.text.contains("zyxgram"))
    return int(await connection.scalar(query))


def on_sqlite(papers: int) -> Searches:
    async def measured(folder: str) -> Searches:
        async with open_database(telegram_settings(Path(folder))) as engine:
            return await searched("sqlite", engine, papers)

    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(measured(folder))


def on_postgresql(papers: int) -> Searches:
    async def measured(url: str) -> Searches:
        engine = database.open_engine(url)
        try:
            await upgrade(engine)
            return await searched("postgresql", engine, papers)
        finally:
            await engine.dispose()

    with postgresql() as cluster:
        (found,) = [asyncio.run(measured(url)) for url in cluster.database("template0")]
    return found


def exported(subscribers: int) -> Memory:
    async def made(folder: Path) -> None:
        async with open_database(telegram_settings(folder)):
            subscribe(folder, subscribers)

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(made(Path(folder)))
        return Memory(subscribers, {name: _command(name, Path(folder)) for name in ("export", "list")})


# Not `ru_maxrss`, which counts the memory of the process that started this one.
_PEAK = """
import sys
from bot.cli import main
try:
    main()
finally:
    with open("/proc/self/status") as status:
        print(*(line.split()[1] for line in status if line.startswith("VmHWM:")), file=sys.stderr)
"""


def _command(name: str, folder: Path) -> tuple[int, int, float]:
    """Run `subscribers NAME`; return its lines, its memory at the peak in bytes, and its seconds."""
    began = time.perf_counter()
    target = folder / name
    with target.open("wb") as output:
        ended = subprocess.run(
            [sys.executable, "-c", _PEAK, "subscribers", name],
            cwd=ROOT,
            env={**os.environ, "DATA_DIR": str(folder)},
            stdout=output,
            stderr=subprocess.PIPE,
            check=True,
        )
    took = time.perf_counter() - began
    with target.open("rb") as lines:
        count = sum(1 for _ in lines)
    return count, int(ended.stderr.splitlines()[-1]) * 1024, took


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART")
    parser.add_argument("--papers", type=int, default=50_000)
    parser.add_argument("--subscribers", type=int, default=1_000_000)
    parser.add_argument("--quick", action="store_true", help="300 papers and 3,000 subscribers, no limit")
    asked = parser.parse_args()
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    papers, subscribers = (300, 3_000) if asked.quick else (asked.papers, asked.subscribers)
    made: dict[str, Callable[[], Result]] = {
        "sqlite": partial(on_sqlite, papers),
        "postgresql": partial(on_postgresql, papers),
        "export": partial(exported, subscribers),
    }
    if unknown := {*asked.parts} - {*made}:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    run({name: made[name] for name in asked.parts or made}, limits=not asked.quick)


if __name__ == "__main__":
    main()
