"""Tests of sending the newsletter over SMTP to a server that misbehaves (cases 32 to 36)."""

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
from tests.bot.mail.mail_fixture import MailFixture
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
async def fixture(tmp_path: Path, sqlite_template: Path, smtp: FakeSmtp) -> AsyncIterator[MailFixture]:
    """A fixture with two subscribers, to whom something is due."""
    shutil.copy(sqlite_template, tmp_path / "store.db")
    engine = open_engine(f"sqlite:///{tmp_path}/store.db")
    here = MailFixture(engine, smtp.port)
    await here.subscribe("ada", "bea")
    await here.broadcast()
    yield here
    await engine.dispose()


def message_ids(taken: list[Taken], to: str) -> list[str]:
    """Return the Message-IDs of the mails to `to`, in order of arrival."""
    return [message_from_bytes(each.content)["Message-ID"] for each in taken if each.to == to]


async def test_everybody_gets_the_mail_once_from_our_address(fixture: MailFixture, smtp: FakeSmtp) -> None:
    await fixture.send()
    await fixture.send(minutes=5)
    assert smtp.mailboxes == {ADA: 1, BEA: 1}
    assert {each.sender for each in smtp.taken} == {"daily@daily.example"}
    mail = message_from_bytes(smtp.taken[0].content)
    assert mail["To"] == smtp.taken[0].to
    assert mail["List-Unsubscribe"].startswith("<https://daily.example/unsubscribe/")
    assert await fixture.deliveries() == [SENT, SENT]


async def test_an_unknown_mailbox_is_ended_and_its_neighbours_are_served(
    fixture: MailFixture, smtp: FakeSmtp
) -> None:
    smtp.fail(Stage.RCPT, Says("550 5.1.1 <ada@reader.example>: unknown"), to=ADA)
    await fixture.send()
    assert smtp.mailboxes == {BEA: 1}
    assert await fixture.deliveries() == [("failed", "recipient 550 5.1.1"), SENT]
    assert await fixture.statuses() == [("ended", "recipient 550 5.1.1", 0), ACTIVE]


async def given_out(fixture: MailFixture, *days: int) -> None:
    """Queue an edition after each of that many days; time leaps between those that matter here."""
    for later in days:
        fixture.now += timedelta(days=later)
        await fixture.broadcast()
        await fixture.send()


@pytest.mark.parametrize("reply", ["552 5.2.2 full", "550 5.5.0 mailbox unavailable", "550 rejected"])
async def test_an_address_that_fails_for_two_weeks_is_ended(
    fixture: MailFixture, smtp: FakeSmtp, reply: str
) -> None:
    smtp.fail(Stage.RCPT, Says(reply), to=ADA, times=100)
    await fixture.send()
    await given_out(fixture, 7, 6)
    assert await fixture.statuses() == [("active", None, 3), ACTIVE]
    await given_out(fixture, 1)
    [(standing, reason, _), bea] = await fixture.statuses()
    assert (standing, reason[:13], bea) == ("ended", "recipient 55" + reply[2], ACTIVE)
    assert smtp.mailboxes == {BEA: 4}


async def test_an_address_that_puts_off_for_two_weeks_is_ended(fixture: MailFixture, smtp: FakeSmtp) -> None:
    smtp.fail(Stage.RCPT, Says("452 4.2.2 mailbox full"), to=ADA, times=1000)
    await fixture.send()
    await given_out(fixture, 7, 7)
    assert [standing for standing, *_ in await fixture.statuses()] == ["ended", "active"]


async def test_an_address_that_takes_an_edition_in_between_is_kept(
    fixture: MailFixture, smtp: FakeSmtp
) -> None:
    for week in range(6):
        if week != 2:
            smtp.fail(Stage.RCPT, Says("552 5.2.2 full"), to=ADA)
        await fixture.send()
        fixture.now += timedelta(days=5)
        await fixture.broadcast()
    assert await fixture.statuses() == [("active", None, 3), ACTIVE]


@pytest.mark.parametrize("stage", [Stage.MAIL, Stage.RCPT, Stage.DATA, Stage.CONTENT])
async def test_what_is_put_off_comes_later_under_the_same_message_id(
    fixture: MailFixture, smtp: FakeSmtp, stage: Stage
) -> None:
    smtp.fail(stage, Says("450 4.7.1 try again"), times=4)
    await fixture.send()
    assert smtp.taken == []
    assert {state for state, _ in await fixture.deliveries()} == {"due"}
    await fixture.send()
    assert smtp.taken == []  # not before its time
    await fixture.send(seconds=16)
    await fixture.send(seconds=31)
    assert smtp.mailboxes == {ADA: 1, BEA: 1}
    assert await fixture.deliveries() == [SENT, SENT]
    assert await fixture.statuses() == [ACTIVE, ACTIVE]


