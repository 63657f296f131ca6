"""The papers of a closed edition are translated and read, all at once.

What is made is in the database as soon as it is there: to make an edition again is to go on where it stopped.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from digest.core.comments import is_withdrawn
from digest.core.errors import StoreError
from digest.core.models import (
    ClosedEdition,
    Edition,
    Entry,
    Extent,
    Gap,
    NoTextReason,
    Paper,
    Reading,
    Translation,
    VersionId,
)
from digest.core.progress import Progress, Report, Stage
from digest.db import engine as database
from digest.db import fulltexts, papers
from digest.pipeline.papers import PaperService

_log = structlog.get_logger()
WEEK = timedelta(days=7)
_PASSING = frozenset(gap for gap in Gap if gap.follows)
_DUE = _PASSING | {Gap.NO_KEY, Gap.UNFAITHFUL}
Made = TypeVar("Made", Translation | Gap, Reading | Gap)


async def make(
    engine: AsyncEngine,
    paper_service: PaperService,
    closed: ClosedEdition,
    at: datetime,
    concurrency: int,
    report: Report,
    extent: Extent = Extent.READINGS,
) -> Edition:
    """The edition with whatever can be made of each of its papers; one that fails holds back no other.

    Of what `extent` leaves out, it has what somebody asked for before. What is still missing a week after the edition
    closed (`at` is the present time) is given up.
    `concurrency` is how many calls the model takes at once. As many translations wait for a place, and twice as many
    papers are on their way to a reading: so texts are there when a place is free, memory holds few of them, and
    places stay busy. Places go by the order of coming: with fewer translations waiting, most would be left when the
    readings are done, and could not fill the places by themselves.
    """
    async with database.reading(engine) as connection:
        found = await papers.load(connection, (*closed.versions, *closed.replacements))
    ordered = [found[version] for version in closed.versions]
    async with asyncio.TaskGroup() as group:
        translated = group.create_task(_translated(paper_service, closed, ordered, concurrency, report))
        read = group.create_task(
            _each(ordered, paper_service.reading, 2 * concurrency, Stage.READ, report)
            if extent is Extent.READINGS
            else _kept(engine, paper_service, closed)
        )
    entries = [Entry(*made) for made in zip(ordered, translated.result(), read.result(), strict=True)]
    return _edition(
        paper_service, closed, found, entries if at < closed.closed_at + WEEK else map(_final, entries)
    )


async def _translated(
    paper_service: PaperService,
    closed: ClosedEdition,
    ordered: Sequence[Paper],
    concurrency: int,
    report: Report,
) -> list[Translation | Gap]:
    """The translations, which wait for the terms of the edition."""
    try:
        await paper_service.decide_terms(closed, ordered)
    except StoreError:
        raise
    except Exception:  # noqa: BLE001 - an edition can go without
        _log.exception("terms_failed", edition=str(closed.date))
    return await _each(ordered, paper_service.translation, concurrency, Stage.TRANSLATE, report)


def _edition(
    paper_service: PaperService,
    closed: ClosedEdition,
    found: Mapping[VersionId, Paper],
    entries: Iterable[Entry],
) -> Edition:
    return Edition(
        date=closed.date,
        window=closed.window,
        language=paper_service.language,
        categories=closed.categories,
        fetched=closed.fetched,
        entries=tuple(entries),
        late=closed.late,
        replacements=tuple(found[version] for version in closed.replacements),
    )


async def stored(
    engine: AsyncEngine, paper_service: PaperService, closed: ClosedEdition, extent: Extent = Extent.READINGS
) -> Edition:
    """The edition with what `paper_service` has of it already; nothing is made.

    What lies beyond `extent` is not due, and of an edition that is complete nothing is any more.
    """
    async with database.reading(engine) as connection:
        found = await papers.load(connection, (*closed.versions, *closed.replacements))
    ordered = [found[version] for version in closed.versions]
    if closed.completed_at is not None:
        extent = Extent.NOTHING
    made, lacking = await paper_service.stored(ordered), await _lacking(engine, ordered)
    refused = await paper_service.refused(
        [paper.version for paper in ordered if made[paper.version][0] is None]
    )
    gap = Gap.DUE if extent >= Extent.TRANSLATIONS else Gap.ON_DEMAND
    entries = [
        Entry(
            paper,
            made[paper.version][0] or (Gap.UNFAITHFUL if paper.version in refused else gap),
            made[paper.version][1] or _unread(paper, lacking, extent),
        )
        for paper in ordered
    ]
    return _edition(paper_service, closed, found, entries)


async def _kept(
    engine: AsyncEngine, paper_service: PaperService, closed: ClosedEdition
) -> list[Reading | Gap]:
    """The readings that somebody asked for."""
    return [entry.reading for entry in (await stored(engine, paper_service, closed, Extent.NOTHING)).entries]


async def _lacking(engine: AsyncEngine, ordered: Sequence[Paper]) -> dict[VersionId, NoTextReason]:
    async with database.reading(engine) as connection:
        return await fulltexts.lacking(connection, [paper.version for paper in ordered])


def _unread(paper: Paper, lacking: Mapping[VersionId, NoTextReason], extent: Extent) -> Gap:
    """Why there is no reading of `paper`, as far as the tables tell."""
    if is_withdrawn(paper):
        return Gap.WITHDRAWN
    reason = lacking.get(paper.version)
    if reason is not None and not reason.passes:
        return Gap.NO_TEXT
    return Gap.DUE if extent is Extent.READINGS else Gap.ON_DEMAND


def is_complete(edition: Edition) -> bool:
    """Return whether nothing in `edition` is still due."""
    made = {gap for entry in edition.entries for gap in (entry.translation, entry.reading)}
    return not made & _DUE


def _final(entry: Entry) -> Entry:
    """An entry whose gaps no later run will fill. Those that promise nothing stay what they are."""
    return replace(
        entry,
        translation=Gap.GIVEN_UP if entry.translation in _PASSING else entry.translation,
        reading=Gap.GIVEN_UP if entry.reading in _PASSING else entry.reading,
    )


async def _each(
    ordered: Sequence[Paper],
    work: Callable[[Paper], Awaitable[Made]],
    width: int,
    stage: Stage,
    report: Report,
) -> list[Made]:
    """`work` done on every paper, on `width` of them at once; in the order of the papers."""
    places = asyncio.Semaphore(width)
    done = 0
    report(Progress(stage, 0, len(ordered)))

    async def one(paper: Paper) -> Made:
        nonlocal done
        async with places:
            made = await _guarded(work, paper)
        done += 1
        report(Progress(stage, done, len(ordered)))
        return made

    return await asyncio.gather(*(one(paper) for paper in ordered))


async def _guarded(work: Callable[[Paper], Awaitable[Made]], paper: Paper) -> Made:
    """One paper's fault, foreseen or not, must not cost the others their place. A failing database must."""
    try:
        return await work(paper)
    except StoreError:
        raise
    except Exception:  # noqa: BLE001 - the edge of what one paper can do
        _log.exception("paper_failed", paper=str(paper.version))
        return Gap.MODEL
