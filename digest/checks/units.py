"""The units of measurement in papers, and their Chinese names. Data."""

from decimal import Decimal
from enum import StrEnum


class Measure(StrEnum):
    """The kinds of quantities; the value is the common unit to which all units of the kind are converted."""

    SHARE = "%"
    LEVEL = "dB"
    FREQUENCY = "Hz"
    RATE = "bit/s"
    TIME = "s"
    RATIO = "x"
    MEMORY = "byte"
    MONTHS = "month"
    YEARS = "year"
    WIDTH = "bit"
    LENGTH = "m"
    ANGLE = "°"


_TABLE = {
    Measure.SHARE: {"1": "% percent per-cent percentage percentage-point percentage-points pp 百分点"},
    Measure.LEVEL: {"1": "dB decibel decibels dBFS dBA dBm 分贝"},
    Measure.FREQUENCY: {
        "1": "Hz hz hertz 赫兹 赫",
        "1e3": "kHz khz KHz 千赫兹 千赫",
        "1e6": "MHz 兆赫兹 兆赫",
        "1e9": "GHz 吉赫兹 吉赫",
    },
    Measure.RATE: {
        "1": "bps bit/s bits/s b/s 比特每秒 比特/秒",
        "1e3": "kbps Kbps kb/s kbit/s kbits/s 千比特每秒 千比特/秒",
        "1e6": "Mbps Mb/s Mbit/s 兆比特每秒 兆比特/秒",
    },
    Measure.TIME: {
        "1e-6": "us microsecond microseconds 微秒",
        "1e-3": "ms msec millisecond milliseconds 毫秒",
        "1": "s sec secs second seconds 秒",
        "60": "min mins minute minutes 分钟",
        "3600": "h hr hrs hour hours 小时",
        "86400": "day days 天",
        "604800": "week weeks 周 星期",
    },
    Measure.RATIO: {"1": "x X times time fold folds 倍 次 重 折"},
    Measure.MEMORY: {"1e3": "KB kB", "1e6": "MB", "1e9": "GB", "1e12": "TB"},
    Measure.MONTHS: {"1": "month months 个月 月"},
    Measure.YEARS: {"1": "year years 年 岁"},
    Measure.WIDTH: {"1": "bit bits 比特 位"},
    Measure.LENGTH: {
        "1e-3": "mm millimeter millimeters 毫米",
        "1e-2": "cm centimeter centimeters 厘米",
        "1": "m meter meters metre metres 米",
        "1e3": "km kilometer kilometers 公里 千米",
    },
    Measure.ANGLE: {"1": "° degree degrees 度"},
}

UNITS: dict[str, tuple[Measure, Decimal]] = {
    name.replace("per-cent", "per cent").replace("-point", " point"): (measure, Decimal(factor))
    for measure, names in _TABLE.items()
    for factor, listed in names.items()
    for name in listed.split()
}
"""The unit names, each with its kind and its factor to the common unit."""

STRICT = frozenset(
    {Measure.SHARE, Measure.LEVEL, Measure.FREQUENCY, Measure.RATE, Measure.TIME, Measure.MEMORY}
)
"""The kinds of units that must not be added to a bare number: 2024 may become 2024年, but 5 must not become 5%."""
