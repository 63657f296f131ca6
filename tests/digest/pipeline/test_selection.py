"""Tests of the papers that an edition shows, and of the reason for each paper that it leaves out."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from digest.core.keywords import keywords
from digest.core.models import LeftOut, Paper, Reason
from digest.pipeline import selection
from digest.pipeline.selection import SelectionRules
from tests.papers import MONDAY_MORNING, paper

WATCHED = ("cs.SD", "eess.AS")
RULES = SelectionRules(WATCHED)
PAPERS = st.lists(
    st.builds(
        paper,
        st.integers(1, 99_999),
        categories=st.sampled_from([("cs.SD",), ("cs.CL", "eess.AS"), ("cs.LG",)]),
        title=st.sampled_from(["Speech Codecs", "Music and Speech", "Dance"]),
        submitted=st.timedeltas(timedelta(0), timedelta(days=5)).map(lambda later: MONDAY_MORNING + later),
    ),
    unique_by=lambda made: made.id,
)
ANY_RULES = st.builds(
    SelectionRules,
    st.just(WATCHED),
    primary_only=st.booleans(),
    include=st.sampled_from(["", "speech", "speech, dance"]).map(keywords),
    exclude=st.sampled_from(["", "music"]).map(keywords),
    cap=st.integers(0, 4),
)


@given(PAPERS, ANY_RULES)
def test_each_paper_is_shown_or_left_out_with_a_reason(papers: list[Paper], rules: SelectionRules) -> None:
    selected = selection.select(papers, rules)
    shown, left_out = [p.id for p in selected.shown], [each.paper for each in selected.left_out]
    assert sorted(shown + left_out) == sorted(p.id for p in papers)
    assert not rules.cap or len(shown) <= rules.cap
    assert selection.select(papers[::-1], rules).shown == selected.shown


def test_papers_are_shown_newest_first() -> None:
    assert selection.select([paper(1), paper(3), paper(2)], RULES).shown == (paper(3), paper(2), paper(1))


def test_a_cross_listed_paper_counts_unless_only_primary_ones_are_wanted() -> None:
    crossed = paper(1, categories=("cs.CL", "eess.AS"))
    assert selection.select([crossed], RULES).shown == (crossed,)
    assert selection.select([crossed], SelectionRules(WATCHED, primary_only=True)).left_out == (
        LeftOut(crossed.id, Reason.PRIMARY, "cs.CL"),
    )


def test_a_paper_that_was_moved_out_of_the_watched_categories_is_left_out() -> None:
    moved = paper(1, version=2, categories=("cs.LG",))
    assert selection.select([moved], RULES).left_out == (LeftOut(moved.id, Reason.CATEGORY, "cs.LG"),)


def test_an_excluded_keyword_wins_over_an_included_one_and_is_named() -> None:
    music = paper(1, title="Music Language Models")
    speech = paper(2, title="Speech Language Models")
    other = paper(3, title="Room Acoustics")
    selected = selection.select(
        [music, speech, other],
        SelectionRules(WATCHED, include=keywords("language model"), exclude=keywords("Musics")),
    )
    assert selected.shown == (speech,)
    assert set(selected.left_out) == {
        LeftOut(music.id, Reason.EXCLUDED, "Musics"),
        LeftOut(other.id, Reason.NOT_INCLUDED),
    }


def test_keywords_are_looked_for_in_abstracts_and_authors_too() -> None:
    made = paper(1, abstract="一种基于语音识别的方法。")
    for word in ("语音识别", "cernocky", "Lovelace", "hearing"):
        assert selection.select([made], SelectionRules(WATCHED, include=keywords(word))).shown == (made,)


def test_a_cap_keeps_what_fits_the_keywords_best() -> None:
    in_title = paper(1, title="Speech Separation")
    in_abstract = paper(2, title="Rooms", abstract="We look at speech separation.")
    newest = paper(3, title="Speech Codecs", abstract="Codecs.")
    rules = SelectionRules(WATCHED, include=keywords("speech, separation"), cap=2)
    selected = selection.select([newest, in_abstract, in_title], rules)
    assert set(selected.shown) == {in_title, newest}
    assert selected.left_out == (LeftOut(in_abstract.id, Reason.CAP, "3/3"),)


def test_without_keywords_a_cap_prefers_primary_papers_to_cross_listed_ones() -> None:
    crossed, primary = paper(2, categories=("cs.CL", "cs.SD")), paper(1, categories=("cs.SD",))
    assert selection.select([crossed, primary], SelectionRules(WATCHED, cap=1)).shown == (primary,)
