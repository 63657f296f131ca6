import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from digest.arxiv.client import ArxivClient, FetchPolicy, open_client
from digest.core.errors import (
    NotFoundError,
    SourceRefusedError,
    SourceThrottledError,
    TooLargeError,
    UnreachableError,
)
from tests.fakes.arxiv import FakeArxiv
from tests.leaps import leap

QUICK = FetchPolicy(attempts=3, wait_initial=0.01, wait_max=0.05, retry_after=2)


@asynccontextmanager
async def gate_to(
    arxiv: FakeArxiv, interval: float = 0, patience: FetchPolicy = QUICK
) -> AsyncIterator[tuple[ArxivClient, str]]:
    async with arxiv.serve() as url, open_client("ops@example.org", patience) as client:
        yield ArxivClient(client, interval=interval, patience=patience), url


async def get(arxiv_client: ArxivClient, url: str, limit_bytes: int = 1000) -> bytes:
    return await arxiv_client.fetch(url, accept="text/html", limit_bytes=limit_bytes)


async def test_requests_go_one_by_one_with_a_pause_between_them() -> None:
    arxiv = FakeArxiv(html={"a": b"A", "b": b"B"}, pdf={"a": b"P"})
    async with gate_to(arxiv, interval=0.2) as (arxiv_client, url):
        await asyncio.gather(
            get(arxiv_client, f"{url}/html/a"),
            get(arxiv_client, f"{url}/html/b"),
            get(arxiv_client, f"{url}/pdf/a"),
        )
    gaps = [later - earlier for earlier, later in zip(arxiv.starts, arxiv.starts[1:], strict=False)]
    assert arxiv.most_at_once == 1
    assert len(gaps) == 2
    assert all(gap >= 0.2 for gap in gaps)


async def test_arxiv_is_told_who_asks() -> None:
    arxiv = FakeArxiv(html={"a": b"A"})
    async with gate_to(arxiv) as (arxiv_client, url):
        await get(arxiv_client, f"{url}/html/a")
    assert arxiv.agents == {"arxiv-daily/0.1 (ops@example.org)"}


@pytest.mark.parametrize("fault", ["429", "503", "406", "500", "hang"])
async def test_a_passing_fault_is_waited_out(fault: str) -> None:
    arxiv = FakeArxiv(html={"a": b"A"}, when_it_hangs=lambda: leap(QUICK.silence + 1))
    arxiv.faults.extend([fault, fault])
    async with gate_to(arxiv) as (arxiv_client, url):
        assert await get(arxiv_client, f"{url}/html/a") == b"A"
    assert len(arxiv.requests) == 3


async def test_retry_after_is_honoured_by_every_request_that_waits() -> None:
    arxiv = FakeArxiv(html={"a": b"A", "b": b"B"})
    arxiv.faults.append("429:1")
    async with gate_to(arxiv) as (arxiv_client, url):
        await asyncio.gather(get(arxiv_client, f"{url}/html/a"), get(arxiv_client, f"{url}/html/b"))
    assert arxiv.starts[1] - arxiv.starts[0] >= 1


@pytest.mark.parametrize(
    ("fault", "error", "sentence"),
    [
        ("429:600", SourceThrottledError, "fewer requests"),
        ("503", SourceThrottledError, "fewer requests"),
        ("500", UnreachableError, "internal error"),
        ("hang", UnreachableError, "did not answer"),
        ("403", SourceRefusedError, "403"),
        ("404", NotFoundError, "nothing at /html/a"),
    ],
)
async def test_a_lasting_fault_has_a_name_and_a_sentence(
    fault: str, error: type[Exception], sentence: str
) -> None:
    arxiv = FakeArxiv(html={"a": b"A"}, when_it_hangs=lambda: leap(QUICK.silence + 1))
    arxiv.faults.extend([fault] * 3)
    async with gate_to(arxiv) as (arxiv_client, url):
        with pytest.raises(error, match=sentence):
            await get(arxiv_client, f"{url}/html/a")


async def test_a_refused_connection_is_unreachable() -> None:
    async with open_client(None, QUICK) as client:
        with pytest.raises(UnreachableError, match="cannot be reached"):
            await get(ArxivClient(client, interval=0, patience=QUICK), "http://127.0.0.1:9/html/a")


async def test_a_body_over_the_cap_is_not_read_to_its_end(tmp_path: Path) -> None:
    arxiv = FakeArxiv(html={"a": b"A" * 5000})
    async with gate_to(arxiv) as (arxiv_client, url):
        with pytest.raises(TooLargeError, match="1,000 bytes"):
            await get(arxiv_client, f"{url}/html/a")
        with pytest.raises(TooLargeError):
            await arxiv_client.download(f"{url}/html/a", tmp_path / "a", accept="*/*", limit_bytes=1000)
        await arxiv_client.download(f"{url}/html/a", tmp_path / "a", accept="*/*", limit_bytes=5000)
    assert (tmp_path / "a").read_bytes() == b"A" * 5000


async def test_a_redirect_is_followed_and_paced_like_a_request() -> None:
    arxiv = FakeArxiv(html={"a": b"A"})
    async with gate_to(arxiv, interval=0.2) as (arxiv_client, url):
        assert await get(arxiv_client, f"{url}/moved/html/a") == b"A"
    assert arxiv.starts[1] - arxiv.starts[0] >= 0.2


async def test_a_cancelled_request_frees_the_gate() -> None:
    arxiv = FakeArxiv(html={"a": b"A"})
    arxiv.faults.append("hang")
    async with gate_to(arxiv) as (arxiv_client, url):
        hanging = asyncio.create_task(get(arxiv_client, f"{url}/html/a"))
        while not arxiv.requests:  # noqa: ASYNC110 - the fake sends no notification
            await asyncio.sleep(0.01)
        hanging.cancel()
        await asyncio.wait([hanging])
        assert await get(arxiv_client, f"{url}/html/a") == b"A"
