"""Client for arXiv's query API, based on the `arxiv` package (https://info.arxiv.org/help/api/user-manual.html).

The package handles pages and parsing. This module adds what it lacks: its requests go through ArxivClient, and each
body is checked before the package sees it, because the package accepts truncated documents, error pages and an empty
first page as valid responses. Titles, names and abstracts lose line wraps and get characters for TeX accents; formulas
are kept verbatim.
"""

import asyncio
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog
from lxml import etree
from pylatexenc.latex2text import LatexNodes2Text

from digest.arxiv.client import ArxivClient
from digest.core import ids
from digest.core.errors import (
    EmptyPageError,
    InvalidPaperIdError,
    MalformedError,
    SourceRefusedError,
    TooManyError,
    UnknownPaperError,
    UnknownVersionError,
)
from digest.core.ids import PaperRef
from digest.core.invisible import removed
from digest.core.models import Paper, PaperId, VersionId

if TYPE_CHECKING:
    import arxiv


_MATH = re.compile(r"(\$\$.+?\$\$|\$[^$]+\$|\\\(.+?\\\)|\\\[.+?\\\])", re.DOTALL)
_LETTER = r"(?:\{\s*\\?[A-Za-z]\s*\}|\\[ij](?![A-Za-z])|[A-Za-z])"
_ACCENT = rf"\\(?:['\"`^~=.]\s*{_LETTER}|[uvHcdbkrt](?:\s+{_LETTER}|\{{\s*\\?[A-Za-z]\s*\}}))"
_NAMED = r"\\(?:ss|ae|AE|oe|OE|aa|AA|o|O|l|L|i|j|dh|DH|th|TH)(?![A-Za-z])(?:\s*\{\}|\s+(?=[a-z]))?"
_COMMAND = re.compile(rf"\{{(?P<group>{_ACCENT}|{_NAMED})\}}|(?P<bare>{_ACCENT}|{_NAMED})|\\(?P<sign>[%&#_])")
_TO_TEXT = LatexNodes2Text(strict_latex_spaces=False)


def clean(text: str) -> str:
    """Clean `text`: one line, no invisible characters, TeX accents and escapes as characters except in formulas."""
    one_line = " ".join(removed(text).split())
    parts = _MATH.split(one_line)
    return "".join(part if at % 2 else _COMMAND.sub(_letter, part) for at, part in enumerate(parts))


def _letter(match: re.Match[str]) -> str:
    if match["sign"]:
        return match["sign"]
    source = match["group"] or match["bare"]
    return str(_TO_TEXT.latex_to_text(source)).strip()


_MOST_RESULTS = 30_000  # arXiv's limit for one query, over all its pages
_SHORTEST_SPAN = timedelta(minutes=2)
_PAGE_SIZE = 500  # entries; arXiv allows 2,000 but is slow with large pages
_PAGE_LIMIT_BYTES = 64_000_000
_YEARS = range(1986, 2200)
_IDS_AT_ONCE = 100  # they are part of the URL
_log = structlog.get_logger()
# Far above arXiv's own limits: an abstract has at most 1,920 characters.
_TITLE_LIMIT, _ABSTRACT_LIMIT, _AUTHORS_LIMIT = 1_000, 20_000, 10_000
_ACCEPT = "application/atom+xml"
_ATOM = "{http://www.w3.org/2005/Atom}"
_OPENSEARCH = "{http://a9.com/-/spec/opensearch/1.1/}"


class QueryApi:
    """The query API at `url`, accessed through `arxiv_client`."""

    def __init__(self, arxiv_client: ArxivClient, url: str) -> None:
        self._client = arxiv_client
        self._url = url

    async def submitted(self, categories: Sequence[str], start: datetime, end: datetime) -> list[Paper]:
        """Return the papers in any of `categories` whose first version was submitted from `start` to `end` (UTC).

        Newest first, with the API's resolution of one minute. If there are more than arXiv returns for one query, the
        time is halved and queried separately. Raises SourceError.
        """
        try:
            return await self._submitted(categories, start, end)
        except TooManyError:
            if end - start <= _SHORTEST_SPAN:
                raise
            middle = start + (end - start) / 2
            later = await self.submitted(categories, middle, end)
            earlier = await self.submitted(categories, start, middle)
            known = {paper.id for paper in later}
            return [*later, *(paper for paper in earlier if paper.id not in known)]

    async def _submitted(self, categories: Sequence[str], start: datetime, end: datetime) -> list[Paper]:
        anywhere = " OR ".join(f"cat:{category}" for category in categories)
        query = f"({anywhere}) AND submittedDate:[{start:%Y%m%d%H%M} TO {end:%Y%m%d%H%M}]"
        return await self._results(query)

    async def named(self, ref: PaperRef) -> Paper:
        """Return the paper that `ref` names, in that version or the latest.

        Raises UnknownPaperError if arXiv has no such paper, UnknownVersionError if it only has other versions, or
        another SourceError.
        """
        if ref.version is None:
            return await self._one(ref)
        try:
            found = await self._one(ref)
        except (UnknownPaperError, EmptyPageError, SourceRefusedError) as error:
            newest = await self._one(PaperRef(ref.paper))
            if newest.version.number >= ref.version:
                raise error from None
        else:
            if found.version.number == ref.version:
                return found
            newest = found
        raise UnknownVersionError(str(ref), str(newest.version))

    async def _one(self, ref: PaperRef) -> Paper:
        papers = await self._results(ids=[str(ref)])
        if not papers:
            raise UnknownPaperError(f"arXiv has no paper {ref}.")
        return papers[0]

    async def records(self, wanted: Iterable[PaperId]) -> list[Paper]:
        """Return the latest versions of the `wanted` papers that the API has. Raises SourceError."""
        ids = sorted(str(paper) for paper in wanted)
        found = []
        for start in range(0, len(ids), _IDS_AT_ONCE):
            found += await self._results(ids=ids[start : start + _IDS_AT_ONCE])
        return found

    async def _results(self, query: str = "", ids: Sequence[str] = ()) -> list[Paper]:
        """Return the papers that match `query`, newest first, or those with these `ids`."""
        import arxiv  # noqa: PLC0415 - it brings requests, which nothing else needs

        sort_by = arxiv.SortCriterion.SubmittedDate if query else arxiv.SortCriterion.Relevance
        search = arxiv.Search(query, [*ids], max_results=len(ids) or None, sort_by=sort_by)
        client = arxiv.Client(page_size=search.max_results or _PAGE_SIZE, delay_seconds=0, num_retries=0)
        client.query_url_format = self._url + "?{}"
        # The package has no public way to set a transport. It uses its session only for GET requests.
        client._session = _GateSession(self._client, asyncio.get_running_loop())  # noqa: SLF001
        return await asyncio.to_thread(lambda: _papers(client.results(search)))


