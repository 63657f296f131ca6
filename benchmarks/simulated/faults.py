"""Faults to plant in a translation: each function returns its sentences with one fault, or None if none fits."""

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_NUMBER = re.compile(
    r"(?<![A-Za-z0-9._/$\\{-])\d[\d,]*(?:\.\d+)?(?![\d.]*[A-Za-z_])(?![）)]\S{0,3}[^0-9]{0,1}$)"
)
_MEASURED = re.compile(
    r"(?<![A-Za-z0-9._/$\\{-])(?P<number>\d[\d,]*(?:\.\d+)?)"
    r"(?P<unit> ?(?:[%％]|dB|分贝|kHz|千赫|Hz|赫兹|kbps|ms|毫秒|秒|个?小时|分钟|亿|万))"
    r"(?! ?(?:至|到|和|及|[-~、，–/]) ?[-\d])"  # 5至10%: the unit at the end applies to both
)
_FORMULA = re.compile(r"\$[^$]+\$")
_ADDRESS = re.compile(r"https?://[!-~]*[A-Za-z0-9/]")
_NAME = re.compile(r"(?<![A-Za-z0-9/.$\\-])[A-Z]?[a-z]*[a-z][A-Z][A-Za-z]{2,}(?![A-Za-z0-9/.-])")
_FEWEST_CHARACTERS = 12
_TRADITIONAL = str.maketrans(
    "语识别训练数据络够时间进实验现样统结构输评测达准确错误习强声频谱转换说话类处过导应从给与将仅单优问题决",
    "語識別訓練數據絡夠時間進實驗現樣統結構輸評測達準確錯誤習強聲頻譜轉換說話類處過導應從給與將僅單優問題決",
)
_INVENTED = ("，提升20%", "，较基线降低3.7个百分点", "，共使用48万条样本", "，速度快17倍")


@dataclass(frozen=True, slots=True)
class Simulated:
    """A simulated translation, sentence by sentence, and the English sentences that it was made from."""

    english: Sequence[str]
    chinese: Sequence[str]


Fault = Callable[[Simulated, random.Random], list[str] | None]


def _changed(
    simulated: Simulated,
    pattern: re.Pattern[str],
    change: Callable[[re.Match[str]], str],
    chance: random.Random,
) -> list[str] | None:
    places = [
        (at, found) for at, sentence in enumerate(simulated.chinese) for found in pattern.finditer(sentence)
    ]
    if not places:
        return None
    at, found = chance.choice(places)
    sentence = simulated.chinese[at]
    made = [*simulated.chinese]
    made[at] = sentence[: found.start()] + change(found) + sentence[found.end() :]
    return made


def digit(simulated: Simulated, chance: random.Random) -> list[str] | None:
    """Change a digit of a number."""

    def change(found: re.Match[str]) -> str:
        at = chance.choice([place for place, sign in enumerate(found[0]) if sign.isdigit()])
        other = chance.choice([sign for sign in "123456789" if sign != found[0][at]])
        return found[0][:at] + other + found[0][at + 1 :]

    return _changed(simulated, _NUMBER, change, chance)


def unit(simulated: Simulated, chance: random.Random) -> list[str] | None:
    """Remove a unit, or 万 or 亿."""
    return _changed(simulated, _MEASURED, lambda found: found["number"], chance)


def formula(simulated: Simulated, chance: random.Random) -> list[str] | None:
    """Remove a delimiter of a formula, or a character in it."""

    def change(found: re.Match[str]) -> str:
        at = chance.randrange(len(found[0]))
        return found[0][:at] + found[0][at + 1 :]

    return _changed(simulated, _FORMULA, change, chance)


def address(simulated: Simulated, chance: random.Random) -> list[str] | None:
    """Change a letter of an address."""

    def change(found: re.Match[str]) -> str:
        at = chance.randrange(8, len(found[0]))
        return found[0][:at] + ("x" if found[0][at] != "x" else "y") + found[0][at + 1 :]

    return _changed(simulated, _ADDRESS, change, chance)


def name(simulated: Simulated, chance: random.Random) -> list[str] | None:
    """Swap or remove letters of a coined name, or translate it, at all its occurrences."""
    places = [found[0] for sentence in simulated.chinese for found in _NAME.finditer(sentence)]
    if not places:
        return None
    old = chance.choice(places)
    swaps = [at for at in range(len(old) - 1) if old[at] != old[at + 1]]
    at = chance.choice(swaps)
    swapped = old[:at] + old[at + 1] + old[at] + old[at + 2 :]
    new = chance.choice((swapped, old[:-1], "转向专家"))
    return [sentence.replace(old, new) for sentence in simulated.chinese]


def left_out(simulated: Simulated, chance: random.Random) -> list[str] | None:
    """Leave out a sentence."""
    if len(simulated.chinese) < 3:
        return None
    at = chance.randrange(len(simulated.chinese))
    return [sentence for place, sentence in enumerate(simulated.chinese) if place != at]


def in_english(simulated: Simulated, chance: random.Random) -> list[str] | None:
    """Leave a sentence in English."""
    at = chance.randrange(len(simulated.chinese))
    said = simulated.english[min(at, len(simulated.english) - 1)]
    if len(said.split()) < 6:
        return None
    return [said if place == at else sentence for place, sentence in enumerate(simulated.chinese)]


def invented(simulated: Simulated, chance: random.Random) -> list[str] | None:
    """Add a number that does not occur yet."""
    at = chance.randrange(len(simulated.chinese))
    made = [*simulated.chinese]
    said = chance.choice(_INVENTED)
    if any(number in "".join(made) for number in re.findall(r"[\d.]+", said)):
        return None
    made[at] = f"{made[at].removesuffix('。')}{said}。"
    return made


def repeated(simulated: Simulated, chance: random.Random) -> list[str] | None:
    """Repeat a sentence at once."""
    places = [at for at, sentence in enumerate(simulated.chinese) if len(sentence) >= _FEWEST_CHARACTERS]
    if not places:
        return None
    at = chance.choice(places)
    return [*simulated.chinese[: at + 1], *simulated.chinese[at:]]


def traditional(simulated: Simulated, _: random.Random) -> list[str] | None:
    """Write the common characters that differ in their traditional form."""
    made = [sentence.translate(_TRADITIONAL) for sentence in simulated.chinese]
    return made if made != [*simulated.chinese] else None


def cut_off(simulated: Simulated, chance: random.Random) -> list[str] | None:
    """Cut the text off somewhere between a third and six sevenths of it, mostly within a sentence."""
    whole = "".join(simulated.chinese)
    left = round(len(whole) * chance.uniform(1 / 3, 6 / 7))
    made, kept = [], 0
    for sentence in simulated.chinese:
        made.append(sentence[: max(0, left - kept)])
        kept += len(sentence)
    return [sentence for sentence in made if sentence]


FAULTS: dict[str, Fault] = {
    "a digit changed": digit,
    "a unit dropped": unit,
    "a formula broken": formula,
    "an address changed": address,
    "a name altered": name,
    "a sentence left out": left_out,
    "a sentence in English": in_english,
    "a number invented": invented,
    "a sentence repeated": repeated,
    "traditional characters": traditional,
    "the end cut off": cut_off,
}
CERTAIN = frozenset(
    {"a digit changed", "an address changed", "a sentence in English", "a sentence repeated"}
    | {"traditional characters", "the end cut off"}
)
"""The faults that the checks must find as hard ones; others may be soft, since sound translations look like them."""
