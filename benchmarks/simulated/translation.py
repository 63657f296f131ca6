"""A text that has the form of a Chinese translation of an abstract, made without a model.

It keeps what a sound translation keeps (numbers in one of several notations, names, acronyms, formulas, addresses,
bounds) and puts Chinese of the right length in the place of the rest: the glossary's wordings, everyday words as
translators word them (93 % of them in published posts), other characters for what remains. Sentences
are joined, split and turned around, and lengths vary, as they do in published posts. It shares no reading
of numbers, names or sentences with the checks that it is to try.
"""

import random
import re
from collections.abc import Iterator

from digest.fidelity.glossary import Glossary
from digest.fidelity.lexicon import wordings

_TOKEN = re.compile(
    r"(?P<term>\ue000(?P<wording>[^\ue001]*)\ue001)"
    r"|(?P<fixed>\$[^$]+\$|\\[A-Za-z]+(?:\{[^{}]*\})*|\[\d[^\]]*\]|`[^`]+`|https?://[!-~]*[A-Za-z0-9/]|\S+@\S+\.[a-z]+)"
    r"|(?P<number>(?:(?<![\w.-])|(?<=\d[-–])|(?<=\d--))[-−+]?\d[\d,]*(?:\.\d+)?)(?=(?:[KMBk]|%|dB|k?Hz|kbps|ms|s|x|cm|mm|m)?(?![A-Za-z0-9]))"
    r"(?P<scale> (?:million|billion|thousand)| ?[KMB](?![A-Za-z])|k(?![A-Za-z]))?"
    r"(?P<unit>[ -]?(?:%|percentage points?|percent|dB|kHz|Hz|kbps|ms|secs?|seconds?|cm|mm"
    r"|hours?|minutes?|days?|weeks?|months?|years?|bits?|m\b|s\b|x\b|×|times|fold)(?![A-Za-z]))?"
    r"|(?P<range>(?<=[\d%]) (?:to|and) (?=[-$]?\d)|(?<=\d)(?:--?|–)(?=\d))"
    r"|(?P<hedge>\b(?:up to|more than|over|at least|less than|approximately"
    r"|about|around|nearly|roughly|above|below) (?=\d)"
    r"|\b(?:may|might|often|frequently|mostly|typically|usually|generally|preliminary)\b)"
    r"|(?P<count>\b(?:three|four|five|six|seven|eight|nine|ten|twelve)\b)"
    r"|(?P<word>[A-Za-z0-9]+(?:[-.'’+/&][A-Za-z0-9]+)*)"
    r"|(?P<sign>[^\s])"
)
_UNITS = {
    "%": ("%", "％", " %"), "percent": ("%", "％"), "dB": (" dB", "dB", "分贝"), "kHz": (" kHz", "kHz", "千赫"),
    "Hz": (" Hz", "赫兹"), "kbps": (" kbps", "kbps"), "ms": (" ms", "毫秒", "ms"), "s": ("秒", " s"),

    "second": ("秒", "秒"), "sec": ("秒",), "cm": (" cm", "厘米"), "mm": (" mm", "毫米"),
    "hour": ("小时", "个小时"), "minute": ("分钟",), "x": ("倍", "×"), "×": ("倍", "×"),
    "times": ("倍", "次"), "time": ("次",), "day": ("天",), "week": ("周",),
    "month": ("个月",),
    "year": ("年",), "bit": ("比特", "位"),
    "m": ("米", " m"), "percentage point": ("个百分点",), "fold": ("倍",),
}  # fmt: skip
_HEDGES = {
    "up to": ("高达", "最高", "最多"), "more than": ("超过", "多于"), "over": ("超过", "逾"),
    "at least": ("至少", "不少于"),
    "less than": ("不到", "低于"), "approximately": ("约", "大约"), "about": ("约", "大约"), "around": ("约", "大约"),
    "nearly": ("近", "将近"), "roughly": ("大约", "约"), "above": ("高于", "超过"), "below": ("低于", "不到"),
    "often": ("常", "往往"), "frequently": ("经常", "频繁"), "mostly": ("大多", "主要"),
    "typically": ("通常", "一般"), "usually": ("通常", "往往"), "generally": ("一般", "普遍"),
    "preliminary": ("初步",), "may": ("可能", "或许"), "might": ("可能", "或许"),
}  # fmt: skip
_COUNTS = dict(
    zip(
        (  # noqa: SIM905 - a list of words reads best as words
            "three four five six seven eight nine ten twelve"
        ).split(),
        "三四五六七八九十",
        strict=False,
    )
) | {"twelve": "十二"}
_DIGITS = dict(zip(_COUNTS, (3, 4, 5, 6, 7, 8, 9, 10, 12), strict=True))
_SCALES = {
    "million": 10**6,
    "billion": 10**9,
    "thousand": 1_000,
    "K": 1_000,
    "k": 1_000,
    "M": 10**6,
    "B": 10**9,
}
_SIGNS = {",": "，", ";": "；", ":": "：", "(": "（", ")": "）", "?": "？", "!": "！"}
_SILENT = frozenset(
    (  # noqa: SIM905 - a list of words reads best as words
        "the a an of to is are be been was were that which this these it its as by and or in on at for"
    ).split()
)
_TRANSLATED = frozenset(
    (  # noqa: SIM905 - a list of words reads best as words
        "English Chinese Mandarin Japanese French German Spanish Arabic Hindi Korean Russian"
    ).split()
)
_FILLER = (
    "其中基于针对相关各类主要进行以及具有能够有着这种方面过程当中不同情况下整体部分关键内容有关作用研究者所得"
)
_HAN, _LATIN = re.compile(r"[\u4e00-\u9fff]"), re.compile(r"[A-Za-z0-9]+(?:[.'-][A-Za-z0-9]+)*")
_HAN_PER_WORD = 1.85
_SPREAD = 0.13  # of the lengths of sentences; with what is kept, 16 % as in published posts
_KEPT_WORDS = 0.93
_JOINED, _SPLIT, _TURNED = 0.12, 0.04, 0.1
_MOST_JOINED = 2  # times in a row, as in published posts
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
    pending, joined = "", 0
    for sentence in sentences:
        if chance.random() < _TURNED and sentence.count("，") == 1 and "（" not in sentence:
            sentence = "，".join(reversed(sentence.split("，")))  # noqa: PLW2901 - the same sentence
        if chance.random() < _JOINED and joined < _MOST_JOINED:
            pending += sentence + "，"
            joined += 1
            continue
        joined = 0
        if chance.random() < _SPLIT and "，" in sentence:
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
        english = re.sub(
            rf"(?<![\w-]){pattern}(?:s|es)?(?!\w)", f"\ue000{wording}\ue001", english, flags=re.IGNORECASE
        )
    made = ""
    for found in _TOKEN.finditer(english):
        piece = _piece(found, english, scale, chance)
        apart = made[-1:].isascii() and made[-1:].isalnum() and piece[:1].isascii() and piece[:1].isalnum()
        made += f" {piece}" if apart else piece
    wanted = len(english.split()) * scale * max(0.7, chance.gauss(1, _SPREAD))
    lacking = round(
        (wanted - len(_HAN.findall(made)) / _HAN_PER_WORD - len(_LATIN.findall(made))) * _HAN_PER_WORD
    )
    filler = "".join(chance.choices(_FILLER, k=max(0, lacking)))
    return re.sub(r" {2,}", " ", made + filler).strip()