async def test_what_is_put_off_for_three_days_is_given_up(fixture: MailFixture, smtp: FakeSmtp) -> None:
    smtp.fail(Stage.RCPT, Says("450 4.2.0 greylisted"), to=ADA, times=1000)
    for _ in range(3):
        await fixture.send(hours=25)
    assert await fixture.deliveries() == [("failed", "too-late"), SENT]
    assert await fixture.statuses() == [ACTIVE, ACTIVE]


@pytest.mark.parametrize("fault", [Says("421 4.7.0 enough"), Drops(), Stalls()])
@pytest.mark.parametrize("stage", [Stage.MAIL, Stage.RCPT, Stage.DATA])
async def test_a_connection_that_ends_before_the_message_costs_nothing_but_time(
    fixture: MailFixture, smtp: FakeSmtp, stage: Stage, fault: Fault
) -> None:
    fixture.overrides["mail_connections"] = 1  # only what stalls has a limit when time leaps
    smtp.when_it_stalls = lambda: leap(61)
    smtp.fail(stage, fault)
    await fixture.send()
    assert min(await fixture.deliveries())[0] == "due"
    await fixture.send(seconds=16)
    assert smtp.mailboxes == {ADA: 1, BEA: 1}
    assert await fixture.deliveries() == [SENT, SENT]


async def test_a_connection_that_has_had_enough_is_followed_by_another_one_at_once(
    fixture: MailFixture, smtp: FakeSmtp
) -> None:
    fixture.overrides["mail_connections"] = 1
    smtp.messages = 2
    await fixture.subscribe("cec", "dot", "eve")
    await fixture.broadcast("To all five.")
    await fixture.send()
    assert smtp.mailboxes.total() == 7
    assert max(smtp.mailboxes.values()) == 2
    assert smtp.opened == 4
    assert set(await fixture.deliveries()) == {SENT}


@pytest.mark.parametrize("fault", [Drops(taken=True), Drops(), Stalls(taken=True), Stalls()])
async def test_a_mail_that_may_have_arrived_is_sent_once_more_under_the_same_message_id(
    fixture: MailFixture, smtp: FakeSmtp, fault: Drops | Stalls
) -> None:
    fixture.overrides["mail_connections"] = 1
    smtp.when_it_stalls = lambda: leap(601)
    smtp.fail(Stage.CONTENT, fault, to=ADA)
    await fixture.send()
    reason = "dropped" if isinstance(fault, Drops) else "silent"
    assert await fixture.deliveries() == [("due", reason), SENT]
    await fixture.send(seconds=16)
    assert smtp.mailboxes == {ADA: 1 + fault.taken, BEA: 1}
    assert len(set(message_ids(smtp.taken, ADA))) == 1
    assert await fixture.deliveries() == [SENT, SENT]


async def test_a_mail_that_may_have_arrived_twice_is_not_sent_a_third_time(
    fixture: MailFixture, smtp: FakeSmtp
) -> None:
    smtp.fail(Stage.CONTENT, Drops(taken=True), to=ADA, times=2)
    await fixture.send()
    await fixture.send(minutes=1)
    await fixture.send(hours=1)
    assert smtp.mailboxes == {ADA: 2, BEA: 1}
    assert await fixture.deliveries() == [("unknown", "dropped"), SENT]


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
    fixture: MailFixture, smtp: FakeSmtp, stage: Stage, reply: str, told: str
) -> None:
    smtp.fail(stage, Says(reply), times=4)
    with pytest.raises(ChannelError, match=told.replace(".", r"\.")):
        await fixture.send()
    assert smtp.taken == []
    assert await fixture.deliveries() == [("due", None), ("due", None)]
    assert await fixture.statuses() == [ACTIVE, ACTIVE]


async def test_a_refusal_of_us_that_another_reader_does_not_meet_stops_nothing(
    fixture: MailFixture, smtp: FakeSmtp
) -> None:
    smtp.fail(Stage.CONTENT, Says("554 5.7.1 spam"), to=ADA)
    await fixture.send()
    assert smtp.mailboxes == {ADA: 1, BEA: 1}
    assert await fixture.deliveries() == [SENT, SENT]


async def test_a_server_that_falls_silent_before_any_mail_costs_nobody_theirs(
    fixture: MailFixture, smtp: FakeSmtp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "_LAST_SECONDS", 0.05)
    fixture.overrides["mail_connections"] = 1
    silent = FakeSmtp(when_it_stalls=lambda: leap(31))
    silent.fail(Stage.GREETING, Stalls(), times=100)
    async with silent.serving():
        fixture.port = silent.port
        for _ in range(3):
            with pytest.raises(ChannelError, match="does not answer"):
                await fixture.send(minutes=1)
            assert await fixture.deliveries() == [("due", None), ("due", None)]
    fixture.port = smtp.port
    await fixture.send(minutes=1)
    assert smtp.mailboxes == {ADA: 1, BEA: 1}


