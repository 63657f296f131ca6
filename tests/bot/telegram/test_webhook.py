"""Tests of updates that Telegram posts to a webhook."""

import socket
from pathlib import Path

import httpx
import pytest

from bot import settings as operators_settings
from bot.settings import SettingsError
from bot.web.webhook import PATH
from tests.bot.telegram.world import BotWorld, bot_world

SECRET = "a-secret-of-the-tests"
HEADER = "X-Telegram-Bot-Api-Secret-Token"


def pushed(here: BotWorld) -> tuple[str, dict[str, object]]:
    """Return a free address, and the settings that have updates posted there."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    return url, {"telegram_webhook_secret": SECRET, "public_url": url, "web_port": port}


async def test_a_conversation_goes_by_webhook_and_nothing_is_polled(tmp_path: Path) -> None:
    async with bot_world(tmp_path, papers=0) as here:
        user = here.telegram.user(1001)
        _, settings = pushed(here)
        async with here.running(listens_by="setWebhook", **settings):
            await user.says("/start")
            assert "您已订阅" in (await user.chat.waits_for(1))[0].text
        assert here.telegram.methods["getUpdates"] == 0


async def test_only_who_knows_the_secret_is_heard_and_nonsense_does_no_harm(tmp_path: Path) -> None:
    async with bot_world(tmp_path, papers=0) as here:
        user = here.telegram.user(1001)
        url, settings = pushed(here)
        async with (
            here.running(listens_by="setWebhook", **settings),
            httpx.AsyncClient(timeout=300) as client,
        ):

            async def posts(body: bytes, secret: str = SECRET) -> int:
                return (await client.post(url + PATH, content=body, headers={HEADER: secret})).status_code

            assert await posts(b"{}", "another") == 403
            assert await posts(b"{}", "") == 403
            assert await posts(b"{not json") == 400
            assert await posts(b"[]") == 400
            assert await posts(b'{"update_id": "x"}') == 400
            assert await posts(b"{}") == 400
            assert await posts(b'{"update_id": true}') == 400
            assert await posts(b'{"update_id": 9223372036854775808}') == 400
            assert await posts(b'{"update_id": -' + b"9" * 5_000 + b"}") == 400
            assert await posts(b'{"update_id": 5, "message": ' + b"[" * 400_000) == 400
            assert await posts(b'{"update_id": 5, "x": ' + b'{"a":' * 950 + b"1" + b"}" * 951) == 400
            assert await posts(b'{"update_id": 6, "message": NaN}') == 400
            assert await posts(b'{"update_id": 9223372036854775807}') == 200
            assert await posts(b'{"update_id": 7, "message": {"date": 1e999}}') == 400
            assert await posts(b'{"update_id": 7, "message": {"date": 1e300, "chat": {"id": 1e300}}}') == 200
            assert await posts(b'{"update_id": 5, "message": {"x": [1]}}') == 200
            assert await posts(b"\xff\xfe") == 400
            assert await posts(b" " * 2_000_000) == 413
            assert (await client.get(url + PATH)).status_code == 405
            await user.says("/help")
            assert await user.chat.waits_for(1)


async def test_an_update_that_comes_twice_is_acted_on_once(tmp_path: Path) -> None:
    async with bot_world(tmp_path, papers=0) as here:
        user = here.telegram.user(1001)
        async with here.running():
            await user.says("/help")
            await user.chat.waits_for(1)
        message = {
            "message_id": 99,
            "date": 1,
            "chat": user.chat.json,
            "from": user.json,
            "text": "/help",
            "entities": [{"type": "bot_command", "offset": 0, "length": 5}],
        }
        url, settings = pushed(here)
        async with (
            here.running(listens_by="setWebhook", **settings),
            httpx.AsyncClient(timeout=300) as client,
        ):
            for _ in range(2):
                body = {"update_id": 777_000, "message": message}
                assert (await client.post(url + PATH, json=body, headers={HEADER: SECRET})).status_code == 200
            await user.chat.waits_for(1)
            await user.says("/search")
            await user.chat.waits_for(1)
        assert sum("/today" in message.text for message in user.chat.shown) == 2


async def test_a_webhook_needs_an_address_and_a_secret_that_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TELEGRAM_WEBHOOK_SECRET", SECRET)
    with pytest.raises(SettingsError, match="PUBLIC_URL"):
        operators_settings.load()
    monkeypatch.setenv("TELEGRAM_WEBHOOK_SECRET", "short")
    with pytest.raises(SettingsError, match="16 to 256"):
        operators_settings.load()


async def test_an_update_that_the_library_cannot_read_is_taken_and_not_sent_again(tmp_path: Path) -> None:
    async with bot_world(tmp_path, papers=0) as here:
        user = here.telegram.user(1001)
        _, settings = pushed(here)
        async with here.running(listens_by="setWebhook", **settings):
            await here.telegram.send_update({"message": {"poll": {}}})
            await user.says("/help")
            await user.chat.waits_for(1)
        assert {status for _, status in here.telegram.updates.posted} == {200}


async def test_a_conversation_by_webhook_has_papers_taps_and_the_digest(tmp_path: Path) -> None:
    async with bot_world(tmp_path, papers=1) as here:
        user = here.telegram.user(1001)
        _, settings = pushed(here)
        async with here.running(listens_by="setWebhook", **settings):
            await user.says("/start")
            digest = await user.chat.waits_for(lambda message: "共 1 篇" in message.text)
            await user.taps(digest, "1 · 详细解读")
            await user.chat.waits_for(lambda message: "核心方法如何解决这些问题" in message.text)
            assert here.telegram.updates.webhook is not None
            assert here.telegram.updates.webhook.secret == SECRET
        async with here.running():  # back to polling: the webhook is deleted first
            assert here.telegram.updates.webhook is None
            await user.says("/help")
            await user.chat.waits_for(lambda message: "/today" in message.text)
