"""A chat that chose rich messages: papers are shown in rich form, and in classic form if Telegram refuses that."""

from pathlib import Path

from tests.bot.telegram import transcript
from tests.bot.telegram.talks import old_paper, talking, told
from tests.bot.telegram.world import BotWorld
from tests.fakes import telegram_faults as faults
from tests.fakes.telegram_chats import Message
from tests.fakes.telegram_people import User

NOT_RICH = faults.status(400, "Bad Request: RICH_MESSAGE_INVALID")
REFUSED = frozenset({"rich_message_refused"})


async def person(here: BotWorld, *settings: str) -> User:
    """Return a person who has chosen rich messages, among other preferences."""
    user = here.telegram.user(1001)
    for setting in ("rich on", *settings):
        await told(user, f"/settings {setting}")
    return user


def made(message: Message) -> bool:
    return "EchoNet-9" in message.text and bool(message.buttons)


async def test_papers_readings_and_answers_are_rich(tmp_path: Path) -> None:
    async with talking(tmp_path, papers=2) as here:
        user = await person(here)
        digest = await told(user, "/today")
        await user.taps(digest, "2 · 详细解读")
        (reading,) = await user.chat.waits_for(1)
        assert reading.reply_to == digest.id
        assert [[text for text, _ in row] for row in reading.buttons] == [["提问"]]
        await user.says("2602.00001")
        card, below = await user.chat.waits_for(2)
        assert "EchoNet-1" in card.text
        await user.says("误差下降了吗？", reply_to=below)
        answer = await user.chat.waits_for(lambda message: "误差在每种情况下都下降了" in message.text)
        assert "Room 1" in answer.text
        assert all(message.rich for message in (digest, reading, card, below, answer))
        assert "<table>" in card.html
        assert "<ul><li>" in reading.html
        assert "<blockquote>" in answer.html
        assert transcript.picture(user.chat, tmp_path).stat().st_size > 20_000


async def test_a_reply_to_a_rich_digest_is_no_question_about_its_first_paper(tmp_path: Path) -> None:
    async with talking(tmp_path, papers=2) as here:
        user = await person(here)
        digest = await told(user, "/today")
        assert digest.rich
        await user.says("误差下降了吗？", reply_to=digest)
        assert "用法：/ask" in (await user.chat.waits_for(1))[0].text


async def test_the_status_message_becomes_a_rich_card_which_the_reading_takes_the_place_of(
    tmp_path: Path,
) -> None:
    async with talking(tmp_path, papers=1) as here:
        old_paper(here, 9)
        user = await person(here, "detail titles")
        status = await told(user, "2602.00009")
        card = await user.chat.waits_for(made)
        assert card.id == status.id
        assert card.rich
        (below,) = await user.chat.waits_for(1)
        assert below.rich
        await user.taps(await told(user, "/today"), "1")
        (opened,) = await user.chat.waits_for(1)
        await user.taps(opened, "详细解读")
        reading = await user.chat.waits_for(lambda message: message.id == opened.id)
        assert reading.rich
        assert "核心方法如何解决这些问题" in reading.text
        await user.taps(reading, "‹ 摘要")
        back = await user.chat.waits_for(lambda message: message.id == opened.id)
        assert (back.html, back.buttons) == (opened.html, opened.buttons)


async def test_a_refused_rich_message_is_classic_there_and_the_next_is_rich(tmp_path: Path) -> None:
    async with talking(tmp_path, papers=1, may_log=REFUSED) as here:
        user = await person(here, "detail titles")
        digest = await told(user, "/today")
        here.telegram.fail(NOT_RICH, method="sendRichMessage")
        await user.taps(digest, "1")
        (card,) = await user.chat.waits_for(1)
        assert card.rich is None
        here.telegram.fail(NOT_RICH, method="editMessageText")
        await user.taps(card, "详细解读")
        reading = await user.chat.waits_for(lambda message: message.edits == 1)
        assert (reading.id, reading.rich) == (card.id, None)
        assert "核心方法如何解决这些问题" in reading.text
        await user.taps(reading, "‹ 摘要")
        assert (await user.chat.waits_for(lambda message: message.edits == 2)).rich


async def test_a_server_that_knows_no_rich_messages_is_spoken_to_in_classic_ones(tmp_path: Path) -> None:
    async with talking(tmp_path, papers=1, may_log=REFUSED) as here:
        here.telegram.rich = False
        user = await person(here, "detail titles")
        await user.taps(await told(user, "/today"), "1")
        (card,) = await user.chat.waits_for(1)
        await user.taps(card, "详细解读")
        assert "核心方法" in (await user.chat.waits_for(lambda message: message.edits == 1)).text
        asked = [call for call in here.telegram.requests if call.parameters.get("rich_message")]
        assert [call.method for call in asked] == ["sendRichMessage"]
