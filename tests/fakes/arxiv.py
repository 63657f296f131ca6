"""A fake arXiv on loopback: the query API, pages and PDFs, with scripted faults and a check of its rate limit."""

import argparse
import re
import textwrap
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from xml.sax.saxutils import escape

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from digest.core.models import Paper
from tests.fakes.documents import html_page, pdf_file, sentences
from tests.fakes.server import serving
from tests.papers import MONDAY_MORNING, paper

_RANGE = re.compile(r"submittedDate:\[(\d{12}) TO (\d{12})\]")
_ATOM = "application/atom+xml"


@dataclass
class FakeArxiv:
    """A fake arXiv and its next faults; `faults` are taken one a request, oldest first.

    A fault is a status ("503"), a status with Retry-After in seconds ("429:1"), or one of "html" (a page in
    place of the answer), "cut" (half of it), "empty" (a total without entries), "hang" (silence, until the
    other side gives up) and "reset".
    """

    papers: list[Paper] = field(default_factory=list)
    html: dict[str, bytes] = field(default_factory=dict)
    pdf: dict[str, bytes] = field(default_factory=dict)
    source: dict[str, bytes] = field(default_factory=dict)
    faults: deque[str] = field(default_factory=deque)
    requests: list[str] = field(default_factory=list)
    agents: set[str] = field(default_factory=set)
    starts: list[float] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    announced: list[tuple[str, str]] | None = None
    """The entries of the feed: paper versions and their kinds of announcement. None: there is no feed."""
    fed_on: str = ""
    """The date of the feed, in the form of RFC 822."""
    most_results: int = 30_000
    """The most results of one query, over all its pages; arXiv answers requests beyond that with an error."""
    recorded: bytes | None = None
    recorded_status: int = 200
    when_it_hangs: Callable[[], None] = lambda: None

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/api/query", self._query),
                Route("/rss/{categories}", self._rss),
                Route("/html/{id:path}", self._html),
                Route("/pdf/{id:path}", self._pdf),
                Route("/e-print/{id:path}", self._source),
                Route("/moved/{id:path}", self._moved),
            ]
        )

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[str]:
        async with serving(self.app()) as url:
            yield url

    async def _query(self, request: Request) -> Response:
        asked = request.query_params
        if int(asked.get("start", "0")) + int(asked.get("max_results", "10")) > self.most_results:
            return await self._with_manners(request, _TOO_MANY, status=400)
        return await self._with_manners(request, self._feed(request))

    async def _rss(self, request: Request) -> Response:
        body = None if self.announced is None else rss(self.announced, self.fed_on)
        return await self._with_manners(request, body, "application/rss+xml")

    async def _html(self, request: Request) -> Response:
        body = self.html.get(request.path_params["id"])
        return await self._with_manners(request, body, "text/html")

    async def _pdf(self, request: Request) -> Response:
        body = self.pdf.get(request.path_params["id"])
        return await self._with_manners(request, body, "application/pdf")

    async def _source(self, request: Request) -> Response:
        body = self.source.get(request.path_params["id"])
        return await self._with_manners(request, body, "application/gzip")

    async def _moved(self, request: Request) -> Response:
        target = request.path_params["id"]
        return await self._with_manners(request, b"", headers={"Location": f"/{target}"}, status=301)

    async def _with_manners(
        self,
        request: Request,
        body: bytes | None,
        kind: str = _ATOM,
        headers: dict[str, str] | None = None,
        status: int = 200,
    ) -> Response:
        self.requests.append(request.url.path + ("?" + request.url.query if request.url.query else ""))
        self.agents.add(request.headers.get("user-agent", ""))
        self.starts.append(time.monotonic())
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            fault = self.faults.popleft() if self.faults else ""
            if fault == "hang":
                self.when_it_hangs()
                await request.body()
                await request.receive()  # the only event that can still come is a disconnect
            return await self._respond(body, kind, fault, headers, status)
        finally:
            self.at_once -= 1

    async def _respond(
        self, body: bytes | None, kind: str, fault: str, headers: dict[str, str] | None, status: int
    ) -> Response:
        number, _, pause = fault.partition(":")
        if number.isdecimal():
            return Response("Rate exceeded.", int(number), {"Retry-After": pause} if pause else None)
        if fault == "html":
            return Response("<html><body>Down for maintenance</body></html>", media_type="text/html")
        if body is None:
            return Response("Not Found", 404)
        if fault == "empty":
            body = feed([], total=7)
        if fault == "cut":
            body = body[: len(body) // 2]
        if self.recorded is not None and kind == _ATOM:
            return Response(self.recorded, self.recorded_status, media_type=kind)
        return Response(body, status, headers, kind)

    def _feed(self, request: Request) -> bytes:
        asked = request.query_params
        papers = sorted(self.papers, key=lambda paper: paper.published or _EPOCH, reverse=True)
        if asked.get("id_list"):
            names = asked["id_list"].split(",")
            papers = [p for p in papers if {str(p.id), str(p.version)} & set(names)]
        if found := _RANGE.search(asked.get("search_query", "")):
            first, last = (datetime.strptime(t, "%Y%m%d%H%M").replace(tzinfo=UTC) for t in found.groups())
            papers = [p for p in papers if p.published and first <= p.published <= last]
            categories = set(re.findall(r"cat:([\w.-]+)", asked["search_query"]))
            papers = [p for p in papers if categories & set(p.categories)]
        start, size = int(asked.get("start", "0")), int(asked.get("max_results", "10"))
        return feed(papers[start : start + size], len(papers), start)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TOO_MANY = (
    b'<feed xmlns="http://www.w3.org/2005/Atom" xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/">'
    b"<opensearch:totalResults>1</opensearch:totalResults><opensearch:startIndex>0</opensearch:startIndex>"
    b"<entry><id>http://arxiv.org/api/errors#max_results_too_large</id><title>Error</title>"
    b"<summary>max_results is too large</summary></entry></feed>"
)
"""https://info.arxiv.org/help/api/user-manual.html, 3.4: errors."""


def feed(papers: Sequence[Paper], total: int | None = None, start: int = 0) -> bytes:
    """Return a response of the query API."""
    count = len(papers) if total is None else total
    return (
        '<?xml version="1.0" encoding="UTF-8"?><feed xmlns="http://www.w3.org/2005/Atom" '
        'xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/" xmlns:arxiv="http://arxiv.org/schemas/atom">'
        f"<opensearch:totalResults>{count}</opensearch:totalResults>"
        f"<opensearch:startIndex>{start}</opensearch:startIndex>" + "".join(map(_entry, papers)) + "</feed>"
    ).encode()


def rss(announced: Sequence[tuple[str, str]], fed_on: str = "") -> bytes:
    """Return a feed of announcements."""
    items = "".join(
        f"<item><title>As the feed has it</title><guid>oai:arXiv.org:{version}</guid>"
        f"<arxiv:announce_type>{kind}</arxiv:announce_type></item>"
        for version, kind in announced
    )
    return (
        '<rss xmlns:arxiv="http://arxiv.org/schemas/atom" version="2.0"><channel>'
        f"<pubDate>{fed_on}</pubDate>{items}</channel></rss>"
    ).encode()


def _entry(paper: Paper) -> str:
    return (
        f"<entry><id>http://arxiv.org/abs/{paper.version}</id>"
        f"<updated>{_stamp(paper.updated)}</updated><published>{_stamp(paper.published)}</published>"
        f"<title>{escape(paper.title)}</title><summary>{escape(paper.abstract or '')}</summary>"
        + "".join(f"<author><name>{escape(author)}</name></author>" for author in paper.authors)
        + f'<arxiv:primary_category term="{paper.primary_category}"/>'
        + "".join(f'<category term="{category}"/>' for category in paper.categories)
        + "</entry>"
    )


def _stamp(moment: datetime | None) -> str:
    return (moment or _EPOCH).strftime("%Y-%m-%dT%H:%M:%SZ")


def holding(count: int, submitted: datetime, characters: int) -> FakeArxiv:
    """Return an arXiv with `count` papers submitted in the minutes from `submitted` on; one in four has only a PDF.

    They share a term.
    """
    arxiv = FakeArxiv()
    for number in range(1, count + 1):
        abstract = f"We present EchoNet-{number}, which improves sound field estimation by up to 12.5%."
        made = paper(number, abstract=abstract, submitted=submitted + timedelta(minutes=number))
        arxiv.papers.append(made)
        if number % 4:
            arxiv.html[str(made.version)] = html_page(made.title, number, characters)
        else:
            arxiv.pdf[str(made.version)] = pdf_file(textwrap.wrap(sentences(number, characters), 90))
    return arxiv


def main() -> None:
    """Serve such an arXiv until the process is ended: `python -m tests.fakes.arxiv --port 8901 --papers 200`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--papers", type=int, default=200)
    parser.add_argument("--submitted", type=datetime.fromisoformat, default=MONDAY_MORNING)
    parser.add_argument("--characters", type=int, default=36_000)
    asked = parser.parse_args()
    arxiv = holding(asked.papers, asked.submitted, asked.characters)
    uvicorn.run(arxiv.app(), port=asked.port, log_level="error")


if __name__ == "__main__":
    main()
