"""Tests of the pages behind the link in each mail, over real sockets."""

import json
from datetime import date, time, timedelta
from pathlib import Path

from sqlalchemy import func, select

from bot.core.models import Detail, MailPurpose, Mark, Preferences, Sending, Subject, SubscriberStatus
from bot.db import campaigns, deliveries, signups
from bot.db.tables import deliveries as ledger
from digest.core.keywords import keyword
from digest.db import engine as database
from tests.bot.fanouts import fan_out
from tests.bot.web_world import NOON, WISHES, Site, web_site

CHANGED = {key: value for key, value in WISHES.items() if key != "address"} | {
    "categories": ["cs.SD"],
    "include": "TTS, 语音\nmusic",
    "exclude": "drone",
    "detail": "readings",
    "language": "en",
    "hour": "07:45",
    "zone": "Europe/Berlin",
    "pause": "2026-03-01",
}


async def give_out(here: Site) -> None:
    """Queue an edition for all who are subscribed."""
    async with database.writing(here.app.engine) as connection:
        sent = await campaigns.open_(connection, Subject.EDITION, date(2026, 2, 11), NOON, NOON)
        assert sent is not None
        await fan_out(connection, sent, lambda _hour, _zone: NOON, NOON)


async def test_all_that_was_chosen_is_shown_and_changed(tmp_path: Path) -> None:
    async with web_site(tmp_path) as here:
        before = await here.subscribed()
        link = here.links.preferences(before.id)
        page = await here.web.get(link)
        assert (page.status_code, "li@example.org" in page.text) == (200, True)
        assert page.headers["cache-control"] == "no-store"
        saved = await here.web.post(link, data=CHANGED)
        assert (saved.status_code, "设置已保存" in saved.text) == (200, True)
        after = await here.subscriber()
        assert after is not None
        words = (keyword("TTS"), keyword("语音"), keyword("music"))
        assert after.preferences == Preferences("en", Detail.READINGS, ("cs.SD",), words, (keyword("drone"),))
        assert (after.hour, after.zone.key) == (time(7, 45), "Europe/Berlin")
        assert after.paused_until == date(2026, 3, 1)
        again = (await here.web.get(f"{link}?language=en")).text
        for shown in (
            'value="07:45"',
            'value="Europe/Berlin"',
            'value="2026-03-01"',
            "TTS, 语音, music",
            "drone",
        ):
            assert shown in again
        assert again.count(" checked") == 3  # one category, one detail, one language


async def test_a_line_on_empty_days_is_chosen_by_a_box(tmp_path: Path) -> None:
    async with web_site(tmp_path) as here:
        link = here.links.preferences((await here.subscribed()).id)

        async def chosen(**fields: str) -> tuple[bool, bool]:
            """Return what is stored after that, and whether the box is ticked."""
            page = (await here.web.post(link, data=CHANGED | fields)).text
            box = page.partition('name="quiet"')[2].partition(">")[0]
            reader = await here.subscriber()
            assert reader is not None
            return reader.quiet_line, box.endswith(" checked")

        assert await chosen(quiet="on") == (True, True)
        assert await chosen() == (False, False)
        assert (await here.web.post(link, data=CHANGED | {"quiet": "maybe"})).status_code == 422
        assert await chosen() == (False, False)


async def test_a_field_that_holds_nothing_usable_changes_nothing_and_keeps_what_was_typed(
    tmp_path: Path,
) -> None:
    async with web_site(tmp_path) as here:
        before = await here.subscribed()
        link = here.links.preferences(before.id)
        faulty = await here.web.post(link, data=CHANGED | {"pause": "2020-01-01", "include": "<i>x</i>"})
        assert faulty.status_code == 422
        assert 'href="#pause"' in faulty.text
        assert "&lt;i&gt;x&lt;/i&gt;" in faulty.text
        assert await here.subscriber() == before


async def test_a_pause_that_is_over_is_not_shown_and_hinders_nothing(tmp_path: Path) -> None:
    async with web_site(tmp_path) as here:
        reader = await here.subscribed()
        await here.web.post(here.links.preferences(reader.id), data=CHANGED | {"pause": "2026-02-20"})
        here.later(timedelta(days=30))
        link = here.links.preferences(reader.id)
        assert "2026-02-20" not in (await here.web.get(link)).text
        assert (await here.web.post(link, data=CHANGED | {"pause": ""})).status_code == 200


async def test_all_data_are_given_out_and_then_deleted(tmp_path: Path) -> None:
    async with web_site(tmp_path) as here:
        reader = await here.subscribed()
        await give_out(here)
        link = here.links.preferences(reader.id)
        file = await here.web.get(f"{link}/data.json")
        assert file.headers["content-disposition"] == 'attachment; filename="arxiv-daily.json"'
        known = json.loads(file.text)
        assert known["mailbox"]["address"] == "li@example.org"
        assert known["mailbox"]["consent"] == "form"
        assert known["mailbox"]["made_at"] == known["mailbox"]["changed_at"] == str(NOON)
        assert [each["how"] for each in known["signups"]] == ["form"]
        assert known["signups"][0]["network"] == here.links.hashed("127.0.0.1")
        assert [each["edition_date"] for each in known["deliveries"]] == ["2026-02-11"]
        asked = await here.web.get(f"{link}/delete")
        assert (asked.status_code, await here.subscriber()) == (200, reader)
        assert (await here.web.post(f"{link}/delete")).status_code == 200
        assert await here.subscriber() is None
        async with database.reading(here.app.engine) as connection:
            assert await connection.scalar(select(func.count()).select_from(ledger)) == 0
            assert await signups.of_address(connection, "li@example.org") == []
        for address in (link, f"{link}/delete", f"{link}/data.json"):
            assert (await here.web.get(address)).status_code == 404


