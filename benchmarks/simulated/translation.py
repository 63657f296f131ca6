"""Texts in the form of a Chinese translation of an abstract, made without a model.

A simulated translation keeps what a correct one keeps (numbers in one of several notations, names, acronyms,
formulas, addresses, bounds) and replaces the rest with Chinese of the right length: the glossary's terms, everyday
words as translators render them (93 % of them in published posts), other characters for the remainder. Sentences
are joined, split and reordered, and lengths vary, as they do in published posts. It shares no parsing of numbers,
names or sentences with the checks that it is to test.
"""

import random
import re
from collections.abc import Iterator
from functools import partial

from digest.checks.glossary import Glossary
from digest.checks.sentences import wordings

_BOUNDS = {
    "up to almost": ("高达近",), "up to approximately": ("高达约",), "up to about": ("高达约",),
    "up to": ("高达", "最高", "最多"), "more than": ("超过", "多于"),
    "over": ("超过", "逾"), "at least": ("至少", "不少于"), "less than": ("不到", "低于"),
    "fewer than": ("不到", "少于"),
    "approximately": ("约", "大约"), "about": ("约", "大约"), "around": ("约", "大约"), "nearly": ("近", "将近"),
    "almost": ("近", "几乎"), "roughly": ("大约", "约"), "close to": ("接近",), "above": ("高于", "超过"),
    "below": ("低于", "不到"), "under": ("低于", "不到"), "within": ("在…以内",),
    "exceeding": ("超过",), "exceeds": ("超过",),
    "greater than": ("大于",), "as low as": ("低至",), "as little as": ("仅",), "as few as": ("仅",),
    "only": ("仅", "只"),
    "as much as": ("多达", "高达"), "as many as": ("多达",), "at most": ("至多", "最多"), "no more than": ("不超过",),
}  # fmt: skip
_DOUBTS = {
    "often": ("常", "往往"), "frequently": ("经常", "频繁"), "mostly": ("大多", "主要"), "likely": ("可能",),
    "typically": ("通常", "一般"), "usually": ("通常", "往往"), "generally": ("一般", "普遍"), "perhaps": ("或许",),
    "preliminary": ("初步",), "may": ("可能", "或许"), "might": ("可能", "或许"), "possibly": ("可能",),
    "potentially": ("可能", "有望"), "in some cases": ("在某些情况下",), "sometimes": ("有时",),
    "occasionally": ("偶尔",),
    "in most cases": ("在多数情况下",), "tentative": ("初步",), "tentatively": ("初步",),
}  # fmt: skip
_COUNTS = dict(
    zip(
        (  # noqa: SIM905 - a list of words reads best as words
            "three four five six seven eight nine ten twelve twenty thirty forty fifty"
        ).split(),
        ("三", "四", "五", "六", "七", "八", "九", "十", "十二", "二十", "三十", "四十", "五十"),
        strict=True,
    )
)
_WRITTEN = rf"(?:one|two|{'|'.join(_COUNTS)})\b"
_TOKEN = re.compile(
    r"(?P<term>\ue000(?P<wording>[^\ue001]*)\ue001)"
    r"|(?P<fixed>\$[^$]+\$|\\[A-Za-z]+(?:\{[^{}]*\})*|\[\d[^\]]*\]|(?<!`)`[^`]+`(?!`)|(?:https?://|git(?:hub|lab)\.com/)[!-~]*[A-Za-z0-9/-]|\S+@\S+\.[a-z]+)"
    r"|(?P<mark>(?:(?<=[\s(])|^)(?:\d{1,2}|[ivx]{1,4}|[a-h])\)(?= ))"
    r"|(?P<number>(?:(?<![\w.-])|(?<=\d[-–])|(?<=\d--))[-−+]?\d+(?:,\d{3})*(?:\.\d+)?)(?=(?:[KMBk]|%|dB|k?Hz|k?bps|ms|s|[xX]|cm|mm|m|h|[KMG]B)?(?![A-Za-z0-9]))"
    r"(?P<scale> (?:million|billion|thousand)| ?[KMB](?![A-Za-z])|k(?![A-Za-z]))?"
    r"(?P<unit>[ -]?(?:%|percentage points?|percent|dB|kHz|Hz|kbps|bps|ms|milliseconds?|secs?|seconds?|cm|mm"
    r"|met(?:er|re)s?|hrs?|h\b"
    r"|hours?|minutes?|days?|weeks?|months?|years?|bits?|m\b|s\b|[xX]\b|×|times|fold)(?![A-Za-z]))?"
    r"|(?P<range>(?<=[\dA-Za-z%]) (?:to|and) (?=[-$]?\d)|(?<=\d)(?:--?|–)(?=\d))"
    rf"|(?P<hedge>\b(?i:{'|'.join(_BOUNDS)}) (?=[$~≈]?\d|an? (?:factor|average|order)\b|{_WRITTEN}|half\b|twice\b)"
    rf"|\b(?i:{'|'.join(_DOUBTS)})\b)"
    rf"|(?P<scaled>\b(?i:(?:one|two|{'|'.join(_COUNTS)})[ -](?:hundred|thousand|million|billion)"
    rf"|(?:twenty|thirty|forty|fifty)-(?:one|two|{'|'.join(_COUNTS)}))\b)"
    rf"|(?P<count>\b(?i:{'|'.join(_COUNTS)})\b)"
    r"|(?P<word>[A-Za-z0-9]+(?:[-._'’+&/][A-Za-z0-9]+)*\+*)"
    r"|(?P<sign>[^\s])"
)
_UNITS = {
    "%": ("%", "％", " %"), "percent": ("%", "％"), "dB": (" dB", "dB", "分贝"), "kHz": (" kHz", "kHz", "千赫"),
    "Hz": (" Hz", "赫兹"), "kbps": (" kbps", "kbps"), "ms": (" ms", "毫秒", "ms"), "s": ("秒", " s"),

    "second": ("秒", "秒"), "sec": ("秒",), "cm": (" cm", "厘米"),
    "meter": ("米",), "metre": ("米",), "hr": ("小时",), "h": ("小时", " h"),
    "bps": (" bps",), "millisecond": ("毫秒",), "mm": (" mm", "毫米"),
    "hour": ("小时", "个小时"), "minute": ("分钟",), "x": ("倍", "×"), "X": ("倍", "×"), "×": ("倍", "×"),
    "times": ("倍", "次"), "time": ("次",), "day": ("天",), "week": ("周",),
    "month": ("个月",),
    "year": ("年",), "bit": ("比特", "位"),
    "m": ("米", " m"), "percentage point": ("个百分点",), "fold": ("倍",),
}  # fmt: skip
_DIGITS = dict(zip(_COUNTS, (3, 4, 5, 6, 7, 8, 9, 10, 12, 20, 30, 40, 50), strict=True)) | {
    "one": 1,
    "two": 2,
}
_SCALES = {
    "hundred": 100,
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
_NAME = re.compile(r"[/\d]|[a-z][A-Z]|-[A-Z][a-z]")
_SENTENCE = re.compile(r"(?<=[a-z0-9)%$][.!?]) +(?=[A-Z$\"(])")


def sentences(text: str) -> list[str]:
    """Return the sentences of an English text."""
    return _SENTENCE.split(text)


def translation(text: str, glossary: Glossary, chance: random.Random, named: str = "") -> list[str]:
    """Return the sentences of the simulated translation of `text`; `named` is a word that no translator changes."""
    scale = min(max(chance.gauss(1.05, 0.1), 0.9), 1.3)
    if named:
        text = re.sub(rf"(?<![\w./$-]){re.escape(named)}(?![\w/$-])", f"\ue000{named}\ue001", text)
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
        head, comma, tail = sentence.partition("，")
        if chance.random() < _SPLIT and comma and head.count("（") == head.count("）"):
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
        together = re.compile(
            rf"(?P<before>[^\s\ue000]*)(?<!\w){pattern}(?:s|es)?(?!\w)(?P<after>\S*)", re.IGNORECASE
        )
        english = together.sub(partial(_worded, wording=wording), english)
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


def _worded(found: re.Match[str], wording: str) -> str:
    """Return the translation of a term with what is written together with it; names and addresses stay."""
    around = found["before"] + found["after"]
    if _NAME.search(around):
        return found[0]
    return f"{found['before']}\ue000{wording}\ue001{found['after']}"


def _piece(found: re.Match[str], english: str, scale: float, chance: random.Random) -> str:
    if found["term"]:
        return found["wording"]
    if found["fixed"]:
        return f" {found['fixed']} "
    if found["number"]:
        return _number(found, chance)
    if found["range"]:
        return chance.choice(
            ("和",) if "and" in found["range"] else ("至", "到", "-", "~")[: 4 if _joins_digits(found) else 2]
        )
    if found["hedge"]:
        return chance.choice((_BOUNDS | _DOUBTS)[found["hedge"].strip().lower()])
    if found["scaled"]:
        digits, size = re.split("[ -]", found["scaled"].lower())
        value = _DIGITS[digits] * _SCALES[size] if size in _SCALES else _DIGITS[digits] + _DIGITS[size]
        return _in_chinese(value, chance) or str(value)
    if found["count"]:
        count = found["count"].lower()
        return chance.choice((_COUNTS[count], str(_DIGITS[count]))) + "种"
    if found["mark"]:
        return found["mark"].replace(")", "）")
    if found["word"]:
        return _word(found, english, scale, chance)
    return _sign(found)


def _sign(found: re.Match[str]) -> str:
    """Return the Chinese form of a sign. A full stop in mid-text ends a sentence; hyphens between words vanish."""
    sign, before, behind = found[0], found.string[: found.start()][-1:], found.string[found.end() :][:1]
    if sign == ".":
        return "。" if behind == " " else sign
    if sign == "-" and (before.isalpha() or behind.isalpha()):
        return ""
    return _SIGNS.get(sign, sign)


def _number(found: re.Match[str], chance: random.Random) -> str:
    digits, scale = found["number"], (found["scale"] or "").strip()
    unit = (found["unit"] or "").strip(" -")
    shown = digits
    value = float(digits.replace(",", "").replace("−", "-")) * _SCALES.get(scale, 1)
    if scale or (value >= 10_000 and chance.random() < 0.6):
        shown = _in_chinese(value, chance) or (digits + scale if len(scale) < 2 else f"{value:.10g}")
    elif "," in digits and chance.random() < 0.5:
        shown = digits.replace(",", "")
    if unit in {"%", "percent"} and chance.random() < 0.05 and digits[0].isdigit():
        return f"百分之{shown}"
    name = unit if unit in _UNITS else unit.removesuffix("s")
    return shown + chance.choice(_UNITS[name]) if unit else shown


def _in_chinese(value: float, chance: random.Random) -> str | None:
    for size, sign in ((10**8, "亿"), (10**4, "万")):
        if value >= size and round(value / size, 4) == value / size:
            return f"{value / size:.10g}{sign}"
    return f"{value:.10g}" if value == int(value) and chance.random() < 0.9 else None


def _joins_digits(found: re.Match[str]) -> bool:
    """Return whether a hyphen may replace what is between two numbers."""
    return found.string[found.start() - 1].isdigit() and found.string[found.end()] != "-"


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
    """Return the part of a word that a translator keeps in Latin letters, with its surroundings, or None."""
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
    """Return whether a capital in mid-sentence begins a name; capitals in a row (expanded acronyms) do not count."""
    if not word[:1].isupper() or len(word) < 3 or re.match(r"[ -][A-Z(]", after):
        return False
    return bool(re.search(r"(?:^|[\s(])[a-z][\w-]* \Z", before)) and word not in _TRANSLATED
