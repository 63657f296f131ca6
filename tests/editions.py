"""Editions for the tests."""

from datetime import UTC, date, datetime

from digest.core.models import Claim, Edition, Entry, Gap, Origin, Reading, Translation, Window
from tests.papers import paper

ORIGIN = Origin("model", "prompt")


def edition(*entries: Entry, language: str = "zh-CN") -> Edition:
    """Return the edition of 10 February 2026 in Shanghai."""
    return Edition(
        date=date(2026, 2, 10),
        window=Window(datetime(2026, 2, 9, 0, 50, tzinfo=UTC), datetime(2026, 2, 10, 0, 50, tzinfo=UTC)),
        language=language,
        categories=("cs.SD", "eess.AS"),
        fetched=len(entries),
        entries=entries,
    )


def entry(
    number: int = 1,
    *,
    title: str | None = None,
    abstract: str = "一段摘要。",
    claims: tuple[Claim, ...] = (Claim("一点。"),),
    translation: Gap | None = None,
    reading: Gap | None = None,
) -> Entry:
    """Return paper `number` with a translation and a reading whose parts all hold `claims`, or with gaps."""
    made = paper(number, title=title)
    translated = Translation(made.version, "zh-CN", "标题", abstract, "一句话。", ORIGIN)
    read = Reading(made.version, "zh-CN", claims, claims, claims, ORIGIN)
    return Entry(made, translation or translated, reading or read)