def _piece(found: re.Match[str], english: str, scale: float, chance: random.Random) -> str:
    if found["term"]:
        return found["wording"]
    if found["fixed"]:
        return f" {found['fixed']} "
    if found["number"]:
        return _number(found, chance)
    if found["range"]:
        return chance.choice(
            ("和",)
            if "and" in found["range"]
            else ("至", "到", "-", "~")[: 2 if "-" in english[found.end() :][:1] else 4]
        )
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
    kept = _kept(word, english[: found.start()], english[found.end() :])
    if kept is not None:
        return f" {kept} " if chance.random() < 0.3 else kept
    lower = word.lower()
    if lower in _SILENT:
        return "的" if lower == "of" and chance.random() < 0.5 else ""
    known = [wording for wording in wordings(lower) if not wording.isascii() and not wording.isdigit()]
    if known and chance.random() < _KEPT_WORDS:
        return chance.choice(known[:3])
    length = max(1, round(chance.gauss(2.0 * scale, 0.5)))
    start = chance.randrange(len(_FILLER) - length)
    return _FILLER[start : start + length]


def _kept(word: str, before: str, after: str) -> str | None:
    """The part of a word that a translator leaves in Latin letters, with what is said around it; None: none of it."""
    stem = word.removesuffix("'s").removesuffix("’s")
    parts = stem.split("-")
    tail: list[str] = []
    while len(parts) > 1 and parts[-1].isalpha() and parts[-1].islower():
        tail.insert(0, parts.pop())
    head: list[str] = []
    while len(parts) > 1 and parts[0].isalpha() and parts[0].islower():
        head.append(parts.pop(0))
    name = "-".join(parts)
    if re.fullmatch(r"[A-Z]{2,}s", name):
        name = name[:-1]
    if not (re.search(r"[A-Z].*[A-Z]|\d|[a-z][A-Z]", name) or _is_proper(name, before, after)):
        return None
    said = ["类", "型", "式", "级"][len(name) % 4] if tail or head else ""
    return name + said


def _is_proper(word: str, before: str, after: str) -> bool:
    """Whether a capital in mid-sentence begins a name: no word of several in capitals, as in full names of acronyms."""
    if not word[:1].isupper() or len(word) < 3 or re.match(r"[ -][A-Z(]", after):
        return False
    return bool(re.search(r"(?:^|[\s(])[a-z][\w-]* \Z", before)) and word not in _TRANSLATED
