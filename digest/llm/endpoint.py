"""One HTTP exchange with an OpenAI-compatible endpoint: takes a request, returns a body or raises a named fault.

The openai package 3.52 sends the prompt along when it follows redirects, reads bodies of any size, retries a spent
quota, and its timeout does not stop a slow trickle of bytes. Therefore redirects are off, bodies are limited, its
retries are unused, and one deadline covers the whole call.
"""

import asyncio
import ssl
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl, urlsplit, urlunsplit

import httpx2

from digest.core import retry_after
from digest.core.body_limit import BodyLimit
from digest.core.singleflight import Hear
from digest.llm import stream
from digest.llm.errors import CallError, Outcome
from digest.llm.statuses import Sent, fault_for

if TYPE_CHECKING:
    import openai

BODY_LIMIT_BYTES = 4 * 1024 * 1024
_CONNECT_SECONDS = 10


class EndpointClient:
    """A client for the endpoint at `base_url`, such as `https://api.openai.com/v1`. Close it after use.

    A query in `base_url`, such as Azure's `?api-version=…`, is sent with each request. Requests go through `proxy`, or
    without one through that of the environment (HTTPS_PROXY, NO_PROXY); `transport` replaces the network.
    The openai package, which takes half a second to import, is imported for the first request.
    """

    def __init__(
        self,
        api_key: str,
        base_url: str,
        proxy: str | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self.api_key = api_key
        self._base_url = base_url
        self._proxy = proxy
        self._transport = transport

    @cached_property
    def openai(self) -> "openai.AsyncOpenAI":
        """The package's client."""
        import openai  # noqa: PLC0415 - see above

        http = openai.DefaultAsyncHttpxClient(
            follow_redirects=False,
            timeout=openai.Timeout(None, connect=_CONNECT_SECONDS),
            headers={"Accept-Encoding": "identity"},  # decoding costs time, and compression delays chunks
            event_hooks={"response": [BodyLimit(BODY_LIMIT_BYTES, _too_large)]},
            proxy=self._proxy,
            transport=self._transport,
        )
        address = urlsplit(self._base_url)
        return openai.AsyncOpenAI(
            api_key=self.api_key,
            base_url=urlunsplit(address._replace(query="", fragment="")),
            default_query=dict(parse_qsl(address.query, keep_blank_values=True)),
            max_retries=0,
            http_client=http,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if "openai" in self.__dict__:
            await self.openai.close()


async def exchange(
    client: EndpointClient,
    request: Mapping[str, Any],
    seconds: float,
    now: datetime,
    hear: Hear | None = None,
) -> bytes:
    """Send the chat completion `request` and return the body of the response, which must arrive within `seconds`.

    If the request asks for a stream, `hear` gets the text while it is written; an endpoint that does not stream may
    still send a whole body. `now` (aware) is needed because a Retry-After can be a date. Raises CallError.
    """
    import openai  # noqa: PLC0415 - as in EndpointClient

    sent = Sent(request, client.api_key)
    try:
        async with asyncio.timeout(seconds):
            return await _exchanged(client.openai, sent, hear or _unheard)
    except (TimeoutError, openai.APITimeoutError):
        raise CallError(Outcome.TIMEOUT, f"{seconds:g} s") from None
    except openai.APIStatusError as error:
        # `from None`: the package's exception repeats the endpoint's text, which can contain a key.
        wait = retry_after.seconds(error.response.headers.get("Retry-After"), now)
        raise fault_for(error.status_code, error.body, wait, sent) from None
    except openai.APIConnectionError as error:
        raise _unconnected(error) from None


async def _exchanged(client: "openai.AsyncOpenAI", sent: Sent, hear: Hear) -> bytes:
    rest = {name: value for name, value in sent.request.items() if name not in {"model", "messages"}}
    asked = client.chat.completions.with_streaming_response.create(
        model=sent.request["model"], messages=sent.request["messages"], extra_body=rest
    )
    async with asked as response:
        if response.headers.get("Content-Type", "").startswith(stream.MEDIA_TYPE):
            return await stream.joined(response.iter_bytes(), hear, sent)
        try:
            return bytes(await response.read())
        except httpx2.HTTPError:
            raise CallError(Outcome.UNREACHABLE) from None


def _unheard(_: str) -> None:
    """Ignore the text while it is written."""


def _unconnected(error: BaseException) -> CallError:
    """Return the fault for a failed connection: the certificate, the proxy, or anything else."""
    causes = [*_causes(error)]
    for each in causes:
        if isinstance(each, ssl.SSLCertVerificationError):
            return CallError(Outcome.CERTIFICATE, each.verify_message.rstrip("."))
    is_proxy = any(isinstance(each, httpx2.ProxyError) for each in causes)
    return CallError(Outcome.PROXY if is_proxy else Outcome.UNREACHABLE)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _too_large() -> CallError:
    return CallError(Outcome.TOO_LARGE, f"over {BODY_LIMIT_BYTES // 1024**2} MB")
