"""Faults of meaning to plant in Chinese translations by rule: each function returns a text with one fault, or None."""

import random
import re
from collections.abc import Callable, Iterator
from itertools import pairwise

Plant = Callable[[str, random.Random], str | None]

_SENTENCE = re.compile(r"[^。！？]+[。！？]?")
_NOT = re.compile(r"无需|并未|没有|尚未|未能|无法|未(?=[经被能曾])|不(?=[需会能是再依需要影响改变使])")
_CLAIM = re.compile(r"(?<=[，；])(?=可|能|显著|有效|在|实现)|(?<=模型|方法|系统|框架)(?=能|可|在)")
_DIRECTIONS = (
    ("提高", "降低"),
    ("提升", "降低"),
    ("增加", "减少"),
    ("改善", "恶化"),
    ("降低", "提高"),
    ("减少", "增加"),
    ("增强", "减弱"),
    ("上升", "下降"),
    ("下降", "上升"),
    ("加速", "减慢"),
    ("缩短", "延长"),
)
_COMPARISONS = (
    ("优于", "劣于"),
    ("超越", "不及"),
    ("超过", "不及"),
    ("高于", "低于"),
    ("低于", "高于"),
    ("更好", "更差"),
    ("更优", "更差"),
    ("更高", "更低"),
    ("更低", "更高"),
    ("更强", "更弱"),
    ("最低", "最高"),
    ("最高", "最低"),
    ("更少", "更多"),
    ("更快", "更慢"),
)
_PERCENT = re.compile(r"(?<=\d)[%％]")
_NUMBER = re.compile(r"(?<![A-Za-z0-9._$\\{-])\d[\d,]*(?:\.\d+)?(?![\dA-Za-z_.-])")
_FROM_TO = re.compile(
    r"(?P<from>从|由)(?P<one>\d[\d,.]*(?:%|dB)?)(?P<to>(?:显著|大幅|进一步)?(?:提[高升]|降低?|增加?|减少?|下降|上升)?[到至])(?P<other>\d[\d,.]*(?:%|dB)?)"
)
_SURER = (
    ("可能", "必然"),
    ("或许", "必定"),
    ("有望", "必将"),
    ("往往", "总是"),
    ("通常", "总是"),
    ("表明", "确凿证明"),
    ("提示", "证明"),
)
_UNSURE = re.compile(r"可能(?!性)|或许|有望|往往|通常|似乎")
_BOUND = re.compile(r"(?:超过|至少|高达|多达|约|近|仅|不到|低于|不足)(?=\d)")
_TURNED = {
    "超过": "不到",
    "至少": "至多",
    "高达": "至少",
    "多达": "至少",
    "约": "超过",
    "近": "超过",
    "仅": "超过",
    "不到": "超过",
    "低于": "高于",
    "不足": "超过",
}
_NAME = re.compile(
    r"(?<![A-Za-z0-9_.\\{$-])[A-Za-z]*[A-Z][A-Za-z0-9]*(?:[-.][A-Za-z0-9]+)*(?![A-Za-z0-9_}\\-])"
)
_COMPARING = re.compile(
    r"优于|超越|超过(?!\d)|高于|低于|胜过|强于|好于|劣于|弱于|不及|不如|领先|相比|相较|(?<!对)比(?![例特赛率对如重值分较])|较(?![高低大小好强弱差为少多])"
    r"|而非|而不是|取代|替代|代替|不同于|(?<=[A-Za-z0-9])(?:到|至|转)(?=[A-Z])"
)
_COUNTED = re.compile(r"(?P<count>[两三四五六七八九])(?=[个种项类阶层组套大])")
_CLAIMED = ("，达到最先进水平", "，取得了当前最优性能", "，这是首个此类方法", "，属首次实现")
_OPENERS = ("好的，以下是翻译：", "以下是该摘要的中文翻译：\n", "当然，以下是译文：")
_LABELS = ("【中文摘要】", "【译文】", "[摘要] ", "【论文摘要翻译】\n")
_THINKING = (
    "用户要求我翻译这段摘要，需要保持术语准确。",
    "好的，用户让我把这段摘要翻译成中文。首先，我需要理解原文。",
    "首先，我需要将这段英文翻译成中文。",
)


def _sub(
    text: str, pattern: re.Pattern[str], change: Callable[[re.Match[str]], str], chance: random.Random
) -> str | None:
    places = [*pattern.finditer(text)]
    if not places:
        return None
    found = chance.choice(places)
    return text[: found.start()] + change(found) + text[found.end() :]


def _pair(pairs: tuple[tuple[str, str], ...]) -> Plant:
    wordings = dict(pairs)
    pattern = re.compile("|".join(wordings))
    return lambda text, chance: _sub(text, pattern, lambda found: wordings[found[0]], chance)


def negation_dropped(text: str, chance: random.Random) -> str | None:
    """Leave out a negation."""
    turned = {"无需": "需要", "没有": "有", "未能": "能够", "无法": "能够", "并未": "已", "尚未": "已"}
    return _sub(text, _NOT, lambda found: turned.get(found[0], ""), chance)


