"""Tests of transactional mail: each mail is sent once, on SQLite and on PostgreSQL."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.core import mailboxes
from bot.core.mailboxes import Mailbox
from bot.core.models import CONFIRMING, Part
from bot.db import signups
from bot.delivery.channel import (
    DeferredError,
    DeliveryError,
    DeliveryRefusedError,
    HaltedError,
    UnansweredError,
)
from bot.links import Links
from bot.mail.transactional import TransactionalMail, next_try, written
from digest.db.engine import writing
from digest.db.locks import BusyError, exclusive
from tests.bot.subscriptions.test_service import ASKED, LI, NOW, rows, service, sign_up

LINKS = Links("https://daily.example.org", "a secret of the tests, long enough", lambda: NOW)
CONFIRM, KNOWN = (
    "Please confirm your subscription to arXiv Daily",
    "Your settings for arXiv Daily",
)


class PostOffice:
    """A sender that answers each mail as told, the last answer repeatedly; keeps the address and subject of each."""

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


def letters(
    engine: AsyncEngine, post: PostOffice, clock: Callable[[], datetime] = lambda: NOW
) -> TransactionalMail:
    return TransactionalMail(engine, LINKS, post, clock)


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
    assert post.numbers == [waiting.id] * 3  # by which a mail program recognises them as one
    await sign_up(engine)
    await letters(engine, PostOffice(DeliveryRefusedError("no")), lambda: now[0]).send_due()
    assert await rows(engine) == []


async def test_a_letter_says_what_is_known_when_it_is_written(engine: AsyncEngine) -> None:
    await sign_up(engine)
    [asked] = await rows(engine)
    known = await service(engine).confirm(asked.id)
    assert known is not None
    await sign_up(engine)
    post = PostOffice()
    await letters(engine, post).send_due()
    assert post.taken == [("li@example.org", KNOWN)]
    await service(engine).send_link(LI, network="n")
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
    await asyncio.wait_for(post.came.wait(), 300)
    out.close()
    await asyncio.wait_for(task, 300)


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
        (DeliveryRefusedError("554"), 0, None),
        (DeferredError("450", CONFIRMING), 0, None),
    ],
)
def test_what_passes_is_waited_for_with_growing_pauses(
    error: DeliveryError, tries: int, pause: timedelta | None
) -> None:
    found = next_try(replace(ASKED, tries=tries), error, NOW)
    assert found == (None if pause is None else NOW + pause)
