"""Tests of editions as pages and as a feed, over real sockets."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from lxml import etree
from sqlalchemy import update

from bot.web.pages import ShortCache
from digest.db import editions
from digest.db import engine as database
from digest.db.tables import translations
from tests.bot.web_world import NOON, web_site

ATOM = "{http://www.w3.org/2005/Atom}"


async def test_an_edition_is_a_page_with_a_place_for_each_paper(tmp_path: Path) -> None:
    async with web_site(tmp_path, papers=2) as here:
        page = await here.web.get("/editions/2026-02-11")
        assert page.status_code == 200
        for shown in ('<html lang="zh-CN">', 'id="2602.00001"', "EchoNet-2", "<details>"):
            assert shown in page.text
        assert "style=" not in page.text
        assert page.headers["cache-control"] == "public, max-age=300"
        english = await here.web.get(here.links.edition(NOON.date(), "en"))
        assert '<html lang="en">' in english.text
        listed = await here.web.get("/editions/")
        assert 'href="/editions/2026-02-11?language=zh-CN"' in listed.text
        assert 'href="/editions/2026-02-11?language=zh-CN"' in (await here.web.get("/")).text
        for path in ("/editions/2026-02-12", "/editions/x", "/editions/2026-02-11/", "/editions/0001-01-01"):
            assert (await here.web.get(path)).status_code == 404


async def test_the_feed_is_atom_that_readers_take_and_need_not_take_twice(tmp_path: Path) -> None:
    async with web_site(tmp_path, papers=2) as here:
        answer = await here.web.get("/feed.atom?language=zh-CN")
        assert answer.headers["content-type"] == "application/atom+xml"
        feed = etree.fromstring(answer.content)
        assert feed.tag == f"{ATOM}feed"
        for needed in ("id", "title", "updated", "author/{ATOM}name"):
            assert feed.findtext(ATOM + needed.format(ATOM=ATOM))
        [entry] = feed.findall(f"{ATOM}entry")
        assert entry.findtext(f"{ATOM}id") == "tag:daily.example.org,2026:arxiv-daily/2026-02-11/zh-CN"
        assert entry.findtext(f"{ATOM}updated") == "2026-02-11T04:00:00+00:00"
        content = entry.find(f"{ATOM}content")
        assert content is not None
        assert content.get("type") == "html"
        shown = etree.HTML(content.text or "")
        assert len(shown.findall(".//article")) == 2
        links = [each.get("href") for each in shown.iterfind(".//a")]
        assert f"{entry.find(f'{ATOM}link').get('href')}#2602.00002" in links  # type: ignore[union-attr]
        tag, moment = answer.headers["etag"], answer.headers["last-modified"]
        assert moment == "Wed, 11 Feb 2026 04:00:00 GMT"
        for known in (
            {"If-None-Match": tag},
            {"If-None-Match": f'W/"x", W/{tag}'},
            {"If-Modified-Since": moment},
        ):
            again = await here.web.get("/feed.atom?language=zh-CN", headers=known)
            assert (again.status_code, again.content) == (304, b"")
        for other in (
            {"If-None-Match": '"x"'},
            {"If-None-Match": '"x"', "If-Modified-Since": moment},
            {"If-Modified-Since": "Tue, 10 Feb 2026 04:00:00 GMT"},
            {"If-Modified-Since": "never"},
        ):
            assert (await here.web.get("/feed.atom?language=zh-CN", headers=other)).status_code == 200


async def test_a_feed_in_another_language_is_another_feed_and_a_new_post_is_news(tmp_path: Path) -> None:
    async with web_site(tmp_path, papers=1) as here:
        chinese, english = [
            etree.fromstring((await here.web.get("/feed.atom", headers={"Accept-Language": each})).content)
            for each in ("zh-CN", "en")
        ]
        ids = {
            each.findtext(f"{ATOM}id")
            for each in (*chinese.iter(f"{ATOM}entry"), *english.iter(f"{ATOM}entry"))
        }
        assert len(ids) == 2
        assert chinese.findtext(f"{ATOM}id") != english.findtext(f"{ATOM}id")
        here.later(timedelta(hours=1))
        async with database.writing(here.app.engine) as connection:
            await editions.mark_archived(connection, NOON.date(), here.clock[0])
        newer = etree.fromstring((await here.web.get("/feed.atom?language=en")).content)
        assert newer.findtext(f"{ATOM}updated") == "2026-02-11T05:00:00+00:00"
        assert newer.findtext(f"{ATOM}entry/{ATOM}id") == english.findtext(f"{ATOM}entry/{ATOM}id")


async def test_without_editions_there_is_a_feed_and_a_list_all_the_same(tmp_path: Path) -> None:
    async with web_site(tmp_path) as here:
        feed = etree.fromstring((await here.web.get("/feed.atom")).content)
        assert feed.findall(f"{ATOM}entry") == []
        assert "暂无日报" in (await here.web.get("/editions/")).text


async def test_content_from_outside_is_text_and_nothing_else(tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script> ]]> {{ 1 }} \u202e&amp; \x0b<b>"
    async with web_site(tmp_path, papers=1) as here:
        async with database.writing(here.app.engine) as connection:
            await connection.execute(update(translations).values(abstract=hostile))
        page = (await here.web.get("/editions/2026-02-11?language=zh-CN")).text
        assert "<script" not in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt; ]]&gt; {{ 1 }}" in page
        feed = etree.fromstring((await here.web.get("/feed.atom?language=zh-CN")).content)
        content = etree.HTML(feed.findtext(f"{ATOM}entry/{ATOM}content") or "")
        assert content.find(".//script") is None
        assert "<script>alert(1)</script> ]]>" in "".join(content.itertext())


async def test_what_many_ask_for_is_made_once_and_anew_after_a_minute() -> None:
    now = [NOON]
    made: list[None] = []
    cache = ShortCache(lambda: now[0], timedelta(minutes=1))

    async def make() -> int:
        await asyncio.sleep(0)
        made.append(None)
        return len(made)

    async def fail() -> int:
        raise ValueError("no")

    assert await asyncio.gather(*(cache.get("a", make) for _ in range(5))) == [1] * 5
    now[0] += timedelta(seconds=59)
    assert await cache.get("a", make) == 1
    now[0] += timedelta(seconds=1)
    assert await cache.get("a", make) == 2
    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            await cache.get("b", fail)
    assert await cache.get("b", make) == 3
    for number in range(100):
        await cache.get(number, make)
    assert len(cache._kept) == 64
