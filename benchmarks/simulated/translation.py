"""A text that has the form of a Chinese translation of an abstract, made without a model.

It keeps what a sound translation keeps (numbers in one of several notations, names, acronyms, formulas, addresses,
bounds) and puts Chinese of the right length in the place of the rest: the glossary's wordings, everyday words as
translators word nine in ten of them (measured on published posts), other characters for what remains. Sentences
are joined, split and turned around, and lengths vary, as they do in published posts. It shares no reading
of numbers, names or sentences with the checks that it is to try.
"""

import random
import re
from collections.abc import Iterator

from digest.fidelity.glossary import Glossary
from digest.fidelity.lexicon import wordings

_TOKEN = re.compile(
    r"(?P<fixed>\$[^$]+\$|`[^`]+`|https?://[!-~]*[A-Za-z0-9/]|\S+@\S+\.[a-z]+)"
    r"|(?P<number>(?<![\w.-])[-−+]?\d[\d,]*(?:\.\d+)?)"
    r"(?P<scale> (?:million|billion|thousand)|[KMBk](?![A-Za-z]))?"
    r"(?P<unit>[ -]?(?:%|percent|dB|kHz|Hz|kbps|ms|seconds?|hours?|minutes?|s\b|x\b|×|times|fold)(?![A-Za-z]))?"
    r"|(?P<hedge>\b(?:up to|more than|over|at least|less than|approximately|about|around|nearly) (?=\d)|\b(?:may|might)\b)"
    r"|(?P<count>\b(?:three|four|five|six|seven|eight|nine|ten|twelve)\b)"
    r"|(?P<word>[A-Za-z0-9]+(?:[-.'’+/&][A-Za-z0-9]+)*)"
    r"|(?P<sign>[^\s])"
)
_UNITS = {
    "%": ("%", "％", " %"), "percent": ("%", "％"), "dB": (" dB", "dB", "分贝"), "kHz": (" kHz", "kHz", "千赫"),
    "Hz": (" Hz", "赫兹"), "kbps": (" kbps", "kbps"), "ms": (" ms", "毫秒", "ms"), "s": ("秒", " s"),
    "second": ("秒", "秒"), "hour": ("小时", "个小时"), "minute": ("分钟",), "x": ("倍", "×"), "×": ("倍", "×"),
    "times": ("倍", "次"), "time": ("次",), "fold": ("倍",),
}  # fmt: skip
_HEDGES = {
    "up to": ("高达", "最高", "最多"), "more than": ("超过", "多于"), "over": ("超过", "逾"), "at least": ("至少", "不少于"),
    "less than": ("不到", "低于"), "approximately": ("约", "大约"), "about": ("约", "大约"), "around": ("约", "大约"),
    "nearly": ("近", "将近"), "may": ("可能", "或许"), "might": ("可能", "或许"),
}  # fmt: skip
_COUNTS = dict(
    zip("three four five six seven eight nine ten twelve".split(), "三四五六七八九十", strict=False)
) | {"twelve": "十二"}
_DIGITS = dict(zip("three four five six seven eight nine ten twelve".split(), (3, 4, 5, 6, 7, 8, 9, 10, 12), strict=True))
_SCALES = {"million": 10**6, "billion": 10**9, "thousand": 1_000, "K": 1_000, "k": 1_000, "M": 10**6, "B": 10**9}
_SIGNS = {",": "，", ";": "；", ":": "：", "(": "（", ")": "）", "?": "？", "!": "！"}
_SILENT = frozenset("the a an of to is are be been was were that which this these it its as by and or in on at for".split())
_FILLER = "其中基于针对相关各类主要进行以及具有能够有着这种方面过程当中不同情况下整体部分关键内容有关作用研究者所得"
_KEPT_WORDS = 0.9
_JOINED, _SPLIT, _TURNED = 0.12, 0.04, 0.1
_SENTENCE = re.compile(r"(?<=[a-z0-9)%$][.!?]) +(?=[A-Z$\"(])")


def sentences(text: str) -> list[str]:
    """The sentences of an English text."""
    return _SENTENCE.split(text)


def translation(text: str, glossary: Glossary, chance: random.Random) -> list[str]:
    """The sentences of the simulated translation of `text`."""
    scale = min(max(chance.gauss(1.05, 0.1), 0.85), 1.3)
    made = [_sentence(sentence, glossary, scale, chance) for sentence in sentences(text)]
    return [*_rearranged(made, chance)]


