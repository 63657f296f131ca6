"""Tests of the mailbox of returned mail, on a real IMAP server."""

import asyncio
import imaplib
import socket
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.core.models import SubscriberStatus
from bot.mail import apply_bounces
from bot.mail import imap as imap_inbox
from bot.mail.apply_bounces import BounceOutcome
from bot.mail.bounces import LIMIT_BYTES
from bot.mail.imap import Account, MailboxError, check
from tests.bot.mail.people import standing, subscribed
from tests.bot.mail.reports import LINKS, NOW, came_back_to, dsn, letter
from tests.dovecot import PASSWORD, Dovecot


def account(server: Dovecot, user: str) -> Account:
    return Account("localhost", server.port, user, PASSWORD, server.trusted())


async def test_what_is_new_is_acted_on_once_and_the_rest_is_left_for_a_person(
    engine: AsyncEngine, dovecot: Dovecot
) -> None:
    user = dovecot.mailbox()
    reader, other = await subscribed(engine), await subscribed(engine, "other@example.org")
    dovecot.deliver(user, letter("daily@papers.example"), dsn(came_back_to(reader.id)))
    found = await check(account(dovecot, user), engine, LINKS, NOW)
    assert found == Counter({BounceOutcome.ENDED: 1, BounceOutcome.ASIDE: 1})
    assert await standing(engine, reader.id) == (SubscriberStatus.ENDED, "bounced 5.1.1")
    assert dovecot.flags(user) == ["FS", "S"]
    assert await check(account(dovecot, user), engine, LINKS, NOW) == Counter()
    dovecot.deliver(user, dsn(came_back_to(other.id), message_id=None))
    assert await check(account(dovecot, user), engine, LINKS, NOW) == Counter({BounceOutcome.ENDED: 1})
    assert dovecot.flags(user) == ["FS", "S", "S"]


async def test_a_crash_between_the_act_and_its_mark_repeats_an_act_that_does_nothing_then(
    engine: AsyncEngine, dovecot: Dovecot
) -> None:
    user = dovecot.mailbox()
    reader = await subscribed(engine)
    dovecot.deliver(user, dsn(came_back_to(reader.id), status="5.2.2", message_id=None))
    async with imap_inbox.entered(account(dovecot, user)) as inbox:
        [uid] = inbox.unseen()
        mail = inbox.fetch(uid)
    assert await apply_bounces.take(engine, mail, LINKS, NOW) is BounceOutcome.NOTED
    assert dovecot.flags(user) == [""]
    assert await check(account(dovecot, user), engine, LINKS, NOW) == Counter({BounceOutcome.KNOWN: 1})
    assert await standing(engine, reader.id) == (SubscriberStatus.ACTIVE, None)
    assert dovecot.flags(user) == ["S"]


async def test_a_mail_that_the_server_does_not_give_out_holds_up_none_behind_it(
    engine: AsyncEngine, dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = dovecot.mailbox()
    reader = await subscribed(engine)
    dovecot.deliver(user, letter("daily@papers.example"), dsn(came_back_to(reader.id)))
    answered = imaplib.IMAP4_SSL.uid

    def uid(imap: imaplib.IMAP4_SSL, command: str, *arguments: str) -> tuple[str, list[object]]:
        if (command, arguments[0]) == ("FETCH", "1"):
            return "NO", [b"[SERVERBUG] Internal error"]
        return answered(imap, command, *arguments)

    monkeypatch.setattr(imaplib.IMAP4_SSL, "uid", uid)
    monkeypatch.setattr(imap_inbox, "_SEARCHED", 1)  # so that one search does not cover both
    found = await check(account(dovecot, user), engine, LINKS, NOW)
    assert found == Counter({BounceOutcome.ASIDE: 1, BounceOutcome.ENDED: 1})
    assert dovecot.flags(user) == ["FS", "S"]
    assert await check(account(dovecot, user), engine, LINKS, NOW) == Counter()


async def test_of_a_huge_mail_only_the_beginning_is_fetched(dovecot: Dovecot) -> None:
    user = dovecot.mailbox()
    dovecot.deliver(user, letter("daily@papers.example", text="x" * 8_000_000))
    async with imap_inbox.entered(account(dovecot, user)) as inbox:
        assert len(inbox.fetch(*inbox.unseen())) == LIMIT_BYTES
        assert inbox.fetch("999") == b""


async def test_an_empty_mailbox_has_nothing_new(engine: AsyncEngine, dovecot: Dovecot) -> None:
    assert await check(account(dovecot, dovecot.mailbox()), engine, LINKS, NOW) == Counter()


async def test_a_wrong_password_is_told_without_it(dovecot: Dovecot) -> None:
    wrong = replace(account(dovecot, dovecot.mailbox()), password="a wrong secret")
    with pytest.raises(MailboxError, match="does not accept IMAP_USERNAME and IMAP_PASSWORD") as refused:
        async with imap_inbox.entered(wrong):
            pass
    assert "secret" not in str(refused.value) + repr(wrong)


async def test_a_server_that_nobody_vouches_for_gets_no_password(dovecot: Dovecot) -> None:
    unknown = replace(account(dovecot, "one"), trusted=ssl.create_default_context())
    with pytest.raises(MailboxError, match=r"cannot be reached .*certificate"):
        async with imap_inbox.entered(unknown):
            pass


async def test_where_nobody_listens_that_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(MailboxError, match=r"127\.0\.0\.1 cannot be reached"):
        async with imap_inbox.entered(Account("127.0.0.1", port, "one", PASSWORD)):
            pass


async def test_a_server_that_falls_silent_or_hangs_up_ends_the_look(
    engine: AsyncEngine, dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imap_inbox, "_ANSWER_SECONDS", 0.2)
    trusted = dovecot.trusted()
    scripts: list[list[str | None]] = [[], ["* OK ready"], ["* OK ready", None]]
    for script in scripts:
        async with scripted(dovecot, script) as port:
            with pytest.raises(MailboxError, match="The IMAP server localhost"):
                await check(Account("localhost", port, "one", PASSWORD, trusted), engine, LINKS, NOW)


async def test_an_answer_without_an_end_is_given_up(
    engine: AsyncEngine, dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imap_inbox, "_LARGEST_BYTES", 100_000)
    trusted = dovecot.trusted()
    scripts: list[list[str | None]] = [
        ["* OK ready", "* 1 FETCH (BODY[] {2000000000}"],
        ["* OK ready", *["* 1 EXISTS"] * 10_000],
    ]
    for script in scripts:
        async with scripted(dovecot, script) as port:
            with pytest.raises(MailboxError, match="abort"):
                await check(Account("localhost", port, "one", PASSWORD, trusted), engine, LINKS, NOW)


@asynccontextmanager
async def scripted(server: Dovecot, answers: list[str | None]) -> AsyncIterator[int]:
    """Run a server that sends these lines, then nothing; None closes the connection. Yields its port."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            if answer is None:
                break
            writer.write(f"{answer}\r\n".encode())
        else:
            await reader.read()
        writer.close()

    listening = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=server.certificate.server_context())
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
