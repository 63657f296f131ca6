"""The full text of one paper version: arXiv's HTML page where that is the whole paper, or else its PDF."""

import asyncio
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from digest.arxiv.client import ArxivClient
from digest.core.errors import NotFoundError, SourceError, SourceThrottledError, TooLargeError
from digest.core.models import FullText, NoText, NoTextReason, TextSource, VersionId
from digest.fulltext import html, pdf
from digest.fulltext.cleanup import (
    MINIMUM_CHARACTERS,
    Extract,
    breaks_off,
    glued_share,
    is_doubtful,
    prompt_injection_in,
)
from digest.fulltext.pdf import Limits

HTML_LIMIT_BYTES = 20_000_000
PDF_LIMIT_BYTES = 60_000_000
TEX_LIMIT_BYTES = 100_000_000  # with its pictures
TEXT_LIMIT_CHARACTERS = 1_000_000
_GLUED_SHARE = 0.1  # of the letters of a text that is bad: twice what a German paper has
_PDFS_AT_ONCE = 2  # each may take a gibibyte


@dataclass(frozen=True, slots=True)
class _SourceKind:
    """A kind of download: its folder on the site, its limit in bytes, and the module that opens it."""

    folder: str
    accept: str
    limit_bytes: Callable[[], int]
    module: str


_PAPER = _SourceKind("pdf", "application/pdf", lambda: PDF_LIMIT_BYTES, pdf.PDF)
_SOURCE = _SourceKind(
    "e-print", "application/gzip, application/x-tar, */*;q=0.5", lambda: TEX_LIMIT_BYTES, pdf.TEX
)


class FullTexts:
    """Full texts from the site behind `site_url`. Nothing that is fetched is kept.

    With `wants_tex`, where page and PDF give no whole text, the TeX that was submitted is read.
    """

    def __init__(
        self, arxiv_client: ArxivClient, site_url: str = "https://arxiv.org", *, wants_tex: bool = False
    ) -> None:
        self._gate = arxiv_client
        self._wants_tex = wants_tex
        self._site_url = site_url.rstrip("/")
        self._openings = asyncio.Semaphore(_PDFS_AT_ONCE)

    async def fetch(self, version: VersionId) -> FullText | NoText:
        """The text of `version`, or why it has none."""
        page = await self._from_html(version)
        if isinstance(page, NoTextReason):
            return NoText(version, page)
        if not is_doubtful(page):
            return _text(version, TextSource.HTML, page)
        found = _better(version, page, await self._download(_PAPER, version))
        if not self._wants_tex or not _is_bad(found):
            return found
        source = await self._download(_SOURCE, version)
        return found if isinstance(source, NoTextReason) else _text(version, TextSource.TEX, source)

    async def _from_html(self, version: VersionId) -> Extract | NoTextReason:
        """The page's text, empty where there is no page to read; a reason where arXiv should be left alone."""
        try:
            page = await self._gate.fetch(
                f"{self._site_url}/html/{version}", accept="text/html", limit_bytes=HTML_LIMIT_BYTES
            )
        except SourceThrottledError:
            return NoTextReason.UNREACHABLE
        except SourceError:
            return Extract("")
        return await asyncio.to_thread(html.extract, page)

    async def _download(self, kind: _SourceKind, version: VersionId) -> Extract | NoTextReason:
        with tempfile.TemporaryDirectory(prefix="arxiv-daily-") as folder:
            path = Path(folder) / "paper"
            try:
                await self._gate.download(
                    f"{self._site_url}/{kind.folder}/{version}",
                    path,
                    accept=kind.accept,
                    limit_bytes=kind.limit_bytes(),
                )
            except SourceError as error:
                return _reason(error)
            if kind is _PAPER and not _is_pdf(path):
                return NoTextReason.UNREACHABLE
            async with self._openings:
                return await pdf.extract(path, Limits(text_characters=TEXT_LIMIT_CHARACTERS), kind.module)


def _reason(error: SourceError) -> NoTextReason:
    if isinstance(error, NotFoundError):
        return NoTextReason.NOT_FOUND
    return NoTextReason.TOO_LARGE if isinstance(error, TooLargeError) else NoTextReason.UNREACHABLE


def _is_pdf(path: Path) -> bool:
    """Return whether the file has a PDF header. A page that asks for patience comes with status 200 as well."""
    with path.open("rb") as file:
        return b"%PDF-" in file.read(1024)


def _better(version: VersionId, page: Extract, paper: Extract | NoTextReason) -> FullText | NoText:
    """Of a page that may not be the whole paper and its PDF, what has more of it: the page where both are whole.

    A PDF that may yet come is waited for.
    """
    readable = len(page.text) >= MINIMUM_CHARACTERS
    if isinstance(paper, NoTextReason):
        if readable and paper is not NoTextReason.UNREACHABLE:
            return _text(version, TextSource.HTML, page)
        return NoText(version, paper)
    if not readable or breaks_off(page, paper):
        return _text(version, TextSource.PDF, paper)
    return _text(version, TextSource.HTML, page)


def _is_bad(found: FullText | NoText) -> bool:
    """Return whether page and PDF exist and still give no whole text, or one whose words run together."""
    if isinstance(found, NoText):
        return found.reason not in (NoTextReason.UNREACHABLE, NoTextReason.NOT_FOUND)
    return not found.whole or glued_share(found.text) > _GLUED_SHARE


def _text(version: VersionId, source: TextSource, found: Extract) -> FullText | NoText:
    if len(found.text) > TEXT_LIMIT_CHARACTERS:
        return NoText(version, NoTextReason.TOO_LARGE)
    return FullText(
        version,
        source,
        found.text,
        prompt_injection_in(found.hidden),
        whole=found.whole,
        extractors=found.extractors,
    )
