"""The pages in a real browser, with no script: by mouse, by keyboard, on a phone, in the dark, in both languages."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from playwright.async_api import ConsoleMessage, Page, expect

from bot.core.mailboxes import Mailbox
from bot.core.models import Part, SubscriberStatus
from bot.mail.transactional import TransactionalMail
from tests.bot.web_world import Site, web_site
from tests.browser import chromium, overflows, window

SAID = {
    "zh-CN": {
        "address": "邮箱地址",
        "subscribe": "订阅",
        "sent": "请查看您的邮箱",
        "confirm": "确认订阅",
        "confirmed": "订阅成功",
        "settings": "修改设置",
        "titles": "标题",
        "save": "保存",
        "saved": "设置已保存",
        "unsubscribe": "退订",
        "left": "已退订",
    },
    "en": {
        "address": "Email address",
        "subscribe": "Subscribe",
        "sent": "Check your mailbox",
        "confirm": "Yes, subscribe",
        "confirmed": "You are subscribed",
        "settings": "Change your settings",
        "titles": "Titles",
        "save": "Save",
        "saved": "Your settings are saved",
        "unsubscribe": "Unsubscribe",
        "left": "You are unsubscribed",
    },
}


@pytest.mark.parametrize("language", ["zh-CN", pytest.param("en", marks=pytest.mark.play)])
async def test_one_signs_up_confirms_chooses_again_by_keyboard_and_leaves(
    tmp_path: Path, language: str
) -> None:
    said = SAID[language]
    async with web_site(tmp_path) as here, chromium() as browser, window(browser, locale=language) as page:
        await page.goto(here.url)
        await expect(page.locator("html")).to_have_attribute("lang", language)
        await page.get_by_label(said["address"]).fill("li@example.org")
        await page.get_by_label("cs.SD").uncheck()
        await page.get_by_role("button", name=said["subscribe"], exact=True).click()
        await expect(page.get_by_role("heading", name=said["sent"])).to_be_visible()

        await page.goto(await posted(here))
        await page.get_by_role("button", name=said["confirm"]).click()
        await expect(page.get_by_role("heading", name=said["confirmed"])).to_be_visible()

        await page.get_by_role("link", name=said["settings"]).click()
        await expect(page.get_by_role("button", name=said["save"])).to_be_visible()
        await tab_to(page, "detail")
        await page.keyboard.press("ArrowUp")  # from abstracts to titles
        await tab_to(page, "zone")
        await page.keyboard.type("Europe/Berlin")
        await tab_to(page, said["save"])
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("status")).to_contain_text(said["saved"])
        chosen = await here.subscriber()
        assert chosen is not None
        assert (chosen.preferences.detail, chosen.preferences.categories) == ("titles", ("eess.AS",))
        assert chosen.zone.key == "Europe/Berlin"
        assert chosen.preferences.language == language

        await page.goto(here.links.unsubscribe(chosen.id))
        await page.get_by_role("button", name=said["unsubscribe"]).click()
        await expect(page.get_by_role("heading", name=said["left"])).to_be_visible()
        left = await here.subscriber()
        assert left is not None
        assert left.status is SubscriberStatus.LEFT


async def posted(here: Site) -> str:
    """Return the link in the mail that is sent."""
    links = []

    async def post(part: Part, *, to: Mailbox, number: int) -> None:
        assert str(to) == "li@example.org"
        links.append(here.links.confirm(number))

    await TransactionalMail(here.app.engine, here.links, post, here.app.clock).send_due()
    return links[0]


FOCUSED = """() => {
    const it = document.activeElement, marked = it.closest(".choice") ?? it;
    return [it.name ?? "", it.innerText.trim(), getComputedStyle(marked).outlineWidth];
}"""


async def tab_to(page: Page, wanted: str) -> None:
    """Press Tab until the field of that name, or a button with that text, has the focus; assert that it is visible."""
    for _ in range(60):
        await page.keyboard.press("Tab")
        name, text, outline = await page.evaluate(FOCUSED)
        if wanted in (name, text):
            assert outline == "3px"
            return
    pytest.fail(f"Tab never comes to {wanted}")


@pytest.mark.play
async def test_what_was_typed_is_kept_where_something_is_to_be_mended(tmp_path: Path) -> None:
    async with web_site(tmp_path) as here, chromium() as browser, window(browser) as page:
        await page.goto(f"{here.url}/?language=en")
        await page.get_by_label("Email address").fill("li@例子.中国")
        await page.get_by_label("Keywords").fill("<b>语音</b>, TTS")
        await page.get_by_label("Time zone").fill("Atlantis")
        await page.get_by_role("button", name="Subscribe").click()
        await expect(page.get_by_role("alert")).to_contain_text("Time zone")
        await expect(page.get_by_label("Keywords")).to_have_value("<b>语音</b>, TTS")
        await expect(page.get_by_label("Time zone")).to_have_attribute("aria-invalid", "true")
        await page.get_by_role("alert").get_by_role("link").click()
        await page.get_by_label("Time zone").fill("Berlin")
        await page.get_by_role("button", name="Subscribe").click()
        await expect(page.get_by_role("heading", name="Check your mailbox")).to_be_visible()
        [asked] = await here.letters()
        assert str(asked.mailbox) == "li@xn--fsqu00a.xn--fiqs8s"


@pytest.mark.play
async def test_data_are_downloaded_and_deleted_after_a_question(tmp_path: Path) -> None:
    async with web_site(tmp_path) as here, chromium() as browser, window(browser, locale="en") as page:
        reader = await here.subscribed()
        await page.goto(f"{here.links.preferences(reader.id)}?language=en")
        async with page.expect_download() as download:
            await page.get_by_role("link", name="Download as a file").click()
        assert (await download.value).suggested_filename == "arxiv-daily.json"
        await page.get_by_role("link", name="Delete everything").click()
        await page.get_by_role("button", name="Delete everything").click()
        await expect(page.get_by_role("heading", name="Everything is deleted")).to_be_visible()
        assert await here.subscriber() is None


@pytest.mark.play
async def test_the_pages_fit_a_phone_and_a_desk_by_day_and_by_night(tmp_path: Path) -> None:
    async with web_site(tmp_path, papers=2) as here, chromium() as browser:
        reader = await here.subscribed(
            "somebody.with.a.very.long.name@a-very-long-domain-of-some-institute.example.org"
        )
        pages = dict(views(here, reader.id))
        for width in (360, 1200):
            for dark in (False, True):
                async with window(browser, width=width, dark=dark) as page:
                    said = heard(page)
                    for name, address in pages.items():
                        await page.goto(address)
                        assert not await overflows(page), (name, width)
                        path = tmp_path / f"{name}-{width}-{'dark' if dark else 'light'}.png"
                        await page.screenshot(path=path, full_page=True)
                    # Nothing that the policy forbids, and nothing missing but the page that is forged.
                    assert [each.text for each in said] == [
                        "Failed to load resource: the server responded with a status of 404 (Not Found)"
                    ]


def heard(page: Page) -> list[ConsoleMessage]:
    """Collect the browser's complaints from now on."""
    said: list[ConsoleMessage] = []
    page.on("console", lambda message: said.append(message))  # noqa: PLW0108 - it takes no method of a list
    return said


def views(here: Site, number: int) -> Iterator[tuple[str, str]]:
    """Return every page that a person may see."""
    here.later(timedelta(seconds=1))
    yield "home", here.url
    yield "home-en", f"{here.url}/?language=en"
    yield "preferences", here.links.preferences(number)
    yield "delete", f"{here.links.preferences(number)}/delete?language=en"
    yield "unsubscribe", here.links.unsubscribe(number)
    yield "link", f"{here.url}/preferences"
    yield "forged", f"{here.url}/confirm/1.x"
    yield "editions", f"{here.url}/editions/"
    yield "edition", here.links.edition(date(2026, 2, 11), "zh-CN")