@pytest.mark.parametrize("stage", [Stage.GREETING, Stage.MAIL, Stage.RCPT, Stage.DATA])
async def test_a_stop_before_the_message_went_out_costs_nobody_theirs_however_often(
    fixture: MailFixture, smtp: FakeSmtp, monkeypatch: pytest.MonkeyPatch, stage: Stage
) -> None:
    monkeypatch.setattr(sending, "_LAST_SECONDS", 0.05)
    fixture.overrides["mail_connections"] = 1
    smtp.fail(stage, Stalls(), times=3)
    for _ in range(3):
        await stopped(fixture, smtp)
        assert await fixture.deliveries() == [("due", None), ("due", None)]
    await fixture.send(minutes=1)
    assert smtp.mailboxes == {ADA: 1, BEA: 1}


@pytest.mark.parametrize("stage", [Stage.GREETING, Stage.MAIL, Stage.RCPT])
async def test_a_mail_that_only_waits_is_due_to_a_process_that_finds_it_and_not_in_doubt(
    fixture: MailFixture, smtp: FakeSmtp, monkeypatch: pytest.MonkeyPatch, stage: Stage
) -> None:
    monkeypatch.setattr(sending, "_LAST_SECONDS", 0.05)
    fixture.overrides["mail_connections"] = 1
    smtp.fail(stage, Stalls(), times=2)
    for _ in range(2):
        async with begun(fixture, smtp):
            assert await fixture.deliveries() == [("due", None), ("due", None)]
    await fixture.send(minutes=1)
    assert smtp.mailboxes == {ADA: 1, BEA: 1}


async def test_only_what_was_in_flight_is_sent_once_more(
    fixture: MailFixture, smtp: FakeSmtp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "_LAST_SECONDS", 0.05)
    fixture.overrides["mail_connections"] = 1
    smtp.fail(Stage.CONTENT, Stalls(taken=True), to=ADA, times=1)
    smtp.fail(Stage.CONTENT, Stalls(taken=True), to=BEA, times=1)
    for _ in range(2):
        async with begun(fixture, smtp):
            states = [state for state, _ in await fixture.deliveries()]
            assert states.count("sending") == 1
    await fixture.send(minutes=1)
    assert smtp.mailboxes == {ADA: 2, BEA: 2}
    assert await fixture.deliveries() == [SENT, SENT]


async def test_a_stop_while_the_answer_is_awaited_leaves_a_mail_in_doubt(
    fixture: MailFixture, smtp: FakeSmtp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "_LAST_SECONDS", 0.05)
    fixture.overrides["mail_connections"] = 1
    smtp.fail(Stage.CONTENT, Stalls(taken=True), to=ADA, times=2)
    for _ in range(2):
        await stopped(fixture, smtp)
    await fixture.send(minutes=1)
    assert smtp.mailboxes == {ADA: 2, BEA: 1}
    assert await fixture.deliveries() == [("unknown", "interrupted"), SENT]


async def stopped(fixture: MailFixture, smtp: FakeSmtp) -> None:
    """Begin to send what is due, and stop the program once the server stalls."""
    async with begun(fixture, smtp):
        pass


@asynccontextmanager
async def begun(fixture: MailFixture, smtp: FakeSmtp) -> AsyncIterator[None]:
    """Begin to send what is due, until the server stalls; the program stops at the end."""
    fixture.now += timedelta(minutes=1)
    met = smtp.met
    async with fixture.outbox() as outbox:
        running = asyncio.create_task(outbox.run())
        async with asyncio.timeout(300):
            while smtp.met == met:  # noqa: ASYNC110 - another task makes it so
                await asyncio.sleep(0.02)
        yield
        outbox.close()
        await running


async def test_a_server_that_is_not_there_stops_the_run(fixture: MailFixture, smtp: FakeSmtp) -> None:
    fixture.port = 1
    with pytest.raises(ChannelError, match=r"the SMTP server 127\.0\.0\.1 cannot be reached"):
        await fixture.send()
    assert await fixture.deliveries() == [("due", None), ("due", None)]


@pytest.mark.parametrize(("ends", "reason"), [(MailFixture.leave, "left"), (MailFixture.pause, "paused")])
async def test_who_leaves_or_pauses_while_the_mail_waits_for_its_turn_gets_none(
    fixture: MailFixture, smtp: FakeSmtp, ends: Callable[[MailFixture, str], Awaitable[None]], reason: str
) -> None:
    fixture.overrides |= {"mail_rate": 0.5, "mail_connections": 1}
    async with fixture.outbox() as outbox:
        sending = asyncio.create_task(outbox.drain())
        while not smtp.taken:  # noqa: ASYNC110 - the server has no event
            await asyncio.sleep(0.01)
        [other] = {ADA, BEA} - {smtp.taken[0].to}
        await ends(fixture, other)
        await sending
    assert smtp.mailboxes == {smtp.taken[0].to: 1}
    assert sorted(await fixture.deliveries()) == [SENT, ("skipped", reason)]
