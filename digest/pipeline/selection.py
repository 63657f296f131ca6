"""Selection of the papers that an edition shows, with a reason for each that it leaves out. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from digest.core import keywords
from digest.core.identity import Identity
from digest.core.keywords import Keyword
from digest.core.models import Entry, Gap, LeftOut, Paper, Reason

_TITLE_WEIGHT = 3  # a keyword in the title says more about a paper than one in the abstract
_TEXTS, _FILTERS = 1024, 64  # kept in memory: the searchable papers of a few editions, and what filters found
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class SelectionRules:
    """The operator's rules for the papers that arXiv announces in `categories`.

    `primary_only` leaves out papers that are only cross-listed there. `include` and `exclude` are matched against
    titles, abstracts and authors. `cap` is the maximum number of papers in an edition; 0 means no limit.
    """

    categories: tuple[str, ...]
    primary_only: bool = False
    include: tuple[Keyword, ...] = ()
    exclude: tuple[Keyword, ...] = ()
    cap: int = 0


@dataclass(frozen=True, slots=True)
class Selection:
    """The papers that are shown, newest first, and those that are left out."""

    shown: tuple[Paper, ...]
    left_out: tuple[LeftOut, ...]


def select(papers: Iterable[Paper], rules: SelectionRules) -> Selection:
    """Apply `rules` to `papers`: each is shown, or left out with the first reason that applies."""
    wanted, left_out = [], []
    for paper in papers:
        reason = _unwanted(paper, rules)
        if reason is None:
            wanted.append(paper)
        else:
            left_out.append(reason)
    shown, beyond = _capped(wanted, rules)
    return Selection(tuple(sorted(shown, key=_newness, reverse=True)), (*left_out, *beyond))


def matching(entries: tuple[Entry, ...], rules: SelectionRules) -> tuple[Entry, ...]:
    """Return the `entries` that match `rules`; keywords are matched against translations too, and `cap` is ignored.

    The same filter finds the same tuple, as long as it is in memory.
    """
    return _matching(Identity(entries), rules)


@lru_cache(_FILTERS)
def _matching(entries: Identity[tuple[Entry, ...]], rules: SelectionRules) -> tuple[Entry, ...]:
    return tuple(entry for entry in entries.value if _is_wanted(entry, rules))


def _is_wanted(entry: Entry, rules: SelectionRules) -> bool:
    if _out_of_scope(entry.paper, rules) is not None:
        return False
    return (
        not (rules.include or rules.exclude)
        or _by_keywords(entry.paper, rules, _searchable(Identity(entry))) is None
    )


@lru_cache(_TEXTS)
def _searchable(entry: Identity[Entry]) -> "_MatchedText":
    made = entry.value.translation
    translated = () if isinstance(made, Gap) else (made.title or "", made.abstract, made.summary or "")
    return _MatchedText.of(entry.value.paper, translated)


def _unwanted(paper: Paper, rules: SelectionRules) -> LeftOut | None:
    if (reason := _out_of_scope(paper, rules)) is not None:
        return reason
    if not rules.include and not rules.exclude:
        return None
    return _by_keywords(paper, rules, _MatchedText.of(paper))


def _out_of_scope(paper: Paper, rules: SelectionRules) -> LeftOut | None:
    primary = paper.primary_category or ""
    if not set(paper.categories) & set(rules.categories):
        return LeftOut(paper.id, Reason.CATEGORY, primary)
    if rules.primary_only and primary not in rules.categories:
        return LeftOut(paper.id, Reason.PRIMARY, primary)
    return None


def _by_keywords(paper: Paper, rules: SelectionRules, text: "_MatchedText") -> LeftOut | None:
    excluding = next((keyword for keyword in rules.exclude if text.weight(keyword)), None)
    if excluding is not None:
        return LeftOut(paper.id, Reason.EXCLUDED, excluding.text)
    if rules.include and not any(map(text.weight, rules.include)):
        return LeftOut(paper.id, Reason.NOT_INCLUDED)
    return None


def _capped(papers: list[Paper], rules: SelectionRules) -> tuple[list[Paper], list[LeftOut]]:
    """Return the best `papers` up to the cap, and the others with their rank."""
    if not rules.cap or len(papers) <= rules.cap:
        return papers, []
    ranked = sorted(papers, key=lambda paper: _relevance(paper, rules), reverse=True)
    beyond = [
        LeftOut(paper.id, Reason.CAP, f"{rank}/{len(ranked)}")
        for rank, paper in enumerate(ranked[rules.cap :], start=rules.cap + 1)
    ]
    return ranked[: rules.cap], beyond


def _relevance(paper: Paper, rules: SelectionRules) -> tuple[int, bool, int, tuple[datetime, str]]:
    """Sort key: keywords first, then a watched primary category, then the number of watched ones, then newness."""
    text = _MatchedText.of(paper)
    return (
        sum(map(text.weight, rules.include)),
        paper.primary_category in rules.categories,
        len(set(paper.categories) & set(rules.categories)),
        _newness(paper),
    )


def _newness(paper: Paper) -> tuple[datetime, str]:
    return (paper.published or _EPOCH, str(paper.id))


@dataclass(frozen=True, slots=True)
class _MatchedText:
    """The searchable texts of a paper; `all_` are their words, which do not run from one text into the next."""

    title: keywords.Folded
    rest: tuple[keywords.Folded, ...]
    all_: str

    @staticmethod
    def of(paper: Paper, translated: tuple[str, ...] = ()) -> "_MatchedText":
        title = keywords.fold(paper.title)
        rest = tuple(map(keywords.fold, (paper.abstract or "", *paper.authors, *translated)))
        return _MatchedText(title, rest, "\n".join(text.joined for text in (title, *rest)))

    def weight(self, keyword: Keyword) -> int:
        """Return the weight of `keyword` in the paper: higher in the title, 0 if it is nowhere."""
        if keyword.key not in self.all_:
            return 0
        if keywords.found_in(keyword, self.title):
            return _TITLE_WEIGHT
        return int(any(keywords.found_in(keyword, text) for text in self.rest))