async def test_leaving_from_the_settings_ends_what_is_queued_too(tmp_path: Path) -> None:
    async with web_site(tmp_path) as here:
        reader = await here.subscribed()
        await give_out(here)
        page = await here.web.get(here.links.preferences(reader.id))
        leave = here.links.unsubscribe(reader.id).removeprefix(here.url)
        assert f'action="{leave}?language=zh-CN"' in page.text
        await here.web.post(leave)
        async with database.writing(here.app.engine) as connection:
            [queued] = await deliveries.due(connection, "mail", NOON, 10)
            assert (
                queued.subscriber.status is SubscriberStatus.LEFT
            )  # at which the outbox looks before each send
            assert await deliveries.mark(connection, [queued.id], Mark(Sending.SENDING), NOON) == set()
        page = await here.web.get(here.links.preferences(reader.id))
        assert "没有订阅" in page.text


async def test_a_link_that_is_too_old_leads_to_a_new_one_for_whoever_is_known(tmp_path: Path) -> None:
    async with web_site(tmp_path) as here:
        reader = await here.subscribed()
        link = here.links.preferences(reader.id)
        here.later(timedelta(days=91))
        old = await here.web.get(link)
        assert (old.status_code, "已过期" in old.text, "example.org" in old.text) == (410, True, False)
        assert (await here.web.post(link, data=CHANGED)).status_code == 410
        assert (await here.web.post(f"{link}/delete")).status_code == 410
        assert 'action="/preferences?language=zh-CN"' in old.text
        known = await here.web.post("/preferences", data={"address": "li@example.org"})
        foreign = await here.web.post("/preferences", data={"address": "wang@example.org"})
        assert (known.status_code, known.text) == (foreign.status_code, foreign.text)
        [letter] = await here.letters()
        assert (str(letter.mailbox), letter.letter) == ("li@example.org", MailPurpose.KNOWN)
        assert await here.subscriber() == reader
        wrong = await here.web.post("/preferences", data={"address": "nobody"})
        assert (wrong.status_code, "有效的邮箱地址" in wrong.text) == (422, True)


async def test_a_forged_link_opens_nothing(tmp_path: Path) -> None:
    async with web_site(tmp_path) as here:
        link = here.links.preferences((await here.subscribed()).id)
        wrong = here.links.unsubscribe(1).replace("unsubscribe", "preferences")
        for broken in (link[:-1], link.replace("/1.", "/2."), wrong):
            for path in ("", "/delete", "/data.json"):
                answer = await here.web.get(broken + path)
                assert (answer.status_code, "example.org" in answer.text) == (404, False)
            assert (await here.web.post(broken, data=CHANGED)).status_code == 404


async def test_an_old_link_after_deletion_and_a_new_signing_up_says_what_is_true(tmp_path: Path) -> None:
    async with web_site(tmp_path) as here:
        old = await here.subscribed()
        await here.web.post(f"{here.links.preferences(old.id)}/delete")
        new = await here.subscribed()
        for link in (here.links.preferences(old.id), here.links.unsubscribe(old.id)):
            shown = await here.web.get(link)
            assert (shown.status_code, "订阅已被删除" in shown.text) == (404, True)
        one_click = await here.web.post(here.links.unsubscribe(old.id))
        assert one_click.status_code == 200  # mail programs would try again
        assert "订阅已被删除" in one_click.text
        assert "已退订" not in one_click.text
        assert await here.subscriber() == new
        assert "li@example.org" in (await here.web.get(here.links.preferences(new.id))).text


async def test_pages_of_a_link_speak_the_language_that_its_owner_chose(tmp_path: Path) -> None:
    async with web_site(tmp_path) as here:
        await here.web.post("/", data=WISHES | {"language": "en"}, headers={"Accept-Language": "zh-CN"})
        confirmation = await here.confirmation()
        chinese = {"Accept-Language": "zh-CN"}
        spoken = [await here.web.get(confirmation, headers=chinese)]
        spoken.append(await here.web.post(confirmation, headers=chinese))
        spoken.append(await here.web.post(confirmation, headers=chinese))  # used
        reader = await here.subscriber()
        assert reader is not None
        settings, leave = here.links.preferences(reader.id), here.links.unsubscribe(reader.id)
        links = (settings, f"{settings}/delete", leave)
        spoken += [await here.web.get(link, headers=chinese) for link in links]
        spoken.append(await here.web.post(settings, data=CHANGED, headers=chinese))
        spoken.append(await here.web.post(leave, headers=chinese))
        spoken.append(await here.web.post(f"{settings}/delete", headers=chinese))
        assert [each.headers["content-language"] for each in spoken] == ["en"] * len(spoken)
        assert (await here.web.get("/", headers=chinese)).headers["content-language"] == "zh-CN"


async def test_another_language_can_be_had_of_a_page_by_its_address(tmp_path: Path) -> None:
    async with web_site(tmp_path) as here:
        link = here.links.preferences((await here.subscribed()).id)
        assert (await here.web.get(link, headers={"Accept-Language": "en"})).headers[
            "content-language"
        ] == "zh-CN"
        assert (await here.web.get(f"{link}?language=en")).headers["content-language"] == "en"
