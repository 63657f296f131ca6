"""The newsletter's way over SMTP, against a server that misbehaves (cases 32 to 36)."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from email import message_from_bytes
from pathlib import Path

import pytest
import pytest_asyncio

from bot.delivery import worker as sending
from bot.delivery.worker import ChannelError
from digest.db.engine import open_engine
from tests.bot.mail.house import House
from tests.fakes.smtp import Drops, FakeSmtp, Fault, Says, Stage, Stalls, Taken
from tests.leaps import leap

ADA, BEA = "ada@reader.example", "bea@reader.example"
ACTIVE = ("active", None, 0)
SENT = ("sent", None)


@pytest_asyncio.fixture
async def smtp() -> AsyncIterator[FakeSmtp]:
    async with FakeSmtp().serving() as server:
        yield server


@pytest_asyncio.fixture
async def house(tmp_path: Path, sqlite_template: Path, smtp: FakeSmtp) -> AsyncIterator[House]:
    """Two are subscribed, and something is due to them."""
    shutil.copy(sqlite_template, tmp_path / "store.db")
    engine = open_engine(f"sqlite:///{tmp_path}/store.db")
    here = House(engine, smtp.port)
    await here.subscribe("ada", "bea")
    await here.broadcast()
    yield here
    await engine.dispose()


def message_ids(taken: list[Taken], to: str) -> list[str]:
    """Of the mails to `to`, in the order in which they came."""
    return [message_from_bytes(each.content)["Message-ID"] for each in taken if each.to == to]


async def test_everybody_gets_the_mail_once_from_our_address(house: House, smtp: FakeSmtp) -> None:
    await house.send()
    await house.send(minutes=5)
    assert smtp.mailboxes == {ADA: 1, BEA: 1}
    assert {each.sender for each in smtp.taken} == {"daily@daily.example"}
    mail = message_from_bytes(smtp.taken[0].content)
    assert mail["To"] == smtp.taken[0].to
    assert mail["List-Unsubscribe"].startswith("<https://daily.example/unsubscribe/")
    assert await house.deliveries() == [SENT, SENT]


async def test_an_unknown_mailbox_is_ended_and_its_neighbours_are_served(
    house: House, smtp: FakeSmtp
) -> None:
    smtp.fail(Stage.RCPT, Says("550 5.1.1 <ada@reader.example>: unknown"), to=ADA)
    await house.send()
    assert smtp.mailboxes == {BEA: 1}
    assert await house.deliveries() == [("failed", "recipient 550 5.1.1"), SENT]
    assert await house.statuses() == [("ended", "recipient 550 5.1.1", 0), ACTIVE]


async def given_out(house: House, *days: int) -> None:
    """An edition after each of so many days; between those that matter here, time leaps."""
    for later in days:
        house.now += timedelta(days=later)
        await house.broadcast()
        await house.send()


@pytest.mark.parametrize("reply", ["552 5.2.2 full", "550 5.5.0 mailbox unavailable", "550 rejected"])
async def test_an_address_that_fails_for_two_weeks_is_ended(house: House, smtp: FakeSmtp, reply: str) -> None:
    smtp.fail(Stage.RCPT, Says(reply), to=ADA, times=100)
    await house.send()
    await given_out(house, 7, 6)
    assert await house.statuses() == [("active", None, 3), ACTIVE]
    await given_out(house, 1)
    [(standing, reason, _), bea] = await house.statuses()
    assert (standing, reason[:13], bea) == ("ended", "recipient 55" + reply[2], ACTIVE)
    assert smtp.mailboxes == {BEA: 4}


async def test_an_address_that_puts_off_for_two_weeks_is_ended(house: House, smtp: FakeSmtp) -> None:
    smtp.fail(Stage.RCPT, Says("452 4.2.2 mailbox full"), to=ADA, times=1000)
    await house.send()
    await given_out(house, 7, 7)
    assert [standing for standing, *_ in await house.statuses()] == ["ended", "active"]


async def test_an_address_that_takes_an_edition_in_between_is_kept(house: House, smtp: FakeSmtp) -> None:
    for week in range(6):
        if week != 2:
            smtp.fail(Stage.RCPT, Says("552 5.2.2 full"), to=ADA)
        await house.send()
        house.now += timedelta(days=5)
        await house.broadcast()
    assert await house.statuses() == [("active", None, 3), ACTIVE]


@pytest.mark.parametrize("stage", [Stage.MAIL, Stage.RCPT, Stage.DATA, Stage.CONTENT])
async def test_what_is_put_off_comes_later_under_the_same_message_id(
    house: House, smtp: FakeSmtp, stage: Stage
) -> None:
    smtp.fail(stage, Says("450 4.7.1 try again"), times=4)
    await house.send()
    assert smtp.taken == []
    assert {state for state, _ in await house.deliveries()} == {"due"}
    await house.send()
    assert smtp.taken == []  # not before its time
    await house.send(seconds=16)
    await house.send(seconds=31)
    assert smtp.mailboxes == {ADA: 1, BEA: 1}
    assert await house.deliveries() == [SENT, SENT]
    assert await house.statuses() == [ACTIVE, ACTIVE]


async def test_what_is_put_off_for_three_days_is_given_up(house: House, smtp: FakeSmtp) -> None:
    smtp.fail(Stage.RCPT, Says("450 4.2.0 greylisted"), to=ADA, times=1000)
    for _ in range(3):
        await house.send(hours=25)
    assert await house.deliveries() == [("failed", "too-late"), SENT]
    assert await house.statuses() == [ACTIVE, ACTIVE]


@pytest.mark.parametrize("fault", [Says("421 4.7.0 enough"), Drops(), Stalls()])
@pytest.mark.parametrize("stage", [Stage.MAIL, Stage.RCPT, Stage.DATA])
async def test_a_connection_that_ends_before_the_message_costs_nothing_but_time(
    house: House, smtp: FakeSmtp, stage: Stage, fault: Fault
) -> None:
    house.overrides["mail_connections"] = 1  # only what stalls has a limit when time leaps
    smtp.when_it_stalls = lambda: leap(61)
    smtp.fail(stage, fault)
    await house.send()
    assert min(await house.deliveries())[0] == "due"
    await house.send(seconds=16)
    assert smtp.mailboxes == {ADA: 1, BEA: 1}
    assert await house.deliveries() == [SENT, SENT]


async def test_a_connection_that_has_had_enough_is_followed_by_another_one_at_once(
    house: House, smtp: FakeSmtp
) -> None:
    house.overrides["mail_connections"] = 1
    smtp.messages = 2
    await house.subscribe("cec", "dot", "eve")
    await house.broadcast("To all five.")
    await house.send()
    assert smtp.mailboxes.total() == 7
    assert max(smtp.mailboxes.values()) == 2
    assert smtp.opened == 4
    assert set(await house.deliveries()) == {SENT}


@pytest.mark.parametrize("fault", [Drops(taken=True), Drops(), Stalls(taken=True), Stalls()])
async def test_a_mail_that_may_have_arrived_is_sent_once_more_under_the_same_message_id(
    house: House, smtp: FakeSmtp, fault: Drops | Stalls
) -> None:
    house.overrides["mail_connections"] = 1
    smtp.when_it_stalls = lambda: leap(601)
    smtp.fail(Stage.CONTENT, fault, to=ADA)
    await house.send()
    reason = "dropped" if isinstance(fault, Drops) else "silent"
    assert await house.deliveries() == [("due", reason), SENT]
    await house.send(seconds=16)
    assert smtp.mailboxes == {ADA: 1 + fault.taken, BEA: 1}
    assert len(set(message_ids(smtp.taken, ADA))) == 1
    assert await house.deliveries() == [SENT, SENT]


async def test_a_mail_that_may_have_arrived_twice_is_not_sent_a_third_time(
    house: House, smtp: FakeSmtp
) -> None:
    smtp.fail(Stage.CONTENT, Drops(taken=True), to=ADA, times=2)
    await house.send()
    await house.send(minutes=1)
    await house.send(hours=1)
    assert smtp.mailboxes == {ADA: 2, BEA: 1}
    assert await house.deliveries() == [("unknown", "dropped"), SENT]


@pytest.mark.parametrize(
    ("stage", "reply", "told"),
    [
        (Stage.GREETING, "554 5.7.1 No service for you", "554 5.7.1 No service for you"),
        (Stage.GREETING, "421 4.3.2 Going down", "421 4.3.2 Going down"),
        (Stage.MAIL, "550 5.7.1 <daily@daily.example> is not yours", "550 5.7.1 … is not yours"),
        (Stage.RCPT, "554 5.7.1 Relay access denied", "554 5.7.1 Relay access denied"),
        (Stage.DATA, "554 5.5.1 No", "554 5.5.1 No"),
        (Stage.CONTENT, "554 5.7.1 This is spam", "554 5.7.1 This is spam"),
    ],
)
async def test_a_refusal_of_us_stops_the_run_and_ends_no_subscription(
    house: House, smtp: FakeSmtp, stage: Stage, reply: str, told: str
) -> None:
    smtp.fail(stage, Says(reply), times=4)
    with pytest.raises(ChannelError, match=told.replace(".", r"\.")):
        await house.send()
    assert smtp.taken == []
    assert await house.deliveries() == [("due", None), ("due", None)]
    assert await house.statuses() == [ACTIVE, ACTIVE]


async def test_a_refusal_of_us_that_another_reader_does_not_meet_stops_nothing(
    house: House, smtp: FakeSmtp
) -> None:
    smtp.fail(Stage.CONTENT, Says("554 5.7.1 spam"), to=ADA)
    await house.send()
    assert smtp.mailboxes == {ADA: 1, BEA: 1}
    assert await house.deliveries() == [SENT, SENT]


async def test_a_server_that_falls_silent_before_any_mail_costs_nobody_theirs(
    house: House, smtp: FakeSmtp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "_LAST_SECONDS", 0.05)
    house.overrides["mail_connections"] = 1
    silent = FakeSmtp(when_it_stalls=lambda: leap(31))
    silent.fail(Stage.GREETING, Stalls(), times=100)
    async with silent.serving():
        house.port = silent.port
        for _ in range(3):
            with pytest.raises(ChannelError, match="does not answer"):
                await house.send(minutes=1)
            assert await house.deliveries() == [("due", None), ("due", None)]
    house.port = smtp.port
    await house.send(minutes=1)
    assert smtp.mailboxes == {ADA: 1, BEA: 1}


@pytest.mark.parametrize("stage", [Stage.GREETING, Stage.MAIL, Stage.RCPT, Stage.DATA])
async def test_a_stop_before_the_message_went_out_costs_nobody_theirs_however_often(
    house: House, smtp: FakeSmtp, monkeypatch: pytest.MonkeyPatch, stage: Stage
) -> None:
    monkeypatch.setattr(sending, "_LAST_SECONDS", 0.05)
    house.overrides["mail_connections"] = 1
    smtp.fail(stage, Stalls(), times=3)
    for _ in range(3):
        await stopped(house, smtp)
        assert await house.deliveries() == [("due", None), ("due", None)]
    await house.send(minutes=1)
    assert smtp.mailboxes == {ADA: 1, BEA: 1}


@pytest.mark.parametrize("stage", [Stage.GREETING, Stage.MAIL, Stage.RCPT])
async def test_a_mail_that_only_waits_is_due_to_a_process_that_finds_it_and_not_in_doubt(
    house: House, smtp: FakeSmtp, monkeypatch: pytest.MonkeyPatch, stage: Stage
) -> None:
    monkeypatch.setattr(sending, "_LAST_SECONDS", 0.05)
    house.overrides["mail_connections"] = 1
    smtp.fail(stage, Stalls(), times=2)
    for _ in range(2):
        async with begun(house, smtp):
            assert await house.deliveries() == [("due", None), ("due", None)]
    await house.send(minutes=1)
    assert smtp.mailboxes == {ADA: 1, BEA: 1}


async def test_only_what_was_in_flight_is_sent_once_more(
    house: House, smtp: FakeSmtp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "_LAST_SECONDS", 0.05)
    house.overrides["mail_connections"] = 1
    smtp.fail(Stage.CONTENT, Stalls(taken=True), to=ADA, times=1)
    smtp.fail(Stage.CONTENT, Stalls(taken=True), to=BEA, times=1)
    for _ in range(2):
        async with begun(house, smtp):
            states = [state for state, _ in await house.deliveries()]
            assert states.count("sending") == 1
    await house.send(minutes=1)
    assert smtp.mailboxes == {ADA: 2, BEA: 2}
    assert await house.deliveries() == [SENT, SENT]


async def test_a_stop_while_the_answer_is_awaited_leaves_a_mail_in_doubt(
    house: House, smtp: FakeSmtp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "_LAST_SECONDS", 0.05)
    house.overrides["mail_connections"] = 1
    smtp.fail(Stage.CONTENT, Stalls(taken=True), to=ADA, times=2)
    for _ in range(2):
        await stopped(house, smtp)
    await house.send(minutes=1)
    assert smtp.mailboxes == {ADA: 2, BEA: 1}
    assert await house.deliveries() == [("unknown", "interrupted"), SENT]


async def stopped(house: House, smtp: FakeSmtp) -> None:
    """What is due is begun, and the program stops once the server stalls."""
    async with begun(house, smtp):
        pass


@asynccontextmanager
async def begun(house: House, smtp: FakeSmtp) -> AsyncIterator[None]:
    """What is due is begun, and the server stalls; the program stops at the end."""
    house.now += timedelta(minutes=1)
    met = smtp.met
    async with house.outbox() as outbox:
        running = asyncio.create_task(outbox.run())
        async with asyncio.timeout(60):
            while smtp.met == met:  # noqa: ASYNC110 - another task makes it so
                await asyncio.sleep(0.02)
        yield
        outbox.close()
        await running


async def test_a_server_that_is_not_there_stops_the_run(house: House, smtp: FakeSmtp) -> None:
    house.port = 1
    with pytest.raises(ChannelError, match=r"the SMTP server 127\.0\.0\.1 cannot be reached"):
        await house.send()
    assert await house.deliveries() == [("due", None), ("due", None)]


@pytest.mark.parametrize(("ends", "reason"), [(House.leave, "left"), (House.pause, "paused")])
async def test_who_leaves_or_pauses_while_the_mail_waits_for_its_turn_gets_none(
    house: House, smtp: FakeSmtp, ends: Callable[[House, str], Awaitable[None]], reason: str
) -> None:
    house.overrides |= {"mail_rate": 0.5, "mail_connections": 1}
    async with house.outbox() as outbox:
        sending = asyncio.create_task(outbox.drain())
        while not smtp.taken:  # noqa: ASYNC110 - the server is not ours to wait on
            await asyncio.sleep(0.01)
        [other] = {ADA, BEA} - {smtp.taken[0].to}
        await ends(house, other)
        await sending
    assert smtp.mailboxes == {smtp.taken[0].to: 1}
    assert sorted(await house.deliveries()) == [SENT, ("skipped", reason)]
