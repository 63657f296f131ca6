"""Client for arXiv's announcement feeds (https://info.arxiv.org/help/rss.html).

A feed contains one batch: it is rebuilt at midnight in New York, and empty on days without a batch. It names papers;
their complete records come from the query API.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from email.utils import parsedate_to_datetime

from lxml import etree

from digest.arxiv.announcements import AnnounceType
from digest.arxiv.client import ArxivClient
from digest.core import ids
from digest.core.errors import InvalidPaperIdError, MalformedError
from digest.core.models import VersionId

_LIMIT_BYTES = 64_000_000
_ATTEMPTS = 2  # the feed is the second source: an edition does not wait long for it
_ACCEPT = "application/rss+xml"
_ANNOUNCE_TYPE = "{http://arxiv.org/schemas/atom}announce_type"


@dataclass(frozen=True, slots=True)
class Announcement:
    """One paper version in a batch, and how it is announced."""

    version: VersionId
    type: AnnounceType


@dataclass(frozen=True, slots=True)
class Batch:
    """The content of a feed. `day` is the date in New York on which it was built; None if the feed does not say."""

    day: date | None
    announcements: tuple[Announcement, ...]


class AnnouncementFeed:
    """The feeds below `url`, accessed through `arxiv_client`."""

    def __init__(self, arxiv_client: ArxivClient, url: str) -> None:
        self._client = arxiv_client
        self._url = url.rstrip("/")

    async def batch(self, categories: Sequence[str]) -> Batch:
        """Fetch the newest batch of all `categories` together. Raises SourceError."""
        body = await self._client.fetch(
            f"{self._url}/{'+'.join(categories)}",
            accept=_ACCEPT,
            limit_bytes=_LIMIT_BYTES,
            check=examine,
            attempts=_ATTEMPTS,
        )
        return parse(body)


def examine(body: bytes) -> None:
    """Raise MalformedError if `body` is not a complete feed."""
    _channel(body)


def parse(body: bytes) -> Batch:
    """Parse the batch in a feed. Raises MalformedError."""
    channel = _channel(body)
    items = channel.findall("item")
    return Batch(_day(channel, items), tuple(_announcement(item) for item in items))


def _channel(body: bytes) -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError:
        raise MalformedError("arXiv sent an incomplete or invalid feed.") from None
    channel = root.find("channel")
    if root.tag != "rss" or channel is None:
        raise MalformedError("arXiv sent a page instead of a feed.")
    return channel


def _day(channel: etree._Element, items: Sequence[etree._Element]) -> date | None:
    dated = channel.findtext("pubDate") or next(
        (text for item in items if (text := item.findtext("pubDate"))), ""
    )
    try:
        return parsedate_to_datetime(dated).date()
    except ValueError:
        return None


def _announcement(item: etree._Element) -> Announcement:
    try:
        # The guid is oai:arXiv.org:2602.11145v1; the link has no version.
        version = ids.version((item.findtext("guid") or "").rpartition(":")[2])
        return Announcement(version, AnnounceType((item.findtext(_ANNOUNCE_TYPE) or "").strip()))
    except (InvalidPaperIdError, ValueError) as error:
        raise MalformedError(f"arXiv sent an announcement that cannot be read: {error}") from None
