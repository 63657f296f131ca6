"""What arXiv announced, and how, from its feeds (https://info.arxiv.org/help/rss.html).

A feed holds one batch: it is rebuilt at midnight in New York, and empty on days without a batch. It names papers;
their complete records come from the query API.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from email.utils import parsedate_to_datetime

from lxml import etree

from digest import ids
from digest.announcements import AnnounceType
from digest.errors import InvalidPaperIdError, MalformedError
from digest.models import VersionId
from digest.sources.gate import Gate

_LIMIT_BYTES = 64_000_000
_ATTEMPTS = 2  # the feed is the second source: an edition does not wait long for it
_ACCEPT = "application/rss+xml"
_ANNOUNCE_TYPE = "{http://arxiv.org/schemas/atom}announce_type"


@dataclass(frozen=True, slots=True)
class Announcement:
    """One paper version of a batch."""

    version: VersionId
    type: AnnounceType


@dataclass(frozen=True, slots=True)
class Batch:
    """What a feed holds. `day` is the New York day on which it was built, None where the feed does not tell."""

    day: date | None
    announcements: tuple[Announcement, ...]


class AnnouncementFeed:
    """Asks for the feeds below `url` through `gate`."""

    def __init__(self, gate: Gate, url: str) -> None:
        self._gate = gate
        self._url = url.rstrip("/")

    async def batch(self, categories: Sequence[str]) -> Batch:
        """The newest batch of `categories` together. Raises SourceError."""
        body = await self._gate.fetch(
            f"{self._url}/{'+'.join(categories)}",
            accept=_ACCEPT,
            limit_bytes=_LIMIT_BYTES,
            check=examine,
            attempts=_ATTEMPTS,
        )
        return parse(body)


def examine(body: bytes) -> None:
    """Raises MalformedError where `body` is no whole feed."""
    _channel(body)


def parse(body: bytes) -> Batch:
    """The batch that a feed holds. Raises MalformedError."""
    channel = _channel(body)
    items = channel.findall("item")
    return Batch(_day(channel, items), tuple(_announcement(item) for item in items))


def _channel(body: bytes) -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError:
        raise MalformedError("arXiv sent something that is no complete feed.") from None
    channel = root.find("channel")
    if root.tag != "rss" or channel is None:
        raise MalformedError("arXiv sent a page in place of a feed.")
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
