"""Tests of alerts: their content, their route to the operator, and how often they are sent."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from bot import alerts as texts
from bot.alerts import ALERT_BACKOFF, Alerts, NotToldError, webhook_refusal, webhook_request
from bot.core.models import Alert, AlertKind
from bot.db import alerts as rows
from digest.db import engine as database
from digest.db.engine import open_engine

NOON = datetime(2026, 2, 12, 4, 0, tzinfo=UTC)
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
PAUSED = AlertKind.CHANNEL_PAUSED


@dataclass
class Way:
    """A fake alert route."""

    name: str = "telegram"
    works: bool = True
    heard: list[str] = field(default_factory=list)

    async def tell(self, alert: Alert) -> None:
        if not self.works:
            raise NotToldError("out of order")
        self.heard.append(f"{alert.kind} {alert.subject} {'over' if alert.over_at else 'begun'}")


@dataclass
class Watch:
    """The alerts of one process after another on one database, at times that the test sets."""

    engine: AsyncEngine
    now: datetime = NOON
    way: Way = field(default_factory=Way)

    @property
    def alerts(self) -> Alerts:
        """Return the alerts of a new process."""
        return Alerts(self.engine, lambda: self.now)

    async def heard(self, *ways: Way) -> list[str]:
        """Return what the operator receives now."""
        told = ways or (self.way,)
        await self.alerts.tell(told)
        heard = [each for way in told for each in way.heard]
        for way in told:
            way.heard.clear()
        return heard


@pytest.fixture
async def watch(engine: AsyncEngine) -> Watch:
    return Watch(engine)


async def test_a_trouble_is_told_once_however_often_it_is_raised_and_once_that_it_is_over(
    watch: Watch,
) -> None:
    for _ in range(3):
        await watch.alerts.raise_(PAUSED, "mail", "login refused")
        watch.now += SECOND
    assert await watch.heard() == ["channel-paused mail begun"]
    await watch.alerts.raise_(PAUSED, "mail", "login refused again")
    assert await watch.heard() == []
    for _ in range(2):
        await watch.alerts.resolve(PAUSED, "mail")
    assert await watch.heard() == ["channel-paused mail over"]
    assert await watch.heard() == []
    assert await watch.alerts.lasting() == []


async def test_two_troubles_are_told_each(watch: Watch) -> None:
    await watch.alerts.raise_(PAUSED, "mail")
    await watch.alerts.raise_(AlertKind.POST_NOT_PUSHED)
    assert len(await watch.heard()) == 2
    await watch.alerts.resolve(AlertKind.POST_NOT_PUSHED)
    assert [each.kind for each in await watch.alerts.lasting()] == [PAUSED]


async def test_what_no_way_carries_stays_due_and_is_tried_again_less_and_less_often(watch: Watch) -> None:
    watch.way.works = False
    await watch.alerts.raise_(PAUSED, "mail")
    assert await watch.heard() == []
    watch.way.works = True
    assert await watch.heard() == []  # not at once
    watch.now += ALERT_BACKOFF.pause(0)
    assert await watch.heard() == ["channel-paused mail begun"]
    assert [ALERT_BACKOFF.pause(tries) / SECOND for tries in (0, 1, 2, 20)] == [30, 60, 120, 3600]


async def test_a_new_way_to_the_operator_is_used_at_once(watch: Watch) -> None:
    watch.way.works = False
    await watch.alerts.raise_(PAUSED, "mail")
    await watch.heard()
    watch.way.works = True
    await watch.alerts.hurry()
    assert await watch.heard() == ["channel-paused mail begun"]
    await watch.alerts.hurry()
    assert await watch.heard() == []


async def test_what_is_over_before_it_could_be_told_is_told_once_as_over(watch: Watch) -> None:
    watch.way.works = False
    await watch.alerts.raise_(PAUSED, "mail")
    await watch.heard()
    await watch.alerts.resolve(PAUSED, "mail")
    watch.way.works = True
    assert await watch.heard() == ["channel-paused mail over"]
    watch.now += HOUR
    assert await watch.heard() == []


async def test_a_channel_that_comes_and_goes_is_told_of_once_an_hour(watch: Watch) -> None:
    heard = []
    for _ in range(120):
        await watch.alerts.raise_(PAUSED, "mail")
        heard += await watch.heard()
        await watch.alerts.resolve(PAUSED, "mail")
        heard += await watch.heard()
        watch.now += timedelta(minutes=1)
    assert heard == ["channel-paused mail begun", "channel-paused mail over"] * 2


async def test_what_begins_again_within_the_hour_and_lasts_is_told_at_its_end(watch: Watch) -> None:
    await watch.alerts.raise_(PAUSED, "mail")
    await watch.heard()
    await watch.alerts.resolve(PAUSED, "mail")
    await watch.heard()
    await watch.alerts.raise_(PAUSED, "mail")
    assert await watch.heard() == []
    watch.now += HOUR
    assert await watch.heard() == ["channel-paused mail begun"]


async def test_an_event_is_told_once_and_is_never_over(watch: Watch) -> None:
    for _ in range(2):
        await watch.alerts.raise_(AlertKind.HIDDEN_INSTRUCTIONS, "2602.00001v1")
        await watch.heard()
    assert await watch.alerts.lasting() == []
    await watch.alerts.raise_(AlertKind.HIDDEN_INSTRUCTIONS, "2602.00001v1")
    assert await watch.heard() == []
    async with database.writing(watch.engine) as connection:
        await rows.prune(connection, watch.now + timedelta(days=8))
    await watch.alerts.raise_(AlertKind.HIDDEN_INSTRUCTIONS, "2602.00001v1")
    assert len(await watch.heard()) == 1


async def test_the_troubles_of_a_kind_are_those_that_were_found(watch: Watch) -> None:
    missing = AlertKind.EDITION_MISSING
    await watch.alerts.update(missing, {"2026-02-11": "", "2026-02-12": ""})
    assert len(await watch.heard()) == 2
    await watch.alerts.update(missing, {"2026-02-12": ""})
    assert await watch.heard() == ["edition-missing 2026-02-11 over"]


async def test_two_processes_tell_an_alert_once(watch: Watch) -> None:
    await watch.alerts.raise_(PAUSED, "mail")
    async with database.reading(watch.engine) as connection:
        (due,) = await rows.due(connection, watch.now)
    async with database.writing(watch.engine) as connection:
        later = watch.now + HOUR
        assert [await rows.claim(connection, due, watch.now, later) for _ in range(2)] == [True, False]


async def test_what_ends_while_it_is_being_told_is_told_as_over_next(watch: Watch) -> None:
    await watch.alerts.raise_(PAUSED, "mail")

    class Ends(Way):
        async def tell(self, alert: Alert) -> None:
            await super().tell(alert)
            if alert.over_at is None:
                await watch.alerts.resolve(PAUSED, "mail")

    way = Ends()
    assert await watch.heard(way) == ["channel-paused mail begun"]
    assert await watch.heard(way) == ["channel-paused mail over"]
    assert await watch.heard(way) == []


@pytest.mark.parametrize(
    ("subject", "telegram_works", "told_by"),
    [
        ("mail", True, "telegram"),
        ("telegram", True, "mail"),  # its own channel is the last to report that it is broken
        ("", False, "mail"),
    ],
)
async def test_the_next_way_carries_what_one_cannot(
    tmp_path: Path, sqlite_template: Path, subject: str, telegram_works: bool, told_by: str
) -> None:
    async with sqlite(tmp_path, sqlite_template) as watch:
        ways = [Way("telegram", works=telegram_works), Way("mail"), Way("webhook")]
        await watch.alerts.raise_(PAUSED, subject)
        await watch.alerts.tell(ways)
        assert [way.name for way in ways if way.heard] == [told_by]


async def test_an_alert_that_the_database_does_not_take_is_told_all_the_same_and_that_it_is_over(
    tmp_path: Path, sqlite_template: Path
) -> None:
    async with sqlite(tmp_path, sqlite_template) as watch:
        alerts, store = watch.alerts, tmp_path / "store.db"
        sound = store.read_bytes()
        await watch.engine.dispose()
        store.write_bytes(b"no database at all" * 100)
        for _ in range(2):
            await alerts.raise_(AlertKind.EDITION_FAILED, reason="The database failed.")
            await alerts.tell([watch.way])
        assert watch.way.heard == ["edition-failed  begun"]
        assert [each.kind for each in await alerts.lasting()] == [AlertKind.EDITION_FAILED]
        await watch.engine.dispose()
        store.write_bytes(sound)
        await alerts.resolve(AlertKind.EDITION_FAILED)
        await alerts.tell([watch.way])
        assert watch.way.heard == ["edition-failed  begun", "edition-failed  over"]


@asynccontextmanager
async def sqlite(folder: Path, template: Path) -> AsyncIterator[Watch]:
    shutil.copy(template, folder / "store.db")
    engine = open_engine(f"sqlite:///{folder}/store.db")
    yield Watch(engine)
    await engine.dispose()


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_every_alert_has_words_of_its_own_on_one_line(language: str) -> None:
    begun = [Alert(kind, "2026-02-12", "a\nb", NOON) for kind in AlertKind]
    over = [replace(each, over_at=NOON) for each in begun if not each.kind.is_event]
    said = [texts.text(each, language) for each in (*begun, *over)]
    assert len(set(said)) == len(said)
    assert not any("\n" in each for each in said)
    assert [each[0] for each in said] == ["⚠"] * len(begun) + ["✅"] * len(over)


def test_english_counts_one_and_two() -> None:
    papers = [texts.text(Alert(AlertKind.PAPERS_UNEXPLAINED, "", count, NOON), "en") for count in ("1", "2")]
    assert "1 announced paper is in" in papers[0]
    assert "2 announced papers are in" in papers[1]


@pytest.mark.parametrize(
    ("url", "body"),
    [
        (
            "https://open.feishu.cn/open-apis/bot/v2/hook/x",
            {"msg_type": "text", "content": {"text": "a ＜b> &"}},
        ),
        (
            "https://open.larksuite.com/open-apis/bot/v2/hook/x",
            {"msg_type": "text", "content": {"text": "a ＜b> &"}},
        ),
        (
            "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=x",
            {"msgtype": "text", "text": {"content": "a ＜b> &"}},
        ),
        (
            "https://oapi.dingtalk.com/robot/send?access_token=x",
            {"msgtype": "text", "text": {"content": "a <b> &"}},
        ),
        ("https://hooks.slack.com/services/T/B/x", {"text": "a &lt;b&gt; &amp;"}),
        ("https://mattermost.example.org/hooks/x", {"text": "a <b> &"}),
    ],
)
def test_each_service_gets_the_form_that_it_takes(url: str, body: dict[str, object]) -> None:
    assert webhook_request(url, "a <b> &") == (url, body)


def test_ntfy_gets_its_json_at_the_root() -> None:
    assert webhook_request("https://ntfy.sh/my-topic", "a") == (
        "https://ntfy.sh/",
        {"topic": "my-topic", "message": "a"},
    )


def test_the_operators_own_form_is_filled_in_wherever_it_names_the_text() -> None:
    own = {"content": [{"a": "say: $text"}], "level": 3}
    assert webhook_request("https://hooks.slack.com/x", 'a "b" $text', own)[1] == {
        "content": [{"a": 'say: a "b" $text'}],
        "level": 3,
    }


@pytest.mark.parametrize("long", ["推送" * 1000, "<@all>" * 300])
def test_a_long_text_fits_wecom_without_half_a_character(long: str) -> None:
    text = webhook_request("https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=x", long)[1]["text"][
        "content"
    ]
    assert len(text.encode()) <= 2048
    assert text.endswith("…")
    assert "\ufffd" not in text


@pytest.mark.parametrize(
    ("status", "answer", "reason"),
    [
        (200, b"ok", ""),
        (204, b"", ""),
        (200, b'{"code":0,"msg":"success"}', ""),
        (200, b'{"errcode":0,"errmsg":"ok"}', ""),
        (200, b'{"id":"x","event":"message"}', ""),
        (200, b'{"code":19024,"msg":"Key Words Not Found"}', "code 19024"),
        (200, b'{"errcode":93000,"errmsg":"invalid webhook url"}', "code 93000"),
        (200, b'{"errcode":310000,"errmsg":"sign not match"}', "code 310000"),
        (200, b'{"StatusCode":9499}', "code 9499"),
        (404, b"no_service", "status 404"),
        (302, b"", "status 302"),
        (200, b"[" * 100_000, ""),
    ],
)
def test_a_refusal_is_known_also_under_status_200(status: int, answer: bytes, reason: str) -> None:
    assert webhook_refusal(status, answer) == reason
