"""The labelled set: large enough, balanced, without duplicates, and labelled with verdicts that a judge can give."""

import re
from collections import Counter, defaultdict

import pytest

from benchmarks.labelled.pairs import LabelledPair, load
from digest.core.verdicts import Relation
from digest.judging.judge import MOST_CHARACTERS, About

FAULTS = {
    "direction", "comparison", "negation", "percent-points", "relative-absolute", "superlative", "swapped-numbers",
    "from-to", "hedge", "bound", "numeral", "entity", "metric", "added", "missing",
}  # fmt: skip
SOUND = {"free-wording", "reordered", "merged-numbers", "double-negation"}
CLAIMS = {"reversed", "swapped-methods", "unrelated", "stronger", "invented"}
EACH: list[About] = ["translation", "claims"]


def relations(pairs: list[LabelledPair]) -> dict[str, Counter[Relation]]:
    """Count the relations of each kind."""
    found: dict[str, Counter[Relation]] = defaultdict(Counter)
    for pair in pairs:
        found[pair.kind][pair.relation] += 1
    return found


def test_there_are_at_least_400_sentence_pairs_in_all_kinds() -> None:
    found = relations(load("translation"))
    assert sum(map(Counter.total, found.values())) >= 400
    assert set(found) == FAULTS | SOUND
    for kind in FAULTS:
        assert found[kind].total() - found[kind][Relation.SAME] >= 10, kind
        assert found[kind][Relation.SAME] >= 10, kind
    for kind in SOUND:
        assert set(found[kind]) == {Relation.SAME}


def test_there_are_at_least_150_claims_in_all_kinds() -> None:
    found = relations(load("claims"))
    assert sum(map(Counter.total, found.values())) >= 150
    assert set(found) == CLAIMS
    assert all(each.total() >= 30 for each in found.values())


@pytest.mark.parametrize("about", EACH)
def test_half_of_the_pairs_are_sound(about: About) -> None:
    pairs = load(about)
    assert sum(pair.relation is Relation.SAME for pair in pairs) / len(pairs) == pytest.approx(0.5, abs=0.02)


def test_each_relation_but_other_is_there() -> None:
    assert {pair.relation for pair in load("translation")} == set(Relation) - {Relation.OTHER}


@pytest.mark.parametrize("field", ["id", "made"])
def test_no_pair_is_there_twice(field: str) -> None:
    values = Counter(getattr(pair, field) for about in EACH for pair in load(about))
    assert [value for value, times in values.items() if times > 1] == []


@pytest.mark.parametrize("about", EACH)
def test_a_sentence_has_one_sound_and_one_faulty_counterpart_at_most(about: About) -> None:
    times = Counter((pair.original, pair.relation is Relation.SAME) for pair in load(about))
    assert set(times.values()) == {1}


def test_no_two_originals_differ_in_their_numbers_alone() -> None:
    originals = {pair.original for about in EACH for pair in load(about)}
    assert len({re.sub(r"\d+", "#", original) for original in originals}) == len(originals)


@pytest.mark.parametrize("about", EACH)
def test_each_pair_is_english_with_chinese_and_fits_into_a_prompt(about: About) -> None:
    for pair in load(about):
        assert re.search("[a-z]{3}", pair.original), pair
        assert not re.search("[\u4e00-\u9fff]", pair.original), pair
        assert len(re.findall("[\u4e00-\u9fff]", pair.made)) >= 5, pair
        assert pair.made.endswith(("。", "？")), pair
        assert len(pair.original) + len(pair.made) < MOST_CHARACTERS
