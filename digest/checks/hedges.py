"""Check that a translation keeps the hedges of its original: bounds and uncertainty. Pure; Chinese only."""

import re
from collections.abc import Iterator

_NUMBER = (
    r"(?=\s*(?:an? (?:factor|average|order)\b|about\s|[$~≈]?\s*\d"
    r"|(?:two|three|four|five|six|seven|eight|nine|ten|half|twice)\b))"
)
_WORD = r"\b(?! \d)"
_HEDGES: tuple[tuple[tuple[str, ...], re.Pattern[str], re.Pattern[str]], ...] = tuple(
    (tuple(phrases.split("|")), re.compile(f"(?:{phrases}){behind}"), re.compile(chinese))
    for phrases, behind, chinese in (
        (
            "up to|as much as|as many as|at most|no more than|maximum of",
            _NUMBER,
            r"最|高达|多达|可达|至多|达|不超过|以内|上限",
        ),
        (
            "over|more than|at least|exceeding|exceeds|exceed|above|greater than|no fewer than|no less than",
            _NUMBER,
            r"超|逾|多|以上|至少|不少于|不低于|不小于|大于|高于|优于|胜过|余",
        ),
        (
            "less than|fewer than|below|under|within|no more than|as low as|as little as|as few as|only",
            _NUMBER,
            r"低于|不到|少于|不足|小于|以下|以内|之内|内|仅|只|低至|少至|未|下|短",
        ),
        (
            "about|approximately|around|roughly|nearly|almost|close to|circa|~|≈|∼",
            _NUMBER,
            r"约|近|左右|大概|上下|接近|几乎|~|～|≈|∼",
        ),
        (
            "may|might|could potentially|possibly|potentially|perhaps|likely",
            _WORD,
            r"可能|或许|也许|或|有望|潜|似乎|大概|容易|易|可|会|能",
        ),
        ("preliminary|tentatively|tentative", r"\b", r"初步|初|尝试|试探|暂"),
        (
            "typically|usually|generally|often|frequently|in most cases|mostly",
            r"\b",
            r"通常|往往|一般|常|大多|多数|普遍|频繁|多|总体|主要|易|经",
        ),
        ("sometimes|in some cases|occasionally", r"\b", r"有时|某些|部分|偶尔|一些|有些|时而"),
    )
)  # fmt: skip
"""For each kind: the English phrases, the pattern that must follow them, and the Chinese wordings."""

_COMPOUNDS = re.compile(
    "最先进|最佳|最优|最新|最近|最终|最后|最强|最好|许多|众多|多种|多个|多项|多样|多模态|多语|多任务|多说话人|多通道|非常|正常|异常|神经|经过|已经"
    "|性能|智能|功能|能力|能量|能耗|可控|可用|可扩展|可解释|可训练|可靠|可学习|社会|会议|或者|还是|下降|下游|内容|内部|内存|未来|未知"
)
"""Words that contain a character which would be a hedge by itself."""
_DIGITS = re.compile(r"\s*(?:an? (?:factor|average|order) of\s+|about\s+)?[$~≈]?\s*(\d[\d,]*(?:\.\d+)?)")
_NO_BOUND = re.compile(
    "相比|相较|较|比|在|跨|于|平均|历时|间|期|下|中"
)  # over 3 baselines, under 12 conditions
_PLACES = frozenset(
    ("over", "under", "above", "below", "within")
)  # words that are also prepositions of place
_BEFORE, _BEHIND = 16, 8  # characters before and after a number in which its bound must be
_AROUND = 0.25  # share of the text before and after the expected position of an uncertainty


def lost(original: str, made: str) -> Iterator[str]:
    """Yield the hedges of an English text that its Chinese translation lacks where they belong.

    A bound belongs beside its number, wherever that is; an uncertainty at about the same relative position as in the
    original.
    """
    lower = original.lower()
    said = [each for each in _HEDGES if any(phrase in lower for phrase in each[0])]
    bare = _COMPOUNDS.sub(lambda found: "\ufffc" * len(found[0]), made) if said else made
    for _, english, chinese in said:
        for found in filter(_begins_a_word, english.finditer(lower)):
            if not _is_kept(found, chinese, bare):
                yield found[0].strip()
                break


def _is_kept(found: re.Match[str], chinese: re.Pattern[str], made: str) -> bool:
    """Return True if `made` has the hedge that was `found` where it belongs."""
    number = _DIGITS.match(found.string, found.end())
    if number:
        beside = _beside(number[1], made)
        is_place = found[0] in _PLACES
        return any(chinese.search(place) or (is_place and _NO_BOUND.search(place)) for place in beside)
    if found.re.pattern.endswith(_NUMBER):
        return chinese.search(made) is not None
    at, far = found.start() / len(found.string) * len(made), _AROUND * len(made)
    return chinese.search(made, max(0, round(at - far)), round(at + far) + _BEFORE) is not None


def _beside(number: str, made: str) -> list[str]:
    """Return the surroundings of `number` in `made`; all of `made` if the number is written in another way."""
    forms = {number, number.replace(",", "")}
    found = [(at, at + len(form)) for form in forms for at in _positions(form, made)]
    return [made[max(0, start - _BEFORE) : end + _BEHIND] for start, end in found] or [made]


def _positions(digits: str, made: str) -> Iterator[int]:
    """Yield the positions at which `digits` are a whole number."""
    at = made.find(digits)
    while at >= 0:
        before, behind = made[at - 1 : at], made[at + len(digits) :][:2]
        if not (before.isdigit() or before == "." or behind.removeprefix(".")[:1].isdigit()):
            yield at
        at = made.find(digits, at + 1)


def _begins_a_word(found: re.Match[str]) -> bool:
    """Return True if the match begins a word; checking this here is several times faster than in the pattern."""
    return not found.string[found.start() - 1 : found.start()].isalpha()
