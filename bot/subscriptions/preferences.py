"""The preferences of a subscriber by name, and the changes that values make. Pure."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any

from bot.core.models import Detail, Edit, Subscriber
from bot.subscriptions import zones
from digest.core import keywords
from digest.core.keywords import InvalidKeywordError, Keyword

MOST_KEYWORDS = 50
_LONGEST_PAUSE = timedelta(days=366)
_FLAGS = {"1": True, "on": True, "yes": True, "开": True, "是": True} | {
    "0": False,
    "off": False,
    "no": False,
    "关": False,
    "否": False,
}
_NOTHING = frozenset({"", "-", "none", "无", "清空"})
_ONE_BY_ONE = frozenset({"with", "without"})
_SWITCHES = ("silent", "quiet", "rich")


class UnusableValueError(Exception):
    """A value that the setting `name` cannot take; `name` is "name" if there is no such setting."""

    def __init__(self, name: str, value: str) -> None:
        super().__init__(f"{name} cannot be that")
        self.name = name
        self.value = value


@dataclass(frozen=True, slots=True)
class Offer:
    """The possible values: the edition's categories, the languages, and the current day."""

    categories: tuple[str, ...]
    languages: tuple[str, ...]
    today: date


def change(name: str, value: str, offer: Offer) -> Edit:
    """Return the edit that gives the setting `name` the `value`. Raises UnusableValueError.

    Repeating it has no effect, so two concurrent taps do no harm.
    """
    given = " ".join(value.split())
    parse = _SETTINGS.get(name)
    if parse is None:
        raise UnusableValueError("name", name)
    try:
        return parse(given, offer)
    except (ValueError, KeyError, InvalidKeywordError, OverflowError):
        raise UnusableValueError("categories" if name in _ONE_BY_ONE else name, given) from None


def possible(name: str, offer: Offer) -> tuple[str, ...]:
    """Return the possible values of the setting `name`, if they can be listed."""
    return {
        "categories": offer.categories,
        "language": offer.languages,
        "detail": tuple(Detail),
        **dict.fromkeys(_SWITCHES, ("on", "off")),
    }.get(name, ())


def pause(reader: Subscriber, at: datetime) -> date | None:
    """Return the day on which the digest resumes; None if there is no pause at `at`."""
    today = at.astimezone(reader.zone).date()
    return reader.paused_until if reader.paused_until and today < reader.paused_until else None


def with_choices(reader: Subscriber, **changes: Any) -> Subscriber:
    """Return `reader` with other preferences."""
    return replace(reader, choices=replace(reader.choices, **changes))


def _detail(value: str, _: Offer) -> Edit:
    detail = Detail(value.lower())
    return lambda reader: with_choices(reader, detail=detail)


def _language(value: str, offer: Offer) -> Edit:
    language = {each.lower(): each for each in offer.languages}[value.lower()]
    return lambda reader: with_choices(reader, language=language)


def _categories(value: str, offer: Offer) -> Edit:
    """Choose all categories of a list; none means all."""
    known = {each.lower(): each for each in offer.categories}
    names = (
        []
        if value.lower() in _NOTHING | {"all", "全部"}
        else re.split(r"[\s,，、+]+", value.strip(",，、+ "))
    )
    chosen = tuple(known[name.lower()] for name in names)
    ordered = tuple(each for each in offer.categories if each in chosen)
    return lambda reader: with_choices(reader, categories=() if len(ordered) == len(known) else ordered)


def _with_category(value: str, offer: Offer) -> Edit:
    return _one_category(value, offer, wanted=True)


def _without_category(value: str, offer: Offer) -> Edit:
    return _one_category(value, offer, wanted=False)


def _one_category(value: str, offer: Offer, *, wanted: bool) -> Edit:
    """Add or remove one category. The last one stays, because none would mean all."""
    if value not in offer.categories:
        raise ValueError(value)

    def edit(reader: Subscriber) -> Subscriber:
        chosen = set(reader.choices.categories or offer.categories)
        chosen = chosen | {value} if wanted else chosen - {value}
        ordered = tuple(each for each in offer.categories if each in chosen)
        if not ordered:
            return reader
        return with_choices(reader, categories=() if len(ordered) == len(offer.categories) else ordered)

    return edit


def _keywords(value: str) -> tuple[Keyword, ...]:
    found = () if value.lower() in _NOTHING else keywords.keywords(value)
    if len(found) > MOST_KEYWORDS:
        raise ValueError("too many")
    return found


def _include(value: str, _: Offer) -> Edit:
    found = _keywords(value)
    return lambda reader: with_choices(reader, include=found)


def _exclude(value: str, _: Offer) -> Edit:
    found = _keywords(value)
    return lambda reader: with_choices(reader, exclude=found)


def _hour(value: str, _: Offer) -> Edit:
    if value.lower() in _NOTHING:
        return lambda reader: replace(reader, hour=None)
    match = re.fullmatch(r"(\d{1,2})(?:[:：点](\d{2})?)?", value, re.ASCII)
    if match is None:
        raise ValueError(value)
    hour = time(int(match[1]), int(match[2] or 0))
    return lambda reader: replace(reader, hour=hour)


def _zone(value: str, _: Offer) -> Edit:
    zone = zones.parse(value)
    return lambda reader: replace(reader, zone=zone)


def _pause(value: str, offer: Offer) -> Edit:
    """Parse a number of days, or the day on which the digest resumes."""
    if value.lower() in _NOTHING | {"0"}:
        return lambda reader: replace(reader, paused_until=None)
    until = (
        offer.today + timedelta(days=int(value))
        if re.fullmatch(r"\d{1,3}", value, re.ASCII)
        else date.fromisoformat(value)
    )
    if not offer.today < until <= offer.today + _LONGEST_PAUSE:
        raise ValueError(value)
    return lambda reader: replace(reader, paused_until=until)


def _silent(value: str, _: Offer) -> Edit:
    flag = _FLAGS[value.lower()]
    return lambda reader: replace(reader, silent=flag)


def _quiet(value: str, _: Offer) -> Edit:
    flag = _FLAGS[value.lower()]
    return lambda reader: replace(reader, quiet_line=flag)


def _rich(value: str, _: Offer) -> Edit:
    flag = _FLAGS[value.lower()]
    return lambda reader: with_choices(reader, rich=flag)


_SETTINGS: dict[str, Callable[[str, Offer], Edit]] = {
    "categories": _categories,
    "with": _with_category,
    "without": _without_category,
    "include": _include,
    "exclude": _exclude,
    "detail": _detail,
    "language": _language,
    "hour": _hour,
    "zone": _zone,
    "silent": _silent,
    "quiet": _quiet,
    "pause": _pause,
    "rich": _rich,
}
