"""Tests of all pages: headers, limits, languages; and of the endpoints by which the program is monitored."""

import asyncio
import logging
import socket
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bot.core.models import SubscriberStatus
from bot.delivery import fanout
from bot.web import app, webhook
from bot.web.app import Protection, listening
from bot.web.pages import network
from digest.db import engine as database
from tests.bot.web_world import NOON, WISHES, web_site
from tests.fakes.server import serving


async def test_every_answer_has_the_headers_that_keep_it_safe(tmp_path: Path) -> None:
    async with web_site(tmp_path) as here:
        token = here.links.preferences((await here.subscribed()).id)
        for path in (
            "/",
            "/nothing",
            "/style.css",
            "/feed.atom",
            "/health/live",
            "/editions/",
            token,
            "/confirm/x",
        ):
            headers = (await here.web.get(path)).headers
            assert "default-src 'none'" in headers["content-security-policy"]
            assert "frame-ancestors 'none'" in headers["content-security-policy"]
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "no-referrer"
            assert headers["strict-transport-security"] == "max-age=31536000"
            assert "set-cookie" not in headers
        page = await here.web.get(token)
        assert (page.headers["cache-control"], page.headers["x-robots-tag"]) == ("no-store", "noindex")
        assert "<script" not in page.text
        style = await here.web.get("/style.css")
        assert style.headers["content-type"].startswith("text/css")
        again = await here.web.get("/style.css", headers={"If-None-Match": style.headers["etag"]})
        assert again.status_code == 304
        assert (await here.web.head("/")).status_code == 200
        assert (await here.web.get("/icon.svg")).headers["content-type"] == "image/svg+xml"


async def test_what_is_no_form_of_ours_is_refused_with_a_page(tmp_path: Path) -> None:
    async with web_site(tmp_path) as here:
        form = {"Content-Type": "application/x-www-form-urlencoded"}

        async def posts(body: bytes, headers: dict[str, str] = form) -> int:
            return (await here.web.post("/", content=body, headers=headers)).status_code

        assert await posts(b"{}", {"Content-Type": "application/json"}) == 415
        assert await posts(b"address=\xff\xfe") == 400
        assert await posts(b"address=%ff%fe") == 400
        assert await posts(b"&".join([b"a=1"] * 301)) == 400
        assert await posts(b"include=" + b"x" * 70_000) == 413
        assert await posts(b"") == 422
        refused = await here.web.put("/?language=en")
        assert (refused.status_code, "GET" in refused.headers["allow"]) == (405, True)
        assert "Not allowed" in refused.text
        assert (await here.web.post("/feed.atom")).status_code == 405
        assert "页面不存在" in (await here.web.get("/nothing")).text


async def test_a_form_of_ten_megabytes_is_not_read(tmp_path: Path) -> None:
    async with web_site(tmp_path) as here:
        announced = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10485760\r\n"
        chunked = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
        form = b"Content-Type: application/x-www-form-urlencoded\r\n\r\n"
        assert b" 413 " in await status(here.url, announced + form + b"include=x")
        chunk = b"%x\r\n%s\r\n" % (2**16, b"x" * 2**16)
        assert b" 413 " in await status(here.url, chunked + form, chunk, times=160)


async def test_a_body_that_comes_too_slowly_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "_BODY_SECONDS", 0.1)
    async with web_site(tmp_path) as here:
        form = b"Host: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        begun = b"POST / HTTP/1.1\r\n" + form + b"Content-Length: 10\r\n\r\nabc"
        assert b" 408 " in await status(here.url, begun)


