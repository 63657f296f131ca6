"""Topics that a person opens in the chat with the bot: one subscription, and answers where they were asked."""

from pathlib import Path

from tests.bot.telegram.crowd import broadcast
from tests.bot.telegram.talks import made, talking, told
from tests.bot.telegram.world import bot_world

SUBSCRIBED = "SELECT address, standing, hour FROM subscribers"


async def test_a_private_chat_is_one_subscription_and_each_topic_gets_its_own_answers(tmp_path: Path) -> None:
    async with talking(tmp_path, papers=1) as here:
        user = here.telegram.user(1001)
        threads = [user.chat.opens_topic() for _ in range(3)]
        for thread in (None, *threads):
            assert (await told(user, "/start", thread=thread)).thread == thread
        assert (await told(user, "/settings hour 07:30", thread=threads[0])).thread == threads[0]
        await user.says("2602.00001", thread=threads[1])
        assert {message.thread for message in await user.chat.waits_for(2)} == {threads[1]}
        assert (await told(user, "/today", thread=threads[2])).thread == threads[2]
        await here.until(SUBSCRIBED, [("1001", "active", "07:30")])
        user.chat.deletes_topic(threads[2])
        assert (await told(user, "/help", thread=threads[2])).thread is None


async def test_a_person_with_topics_gets_the_digest_once(tmp_path: Path) -> None:
    async with bot_world(tmp_path, papers=1) as here:
        user = here.telegram.user(1001)
        async with here.running():
            for thread in [user.chat.opens_topic() for _ in range(3)]:
                await told(user, "/start", thread=thread)
            await made(here)  # its campaign is queued too
            await broadcast(here, "Hello.")
            await here.until("SELECT state, count(*) FROM deliveries GROUP BY state", [("sent", 2)])
        assert sum(message.text == "Hello." for message in user.chat.shown) == 1
