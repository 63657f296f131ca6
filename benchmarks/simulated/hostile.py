"""The checks and screens on long runs of one kind of characters: how their time grows with the length."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count, islice

from benchmarks.results import Result, unmet
from digest.checks.glossary import load
from digest.checks.meaning import screened
from digest.checks.translation import Original, Translated, check_translation, cleaned

_LANGUAGE = "zh-CN"
_GLOSSARY = load(_LANGUAGE)
_SIZES = (2_500, 5_000, 10_000)
_MOST_GROWTH = (
    6.0  # of the time for four times the characters, over all kinds: linear work has 4, quadratic 16
)
_KINDS: dict[str, Callable[[int], str]] = {
    "numbers": lambda at: f"{at} ",
    "the same number": lambda _: "5 ",
    "deviations": lambda at: f"{at}.4±0.1, ",
    "from and to": lambda at: f"from {at} to {at + 1} ",
    "ranges": lambda at: f"{at + 10}-{at + 11} ",
    "units": lambda at: f"{at} ms, {at}% and {at} dB, ",
    "bounds": lambda _: "over 5 超过5 ",
    "comparisons": lambda _: "A than B, 与A相比B优于C ",
    "hyphens": lambda _: "-",
    "numbers and hyphens": lambda _: "1-",
    "words and hyphens": lambda _: "a-",
    "parentheses": lambda _: "(",
    "wide parentheses": lambda _: "（",
    "brackets": lambda _: "[1",
    "images": lambda _: "![",
    "macros": lambda _: "\\a[",
    "a bracket and spaces": lambda at: " " if at else "中[",
    "digits": lambda _: "1",
    "a large numeral": lambda at: "亿" if at else "1",
    "letters": lambda _: "A",
    "an acronym": lambda at: "A" if at else "(A",
    "dots": lambda _: "a.",
    "line breaks": lambda _: "\n",
    "ignored words": lambda _: "高斯",
    "negations": lambda _: "不",
}


@dataclass(frozen=True)
class Hostile(Result):
    """The processor time for each kind, at each size."""

    seconds: dict[str, tuple[float, ...]]

    @property
    def undone(self) -> list[str]:
        return unmet((len(self.seconds) == len(_KINDS), "kinds are lacking"))

    @property
    def broken(self) -> list[str]:
        return unmet((self.growth <= _MOST_GROWTH, f"the time grows {self.growth:.1f} times"))

    @property
    def growth(self) -> float:
        """The time for all kinds at the largest size to that at the smallest."""
        return sum(spent[-1] for spent in self.seconds.values()) / sum(
            spent[0] for spent in self.seconds.values()
        )

    def __str__(self) -> str:
        lines = [
            f"  {kind:22} {' '.join(f'{1_000 * each:6.0f} ms' for each in spent)}"
            for kind, spent in self.seconds.items()
        ]
        sizes = ", ".join(f"{size:,}" for size in _SIZES)
        summary = f"all kinds: {self.growth:.1f} times the time for 4 times the characters"
        return "\n".join([f"{sizes} characters of", *lines, f"{summary} (at most {_MOST_GROWTH:.0f})"])


def hostile() -> Hostile:
    """Check and screen texts of each kind, original and translation alike."""
    _spent("We propose a method. 我们提出方法。")
    return Hostile({kind: tuple(_spent(_text(kind, size)) for size in _SIZES) for kind in _KINDS})


def _text(kind: str, size: int) -> str:
    return "".join(islice(map(_KINDS[kind], count()), size))[:size]


def _spent(text: str) -> float:
    began = time.process_time()
    original, made = Original("A title", text), Translated(None, cleaned(text, _LANGUAGE), None)
    check_translation(original, made, _LANGUAGE, _GLOSSARY)
    screened(original, made, _LANGUAGE)
    return time.process_time() - began
