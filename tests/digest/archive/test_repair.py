from zoneinfo import ZoneInfo

import pytest

from digest.archive import lint, post
from digest.archive.lint import FaultKind
from digest.core.errors import ArchiveError
from digest.core.models import Claim, Gap, Reading, Translation
from digest.render import jekyll
from tests.editions import edition, entry
from tests.shared import shared_data

SHANGHAI = ZoneInfo("Asia/Shanghai")
SOUND = jekyll.render(edition(entry(1), entry(2, claims=(Claim("甲", (Claim("乙"),)),))), SHANGHAI)


def published(day: str) -> str:
    return shared_data("posts", f"{day}-arxiv.md").read_text("utf-8")


def test_a_post_full_of_conflicts_gives_seven_sound_papers_with_their_readings() -> None:
    mended = lint.repair(published("2025-10-16"), SHANGHAI)
    entries = post.parse(mended, SHANGHAI).entries
    assert lint.check(mended) == ()
    assert len(entries) == 7
    assert all(
        isinstance(each.reading, Reading) and isinstance(each.translation, Translation) for each in entries
    )
    assert mended.count("\n## ") == 7
    assert "HEAD" not in mended


def test_a_leaked_error_becomes_a_reading_that_is_due() -> None:
    mended = lint.repair(published("2026-01-28"), SHANGHAI)
    assert "404" not in mended
    assert [each.reading for each in post.parse(mended, SHANGHAI).entries].count(Gap.DUE) == 1


def test_a_sound_post_comes_back_as_it_was() -> None:
    assert lint.repair(SOUND, SHANGHAI) == SOUND


def test_of_two_halves_the_fuller_is_kept_whichever_it_is() -> None:
    head, _, tail = SOUND.partition("一段摘要。\n")
    poor = "短。\n"
    full = "一段摘要。\n" + tail.partition("---\n")[0]
    rest = "---\n" + tail.partition("---\n")[2]
    for ours, theirs in ((poor, full), (full, poor)):
        torn = f"{head}<<<<<<< HEAD\n{ours}=======\n{theirs}>>>>>>> 1234567 (update)\n{rest}"
        assert lint.repair(torn, SHANGHAI) == SOUND


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (("一段摘要。", "<<<<<<< HEAD\n一段摘要。"), r"line \d+: a merge conflict that lacks"),
        (("---\nlayout", "layout"), "line 1: the front matter"),
        (("- 时间窗口", "- 时间"), "line 6: the line with the window"),
        (("abs/2602.00001v1](", "abs/](x"), r"line \d+: the link to arXiv"),
    ],
)
def test_what_cannot_be_mended_is_named_with_its_line(damage: tuple[str, str], sentence: str) -> None:
    damaged = SOUND.replace(*damage, 1).replace(
        "https://arxiv.org/abs/2602.00001v1)", "https://arxiv.org)", 1
    )
    with pytest.raises(ArchiveError, match=sentence):
        lint.repair(damaged if "abs/" in damage[0] else SOUND.replace(*damage, 1), SHANGHAI)


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ("一段摘要。", "<<<<<<< HEAD", FaultKind.CONFLICT),
        ("一段摘要。", "Traceback (most recent call last)", FaultKind.LEAKED_ERROR),
        ("</details>\n", "", FaultKind.UNCLOSED),
        ("<details>\n", "", FaultKind.UNCLOSED),
        ("一段摘要。", "见 {{ page.title }}", FaultKind.LIQUID),
        ("一段摘要。", "见 <img src=x>", FaultKind.HTML),
        (r"篇 \| 本", "篇 | 本", FaultKind.TABLE),
        ("- **PDF**", "- **P**", FaultKind.MISSING),
        ("一段摘要。", "", FaultKind.MISSING),
        ("### 核心方法如何解决这些问题", "", FaultKind.MISSING),
        ("本页显示：2 篇", "本页显示：3 篇", FaultKind.COUNT),
        ("2602.00002v1", "2602.00001v2", FaultKind.DUPLICATE),
    ],
)
def test_each_kind_of_fault_is_found(old: str, new: str, kind: FaultKind) -> None:
    assert old in SOUND
    count = -1 if kind is FaultKind.DUPLICATE else 1
    damaged = SOUND.replace(old, new, count)
    found = lint.check(damaged)
    assert kind in {fault.kind for fault in found}
    if new and kind not in (FaultKind.COUNT, FaultKind.DUPLICATE, FaultKind.MISSING):
        line = damaged[: damaged.index(new)].count("\n") + 1
        assert line in {fault.line for fault in found if fault.kind is kind}


def test_a_sound_old_post_has_no_fault_but_the_table_of_its_counts() -> None:
    assert [fault.kind for fault in lint.check(published("2025-12-25"))] == [FaultKind.TABLE]
