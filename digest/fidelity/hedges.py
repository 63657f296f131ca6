"""Bounds and doubts, which make a claim weaker: whether a translation kept them. Pure; Chinese only."""

import re
from collections.abc import Iterator

_NUMBER = (
    r"(?=\s*(?:an? (?:factor|average|order)\b|about\s|[$~≈]?\s*\d"
    r"|(?:two|three|four|five|six|seven|eight|nine|ten|half|twice)\b))"
)
_HEDGES: tuple[tuple[re.Pattern[str], re.Pattern[str]], ...] = tuple(
    (re.compile(english), re.compile(chinese))
    for english, chinese in (
        (
            rf"(?:up to|as much as|as many as|at most|no more than|maximum of){_NUMBER}",
            r"最|高达|多达|可达|至多|达|不超过|以内|上限",
        ),
        (
            rf"(?:over|more than|at least|exceeding|exceeds?|above|greater than|no fewer than|no less than){_NUMBER}",
            r"超|逾|多|以上|至少|不少于|不低于|大于|高于|优于|余",
        ),
        (
            rf"(?:less than|fewer than|below|under|within|no more than|as low as|as little as|as few as|only){_NUMBER}",
            r"低于|不到|少于|不足|小于|以下|以内|之内|内|仅|只|低至|少至|未|下|短",
        ),
        (
            rf"(?:(?:about|approximately|around|roughly|nearly|almost|close to|circa)|[~≈∼]){_NUMBER}",
            r"约|近|左右|大概|上下|接近|几乎|~|～|≈|∼",
        ),
        (
            r"(?:may|might|could potentially|possibly|potentially|perhaps|likely)\b(?! \d)",
            r"可能|或许|也许|或|有望|潜|似乎|大概|容易|易|可|会|能",
        ),
        (r"(?:preliminary|tentative(?:ly)?)\b", r"初步|初|尝试|试探|暂"),
        (
            r"(?:typically|usually|generally|often|frequently|in most cases|mostly)\b",
            r"通常|往往|一般|常|大多|多数|普遍|频繁|多|总体|主要|易|经",
        ),
        (r"(?:sometimes|in some cases|occasionally)\b", r"有时|某些|部分|偶尔|一些|有些|时而"),
    )
)  # fmt: skip


def lost(original: str, made: str) -> Iterator[str]:
    """The hedges of an English text of whose kind its Chinese translation has none."""
    lower = original.lower()
    for english, chinese in _HEDGES:
        found = next((found for found in english.finditer(lower) if _begins_a_word(found)), None)
        if found and not chinese.search(made):
            yield found[0].strip()


def _begins_a_word(found: re.Match[str]) -> bool:
    """What a pattern that begins so would tell too, several times slower."""
    return not found.string[found.start() - 1 : found.start()].isalpha()
