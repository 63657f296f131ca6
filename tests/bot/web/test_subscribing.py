"""Tests of sign-up, confirmation and unsubscribing, over real sockets."""

import re
from datetime import time, timedelta
from pathlib import Path

import httpx

from bot.core.models import Consent, Detail, MailPurpose, SubscriberStatus
from bot.db import deliveries
from bot.delivery import fanout
from digest.db import engine as database
from tests.bot.web_world import NOON, WISHES, web_site


def text(response: httpx.Response) -> str:
    """Return the page without its tags."""
    return re.sub(r"<[^>]+>", "", response.text)


async def test_an_address_is_subscribed_by_the_button_behind_the_letter_and_by_nothing_before(
    tmp_path: Path,
) -> None:
    async with web_site(tmp_path) as here:
        wishes = WISHES | {
            "include": "语音\nTTS, 语音",
            "detail": "readings",
            "hour": "07:45",
            "zone": "berlin",
            "quiet": "on",
        }
        answer = await here.web.post("/", data=wishes)
        assert answer.status_code == 200
        assert "请查看您的邮箱" in text(answer)
        assert here.woken
        link = await here.confirmation()
        for _ in range(2):  # mail scanners open links
            page = await here.web.get(link)
            assert (page.status_code, "<button" in page.text) == (200, True)
        assert await here.subscriber() is None
        done = await here.web.post(link)
        assert (done.status_code, "订阅成功" in text(done), "07:45" in text(done)) == (200, True, True)
        found = await here.subscriber()
        assert found is not None
        assert [each.text for each in found.preferences.include] == ["语音", "TTS"]
        assert (found.preferences.detail, found.preferences.categories) == (Detail.READINGS, ())
        assert (found.hour, found.zone.key) == (time(7, 45), "Europe/Berlin")
        assert found.quiet_line
        assert (found.status, found.consent) == (SubscriberStatus.ACTIVE, Consent(NOON, "form"))


async def test_the_newsletters_own_addresses_get_the_same_answer_and_no_letter(tmp_path: Path) -> None:
    own = ("daily@example.org", "us@example.org", "back@example.org")
    async with web_site(tmp_path, mail_from=own[0], mail_reply_to=own[1], mail_bounces=own[2]) as here:
        answers = [
            (await here.web.post("/", data=WISHES | {"address": each})).text
            for each in ("li@example.org", *own, "back+u7.abc@example.org")
        ]
        assert len(set(answers)) == 1
        assert [str(each.mailbox) for each in await here.letters()] == ["li@example.org"]


async def test_a_link_to_confirm_works_once_for_two_days_and_only_whole(tmp_path: Path) -> None:
    async with web_site(tmp_path) as here:
        await here.web.post("/", data=WISHES)
        link = await here.confirmation()
        for broken in (
            link[:-1],
            f"{link}x",
            link.replace("/confirm/1.", "/confirm/2."),
            f"{here.url}/confirm/x",
        ):
            for answer in (await here.web.get(broken), await here.web.post(broken)):
                assert (answer.status_code, "链接无效" in text(answer)) == (404, True)
        foreign = here.links.unsubscribe(1).replace("unsubscribe", "confirm")
        assert (await here.web.post(foreign)).status_code == 404
        assert await here.subscriber() is None
        assert (await here.web.post(link)).status_code == 200
        for answer in (await here.web.get(link), await here.web.post(link)):
            assert (answer.status_code, "已使用过" in text(answer)) == (410, True)
        await here.web.post("/", data=WISHES | {"address": "wang@example.org"})
        late = await here.confirmation()
        here.later(timedelta(days=2, minutes=1))
        for answer in (await here.web.get(late), await here.web.post(late)):
            assert (answer.status_code, "已过期" in text(answer)) == (410, True)
        assert await here.subscriber("wang@example.org") is None


async def test_the_answer_tells_nothing_of_an_address(tmp_path: Path) -> None:
    async with web_site(tmp_path) as here:
        left = await here.subscribed("left@example.org")
        await here.web.post(here.links.unsubscribe(left.id))
        await here.subscribed()
        addresses = ("li@example.org", "LI@Example.ORG", "new@example.org", "left@example.org")
        answers = [await here.web.post("/", data=WISHES | {"address": each}) for each in addresses]
        answers += [await here.web.post("/", data=WISHES) for _ in range(9)]  # beyond the limits
        assert len({(each.status_code, each.text) for each in answers}) == 1
        told = {(str(each.mailbox), each.letter) for each in await here.letters()}
        assert told == {
            ("li@example.org", MailPurpose.KNOWN),
            ("new@example.org", MailPurpose.CONFIRM),
            ("left@example.org", MailPurpose.CONFIRM),
        }
        links = [
            await here.web.post("/preferences", data={"address": each}) for each in (*addresses, "x@y.org")
        ]
        assert len({(each.status_code, each.text) for each in links}) == 1


async def test_whoever_fills_in_what_people_do_not_see_is_thanked_and_forgotten(tmp_path: Path) -> None:
    async with web_site(tmp_path) as here:
        answer = await here.web.post("/", data=WISHES | {"website": "https://spam.example"})
        assert answer.text == (await here.web.post("/", data=WISHES)).text
        assert len(await here.letters()) == 1


async def test_a_network_is_counted_as_the_proxy_before_us_names_it(tmp_path: Path) -> None:
    async with web_site(tmp_path) as here:
        for number in range(25):
            await here.web.post(
                "/",
                data=WISHES | {"address": f"a{number}@example.org"},
                headers={"X-Forwarded-For": f"203.0.113.9, 2001:db8:1:1::{number:x}"},
            )
        assert len(await here.letters()) == 20
        await here.web.post("/", data=WISHES, headers={"X-Forwarded-For": "2001:db8:1:2::1"})
        assert len(await here.letters()) == 21


