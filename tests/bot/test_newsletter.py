"""The newsletter from a subscriber's side: a form in Chromium, mails through a real Postfix, and one click to leave."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx
import pytest
from playwright.async_api import expect

from bot.channel_setup import Intervals
from bot.serve import serve
from tests.bot.telegram.world import Clock
from tests.bot.world import QUICK, WEDNESDAY_NOON, World, publish, world
from tests.browser import chromium, window
from tests.postfix import PASSWORD, USERNAME, Postfix, postfix

RHYTHM = Intervals(tick_seconds=0.1, look_seconds=0.05)
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def relay() -> Iterator[Postfix]:
    with postfix("ada", "bea") as running:
        yield running


@asynccontextmanager
async def serving(here: World, clock: Clock, relay: Postfix) -> AsyncIterator[str]:
    """Run the whole program with mail alone; yields the address of its pages."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url, stop = f"http://127.0.0.1:{port}", asyncio.Event()
    settings = here.settings(
        smtp_host="127.0.0.1",
        smtp_port=relay.port,
        smtp_username=USERNAME,
        smtp_password=PASSWORD,
        mail_from="arXiv 每日 <daily@daily.example>",
        mail_rate=0,
        public_url=url,
        web_port=port,
        secret_key="a secret of the tests, long enough",
    )
    task = asyncio.create_task(serve(settings, clock, stop, QUICK, RHYTHM))
    try:
        async with httpx.AsyncClient(base_url=url, timeout=300) as web, asyncio.timeout(300):
            while not task.done():
                with suppress(httpx.ConnectError):
                    assert (await web.get("/health/ready")).status_code == 200
                    break
                await asyncio.sleep(0.05)
        yield url
    finally:
        stop.set()
        await task


async def mails(relay: Postfix, name: str, count: int) -> list[EmailMessage]:
    """Wait until the mailbox holds that many mails, and return them in the order in which they were sent."""
    async with asyncio.timeout(300):
        while len(found := relay.mail(name)) < count:  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.05)
    return sorted(found, key=lambda mail: parsedate_to_datetime(mail["Date"]))


def text(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def link(mail: EmailMessage, page: str) -> str:
    """Return the link to that page in a mail."""
    found = re.search(rf"http://\S+/{page}/\S+", text(mail))
    assert found is not None
    return found[0]


async def signed_up(url: str, relay: Postfix, name: str) -> None:
    """Fill in the form, and press the button behind the link that comes by mail."""
    async with chromium() as browser, window(browser) as page:
        await page.goto(url)
        await page.get_by_label("邮箱地址").fill(f"{name}@reader.example")
        await page.get_by_role("button", name="订阅", exact=True).click()
        await expect(page.get_by_role("heading", name="请查看您的邮箱")).to_be_visible()
        [letter] = await mails(relay, name, 1)
        await page.goto(link(letter, "confirm"))
        await page.get_by_role("button", name="确认订阅").click()
        await expect(page.get_by_role("heading", name="订阅成功")).to_be_visible()


async def test_from_the_form_to_the_first_edition_and_out_again_by_one_click(
    tmp_path: Path, relay: Postfix, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(relay.authority))
    clock = Clock()
    async with world(tmp_path) as here, serving(here, clock, relay) as url:
        await signed_up(url, relay, "ada")
        await signed_up(url, relay, "bea")

        publish(here.arxiv, 4, submitted=WEDNESDAY_NOON - DAY / 2)
        clock.forward(days=1)
        _, edition = await mails(relay, "ada", 2)
        assert edition["To"] == "ada@reader.example"
        assert edition["From"] == "arXiv 每日 <daily@daily.example>"
        assert "2026-02-12" in edition["Subject"]
        assert "EchoNet-4" in text(edition)
        (other,) = (await mails(relay, "bea", 2))[1:]
        assert other["Message-ID"] != edition["Message-ID"]
        assert edition["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"

        one_click = edition["List-Unsubscribe"].split(",")[0].strip("<>")
        async with httpx.AsyncClient(timeout=300) as provider:
            assert (await provider.get(one_click)).status_code == 200  # a scanner looks, and changes nothing
            left = await provider.post(one_click, data={"List-Unsubscribe": "One-Click"})
            assert (left.status_code, left.cookies) == (200, httpx.Cookies())

        publish(here.arxiv, 5, submitted=WEDNESDAY_NOON + DAY / 2)
        clock.forward(days=1)
        third = (await mails(relay, "bea", 3))[2]
        assert "EchoNet-5" in text(third)
    assert len(relay.mail("ada")) == 2
    assert len(relay.mail("bea")) == 3
