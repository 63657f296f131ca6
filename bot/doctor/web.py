"""Check of the pages, as seen from the internet."""

from urllib.parse import urlsplit

import httpx

from bot.doctor.findings import BrokenError, OffError
from bot.settings import Settings
from digest.core import body_limit
from digest.core.body_limit import BodyLimit

LIVE = "/health/live"
_SECONDS = 20.0
_LARGEST_BYTES = 1_000_000  # bytes; our own answer is one word, but another server may answer


async def pages(settings: Settings) -> str:
    """Check that PUBLIC_URL leads to this program by https without redirects, which mail programs do not follow (RFC
    8058).
    """
    if settings.public_url is None:
        raise OffError("PUBLIC_URL is not set.")
    address = str(settings.public_url).rstrip("/")
    response = await _get(f"{address}{LIVE}")
    if response.is_redirect:
        raise BrokenError(
            f"PUBLIC_URL redirects to {response.headers.get('Location', '')[:200]}: set it to that address instead."
        )
    if response.status_code != httpx.codes.OK:
        raise BrokenError(
            f"{address}{LIVE} answers with HTTP {response.status_code}: is `serve` running, and does "
            f"PUBLIC_URL lead to {settings.web_host}:{settings.web_port}?"
        )
    if urlsplit(address).scheme != "https" and settings.smtp_host is not None:
        raise BrokenError("PUBLIC_URL begins with http: one-click unsubscribing requires https (RFC 8058).")
    return address


async def _get(url: str) -> httpx.Response:
    try:
        headers = {"Accept-Encoding": body_limit.ACCEPTED}
        async with httpx.AsyncClient(
            timeout=_SECONDS,
            headers=headers,
            event_hooks={"response": [BodyLimit(_LARGEST_BYTES, _too_large)]},
        ) as client:
            return await client.get(url)
    except httpx.HTTPError as error:
        raise BrokenError(f"{url} cannot be reached ({type(error).__name__}).") from None


def _too_large() -> httpx.ReadError:
    return httpx.ReadError(f"over {_LARGEST_BYTES:,} bytes")