NO_ADDRESSES = (
    "",
    "li",
    "li@example.org\r\nBcc: all@example.org",
    "li@example.org\nli@example.com",
    '"li wang"@example.org',
    "李@example.org",
    f"li@{'a' * 60}.{'b' * 60}.{'c' * 60}.{'d' * 60}.{'e' * 10}.org",
    "li@example.org, wang@example.org",
    "<script>alert(1)</script>@example.org",
)


async def test_what_is_no_address_is_said_beside_its_field_and_what_was_typed_is_kept(tmp_path: Path) -> None:
    async with web_site(tmp_path) as here:
        for address in NO_ADDRESSES:
            answer = await here.web.post(
                "/", data=WISHES | {"address": address, "include": "</textarea><b>x"}
            )
            assert answer.status_code == 422
            assert "请填写有效的邮箱地址" in text(answer)
            assert 'aria-invalid="true"' in answer.text
            assert "<script>" not in answer.text
            assert "&lt;/textarea&gt;&lt;b&gt;x" in answer.text
        assert await here.letters() == []


async def test_addresses_of_other_scripts_and_of_every_length_are_taken(tmp_path: Path) -> None:
    longest = f"{'l' * 60}@{'a' * 60}.{'b' * 60}.{'c' * 60}.org"
    assert len(longest) <= 254
    async with web_site(tmp_path) as here:
        for address in ("li@例子.中国", longest, "li+news@example.org"):
            assert (await here.web.post("/", data=WISHES | {"address": address})).status_code == 200
        kept = {str(each.mailbox) for each in await here.letters()}
        assert kept == {"li@xn--fsqu00a.xn--fiqs8s", longest, "li+news@example.org"}


UNUSABLE = (
    ("hour", "25:00"),
    ("zone", "Asia/Atlantis"),
    ("zone", ""),
    ("detail", "everything"),
    ("language", "xx"),
    ("categories", "cs.XX"),
    ("include", "!!!"),
    ("exclude", "x" * 101),
    ("include", "\n".join(f"word{number}" for number in range(51))),
)


async def test_a_field_that_holds_nothing_usable_is_named(tmp_path: Path) -> None:
    async with web_site(tmp_path) as here:
        for field, value in UNUSABLE:
            answer = await here.web.post("/?language=en", data=WISHES | {field: value})
            assert answer.status_code == 422
            assert f'<a href="#{field}">' in answer.text
            assert f'id="{field}-fault"' in answer.text
            assert 'value="li@example.org"' in answer.text
        assert await here.letters() == []


async def test_signs_that_nobody_sees_are_left_out_of_keywords(tmp_path: Path) -> None:
    async with web_site(tmp_path) as here:
        include = "\u202egnp.exe\u2066, <b>TTS</b>\x00, a\u200bb"
        await here.web.post("/", data=WISHES | {"include": include})
        [asked] = await here.letters()
        assert asked.preferences is not None
        assert [each.text for each in asked.preferences.preferences.include] == [
            "gnp.exe",
            "<b>TTS</b>",
            "ab",
        ]


async def test_a_mail_program_unsubscribes_by_one_post_as_often_as_it_likes(tmp_path: Path) -> None:
    async with web_site(tmp_path) as here:
        link = here.links.unsubscribe((await here.subscribed()).id)
        page = await here.web.get(link)
        assert (page.status_code, "<button" in page.text) == (200, True)
        assert (await here.subscriber()).status is SubscriberStatus.ACTIVE  # type: ignore[union-attr]
        one_click = {"List-Unsubscribe": "One-Click"}
        answers = [
            await here.web.post(link, data=one_click),
            await here.web.post(link, files={name: (None, value) for name, value in one_click.items()}),
            await here.web.post(link),
            await here.web.post(link, content=b"\xff" * 1000),
        ]
        assert {each.status_code for each in answers} == {200}
        assert not any("set-cookie" in each.headers for each in answers)
        assert (await here.subscriber()).status is SubscriberStatus.LEFT  # type: ignore[union-attr]


async def test_an_earlier_delivery_time_of_a_new_sign_up_holds_for_the_edition_that_waits(
    tmp_path: Path,
) -> None:
    async with web_site(tmp_path) as here:
        await here.web.post("/", data=WISHES | {"hour": "20:00"})
        await here.web.post(await here.confirmation())
        await fanout.open_edition(here.app.engine, NOON.date(), NOON, NOON)
        reader = await here.subscriber()
        assert reader is not None
        await here.web.post(here.links.unsubscribe(reader.id))
        await here.web.post("/", data=WISHES | {"hour": "13:00"})
        await here.web.post(await here.confirmation())
        async with database.reading(here.app.engine) as connection:
            assert await deliveries.next_at(connection) == NOON + timedelta(hours=1)


async def test_an_unsubscribe_link_that_is_none_of_ours_says_nothing(tmp_path: Path) -> None:
    async with web_site(tmp_path) as here:
        reader = await here.subscribed()
        for token in ("1", "1.x", "999.AAAA", "%00", "a" * 5000, "../../etc/passwd"):
            for answer in (
                await here.web.get(f"/unsubscribe/{token}"),
                await here.web.post(f"/unsubscribe/{token}"),
            ):
                assert answer.status_code == 404
                assert "example.org" not in answer.text
        left = await here.web.post(here.links.unsubscribe(reader.id))
        assert left.text == (await here.web.post(here.links.unsubscribe(reader.id))).text
