from dataclasses import replace
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from bot.core.models import ChatKind, Detail, Preferences, Subscriber
from bot.subscriptions import preferences
from bot.subscriptions.preferences import Offer, UnusableValueError

OFFER = Offer(("cs.SD", "eess.AS", "cs.CL"), ("en", "zh-CN"), date(2026, 2, 12))
READER = Subscriber(1, "telegram", "1001", ChatKind.PRIVATE, Preferences("zh-CN"), ZoneInfo("Asia/Shanghai"))


def changed(name: str, value: str, reader: Subscriber = READER) -> Subscriber:
    return preferences.change(name, value, OFFER)(reader)


def test_hours_are_taken_in_the_ways_people_write_them() -> None:
    assert {changed("hour", text).hour for text in ("7:45", "07:45", "７:45".translate({0xFF17: "7"}))} == {
        time(7, 45)
    }
    assert changed("hour", "8").hour == time(8)
    assert changed("hour", "8点").hour == time(8)
    assert changed("hour", "", replace(READER, hour=time(8))).hour is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hour", "25:00"),
        ("hour", "7:45; DROP TABLE"),
        ("zone", "Asia/Atlantis"),
        ("zone", ""),
        ("detail", "everything"),
        ("language", "xx"),
        ("categories", "cs.XX"),
        ("with", "cs.LG"),
        ("include", "!!!"),
        ("include", "x" * 200),
        ("exclude", ",".join(f"word{n}" for n in range(51))),
        ("pause", "0000-00-00"),
        ("pause", "2026-02-12"),
        ("pause", "2030-01-01"),
        ("silent", "maybe"),
        ("nonsense", "1"),
        ("__class__", "1"),
    ],
)
def test_what_a_setting_cannot_be_is_refused(name: str, value: str) -> None:
    with pytest.raises(UnusableValueError):
        changed(name, value)


def test_a_zone_is_found_by_its_name_or_its_city() -> None:
    assert changed("zone", "europe/berlin").zone == ZoneInfo("Europe/Berlin")
    assert changed("zone", "Berlin").zone == ZoneInfo("Europe/Berlin")
    assert changed("zone", "new york").zone == ZoneInfo("America/New_York")


def test_the_last_category_stays_when_it_is_taken_away() -> None:
    reader = changed("categories", "cs.CL")
    assert changed("without", "cs.CL", reader) == reader


def test_a_refused_value_names_its_setting_and_where_they_can_be_counted_the_values_that_are_taken() -> None:
    with pytest.raises(UnusableValueError) as refused:
        changed("without", "cs.LG")
    assert refused.value.name == "categories"
    assert preferences.possible("categories", OFFER) == OFFER.categories
    assert preferences.possible("detail", OFFER) == ("titles", "abstracts", "readings")
    assert preferences.possible("rich", OFFER) == ("on", "off")
    assert preferences.possible("hour", OFFER) == ()


def test_a_pause_ends_on_its_day_in_the_zone_of_its_reader() -> None:
    reader = changed("pause", "1")
    assert preferences.pause(reader, datetime(2026, 2, 12, 15, 59, tzinfo=UTC)) == date(2026, 2, 13)
    assert preferences.pause(reader, datetime(2026, 2, 12, 16, 0, tzinfo=UTC)) is None


def test_categories_are_taken_one_by_one_and_all_of_them_is_none_in_particular() -> None:
    without = changed("without", "cs.CL")
    assert without.preferences.categories == ("cs.SD", "eess.AS")
    assert changed("without", "cs.CL", without) == without
    assert changed("with", "cs.CL", without).preferences.categories == ()
    assert changed("categories", "eess.as, CS.SD").preferences.categories == ("cs.SD", "eess.AS")
    assert changed("categories", "全部", without).preferences.categories == ()


def test_keywords_are_kept_as_they_were_given() -> None:
    found = changed("include", "语音合成，Text-to-Speech; <b>bold</b>").preferences.include
    assert [keyword.text for keyword in found] == ["语音合成", "Text-to-Speech", "<b>bold</b>"]
    assert changed("include", "清空").preferences.include == ()


def test_a_pause_is_a_number_of_days_or_a_day() -> None:
    assert changed("pause", "7").paused_until == date(2026, 2, 19)
    assert changed("pause", "2026-03-01").paused_until == date(2026, 3, 1)
    assert changed("pause", "0", changed("pause", "7")).paused_until is None


def test_the_same_tap_twice_does_the_same_as_once() -> None:
    once = changed("detail", "titles", changed("silent", "1"))
    assert changed("silent", "1", once) == once
    assert once.preferences.detail is Detail.TITLES