def _rearranged(sentences: list[str], chance: random.Random) -> Iterator[str]:
    pending = ""
    for sentence in sentences:
        if chance.random() < _TURNED and sentence.count("，") == 1 and "（" not in sentence:
            sentence = "，".join(reversed(sentence.split("，")))  # noqa: PLW2901 - the same sentence
        if chance.random() < _JOINED:
            pending += sentence + "，"
        elif chance.random() < _SPLIT and "，" in sentence:
            head, _, tail = sentence.partition("，")
            yield f"{pending}{head}。"
            yield f"{tail}。"
            pending = ""
        else:
            yield f"{pending}{sentence}。"
            pending = ""
    if pending:
        yield f"{pending.removesuffix('，')}。"


def _sentence(english: str, glossary: Glossary, scale: float, chance: random.Random) -> str:
    english = english.strip().removesuffix(".")
    for term in sorted(glossary.relevant(english), key=lambda term: -len(term.source)):
        wording = chance.choice(term.passing[:2])
        pattern = re.escape(term.source).replace(r"\-", "[- ]").replace(r"\ ", "[- ]")
        english = re.sub(rf"(?<![\w-]){pattern}(?:s|es)?(?![\w-])", f" {wording} ", english, flags=re.IGNORECASE)
    pieces = [_piece(found, english, scale, chance) for found in _TOKEN.finditer(english)]
    return re.sub(r" {2,}", " ", "".join(pieces)).strip()


def _piece(found: re.Match[str], english: str, scale: float, chance: random.Random) -> str:
    if found["fixed"]:
        return f" {found['fixed']} "
    if found["number"]:
        return _number(found, chance)
    if found["hedge"]:
        return chance.choice(_HEDGES[found["hedge"].strip()])
    if found["count"]:
        digits = str(_DIGITS[found["count"]])
        return chance.choice((_COUNTS[found["count"]], digits)) + "种"
    if found["word"]:
        return _word(found, english, scale, chance)
    return _SIGNS.get(found["sign"], found["sign"])


def _number(found: re.Match[str], chance: random.Random) -> str:
    digits, scale = found["number"], (found["scale"] or "").strip()
    unit = (found["unit"] or "").strip(" -")
    shown = digits
    value = float(digits.replace(",", "").replace("−", "-")) * _SCALES.get(scale, 1)
    if scale or (value >= 10_000 and chance.random() < 0.6):
        shown = _in_chinese(value, chance) or digits + (scale if len(scale) < 2 else "")
    elif "," in digits and chance.random() < 0.5:
        shown = digits.replace(",", "")
    if unit in {"%", "percent"} and chance.random() < 0.05 and value > 0:
        return f"百分之{shown}"
    name = unit if unit in _UNITS else unit.removesuffix("s")
    return shown + chance.choice(_UNITS[name]) if unit else shown


def _in_chinese(value: float, chance: random.Random) -> str | None:
    for size, sign in ((10**8, "亿"), (10**4, "万")):
        if value >= size and round(value / size, 4) == value / size:
            return f"{value / size:.10g}{sign}"
    return f"{value:.10g}" if value == int(value) and chance.random() < 0.9 else None


def _word(found: re.Match[str], english: str, scale: float, chance: random.Random) -> str:
    word = found["word"]
    kept = _kept(word, english[: found.start()])
    if kept is not None:
        return f" {kept} " if chance.random() < 0.3 else kept
    lower = word.lower()
    if lower in _SILENT:
        return "的" if lower == "of" and chance.random() < 0.5 else ""
    known = [wording for wording in wordings(lower) if not wording.isascii() and not wording.isdigit()]
    if known and chance.random() < _KEPT_WORDS:
        return chance.choice(known[:3])
    length = max(1, round(chance.gauss(2.4 * scale, 0.5)))
    start = chance.randrange(len(_FILLER) - length)
    return _FILLER[start : start + length]


def _kept(word: str, before: str) -> str | None:
    """The part of a word that a translator leaves in Latin letters, with what is said around it; None: none of it."""
    stem = word.removesuffix("'s").removesuffix("’s")
    parts = stem.split("-")
    tail: list[str] = []
    while len(parts) > 1 and parts[-1].islower():
        tail.insert(0, parts.pop())
    head: list[str] = []
    while len(parts) > 1 and parts[0].islower():
        head.append(parts.pop(0))
    name = "-".join(parts)
    if re.fullmatch(r"[A-Z]{2,}s", name):
        name = name[:-1]
    if not (re.search(r"[A-Z].*[A-Z]|\d|[a-z][A-Z]", name) or _is_proper(name, before)):
        return None
    said = ["类", "型", "式", "级"][len(name) % 4] if tail or head else ""
    return name + said


def _is_proper(word: str, before: str) -> bool:
    """Whether a capital in mid-sentence begins a name: not one of several words in capitals."""
    return bool(re.search(r"(?:[a-z,]|\bthe|\bon) \Z", before)) and word[:1].isupper() and len(word) > 2
