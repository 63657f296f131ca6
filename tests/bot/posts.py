"""Posts as older versions wrote them."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from digest.core.models import Claim, Edition, Entry, Gap, Origin, Reading, Translation, Window
from digest.render import jekyll
from tests.papers import paper

_ORIGIN = Origin("m", "p")


def edition(day: date = date(2026, 2, 10), first: int = 1) -> Edition:
    """Return an edition of two papers, the second of which waits for its reading."""
    end = datetime(day.year, day.month, day.day, 0, 50, tzinfo=UTC)
    return Edition(
        date=day,
        window=Window(end - timedelta(days=1), end),
        language="zh-CN",
        categories=("cs.SD",),
        fetched=2,
        entries=(
            Entry(paper(first), _translation(first), _reading(first)),
            Entry(paper(first + 1), _translation(first + 1), Gap.DUE),
        ),
    )


def rendered(made: Edition) -> str:
    return jekyll.render(made, ZoneInfo("Asia/Shanghai"))


def _translation(number: int) -> Translation:
    return Translation(paper(number).version, "zh-CN", None, f"第 {number} 篇的摘要。", None, _ORIGIN)


def _reading(number: int) -> Reading:
    background, method, results = (
        (Claim(f"第 {number} 间屋子的{part}。"),) for part in ("背景", "方法", "结果")
    )
    return Reading(paper(number).version, "zh-CN", background, method, results, _ORIGIN)
