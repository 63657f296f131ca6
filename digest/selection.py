"""What belongs in an edition, and why. Pure.

arXiv does not tell when it announced a paper. So a paper counts as new when it is seen in a listing for the
first time, whenever it was submitted: that also finds those which moderation held back. Where nothing was
watched before (at the first edition, and in a category that is watched anew) the announcement schedule decides.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from digest import calendar
from digest.models import Paper, PaperId, Window

MODERATION = timedelta(days=30)
"""How long after its submission a paper may first turn up."""


@dataclass(frozen=True, slots=True)
class Selection:
    """`new` papers belong in the edition, newest first; `earlier` ones were announced before anyone watched."""

    new: tuple[Paper, ...]
    earlier: tuple[Paper, ...] = ()


def look_back(window: Window) -> datetime:
    """The submission time from which papers must be asked for, so that none that is new can be missed."""
    return window.start - MODERATION


def announced(papers: Iterable[Paper], categories: Collection[str], at: datetime) -> list[Paper]:
    """Those of `papers` in a watched category that arXiv can have announced by `at`.

    That matters where `at` lies in the past: today's answer then holds papers that nobody had seen yet.
    """
    return [
        paper
        for paper in papers
        if set(categories) & set(paper.categories) and paper.published and _announced_at(paper) <= at
    ]


def select(
    papers: Iterable[Paper], listed: Collection[PaperId], watched: Collection[str], window: Window
) -> Selection:
    """What no listing has shown before, as far as the listings go.

    `watched` are the categories whose listings were noted lately. A paper in none of them could not be listed: it is
    new if the schedule puts its announcement behind the beginning of `window`, or into the newest batch, so that a
    first edition has something to show on any day.
    """
    unseen = [paper for paper in papers if paper.id not in listed]
    unwatched = [paper for paper in unseen if not set(watched) & set(paper.categories)]
    newest = max(map(_announced_at, unwatched), default=window.end)
    earlier = tuple(p for p in unwatched if _announced_at(p) <= window.start and _announced_at(p) < newest)
    new = set(unseen) - set(earlier)
    return Selection(tuple(sorted(new, key=lambda p: (p.published, p.id), reverse=True)), earlier)


def _announced_at(paper: Paper) -> datetime:
    if paper.published is None:
        raise ValueError(f"{paper.version} has no submission time")
    return calendar.announced_at(paper.published)