def negation_added(text: str, chance: random.Random) -> str | None:
    """Deny what a clause says."""
    return _sub(
        text,
        re.compile(r"(?<=[^不无未能可])(?:能够|能(?=[在有显够])|可(?=[在有显]))"),
        lambda _: "不能",
        chance,
    ) or _sub(
        text,
        re.compile("显著(?=提|降|优|改|增|减)|有效(?=提|降|改|增|减|捕|抑|缓|解)"),
        lambda _: "未能",
        chance,
    )


def points(text: str, chance: random.Random) -> str | None:
    """Turn percent into percentage points."""
    return _sub(text, _PERCENT, lambda _: "个百分点", chance)


def claimed(text: str, chance: random.Random) -> str | None:
    """Add a claim to be the best or the first at the end of a sentence."""
    if any(word in text for word in ("最先进", "最优", "首")):
        return None
    return _sub(text, re.compile(r"(?<=[^。]{20})。"), lambda _: f"{chance.choice(_CLAIMED)}。", chance)


def numbers_swapped(text: str, chance: random.Random) -> str | None:
    """Exchange two different numbers of one sentence."""
    sentences = []
    for sentence in _SENTENCE.finditer(text):
        numbers = [*_NUMBER.finditer(text, *sentence.span())]
        sentences += [(one, other) for one, other in pairwise(numbers) if one[0] != other[0]]
    if not sentences:
        return None
    one, other = chance.choice(sentences)
    return f"{text[: one.start()]}{other[0]}{text[one.end() : other.start()]}{one[0]}{text[other.end() :]}"


def from_to(text: str, chance: random.Random) -> str | None:
    """Exchange the ends of a change."""
    return _sub(
        text, _FROM_TO, lambda found: f"{found['from']}{found['other']}{found['to']}{found['one']}", chance
    )


def hedge_dropped(text: str, chance: random.Random) -> str | None:
    """Leave out an uncertainty."""
    return _sub(text, _UNSURE, lambda _: "", chance)


def bound_dropped(text: str, chance: random.Random) -> str | None:
    """Leave out the bound of a number."""
    return _sub(text, _BOUND, lambda _: "", chance)


def bound_turned(text: str, chance: random.Random) -> str | None:
    """Turn the bound of a number round."""
    return _sub(text, _BOUND, lambda found: _TURNED[found[0]], chance)


def entities(text: str, chance: random.Random) -> str | None:
    """Exchange two names of a sentence that stand around a word that compares, or both behind it."""
    places = [pair for sentence in _SENTENCE.finditer(text) for pair in _compared(text, *sentence.span())]
    if not places:
        return None
    one, other = chance.choice(places)
    return f"{text[: one.start()]}{other[0]}{text[one.end() : other.start()]}{one[0]}{text[other.end() :]}"


def _compared(text: str, start: int, end: int) -> Iterator[tuple[re.Match[str], re.Match[str]]]:
    """Yield the two names on both sides of each comparing word of a sentence, or the next two behind it."""
    names = [*_NAME.finditer(text, start, end)]
    for word in _COMPARING.finditer(text, start, end):
        before = [name for name in names if name.end() <= word.start()][-1:]
        behind = [name for name in names if name.start() >= word.end()]
        around = [*before, *behind][:2]
        if len(around) == 2 and around[0][0] != around[1][0] and behind:
            yield around[0], around[1]


def count(text: str, chance: random.Random) -> str | None:
    """Change a number in words."""
    return _sub(
        text,
        _COUNTED,
        lambda found: chance.choice([each for each in "三四五六七八九" if each != found[0]]),
        chance,
    )


def opener(text: str, chance: random.Random) -> str | None:
    """Begin with a sentence of the model about its work."""
    return chance.choice(_OPENERS) + text


def label(text: str, chance: random.Random) -> str | None:
    """Begin with a label in brackets."""
    return chance.choice(_LABELS) + text


def thinking(text: str, chance: random.Random) -> str | None:
    """Begin with thoughts of the model about its task."""
    return chance.choice(_THINKING) + text


def language(text: str, chance: random.Random) -> str | None:
    """Give a text in another language."""
    del text, chance
    return (
        "Nous proposons une méthode de rehaussement de la parole qui améliore la qualité perçue dans des"
        " environnements bruyants, et nous montrons que les résultats restent stables pour plusieurs langues."
    )


FAULTS: dict[str, Plant] = {
    "negation dropped": negation_dropped,
    "negation added": negation_added,
    "direction reversed": _pair(_DIRECTIONS),
    "comparison reversed": _pair(_COMPARISONS),
    "percent to points": points,
    "best or first claimed": claimed,
    "numbers swapped": numbers_swapped,
    "from-to reversed": from_to,
    "hedge dropped": hedge_dropped,
    "may to certain": _pair(_SURER),
    "bound dropped": bound_dropped,
    "bound turned": bound_turned,
    "entities swapped": entities,
    "numeral changed": count,
    "chat opener": opener,
    "bracket label": label,
    "untagged thinking": thinking,
    "another language": language,
}
"""The kinds of faults; the first seven and "from-to reversed" must not reach a reader."""
MUST = frozenset(
    {
        "negation dropped",
        "negation added",
        "direction reversed",
        "comparison reversed",
        "percent to points",
        "best or first claimed",
        "numbers swapped",
        "from-to reversed",
    }
)
