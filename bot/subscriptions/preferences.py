"""The preferences of a subscriber by name: what a value means, and the changes that it makes. Pure.

Time zones have common names: a zone, a city, or an offset from UTC. Moments come in aware, and go out in UTC.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from bot.core.models import Campaign, Detail, Edit, Subject, Subscriber
from digest.arxiv.calendar import Calendar
from digest.core import keywords
from digest.core.keywords import InvalidKeywordError, Keyword
from digest.core.models import Window

_NAMES = {name.lower(): name for name in available_timezones()}
_CITIES = {name.rpartition("/")[2].replace("_", " ").lower(): name for name in sorted(available_timezones())}
_MORE = {
    "Asia/Shanghai": "beijing guangzhou shenzhen hangzhou nanjing wuhan chengdu xian tianjin suzhou hefei "
    "北京 上海 广州 深圳 杭州 南京 武汉 成都 西安 天津 苏州 合肥 重庆 哈尔滨 中国 北京时间 上海时间",
    "Asia/Hong_Kong": "香港",
    "Asia/Macau": "澳门",
    "Asia/Taipei": "台北 台湾",
    "Asia/Singapore": "新加坡",
    "Asia/Tokyo": "osaka kyoto 东京 大阪 京都 日本",
    "Asia/Seoul": "首尔 韩国",
    "Asia/Kolkata": "mumbai delhi bangalore bengaluru india",
    "Europe/London": "cambridge oxford edinburgh 伦敦 剑桥 牛津 爱丁堡 英国",
    "Europe/Paris": "巴黎 法国",
    "Europe/Berlin": "munich hamburg 柏林 慕尼黑 德国",
    "Europe/Zurich": "geneva 苏黎世 瑞士",
    "Europe/Amsterdam": "阿姆斯特丹 荷兰",
    "America/New_York": "boston washington pittsburgh princeton 纽约 波士顿 华盛顿 匹兹堡",
    "America/Chicago": "芝加哥",
    "America/Los_Angeles": "seattle stanford berkeley 洛杉矶 旧金山 西雅图 斯坦福 伯克利",
    "America/Toronto": "montreal 多伦多 蒙特利尔",
    "America/Vancouver": "温哥华",
    "Australia/Sydney": "canberra 悉尼",
    "Australia/Melbourne": "墨尔本",
}
"""Cities and countries that give no zone its name; those with a space in their names are below."""
_OTHERS = {name: zone for zone, names in _MORE.items() for name in names.split()} | {
    "san francisco": "America/Los_Angeles",
    "new delhi": "Asia/Kolkata",
}
_OFFSET = re.compile(r"(?:utc|gmt)\s?([+-])\s?(\d{1,2})(?::00)?", re.ASCII)
_FIXED = re.compile(r"Etc/GMT([+-])(\d{1,2})", re.ASCII)
_SIGNS = {"+": "-", "-": "+"}  # POSIX counts westwards: Etc/GMT-8 is UTC+8


def parse_zone(text: str) -> ZoneInfo:
    """Parse a zone name, a city or an offset ("UTC+8"). Raises ValueError."""
    given = " ".join(text.lower().replace("\u2212", "-").replace("\uff0b", "+").split())
    if match := _OFFSET.fullmatch(given):
        given = f"etc/gmt{_SIGNS[match[1]]}{int(match[2])}" if int(match[2]) else "utc"
    name = _NAMES.get(given.replace(" ", "_")) or _OTHERS.get(given) or _CITIES.get(given)
    if name is None:
        raise ValueError("no zone has that name")
    return ZoneInfo(name)


def zone_name(zone: ZoneInfo) -> str:
    """Return the common name of `zone`; offsets as people write them."""
    match = _FIXED.fullmatch(zone.key)
    return f"UTC{_SIGNS[match[1]]}{match[2]}" if match and int(match[2]) else zone.key


_DAY = timedelta(days=1)
_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class UsualTime:
    """The local time at which editions are usually due, and whether they are due from Monday to Friday."""

    hour: time
    on_weekdays: bool


def next_time(after: datetime, hour: time | None, zone: ZoneInfo) -> datetime:
    """Return the first moment at or after `after` when it is `hour` in `zone`, or `after` itself without an `hour`.

    An hour that a change of clocks skips is moved forward by the length of the change. An hour that occurs twice
    counts the first time.
    """
    if hour is None:
        return after.astimezone(UTC)
    day = after.astimezone(zone).date() - _DAY
    while (moment := datetime.combine(day, hour, zone).astimezone(UTC)) < after:
        day += _DAY
    return moment


def due_at(campaign: Campaign, hour: time | None, zone: ZoneInfo) -> datetime:
    """Return when a campaign is due for a delivery time `hour` in `zone`. A broadcast is due at once."""
    return next_time(campaign.due_at, None if campaign.subject is Subject.BROADCAST else hour, zone)


def usual_time(calendar: Calendar, at: datetime, zone: ZoneInfo) -> UsualTime:
    """Return the time in `zone` of the next edition after `at`; a full week of editions decides about weekdays.

    Holidays are ignored, so that a short week looks like any other.
    """
    plain = replace(calendar, holidays=frozenset())
    first = plain.next_edition(at)
    due = plain.anchor(first).astimezone(zone)
    days = plain.editions(Window(plain.anchor(first) - 7 * _DAY, plain.anchor(first)))
    local = {plain.anchor(day).astimezone(zone).weekday() for day in days}
    return UsualTime(due.time(), max(local) < _SATURDAY)


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


def pause(subscriber: Subscriber, at: datetime) -> date | None:
    """Return the day on which the digest resumes; None if there is no pause at `at`."""
    today = at.astimezone(subscriber.zone).date()
    return subscriber.paused_until if subscriber.paused_until and today < subscriber.paused_until else None


def with_choices(subscriber: Subscriber, **changes: Any) -> Subscriber:
    """Return `subscriber` with other preferences."""
    return replace(subscriber, preferences=replace(subscriber.preferences, **changes))


def _detail(value: str, _: Offer) -> Edit:
    detail = Detail(value.lower())
    return lambda subscriber: with_choices(subscriber, detail=detail)


def _language(value: str, offer: Offer) -> Edit:
    language = {each.lower(): each for each in offer.languages}[value.lower()]
    return lambda subscriber: with_choices(subscriber, language=language)


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
    return lambda subscriber: with_choices(
        subscriber, categories=() if len(ordered) == len(known) else ordered
    )


def _with_category(value: str, offer: Offer) -> Edit:
    return _one_category(value, offer, wanted=True)


def _without_category(value: str, offer: Offer) -> Edit:
    return _one_category(value, offer, wanted=False)


def _one_category(value: str, offer: Offer, *, wanted: bool) -> Edit:
    """Add or remove one category. The last one stays, because none would mean all."""
    if value not in offer.categories:
        raise ValueError(value)

    def edit(subscriber: Subscriber) -> Subscriber:
        chosen = set(subscriber.preferences.categories or offer.categories)
        chosen = chosen | {value} if wanted else chosen - {value}
        ordered = tuple(each for each in offer.categories if each in chosen)
        if not ordered:
            return subscriber
        return with_choices(subscriber, categories=() if len(ordered) == len(offer.categories) else ordered)

    return edit


def _keywords(value: str) -> tuple[Keyword, ...]:
    found = () if value.lower() in _NOTHING else keywords.keywords(value)
    if len(found) > MOST_KEYWORDS:
        raise ValueError("too many")
    return found


def _include(value: str, _: Offer) -> Edit:
    found = _keywords(value)
    return lambda subscriber: with_choices(subscriber, include=found)


def _exclude(value: str, _: Offer) -> Edit:
    found = _keywords(value)
    return lambda subscriber: with_choices(subscriber, exclude=found)


def _hour(value: str, _: Offer) -> Edit:
    if value.lower() in _NOTHING:
        return lambda subscriber: replace(subscriber, hour=None)
    match = re.fullmatch(r"(\d{1,2})(?:[:：点](\d{2})?)?", value, re.ASCII)
    if match is None:
        raise ValueError(value)
    hour = time(int(match[1]), int(match[2] or 0))
    return lambda subscriber: replace(subscriber, hour=hour)


def _zone(value: str, _: Offer) -> Edit:
    zone = parse_zone(value)
    return lambda subscriber: replace(subscriber, zone=zone)


def _pause(value: str, offer: Offer) -> Edit:
    """Parse a number of days, or the day on which the digest resumes."""
    if value.lower() in _NOTHING | {"0"}:
        return lambda subscriber: replace(subscriber, paused_until=None)
    until = (
        offer.today + timedelta(days=int(value))
        if re.fullmatch(r"\d{1,3}", value, re.ASCII)
        else date.fromisoformat(value)
    )
    if not offer.today < until <= offer.today + _LONGEST_PAUSE:
        raise ValueError(value)
    return lambda subscriber: replace(subscriber, paused_until=until)


def _silent(value: str, _: Offer) -> Edit:
    flag = _FLAGS[value.lower()]
    return lambda subscriber: replace(subscriber, silent=flag)


def _quiet(value: str, _: Offer) -> Edit:
    flag = _FLAGS[value.lower()]
    return lambda subscriber: replace(subscriber, quiet_line=flag)


def _rich(value: str, _: Offer) -> Edit:
    flag = _FLAGS[value.lower()]
    return lambda subscriber: with_choices(subscriber, rich=flag)


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
