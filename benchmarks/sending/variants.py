"""The cost of one variant of an edition: its papers chosen by the subscriber's filter, and its messages composed."""

import gc
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from benchmarks.results import Result, unmet
from benchmarks.sending.crowd import ANCHOR
from bot.core.models import Campaign, Detail, Part, Preferences, Subject
from bot.delivery.renderings import matching
from bot.links import Links
from bot.mail import composing
from bot.telegram import messages
from digest.core import keywords
from digest.core.models import Claim, Edition, Entry
from tests.editions import edition, entry

VARIANTS = 50
LANGUAGES = ("zh-CN", "en")
_MOST_MILLISECONDS = 5.0
_CATEGORIES = (("cs.SD", "eess.AS"), ("cs.CL", "cs.SD"), ("eess.AS",))
_ABSTRACT = (
    "我们提出一种方法，在五个公开数据集上把词错误率最多降低 12.5%，其中 $x^2$ 为能量，代码已经公开。" * 6
)
_CLAIM = "作者在 $n = 5$ 个公开数据集上比较了三种方法，并报告了误差。"

Compose = Callable[[Edition, Preferences], tuple[Part, ...]]


@dataclass(frozen=True)
class Variants(Result):
    """The processor seconds of each variant, and of storing all their messages as JSON.

    `rendering_seconds` is what as many others took before, with papers that were not rendered yet.
    """

    channel: str
    papers: int
    composed: tuple[tuple[Part, ...], ...]
    rendering_seconds: float
    seconds: tuple[float, ...]
    json_seconds: float

    @property
    def undone(self) -> list[str]:
        distinct = {json.dumps(each) for each in self.composed}
        return unmet((len(distinct) == VARIANTS, f"{len(distinct)} different variants of {VARIANTS}"))

    @property
    def missed(self) -> list[str]:
        return unmet((self.mean <= _MOST_MILLISECONDS, f"{self.mean:.2f} ms for a variant"))

    @property
    def mean(self) -> float:
        """Milliseconds a variant."""
        return sum(self.seconds) / VARIANTS * 1000

    def __str__(self) -> str:
        stored = self.json_seconds / VARIANTS * 1000
        return (
            f"{self.channel}: {VARIANTS} variants of up to {self.papers} papers, {self.mean:.2f} ms of processor time"
            f" each (at most {_MOST_MILLISECONDS:.0f} ms), ratio {self.mean / stored:.1f} to writing it as JSON in"
            f" {stored:.2f} ms; the slowest {max(self.seconds) * 1000:.2f} ms; before, {VARIANTS} others in"
            f" {self.rendering_seconds:.2f} s, each paper for the first time"
        )


def variants(channel: str, papers: int) -> Variants:
    """Compose as many variants twice, with different filters: the first ones render the papers."""
    editions = {language: edition_of(papers, language) for language in LANGUAGES}
    gc.freeze()  # as the program does once its modules are loaded
    began = time.process_time()
    for number in range(VARIANTS):
        _composed(channel, editions, preferences(number, papers, ("方法", "没有的词")))
    rendering = time.process_time() - began
    composed, seconds = [], []
    for number in range(VARIANTS):
        began = time.process_time()
        composed.append(_composed(channel, editions, preferences(number, papers)))
        seconds.append(time.process_time() - began)
    began = time.process_time()
    for parts in composed:
        json.dumps(parts, ensure_ascii=False)
    stored = time.process_time() - began
    return Variants(channel, papers, tuple(composed), rendering, tuple(seconds), stored)


def preferences(number: int, papers: int, include: tuple[str, ...] = ()) -> Preferences:
    """Return the preferences `number` of the variants: all have another filter, and most of the papers."""
    return Preferences(
        LANGUAGES[number % 2],
        tuple(Detail)[number % 3],
        ("cs.SD", "eess.AS") if number % 4 else (),
        tuple(map(keywords.keyword, include)),
        (keywords.keyword(f"Room {number % papers + 1}"), keywords.keyword(f"no word {number}")),
        rich=number % 5 == 0,
    )


def edition_of(papers: int, language: str) -> Edition:
    """Return an edition of so many papers with translations and readings."""
    return edition(*(_entry(number) for number in range(1, papers + 1)), language=language)


def _entry(number: int) -> Entry:
    made = entry(number, abstract=_ABSTRACT, claims=(Claim(_CLAIM),) * 3)
    categories = _CATEGORIES[number % len(_CATEGORIES)]
    paper = replace(made.paper, categories=categories, primary_category=categories[0])
    return replace(made, paper=paper)


def _composed(channel: str, editions: dict[str, Edition], wanted: Preferences) -> tuple[Part, ...]:
    campaign = Campaign(1, Subject.EDITION, ANCHOR.date(), None, ANCHOR)
    chosen = matching(editions[wanted.language], wanted)
    if channel == "mail":
        return composing.compose(campaign, chosen, wanted, _LINKS)
    return tuple(each.part() for each in messages.campaign_messages(campaign, chosen, wanted))


_LINKS = Links("https://daily.example", "a-secret-of-thirty-two-characters-and-more", lambda: ANCHOR)
