"""A paper that is shown in its stored version, and the newer version that arXiv has."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from digest.core.models import VersionId
from tests.bot.telegram.talks import old_paper, talking, told
from tests.bot.telegram.test_on_demand import done
from tests.bot.telegram.world import BotWorld
from tests.bot.world import WEDNESDAY_NOON
from tests.fakes.documents import html_page
from tests.fakes.telegram_chats import Message
from tests.fakes.telegram_people import User


def replaced(here: BotWorld, version: int) -> None:
    """Let arXiv have that version of the only paper."""
    arxiv = here.machine.arxiv
    made = replace(
        arxiv.papers[-1],
        version=VersionId(arxiv.papers[-1].id, version),
        updated=WEDNESDAY_NOON - timedelta(days=version),
    )
    arxiv.papers[-1] = made
    arxiv.html[str(made.version)] = html_page(made.title, 9)


def offers(message: Message) -> list[str]:
    return [text for row in message.buttons for text, _ in row if "新版本" in text]


def looks(here: BotWorld) -> int:
    """Return how often arXiv was asked for any version of the paper."""
    return sum("id_list=2602.00009&" in f"{url}&" for url in map(str, here.machine.arxiv.requests))


async def is_made(here: BotWorld, user: User) -> None:
    """Wait until that person has the paper and its reading."""
    await user.says("2602.00009")
    await user.chat.waits_for(done(9))
    await user.chat.waits_for(1)
    await here.until("SELECT outcome FROM asks", [("answered",)])


async def test_the_stored_paper_comes_at_once_and_the_newer_version_is_a_button(tmp_path: Path) -> None:
    async with talking(tmp_path) as here:
        old_paper(here, 9)
        user = here.telegram.user(1001)
        await is_made(here, user)
        replaced(here, 3)
        card = await told(user, "2602.00009")
        assert not offers(card)
        shown = await user.chat.waits_for(lambda message: bool(offers(message)))
        assert (shown.id, offers(shown)) == (card.id, ["新版本 v3"])
        await user.taps(shown, "新版本 v3")
        newest = await user.chat.waits_for(
            lambda message: "2602.00009v3" in message.html and done(9)(message)
        )
        assert not offers(newest)


async def test_arxiv_is_asked_once_a_day_and_the_store_each_time(tmp_path: Path) -> None:
    async with talking(tmp_path) as here:
        old_paper(here, 9)
        user, other = here.telegram.user(1001), here.telegram.user(1002)
        await is_made(here, user)
        asked = looks(here)
        replaced(here, 2)
        for person in (user, other, user):
            await told(person, "2602.00009v1")
            shown = await person.chat.waits_for(lambda message: bool(offers(message)))
            assert offers(shown) == ["新版本 v2"]
        assert looks(here) == asked + 1
        here.clock.forward(days=1)
        replaced(here, 4)
        await told(user, "2602.00009v1")
        assert offers(await user.chat.waits_for(lambda message: bool(offers(message)))) == ["新版本 v4"]


async def test_an_arxiv_that_is_silent_costs_nothing_of_what_is_stored(tmp_path: Path) -> None:
    async with talking(tmp_path) as here:
        old_paper(here, 9)
        user = here.telegram.user(1001)
        await is_made(here, user)
        here.machine.arxiv.faults.extend(["503"] * 20)
        card = await told(user, "2602.00009")
        await user.chat.waits_for(1)
        assert done(9)(card)
        assert "您尚未订阅" in (await told(user, "/unsubscribe")).text
        assert not offers(user.chat.messages[card.id])
