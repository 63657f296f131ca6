"""Audits: which findings are about a pair, which pairs a translation has, and how labels are counted."""

import pytest

from digest.checks.translation import Translated
from digest.core.findings import Finding, Flaw, finding
from digest.core.verdicts import AuditedPair, JudgedPair, Relation
from digest.pipeline.auditing import counted, pairs_of, was_found
from tests.papers import paper

PAIR = JudgedPair(1, "The error falls by 12.5% with EchoNet.", "使用EchoNet后，误差上升12.5%。")


@pytest.mark.parametrize(
    ("found", "is_about"),
    [
        (finding(Flaw.MEANING, "reversed: 使用EchoNet后，误差上升12.5%。"), True),
        (finding(Flaw.MEANING, "reversed: 另一句话。"), False),
        (finding(Flaw.NUMBER_MISSING, "12.5%"), True),
        (finding(Flaw.NUMBER_MISSING, "2.5%"), False),
        (finding(Flaw.NAME_MISSING, "EchoNet"), True),
        (finding(Flaw.NAME_MISSING, "Echo"), False),
        (finding(Flaw.ACRONYM, "EchoNet"), False),
        (finding(Flaw.LENGTH), False),
        (finding(Flaw.HEDGE), False),
    ],
)
def test_a_fault_was_found_if_a_finding_is_about_its_sentence(found: Finding, is_about: bool) -> None:
    assert was_found(PAIR, [found]) is is_about


def test_every_sentence_is_audited_whether_a_screen_doubts_it_or_not() -> None:
    record = paper(abstract="Rooms have shapes. They can be heard by everybody. We listen to them.")
    made = Translated("题目", "房间有形状。人人都能听见。我们聆听。", "一句话。")
    pairs = pairs_of(record, made, "zh-CN")
    assert [pair.made for pair in pairs] == [
        "题目",
        "房间有形状。",
        "人人都能听见。",
        "我们聆听。",
        "一句话。",
    ]
    assert [pair.id for pair in pairs] == [1, 2, 3, 4, 5]
    assert pairs[4].original == record.abstract


def audited(
    relation: Relation, accepted: bool | None, *, found: bool = False, shown: bool = False
) -> AuditedPair:
    return AuditedPair(
        1,
        1,
        paper().version,
        "zh-CN",
        "auditor",
        "It falls.",
        "它上升。",
        relation,
        "",
        found,
        shown,
        accepted,
    )


def test_precision_counts_labels_and_recall_the_accepted_faults() -> None:
    report = counted(
        [
            audited(Relation.REVERSED, accepted=True, found=True),
            audited(Relation.REVERSED, accepted=True, shown=True),
            audited(Relation.REVERSED, accepted=False, found=True, shown=True),
            audited(Relation.REVERSED, accepted=None),
            audited(Relation.ADDED, accepted=False),
            audited(Relation.SAME, accepted=None),
            audited(Relation.WEAKER, accepted=None),
        ]
    )
    added, backwards, whole = report.kinds
    assert (added.relation, backwards.relation, whole.relation) == (Relation.ADDED, Relation.REVERSED, None)
    assert (backwards.objections, backwards.shown) == (4, 1)
    assert (backwards.precision.hits, backwards.precision.total) == (2, 3)
    assert (backwards.recall.hits, backwards.recall.total) == (1, 2)
    assert (added.precision.share, added.recall.share) == (0, None)
    assert (whole.objections, whole.precision.total) == (5, 4)
    assert report.is_small
