"""HTTP client for arXiv: one connection, one request every three seconds, with retries and Retry-After.

Rules: https://info.arxiv.org/help/api/tou.html (for the API, the feeds and the site together).
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import stamina

from digest.core import backoff, body_limit
from digest.core.body_limit import BodyLimit
from digest.core.errors import (
    EmptyPageError,
    MalformedError,
    NotFoundError,
    SourceError,
    SourceRefusedError,
    SourceThrottledError,
    TooLargeError,
    UnreachableError,
)

_REDIRECTS = 5  # followed for one request
_LARGEST_BYTES = 100_000_000  # for any body; each request has a lower limit of its own

Turn = Callable[[Callable[[], float]], AbstractAsyncContextManager[None]]
"""Opens a rate slot shared by all processes; the argument returns the seconds before the next slot may begin."""


@dataclass(frozen=True, slots=True)
class FetchPolicy:
    """The timeouts and the retry policy; all in seconds except `attempts`.

    `connect` limits the connection, `silence` each pause within a response, and `answer` a whole response. Between
    attempts the wait doubles from `wait_initial` to `wait_max`; a Retry-After over `retry_after` ends the attempts.
    """

    connect: float = 10
    silence: float = 30
    answer: float = 180
    attempts: int = 6
    wait_initial: float = 5
    wait_max: float = 60
    retry_after: float = 300


def open_client(contact: str | None, patience: FetchPolicy) -> httpx.AsyncClient:
    """Open an HTTP client with one connection and a User-Agent that identifies the operator.

    `contact` is an address at which arXiv can reach the operator.
    """
    agent = f"arxiv-daily/0.1 ({contact})" if contact else "arxiv-daily/0.1"
    return httpx.AsyncClient(
        headers={"User-Agent": agent, "Accept-Encoding": body_limit.ACCEPTED},
        event_hooks={"response": [BodyLimit(_LARGEST_BYTES, _too_large)]},
        limits=httpx.Limits(max_connections=1, max_keepalive_connections=1),
        timeout=httpx.Timeout(patience.silence, connect=patience.connect),
    )


class ArxivClient:
    """Sends this process's requests to arXiv one after another, at least `interval` seconds apart.

    `shared` is a rate slot taken for each request, so that the requests of other processes keep this distance too.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        *,
        interval: float = 3,
        patience: FetchPolicy | None = None,
        shared: Turn | None = None,
    ) -> None:
        self._client = client
        self._interval = interval
        self._patience = patience or FetchPolicy()
        self._shared = shared or nullcontext
        self._turn = asyncio.Lock()
        self._free_at = 0.0  # on the monotonic clock

    async def fetch(
        self,
        url: str,
        *,
        accept: str,
        limit_bytes: int,
        check: Callable[[bytes], None] | None = None,
        attempts: int | None = None,
    ) -> bytes:
        """Fetch the body of `url`, at most `limit_bytes`; `attempts` can lower the number of attempts.

        `check` validates the body and raises a SourceError if it is not what was asked for; a MalformedError or an
        EmptyPageError is retried. Raises a SourceError after the last attempt: TooLargeError over the limit,
        NotFoundError, SourceRefusedError, SourceThrottledError or UnreachableError.
        """
        async for attempt in self._attempts(attempts):
            with attempt:
                async with self._answer(url, accept) as response:
                    body = b"".join([chunk async for chunk in _bounded(response, limit_bytes)])
                if check is not None:
                    check(body)
                if response.status_code != httpx.codes.OK:
                    raise SourceRefusedError(f"arXiv refused the request (HTTP {response.status_code}).")
                return body
        raise AssertionError  # stamina returns or raises

    async def download(self, url: str, target: Path, *, accept: str, limit_bytes: int) -> None:
        """Stream the body of `url` to the file `target`. Raises as `fetch` does."""
        async for attempt in self._attempts():
            with attempt:
                async with self._answer(url, accept) as response:
                    if response.status_code != httpx.codes.OK:
                        raise SourceRefusedError(f"arXiv refused the request (HTTP {response.status_code}).")
                    with target.open("wb") as file:
                        async for chunk in _bounded(response, limit_bytes):
                            file.write(chunk)

    def _attempts(self, most: int | None = None) -> AsyncIterator[stamina.Attempt]:
        patience = self._patience
        return stamina.retry_context(
            on=self._worth_another,
            attempts=min(most or patience.attempts, patience.attempts),
            timeout=None,
            wait_initial=patience.wait_initial,
            wait_max=patience.wait_max,
            wait_jitter=patience.wait_initial / 4,
        )

    def _worth_another(self, error: Exception) -> bool | float:
        if isinstance(error, SourceThrottledError) and error.retry_after is not None:
            return error.retry_after if error.retry_after <= self._patience.retry_after else False
        return isinstance(error, SourceThrottledError | UnreachableError | MalformedError | EmptyPageError)

    @asynccontextmanager
    async def _answer(self, url: str, accept: str) -> AsyncIterator[httpx.Response]:
        """Send one request in its slot; yield the response if it is readable (200, or a 4xx with an explanation)."""
        async with self._turn, self._shared(self._rest):
            try:
                await asyncio.sleep(self._rest())
                async with asyncio.timeout(self._patience.answer), self._follow(url, accept) as response:
                    self._judge(response)
                    yield response
            except TimeoutError:
                raise UnreachableError(f"arXiv's response took over {self._patience.answer:g} s.") from None
            except httpx.TimeoutException:
                raise UnreachableError("arXiv did not answer in time.") from None
            except httpx.HTTPError as error:
                raise UnreachableError(f"arXiv cannot be reached: {_cause(error)}.") from None
            finally:
                self._free_at = max(self._free_at, time.monotonic() + self._interval)

    @asynccontextmanager
    async def _follow(self, url: str, accept: str) -> AsyncIterator[httpx.Response]:
        """Follow redirects within arXiv and yield the last response; each redirect waits like any other request."""
        for _ in range(_REDIRECTS):
            async with self._client.stream("GET", url, headers={"Accept": accept}) as response:
                if response.next_request is None:
                    yield response
                    return
                self._free_at = time.monotonic() + self._interval
                url = _same_site(response.request.url, response.next_request.url)
            await asyncio.sleep(self._rest())
        raise SourceRefusedError(f"arXiv redirected more than {_REDIRECTS} times.")

    def _rest(self) -> float:
        """Return the seconds until the next request is allowed."""
        return max(0.0, self._free_at - time.monotonic())

    def _judge(self, response: httpx.Response) -> None:
        status = response.status_code
        if status in (404, 410):
            raise NotFoundError(f"arXiv has nothing at {response.request.url.path} (HTTP {status}).")
        if status in (406, 429, 503):
            pause = backoff.retry_after_seconds(response.headers.get("Retry-After"), datetime.now(UTC))
            if pause is not None:
                self._free_at = time.monotonic() + min(pause, self._patience.retry_after)
            raise SourceThrottledError(f"arXiv asks for fewer requests (HTTP {status}).", pause)
        if status >= 500:
            raise UnreachableError(f"arXiv reports an internal error (HTTP {status}).")


async def _bounded(response: httpx.Response, limit_bytes: int) -> AsyncIterator[bytes]:
    size = 0
    async for chunk in response.aiter_bytes():
        size += len(chunk)
        if size > limit_bytes:
            raise TooLargeError(f"{response.request.url.path} is larger than {limit_bytes:,} bytes.")
        yield chunk


def _too_large() -> TooLargeError:
    return TooLargeError(f"arXiv sent more than {_LARGEST_BYTES:,} bytes.")


def _same_site(origin: httpx.URL, target: httpx.URL) -> str:
    if target.host != origin.host and not f".{target.host}".endswith(".arxiv.org"):
        raise SourceError(f"arXiv redirected to another site ({target.host}).")
    return str(target)


def _cause(error: Exception) -> str:
    return str(error) or type(error).__name__