async def test_a_page_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hangs(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(app, "_ALL_SECONDS", 0.1)
    async with serving(Protection(hangs, "", https=False)) as url, httpx.AsyncClient(timeout=300) as web:
        answer = await web.get(url)
        assert answer.status_code == 503
        assert "strict-transport-security" not in answer.headers


async def test_the_language_is_the_one_asked_for_else_the_browsers_else_the_editions(tmp_path: Path) -> None:
    async with web_site(tmp_path) as here:

        async def language(path: str, accepts: str = "") -> str:
            page = (await here.web.get(path, headers={"Accept-Language": accepts})).text
            return page.partition('<html lang="')[2].partition('"')[0]

        assert await language("/") == "zh-CN"
        assert await language("/", "fr, en-GB;q=0.8, zh;q=0.2") == "en"
        assert await language("/", "en;q=0, zh-TW") == "zh-CN"
        assert await language("/", "en;q=x,;;,q=1," + "a," * 5000) == "zh-CN"
        assert await language("/?language=en", "zh-CN") == "en"
        assert await language("/?language=xx", "en") == "en"
        assert await language("/nothing?language=en") == "en"
        assert 'href="?language=en" lang="en"' in (await here.web.get("/")).text


async def test_an_edition_in_a_language_without_words_has_english_pages_around_it(tmp_path: Path) -> None:
    async with web_site(tmp_path, target_language="ja") as here:
        page = (await here.web.get("/")).text
        assert '<html lang="ja">' in page
        assert "Subscribe" in page
        assert "日本語" in page
        assert (await here.web.post("/", data=WISHES | {"language": "ja"})).status_code == 200


async def test_the_pages_work_under_a_path_whether_or_not_the_proxy_takes_it_off(tmp_path: Path) -> None:
    async with web_site(tmp_path, root="/daily") as here:
        for path in ("/", "/daily/", "/daily"):
            page = await here.web.get(path)
            assert 'href="/daily/style.css"' in page.text
        assert (await here.web.get("/daily/style.css")).status_code == 200
        assert (await here.web.get("/dailystyle.css")).status_code == 404
        reader = await here.subscribed()
        page = await here.web.get(here.links.preferences(reader.id).replace("/daily", "", 1))
        assert 'action="/daily/preferences/' in page.text
        assert 'action="/daily/unsubscribe/' in page.text


async def test_the_path_may_be_written_in_any_script(tmp_path: Path) -> None:
    async with web_site(tmp_path, root="/%E6%97%A5%E6%8A%A5") as here:
        for path in ("/style.css", "/日报/style.css", "/%e6%97%a5%e6%8a%a5/style.css"):
            assert (await here.web.get(path)).status_code == 200
        reader = await here.subscribed()  # by links under that path
        page = await here.web.get(here.links.preferences(reader.id))
        assert 'action="/%E6%97%A5%E6%8A%A5/unsubscribe/' in page.text


async def test_without_a_newsletter_there_is_no_form_but_still_the_way_out(tmp_path: Path) -> None:
    async with web_site(tmp_path, newsletter=False) as here:
        reader = await here.known()
        page = await here.web.get("/")
        assert (page.status_code, "<form" in page.text) == (200, False)
        assert (await here.web.post("/", data=WISHES)).status_code == 405
        assert (await here.web.get("/preferences")).status_code == 404
        link = here.links.preferences(reader.id)
        assert (await here.web.get(link)).status_code == 200
        assert (await here.web.post(here.links.unsubscribe(reader.id))).status_code == 200
        assert (await here.subscriber()).status is SubscriberStatus.LEFT  # type: ignore[union-attr]
        here.later(timedelta(days=91))
        assert (await here.web.get(link)).status_code == 410


async def test_telegrams_updates_come_by_the_same_door_with_bounds_of_their_own(tmp_path: Path) -> None:
    taken = []

    async def take(update: dict[str, object]) -> None:
        taken.append(update["update_id"])

    hook = webhook.route("a-secret-of-the-tests", take)
    secret = {"X-Telegram-Bot-Api-Secret-Token": "a-secret-of-the-tests"}
    async with web_site(tmp_path, hook=hook) as here:
        update = {"update_id": 7, "message": {"text": "x" * 200_000}}
        assert (await here.web.post("/telegram", json=update, headers=secret)).status_code == 200
        assert (await here.web.post("/telegram", json=update)).status_code == 403
        assert (await here.web.post("/telegram", content=b" " * 2_000_000, headers=secret)).status_code == 413
    assert taken == [7]


async def test_whoever_watches_is_told_what_does_not_work(tmp_path: Path) -> None:
    ticks = [True]

    async def schedule() -> bool:
        if not ticks[0]:
            raise RuntimeError("no tick")
        return True

    async with web_site(tmp_path, checks={"schedule": schedule}) as here:
        assert (await here.web.get("/health/live")).json() == {"status": "live"}
        for path in ("/health", "/health/ready"):
            answer = await here.web.get(path)
            assert answer.status_code == 200
            assert answer.json() == {
                "status": "ready",
                "checks": {"database": True, "schedule": True},
                "channels": {},
                "publishing": {"state": "ok", "unwritten": [], "unpushed": []},
                "last_edition": None,
                "alerts": [],
            }
        ticks[0] = False
        answer = await here.web.get("/health/ready")
        assert answer.status_code == 503
        assert answer.json()["checks"] == {"database": True, "schedule": False}


async def test_the_numbers_count_people_mail_and_requests_and_name_nobody(tmp_path: Path) -> None:
    async with web_site(tmp_path, papers=1) as here:
        reader = await here.subscribed()
        await here.web.post("/", data=WISHES | {"address": "wang@example.org"})
        await here.web.get(here.links.preferences(reader.id))
        await fanout.open_edition(here.app.engine, NOON.date(), NOON, NOON)
        answer = await here.web.get("/metrics")
        numbers = {
            (sample.name, *sample.labels.values()): sample.value
            for family in text_string_to_metric_families(answer.text)
            for sample in family.samples
        }
        assert numbers["arxiv_daily_subscribers", "mail", "active"] == 1
        assert numbers["arxiv_daily_deliveries", "mail", "2026-02-11", "due"] == 1
        assert numbers["arxiv_daily_queued", "letters"] == 1
        assert numbers["arxiv_daily_queued", "deliveries"] == 1
        assert numbers["arxiv_daily_last_edition_date_seconds",] == 1770768000
        assert numbers["arxiv_daily_http_requests_total", "/preferences/{token}", "200"] == 1
        assert numbers["arxiv_daily_http_requests_total", "/", "200"] == 2
        assert "example.org" not in answer.text
        await here.web.post(here.links.unsubscribe(reader.id))
        assert 'status="active"' not in (await here.web.get("/metrics")).text
        for through in ("X-Forwarded-For", "Forwarded", "Via"):
            assert (await here.web.get("/metrics", headers={through: "10.0.0.1"})).status_code == 404


async def test_a_database_that_fails_is_a_page_and_tokens_are_in_no_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    async with web_site(tmp_path) as here:
        reader = await here.subscribed()
        links = (here.links.preferences(reader.id), here.links.unsubscribe(reader.id))
        async with database.writing(here.app.engine) as connection:
            await connection.execute(text("DROP TABLE deliveries"))
            await connection.execute(text("DROP TABLE subscribers"))
        for link in links:
            answer = await here.web.post(link, data=WISHES)
            assert (answer.status_code, "暂时无法处理" in answer.text) == (503, True)
        assert (await here.web.get("/metrics")).status_code == 503
        assert (await here.web.get("/health/live")).status_code == 200
    logged = "".join(capsys.readouterr()) + caplog.text
    assert "page_failed" in logged
    for secret in ("example.org", *(link.rpartition("/")[2] for link in links)):
        assert secret not in logged


async def test_no_path_is_logged_by_the_server(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    async with listening(Response("here"), "127.0.0.1", port), httpx.AsyncClient(timeout=300) as web:
        answer = await web.get(f"http://127.0.0.1:{port}/confirm/secret")
    assert (answer.text, "server" in answer.headers) == ("here", False)
    assert not any(
        "secret" in each.getMessage() for each in caplog.records if each.name.startswith("uvicorn")
    )


def test_a_network_is_an_address_or_a_subscribers_part_of_one() -> None:
    assert network("203.0.113.9") == network("::ffff:203.0.113.9") == "203.0.113.9"
    assert network("2001:db8:1:1:2::3") == network("2001:db8:1:1::") != network("2001:db8:1:2::")
    assert network("unix") == network("") == ""


async def status(url: str, *parts: bytes, times: int = 1) -> bytes:
    """Return the status line of the response to `parts`; the last is sent `times`, or until there is a response."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
    try:
        async with asyncio.timeout(300):
            with suppress(ConnectionError):
                for part in (*parts[:-1], *parts[-1:] * times):
                    writer.write(part)
                    await writer.drain()
            return await reader.readline()
    finally:
        writer.close()
