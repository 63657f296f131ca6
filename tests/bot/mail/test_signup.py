"""Signing up: rows and limits, on SQLite and on PostgreSQL."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from bot import settings
from bot.container import open_database
from bot.core import mailboxes
from bot.core.mailboxes import Mailbox
from bot.core.models import (
    CONFIRMING,
    Choices,
    Consent,
    Detail,
    Kind,
    Letter,
    Part,
    SigningUp,
    Standing,
    Subscriber,
    Wishes,
)
from bot.db import signups, subscribers
from bot.delivery.channel import DeferredError, DeliveryError, HaltedError, RefusedError, UnansweredError
from bot.links import Links
from bot.mail import signup
from bot.mail.transactional import Letters, next_try, written
from digest.core.keywords import keyword
from digest.db.engine import reading, writing
from digest.db.locks import BusyError, exclusive

NOW = datetime(2026, 2, 11, 4, 0, tzinfo=UTC)
LI = mailboxes.parse("li@example.org")
OWN = (mailboxes.parse("daily@example.org"),)
WISHES = Wishes(
    Choices("en", Detail.TITLES, ("cs.SD",), (keyword("语音"),), (keyword("A<B & C"),)),
    time(7, 45),
    ZoneInfo("Europe/Berlin"),
    quiet_line=True,
)
LINKS = Links("https://daily.example.org", "a secret of the tests, long enough", lambda: NOW)
CONFIRM, KNOWN = (
    "Please confirm your subscription to arXiv Daily",
    "Your settings for arXiv Daily",
)
ASKED = SigningUp(1, LI, "n", Letter.CONFIRM, WISHES, "form", NOW, NOW)


async def sign_up(
    engine: AsyncEngine,
    mailbox: Mailbox = LI,
    network: str = "n",
    at: datetime = NOW,
    wishes: Wishes = WISHES,
) -> None:
    await signup.sign_up(engine, mailbox, wishes, own=OWN, network=network, how="form", at=at)


async def rows(engine: AsyncEngine) -> list[SigningUp]:
    """All whose letter waits."""
    async with reading(engine) as connection:
        return await signups.due(connection, NOW + timedelta(days=9), 1000)


async def subscriber(engine: AsyncEngine, mailbox: Mailbox = LI) -> Subscriber | None:
    async with reading(engine) as connection:
        return await subscribers.find(connection, signup.CHANNEL, str(mailbox))


async def test_a_confirmed_address_is_subscribed_to_what_it_wished_and_not_before(
    engine: AsyncEngine,
) -> None:
    await sign_up(engine)
    [asked] = await rows(engine)
    assert asked == replace(ASKED, id=asked.id)
    assert await subscriber(engine) is None
    made = await signup.confirm(engine, asked.id, NOW + timedelta(hours=1))
    assert made == await subscriber(engine)
    assert made is not None
    assert made == Subscriber(
        made.id,
        "mail",
        "li@example.org",
        Kind.MAILBOX,
        WISHES.choices,
        WISHES.zone,
        Standing.ACTIVE,
        hour=WISHES.hour,
        quiet_line=True,
        consent=Consent(NOW + timedelta(hours=1), "form"),
    )
    assert await rows(engine) == []  # a letter that is still on its way has nothing to ask any more


async def test_a_link_confirms_once_whatever_happens_at_the_same_time(engine: AsyncEngine) -> None:
    await sign_up(engine)
    [asked] = await rows(engine)
    made = await asyncio.gather(*(signup.confirm(engine, asked.id, NOW) for _ in range(5)))
    assert sum(each is not None for each in made) == 1
    assert await signup.confirm(engine, 999, NOW) is None


async def test_whoever_left_or_was_out_of_reach_comes_back_with_the_new_wishes(engine: AsyncEngine) -> None:
    await sign_up(engine)
    [asked] = await rows(engine)
    known = await signup.confirm(engine, asked.id, NOW)
    assert known is not None
    await signup.leave(engine, known.id, NOW)
    await signup.leave(engine, known.id, NOW)
    assert await subscriber(engine) == replace(known, standing=Standing.LEFT)
    async with writing(engine) as connection:
        await subscribers.end(connection, known.id, "bounced", NOW)
        await subscribers.change(
            connection, known.id, lambda it: replace(it, strikes=1, paused_until=date(2026, 3, 1)), NOW
        )
    later = NOW + timedelta(days=2)
    await sign_up(engine, at=later, wishes=replace(WISHES, hour=None))
    [asked] = await rows(engine)
    assert asked.letter is Letter.CONFIRM
    back = await signup.confirm(engine, asked.id, later)
    assert back == replace(known, hour=None, consent=Consent(later, "form"))


async def test_an_address_that_has_the_newsletter_is_told_so_and_no_more(engine: AsyncEngine) -> None:
    await sign_up(engine)
    [asked] = await rows(engine)
    known = await signup.confirm(engine, asked.id, NOW)
    await sign_up(engine, wishes=replace(WISHES, hour=None))
    [told] = await rows(engine)
    assert told.letter is Letter.KNOWN
    assert await signup.confirm(engine, told.id, NOW) is None
    assert await subscriber(engine) == known


async def test_a_link_to_the_preferences_goes_only_to_who_is_known_and_counts_alike(
    engine: AsyncEngine,
) -> None:
    for _ in range(5):
        await signup.send_link(engine, LI, network="n", at=NOW)
    assert await rows(engine) == []
    await sign_up(engine)  # three letters an hour, also those that were not written
    assert await rows(engine) == []
    later = NOW + timedelta(hours=2)
    await sign_up(engine, at=later)
    [asked] = await rows(engine)
    await signup.confirm(engine, asked.id, later)
    await signup.send_link(engine, LI, network="n", at=later)
    assert [each.letter for each in await rows(engine)] == [Letter.KNOWN]


@pytest.mark.parametrize("address", ["Daily@example.org", "daily+b7.abc@example.org"])
async def test_the_newsletter_writes_no_letter_to_itself_and_counts_alike(
    engine: AsyncEngine, address: str
) -> None:
    for _ in range(5):
        await sign_up(engine, mailboxes.parse(address))
    assert await rows(engine) == []
    async with reading(engine) as connection:
        assert len(await signups.of_address(connection, address.lower())) == 3


@pytest.mark.parametrize(
    "address",
    ["daily2@example.org", "dail@example.org", "daily@elsewhere.example", "li@mailinator.com"],
)
async def test_all_others_may_sign_up_those_that_are_thrown_away_soon_too(
    engine: AsyncEngine, address: str
) -> None:
    await sign_up(engine, mailboxes.parse(address))
    [asked] = await rows(engine)
    assert asked.letter is Letter.CONFIRM


async def test_many_at_once_make_no_more_rows_than_the_limit(engine: AsyncEngine) -> None:
    await asyncio.gather(*(sign_up(engine, network=f"n{number}") for number in range(12)))
    assert len(await rows(engine)) == 3
    later = NOW + timedelta(minutes=61)
    await asyncio.gather(*(sign_up(engine, network=f"m{number}", at=later) for number in range(12)))
    assert len(await rows(engine)) == 6


async def test_an_address_gets_ten_letters_a_day_and_a_network_asks_for_twenty_an_hour(
    engine: AsyncEngine,
) -> None:
    for hour in range(6):
        for _ in range(3):
            await sign_up(engine, network=f"n{hour}", at=NOW + timedelta(minutes=61 * hour))
    assert len(await rows(engine)) == 10
    for number in range(25):
        await sign_up(engine, mailboxes.parse(f"wang{number}@example.org"), network="one")
    assert sum(each.network == "one" for each in await rows(engine)) == 20


@pytest.mark.parametrize("hundreds", [3, pytest.param(100, marks=pytest.mark.play)])
async def test_ten_thousand_signings_up_of_one_address_make_three_rows(tmp_path: Path, hundreds: int) -> None:
    url = f"sqlite:///{tmp_path}/flood.db"
    async with open_database(settings.given(database_url=url)) as engine:
        for _ in range(hundreds):
            await asyncio.gather(*(sign_up(engine, network=f"n{number}") for number in range(100)))
        assert len(await rows(engine)) == 3


async def test_old_signings_up_are_forgotten_and_deletion_takes_the_rest(engine: AsyncEngine) -> None:
    await sign_up(engine)
    await sign_up(engine, mailboxes.parse("wang@example.org"), at=NOW + timedelta(days=3))
    async with writing(engine) as connection:
        await signups.prune(connection, NOW + timedelta(days=5))
    [left] = await rows(engine)
    assert str(left.mailbox) == "wang@example.org"
    made = await signup.confirm(engine, left.id, NOW)
    assert made is not None
    async with writing(engine) as connection:
        assert len(await signups.of_address(connection, made.address)) == 1
        await subscribers.forget(connection, made.id)
        assert await signups.of_address(connection, made.address) == []


class PostOffice:
    """Answers each letter as it is told, the last answer for ever; keeps the address and the subject of each."""

    def __init__(self, *answers: Exception | None) -> None:
        self.answers = list(answers) or [None]
        self.taken: list[tuple[str, str]] = []
        self.numbers: list[int] = []
        self.came = asyncio.Event()

    async def __call__(self, part: Part, *, to: Mailbox, number: int) -> None:
        self.numbers.append(number)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer is not None:
            raise answer
        self.taken.append((str(to), part["subject"]))
        self.came.set()


def letters(engine: AsyncEngine, post: PostOffice, clock: Callable[[], datetime] = lambda: NOW) -> Letters:
    return Letters(engine, LINKS, post, clock)


async def test_each_letter_goes_out_once_whoever_asks_again(engine: AsyncEngine) -> None:
    for number in range(9):
        await sign_up(engine, mailboxes.parse(f"wang{number}@example.org"))
    post = PostOffice()
    await letters(engine, post).send_due()
    await letters(engine, post).send_due()  # after a restart
    assert sorted(post.taken) == [(f"wang{number}@example.org", CONFIRM) for number in range(9)]


async def test_of_two_processes_one_sends_the_letters(engine: AsyncEngine) -> None:
    await sign_up(engine)
    post = PostOffice()
    async with exclusive(engine, "letters"):
        with pytest.raises(BusyError):
            await letters(engine, post).send_due()
    assert post.taken == []
    await letters(engine, post).send_due()
    assert len(post.taken) == 1


async def test_a_letter_that_is_put_off_is_tried_again_and_one_that_is_refused_is_not(
    engine: AsyncEngine,
) -> None:
    now = [NOW]
    await sign_up(engine)
    post = PostOffice(DeferredError("later"), DeferredError("later"), None)
    out = letters(engine, post, lambda: now[0])
    await out.send_due()
    await out.send_due()
    [waiting] = await rows(engine)
    assert (waiting.tries, waiting.next_at) == (1, NOW + timedelta(minutes=1))
    now[0] = NOW + timedelta(minutes=1)
    await out.send_due()
    now[0] += timedelta(minutes=2)
    await out.send_due()
    assert post.taken == [("li@example.org", CONFIRM)]
    assert post.numbers == [waiting.id] * 3  # by which a mail program knows that they are one
    await sign_up(engine)
    await letters(engine, PostOffice(RefusedError("no")), lambda: now[0]).send_due()
    assert await rows(engine) == []


async def test_a_letter_says_what_is_known_when_it_is_written(engine: AsyncEngine) -> None:
    await sign_up(engine)
    [asked] = await rows(engine)
    known = await signup.confirm(engine, asked.id, NOW)
    assert known is not None
    await sign_up(engine)
    post = PostOffice()
    await letters(engine, post).send_due()
    assert post.taken == [("li@example.org", KNOWN)]
    await signup.send_link(engine, LI, network="n", at=NOW)
    async with writing(engine) as connection:
        [asked] = await signups.due(connection, NOW, 9)
        assert written(asked, None, LINKS) is None  # deleted since


async def test_a_fault_of_ours_costs_one_letter_and_keeps_no_other_waiting(engine: AsyncEngine) -> None:
    for name in ("li", "wang", "zhang"):
        await sign_up(engine, mailboxes.parse(f"{name}@example.org"))
    post = PostOffice(ValueError("a fault of ours"), None)
    await letters(engine, post).send_due()
    assert len(post.taken) == 2
    assert await rows(engine) == []


async def test_letters_are_sent_as_they_come_until_the_end(engine: AsyncEngine) -> None:
    post = PostOffice()
    out = letters(engine, post)
    task = asyncio.create_task(out.run())
    await sign_up(engine)
    out.wake()
    await asyncio.wait_for(post.came.wait(), 60)
    out.close()
    await asyncio.wait_for(task, 60)


@pytest.mark.parametrize(
    ("error", "tries", "pause"),
    [
        (DeferredError("450"), 0, timedelta(minutes=1)),
        (DeferredError("450"), 3, timedelta(minutes=8)),
        (DeferredError("450"), 40, timedelta(hours=1)),
        (DeferredError("450", timedelta(minutes=7)), 0, timedelta(minutes=7)),
        (HaltedError("535"), 0, timedelta(minutes=1)),
        (UnansweredError("silence"), 0, timedelta(minutes=1)),
        (UnansweredError("silence"), 1, None),
        (RefusedError("554"), 0, None),
        (DeferredError("450", CONFIRMING), 0, None),
    ],
)
def test_what_passes_is_waited_for_with_growing_pauses(
    error: DeliveryError, tries: int, pause: timedelta | None
) -> None:
    found = next_try(replace(ASKED, tries=tries), error, NOW)
    assert found == (None if pause is None else NOW + pause)