class _GateSession:
    """Replaces the package's `requests.Session`; runs in the thread of the package."""

    def __init__(self, arxiv_client: ArxivClient, loop: asyncio.AbstractEventLoop) -> None:
        self._client = arxiv_client
        self._loop = loop

    def get(self, url: str, headers: object) -> "_Page":  # noqa: ARG002 - ArxivClient sets the User-Agent
        page = self._client.fetch(url, accept=_ACCEPT, limit_bytes=_PAGE_LIMIT_BYTES, check=examine)
        return _Page(asyncio.run_coroutine_threadsafe(page, self._loop).result())


@dataclass(frozen=True, slots=True)
class _Page:
    content: bytes
    status_code: int = 200


def examine(body: bytes) -> None:
    """Check a response of the query API.

    Raises MalformedError, EmptyPageError, TooManyError, or SourceRefusedError with arXiv's own words.
    """
    feed = _feed(body)
    entries = feed.findall(f"{_ATOM}entry")
    for entry in entries:
        if "/api/errors" in (entry.findtext(f"{_ATOM}id") or ""):
            raise SourceRefusedError(
                f"arXiv refused the query: {clean(entry.findtext(f'{_ATOM}summary') or '')}."
            )
    total, first = (_number(feed, name) for name in ("totalResults", "startIndex"))
    if total > _MOST_RESULTS:
        raise TooManyError(
            f"arXiv has {total:,} papers for one query, and returns at most {_MOST_RESULTS:,}."
        )
    if total > first and not entries:
        raise EmptyPageError(f"arXiv announced {total} papers and sent a page without any.")


def _feed(body: bytes) -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError:
        raise MalformedError("arXiv sent an incomplete or invalid feed.") from None
    if root.tag != f"{_ATOM}feed":
        raise MalformedError("arXiv sent a page instead of a feed.")
    return root


def _number(feed: etree._Element, name: str) -> int:
    text = (feed.findtext(f"{_OPENSEARCH}{name}") or "").strip()
    if not text.isdecimal():
        raise MalformedError(f"arXiv sent a feed without its {name}.")
    return int(text)


def _papers(results: "Iterable[arxiv.Result]") -> list[Paper]:
    return [_paper(result) for result in results]


def _paper(result: "arxiv.Result") -> Paper:
    try:
        version = ids.version(result.entry_id)
    except InvalidPaperIdError as error:
        raise MalformedError(f"arXiv sent an entry without a usable identifier: {error}") from None
    return Paper(
        version=version,
        title=_text(version, result.title, _TITLE_LIMIT),
        authors=tuple(
            _text(version, author.name, _TITLE_LIMIT) for author in result.authors[:_AUTHORS_LIMIT]
        ),
        categories=tuple(map(clean, result.categories)),
        primary_category=clean(result.primary_category or "") or None,
        abstract=_text(version, result.summary, _ABSTRACT_LIMIT),
        published=_moment(result.published),
        updated=_moment(result.updated),
        comment=_text(version, result.comment, _ABSTRACT_LIMIT) if result.comment else None,
    )


def _moment(said: datetime) -> datetime | None:
    """Return a time from arXiv; None if its year is implausible, since `datetime` does not reach much further."""
    return said if said.year in _YEARS else None


def _text(version: VersionId, text: str, limit: int) -> str:
    if len(text) > limit:
        _log.warning("text_truncated", paper=str(version), characters=len(text), limit=limit)
    return clean(text[:limit])
