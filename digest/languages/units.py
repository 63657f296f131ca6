"""Units of measurement: their kinds, their factors, and their symbols, which are alike in all languages. Pure."""

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


class Unit(StrEnum):
    """The units. A language names them by these keys."""

    PERCENT = "percent"
    DECIBEL = "decibel"
    HERTZ = "hertz"
    KILOHERTZ = "kilohertz"
    MEGAHERTZ = "megahertz"
    GIGAHERTZ = "gigahertz"
    BIT_PER_SECOND = "bit_per_second"
    KILOBIT_PER_SECOND = "kilobit_per_second"
    MEGABIT_PER_SECOND = "megabit_per_second"
    MICROSECOND = "microsecond"
    MILLISECOND = "millisecond"
    SECOND = "second"
    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    TIMES = "times"
    """As many times as much."""
    KILOBYTE = "kilobyte"
    MEGABYTE = "megabyte"
    GIGABYTE = "gigabyte"
    TERABYTE = "terabyte"
    MONTH = "month"
    YEAR = "year"
    BIT = "bit"
    MILLIMETER = "millimeter"
    CENTIMETER = "centimeter"
    METER = "meter"
    KILOMETER = "kilometer"
    DEGREE = "degree"

    @property
    def worth(self) -> tuple[Measure, Decimal]:
        """The kind of the unit, and its factor to the common unit of the kind."""
        measure, factor, _ = _UNITS[self]
        return measure, Decimal(factor)

    @property
    def symbols(self) -> tuple[str, ...]:
        """Its symbols."""
        return tuple(_UNITS[self][2].split())


_UNITS: dict[Unit, tuple[Measure, str, str]] = {
    Unit.PERCENT: (Measure.SHARE, "1", "%"),
    Unit.DECIBEL: (Measure.LEVEL, "1", "dB dBFS dBA dBm"),
    Unit.HERTZ: (Measure.FREQUENCY, "1", "Hz hz"),
    Unit.KILOHERTZ: (Measure.FREQUENCY, "1e3", "kHz khz KHz"),
    Unit.MEGAHERTZ: (Measure.FREQUENCY, "1e6", "MHz"),
    Unit.GIGAHERTZ: (Measure.FREQUENCY, "1e9", "GHz"),
    Unit.BIT_PER_SECOND: (Measure.RATE, "1", "bps bit/s bits/s b/s"),
    Unit.KILOBIT_PER_SECOND: (Measure.RATE, "1e3", "kbps Kbps kb/s kbit/s kbits/s"),
    Unit.MEGABIT_PER_SECOND: (Measure.RATE, "1e6", "Mbps Mb/s Mbit/s"),
    Unit.MICROSECOND: (Measure.TIME, "1e-6", "us"),
    Unit.MILLISECOND: (Measure.TIME, "1e-3", "ms"),
    Unit.SECOND: (Measure.TIME, "1", "s"),
    Unit.MINUTE: (Measure.TIME, "60", "min"),
    Unit.HOUR: (Measure.TIME, "3600", "h"),
    Unit.DAY: (Measure.TIME, "86400", ""),
    Unit.WEEK: (Measure.TIME, "604800", ""),
    Unit.TIMES: (Measure.RATIO, "1", "x X"),
    Unit.KILOBYTE: (Measure.MEMORY, "1e3", "KB kB"),
    Unit.MEGABYTE: (Measure.MEMORY, "1e6", "MB"),
    Unit.GIGABYTE: (Measure.MEMORY, "1e9", "GB"),
    Unit.TERABYTE: (Measure.MEMORY, "1e12", "TB"),
    Unit.MONTH: (Measure.MONTHS, "1", ""),
    Unit.YEAR: (Measure.YEARS, "1", ""),
    Unit.BIT: (Measure.WIDTH, "1", ""),
    Unit.MILLIMETER: (Measure.LENGTH, "1e-3", "mm"),
    Unit.CENTIMETER: (Measure.LENGTH, "1e-2", "cm"),
    Unit.METER: (Measure.LENGTH, "1", "m"),
    Unit.KILOMETER: (Measure.LENGTH, "1e3", "km"),
    Unit.DEGREE: (Measure.ANGLE, "1", "°"),
}
