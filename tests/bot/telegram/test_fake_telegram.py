"""Tests of the fake Telegram, on which the tests of the bot depend."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from telegram import InlineKeyboardButton, InlineKeyboardMarkup, Update
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
)
from telegram.ext import Application, ApplicationBuilder, CallbackQueryHandler, MessageHandler, filters

from tests.fakes import telegram_faults as faults
from tests.fakes.server import serving
from tests.fakes.telegram import TOKEN, FakeTelegram
from tests.fakes.telegram_errors import BotApiError
from tests.fakes.telegram_html import parsed
from tests.fakes.telegram_keyboards import checked
from tests.fakes.telegram_people import User

JSON = {"Content-Type": "application/json"}

App = Application[Any, Any, Any, Any, Any, Any]


class Clock:
    """Monotonic seconds that pass only when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def fake() -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram(limits=False) as fake:
        yield fake


@pytest.fixture
async def api(fake: FakeTelegram) -> AsyncIterator["Api"]:
    async with calling(fake) as api:
        yield api


@pytest.fixture
def user(fake: FakeTelegram) -> User:
    return fake.user(5, started=True)


class Api:
    """A client that calls methods with JSON bodies."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def __call__(self, method: str, **parameters: Any) -> dict[str, Any]:
        answer = (await self.client.post(f"/bot{TOKEN}/{method}", json=parameters)).json()
        assert isinstance(answer, dict)
        return answer

    async def sends(self, text: str, chat_id: int | str = 5, **parameters: Any) -> dict[str, Any]:
        return await self("sendMessage", chat_id=chat_id, text=text, **parameters)

    async def refusal(self, method: str, **parameters: Any) -> str:
        answer = await self(method, **parameters)
        assert answer["ok"] is False
        return str(answer["description"])


@asynccontextmanager
async def calling(fake: FakeTelegram) -> AsyncIterator[Api]:
    async with httpx.AsyncClient(base_url=fake.url, timeout=300, trust_env=False) as client:
        yield Api(client)


def application(fake: FakeTelegram) -> App:
    """Return a bot that echoes, and answers taps with their data."""

    async def echo(update: Update, context: Any) -> None:
        del context
        assert update.effective_message is not None
        button = InlineKeyboardButton("again", callback_data="again:1")
        text = update.effective_message.text or "?"
        await update.effective_message.reply_text(text, reply_markup=InlineKeyboardMarkup([[button]]))

    async def tapped(update: Update, context: Any) -> None:
        del context
        assert update.callback_query is not None
        await update.callback_query.answer(update.callback_query.data)
        await update.callback_query.edit_message_text("tapped")

    app: App = ApplicationBuilder().token(TOKEN).base_url(f"{fake.url}/bot").build()
    app.add_handler(MessageHandler(filters.TEXT, echo))
    app.add_handler(CallbackQueryHandler(tapped))
    return app


@asynccontextmanager
async def polling(fake: FakeTelegram) -> AsyncIterator[App]:
    app = application(fake)
    async with app:
        assert app.updater is not None
        await app.start()
        await app.updater.start_polling(timeout=10)
        try:
            yield app
        finally:
            await app.updater.stop()
            await app.stop()


async def test_a_bot_converses_by_polling(fake: FakeTelegram) -> None:
    user = fake.user(5)
    async with polling(fake):
        said = await user.says("你好 /help")
        (answer,) = await user.chat.waits_for(1)
        query = await user.taps(answer, "again")
        edited = await user.chat.waits_for(lambda message: message.text == "tapped")
    assert (answer.text, answer.buttons) == ("你好 /help", [[("again", "again:1")]])
    assert [message.text for message in user.chat.shown] == [said.text, "tapped"]
    assert (edited.edits, edited.buttons) == (1, [])
    assert [(one.query_id, one.text) for one in fake.answers] == [(query, "again:1")]
    assert not fake.unknown_parameters


async def test_a_bot_hears_by_webhook_and_once_more_after_a_failure(fake: FakeTelegram) -> None:
    app, seen = application(fake), []
    user = fake.user(5)

    async def hook(request: Request) -> Response:
        seen.append(request.headers["X-Telegram-Bot-Api-Secret-Token"])
        if len(seen) == 1:
            return Response(status_code=500)
        await app.update_queue.put(Update.de_json(await request.json(), app.bot))
        return Response()

    async with serving(Starlette(routes=[Route("/hook", hook, methods=["POST"])])) as url, app:
        await app.start()
        await app.bot.set_webhook(f"{url}/hook", secret_token="s3cret")
        await user.says("hello")
        (answer,) = await user.chat.waits_for()
        assert (await app.bot.get_webhook_info()).url == f"{url}/hook"
        await app.bot.delete_webhook()
        await app.stop()
    assert answer.text == "hello"
    assert seen == ["s3cret", "s3cret"]
    (first, refused), (second, taken) = fake.updates.posted
    assert (first, refused, taken) == (second, 500, 200)


async def test_polling_and_a_webhook_exclude_each_other(api: Api) -> None:
    await api("setWebhook", url="https://bot.example/hook")
    assert "webhook is active" in await api.refusal("getUpdates")
    assert "HTTPS" in await api.refusal("setWebhook", url="http://bot.example/hook")
    assert "ports" in await api.refusal("setWebhook", url="https://bot.example:9999/hook")
    await api("deleteWebhook")
    assert (await api("getUpdates"))["result"] == []


async def test_a_second_poll_ends_the_first(fake: FakeTelegram, api: Api, user: User) -> None:
    first = asyncio.create_task(api("getUpdates", timeout=30))
    await fake.is_asked("getUpdates")
    second = asyncio.create_task(api("getUpdates", timeout=30))
    assert (await first)["error_code"] == 409
    await user.says("hi")
    assert len((await second)["result"]) == 1


async def test_updates_are_confirmed_by_the_offset(api: Api, user: User) -> None:
    for text in ("a", "b", "c"):
        await user.says(text)
    first, second = (await api("getUpdates", limit=2))["result"]
    assert second["update_id"] == first["update_id"] + 1
    left = (await api("getUpdates", offset=second["update_id"] + 1))["result"]
    assert [update["message"]["text"] for update in left] == ["c"]
    assert (await api("getUpdates", offset=left[0]["update_id"] + 1))["result"] == []


async def test_only_the_updates_that_were_asked_for_come(fake: FakeTelegram, api: Api, user: User) -> None:
    await api("getUpdates", allowed_updates=["callback_query"])
    await user.says("not heard")
    assert fake.updates.pending == []


async def test_the_token_and_the_method_must_be_known(api: Api) -> None:
    wrong = await api.client.post("/bot1:wrong/getMe")
    assert (wrong.status_code, wrong.json()["description"]) == (401, "Unauthorized")
    unknown = await api.client.post(f"/bot{TOKEN}/sendTelepathy")
    assert (unknown.status_code, unknown.json()["description"]) == (404, "Not Found")


async def test_all_three_bodies_are_read_alike(fake: FakeTelegram, api: Api, user: User) -> None:
    keyboard = json.dumps({"force_reply": True})
    form = {"chat_id": "5", "text": "12", "reply_markup": keyboard, "wings": "true"}
    url = f"/bot{TOKEN}/sendMessage"
    for body in ({"data": form}, {"json": form}, {"data": form, "files": {"x": ("x", b"x")}}):
        assert (await api.client.post(url, **body)).json()["ok"]
    assert [message.text for message in user.chat.shown] == ["12"] * 3
    assert {json.dumps(parameters) for _, parameters, _ in fake.requests} == {
        json.dumps({"chat_id": 5, "text": "12", "reply_markup": {"force_reply": True}, "wings": True})
    }
    assert fake.unknown_parameters == {("sendMessage", "wings"): 3}


HTML = [
    ("<b>A</b> &lt;&#x41;&#66;&quot;&amp;", 'A <AB"&', [("bold", 0, 1)]),
    ("😀<i>é<u>x</u></i>", "😀éx", [("italic", 2, 2), ("underline", 3, 1)]),
    ('<a href="https://arxiv.org/?a=1&amp;b=2">x</a>', "x", [("text_link", 0, 1)]),
    ("<a href='ftp://host/'>x</a>", "x", []),
    ("<pre><code class='language-python'>x = 1</code></pre>", "x = 1", [("pre", 0, 5)]),
    (
        "<blockquote expandable>a <code>b</code></blockquote>",
        "a b",
        [("expandable_blockquote", 0, 3), ("code", 2, 1)],
    ),
    (
        '<span class="tg-spoiler">x</span><tg-spoiler>y</tg-spoiler>',
        "xy",
        [("spoiler", 0, 1), ("spoiler", 1, 1)],
    ),
    ('<tg-emoji emoji-id="5">👍</tg-emoji>', "👍", [("custom_emoji", 0, 2)]),
    ('<tg-time unix="1647531900" format="wDT">now</tg-time>', "now", [("date_time", 0, 3)]),
    ("\n <b>  x  </b>\n", "x", [("bold", 0, 1)]),
    ("<b></b>x<s></s>", "x", []),
]


@pytest.mark.parametrize(("source", "text", "entities"), HTML)
def test_html_is_read_as_telegram_does(source: str, text: str, entities: list[tuple[str, int, int]]) -> None:
    shown, found = parsed(source)
    assert shown == text
    assert [(one["type"], one["offset"], one["length"]) for one in found] == entities


def test_what_a_tag_says_beside_its_place_is_kept() -> None:
    assert parsed('<a href="tg://user?id=5">x</a>')[1][0]["user"]["id"] == 5
    assert parsed('<pre><code class="language-c">x</code></pre>')[1][0]["language"] == "c"
    assert parsed('<tg-time unix="7" format="r">x</tg-time>')[1][0] == {
        "type": "date_time", "offset": 0, "length": 1, "unix_time": 7, "date_time_format": "r",
    }  # fmt: skip


BROKEN = [
    ("<p>x</p>", 'Unsupported start tag "p" at byte offset 0'),
    ("é a < b", 'Unsupported start tag "" at byte offset 5'),
    ("<b>x", 'Can\'t find end tag corresponding to start tag "b"'),
    ("<b><i>x</b></i>", 'Unmatched end tag at byte offset 7, expected "</i>", found "</b>"'),
    ("x</b>", "Unexpected end tag at byte offset 1"),
    ("x <b", "Unclosed start tag"),
    ("<b>x</b", "Unclosed end tag"),
    ("<a href>x</a>", "Expected equal sign"),
    ("<span>x</span>", 'must have class "tg-spoiler"'),
    ("<code><b>x</b></code>", "inside of code"),
    ("<pre>x<code>y</code></pre>", "inside of code"),
    ("<pre><code>y</code>x</pre>", "must fill"),
    ("<b><code>x</code></b>", "inside of other formatting"),
    ("<blockquote>x<blockquote>y</blockquote></blockquote>", "must not be nested"),
    ("<tg-emoji>x</tg-emoji>", "custom emoji"),
    ("<tg-time>x</tg-time>", "unix"),
    ('<tg-time unix="5" format="%Y">x</tg-time>', "date-time format"),
    ("a & b", "Unsupported character entity at byte offset 2"),
    ("a&nbsp;b", "Unsupported character entity"),
    ("&#xD800;", "Unsupported character entity"),
]


@pytest.mark.parametrize(("source", "why"), BROKEN)
def test_broken_html_is_refused(source: str, why: str) -> None:
    with pytest.raises(BotApiError) as refused:
        parsed(source)
    assert refused.value.description.startswith("Bad Request: can't parse entities: ")
    assert why in refused.value.description


async def test_a_message_holds_4096_utf16_units_after_parsing(api: Api, user: User) -> None:
    assert (await api.sends("<b>" + "&amp;" * 4096 + "</b>", parse_mode="HTML"))["ok"]
    assert (await api.sends("😀" * 2048))["ok"]
    for text in ("x" * 4097, "😀" * 2048 + "x"):
        assert (await api.sends(text))["description"] == "Bad Request: message is too long"
    for text in ("", " \n "):
        assert (await api.sends(text))["description"] == "Bad Request: message text is empty"
    assert len(user.chat.shown) == 2


async def test_entities_over_a_hundred_are_dropped_and_counted(
    fake: FakeTelegram, api: Api, user: User
) -> None:
    await api.sends("<b>x</b> " * 103, parse_mode="HTML")
    assert fake.dropped_entities == 3
    assert len(user.chat.shown[0].entities) == 100


async def test_entities_beside_the_text_must_fall_on_characters(api: Api, user: User) -> None:
    await api.sends(" 😀x", entities=[{"type": "bold", "offset": 1, "length": 2}])
    assert user.chat.shown[0].entities == ({"type": "bold", "offset": 0, "length": 2},)
    amid = await api.sends("😀x", entities=[{"type": "bold", "offset": 1, "length": 2}])
    assert "ENTITY_BOUNDS_INVALID" in amid["description"]


async def test_only_chats_that_the_bot_may_write_to_are_written_to(fake: FakeTelegram, api: Api) -> None:
    stranger, group, channel = fake.user(7), fake.group(), fake.channel(username="daily")
    assert (await api.sends("x", 99))["description"] == "Bad Request: chat not found"
    assert (await api.sends("x", 7))[
        "description"
    ] == "Forbidden: bot can't initiate conversation with a user"
    assert (await api.sends("x", "@daily"))[
        "description"
    ] == "Forbidden: bot is not a member of the channel chat"
    await fake.promote(channel, by=stranger)
    assert (await api.sends("x", "@daily"))["ok"]
    await fake.kick(group)
    kicked = "Forbidden: bot was kicked from the supergroup chat"
    assert (await api.sends("x", group.id))["description"] == kicked
    fake.blocked.add(7)
    stranger.chat.started = True
    assert (await api.sends("x", 7))["description"] == "Forbidden: bot was blocked by the user"


def inline(*rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {"inline_keyboard": list(rows)}


@pytest.mark.parametrize(
    ("markup", "why"),
    [
        (inline([{"text": "x", "callback_data": "é" * 33}]), "BUTTON_DATA_INVALID"),
        (inline([{"text": "x", "callback_data": ""}]), "BUTTON_DATA_INVALID"),
        (inline([{"text": "x", "url": "javascript:1"}]), "URL"),
        (inline([{"text": " ", "callback_data": "x"}]), "non-empty"),
        (inline([{"text": "x"}]), "Text buttons are unallowed"),
        (inline([{"text": "x", "callback_data": "x"}] * 9), "REPLY_MARKUP_TOO_LONG"),
        (inline(*[[{"text": "x", "callback_data": "x"}]] * 101), "REPLY_MARKUP_TOO_LONG"),
        ({"inline_keyboard": "x"}, "array"),
        ({"force_reply": False}, "reply keyboard markup"),
        ({"keyboard": [[""]]}, "non-empty"),
    ],
)
def test_keyboards_are_checked(markup: dict[str, Any], why: str) -> None:
    with pytest.raises(BotApiError, match=f"Bad Request: .*{why}"):
        checked(markup)


async def test_what_is_no_json_is_refused(api: Api, user: User) -> None:
    assert "can't parse reply keyboard markup" in (await api.sends("x", reply_markup="{"))["description"]
    assert (
        "can't parse JSON object"
        in (await api.client.post(f"/bot{TOKEN}/getMe", content="{", headers=JSON)).text
    )


async def test_good_keyboards_are_shown(api: Api, user: User) -> None:
    keyboard = inline(
        [{"text": "页", "callback_data": "é" * 32}, {"text": "arXiv", "url": "https://arxiv.org"}]
    )
    await api.sends("x", reply_markup=keyboard)
    await api.sends("x", reply_markup={"keyboard": [["yes", {"text": "no"}]]})
    assert [message.buttons for message in user.chat.shown] == [
        [[("页", "é" * 32), ("arXiv", "https://arxiv.org")]],
        [[("yes", ""), ("no", "")]],
    ]


async def test_a_reply_needs_its_message(api: Api, user: User) -> None:
    said = await user.says("hi")
    answer = await api.sends("yes", reply_parameters={"message_id": said.id})
    assert answer["result"]["reply_to_message"]["text"] == "hi"
    missing = {"message_id": 99}
    refused = await api.sends("x", reply_parameters=missing)
    assert refused["description"] == "Bad Request: message to be replied not found"
    assert (await api.sends("x", reply_parameters={**missing, "allow_sending_without_reply": True}))["ok"]
    assert [message.reply_to for message in user.chat.shown] == [None, said.id, None]


async def test_only_ones_own_messages_are_edited_and_only_to_something_else(api: Api, user: User) -> None:
    said = await user.says("hi")
    keyboard = inline([{"text": "x", "callback_data": "x"}])
    sent = (await api.sends("a", reply_markup=keyboard))["result"]["message_id"]
    edit = {"chat_id": 5, "message_id": sent, "text": "a", "reply_markup": keyboard}
    assert "message is not modified" in await api.refusal("editMessageText", **edit)
    foreign = await api.refusal("editMessageText", **{**edit, "message_id": said.id})
    assert foreign == "Bad Request: message can't be edited"
    missing = await api.refusal("editMessageText", **{**edit, "message_id": 99})
    assert missing == "Bad Request: message to edit not found"
    assert (await api("editMessageText", **{**edit, "text": "b"}))["ok"]
    assert (await api("editMessageReplyMarkup", chat_id=5, message_id=sent))["ok"]
    shown = user.chat.shown[-1]
    assert (shown.text, shown.buttons, shown.edits) == ("b", [], 2)


async def test_a_deleted_message_is_shown_no_more(fake: FakeTelegram, api: Api, user: User) -> None:
    sent = (await api.sends("a"))["result"]["message_id"]
    assert (await api("deleteMessage", chat_id=5, message_id=sent))["result"] is True
    assert user.chat.shown == []
    assert "message to delete not found" in await api.refusal("deleteMessage", chat_id=5, message_id=sent)
    group = fake.group()
    said = await user.says("x", chat=group)
    assert "can't be deleted" in await api.refusal("deleteMessage", chat_id=group.id, message_id=said.id)


async def test_a_closed_or_deleted_topic_takes_no_message(fake: FakeTelegram, api: Api) -> None:
    forum = fake.group(forum=True)
    topic = forum.opens_topic()
    sent = await api.sends("x", forum.id, message_thread_id=topic)
    assert sent["result"]["message_thread_id"] == topic
    forum.closes_topic(topic)
    assert (await api.sends("x", forum.id, message_thread_id=topic))[
        "description"
    ] == "Bad Request: TOPIC_CLOSED"
    forum.deletes_topic(topic)
    gone = await api.sends("x", forum.id, message_thread_id=topic)
    assert gone["description"] == "Bad Request: message thread not found"
    assert [message.thread for message in forum.shown] == [topic]


async def test_a_document_keeps_its_name_and_bytes(fake: FakeTelegram, user: User) -> None:
    content = b"\r\n--\x00\xff" * 500
    app = application(fake)
    async with app:
        await app.bot.send_document(5, content, caption="<b>day</b>", parse_mode="HTML", filename="日.html")
    document, message = user.chat.shown[0].document, user.chat.shown[0]
    assert document is not None
    assert (document.name, document.content, message.text) == ("日.html", content, "day")


async def test_commands_are_checked_and_kept_by_scope_and_language(fake: FakeTelegram, api: Api) -> None:
    commands = [{"command": "paper", "description": "解读"}]
    scope = {"type": "chat", "chat_id": 5}
    await api("setMyCommands", commands=commands, scope=scope, language_code="zh")
    await api("setMyCommands", commands=[{"command": "help", "description": "help"}])
    assert fake.profile.commands["chat:5", "zh"] == [("paper", "解读")]
    assert fake.profile.commands_for(5, "zh-hans") == [("paper", "解读")]
    assert fake.profile.commands_for(5, "en") == [("help", "help")]
    assert (await api("getMyCommands", scope=scope, language_code="zh"))["result"] == commands
    await api("deleteMyCommands")
    assert (await api("getMyCommands"))["result"] == []
    for command in ({"command": "Paper"}, {"command": "x" * 33, "description": "x"}, {"command": "x"}):
        assert "BOT_COMMAND" in await api.refusal("setMyCommands", commands=[command])
    assert "TOO_MUCH" in await api.refusal("setMyCommands", commands=commands * 101)


async def test_drafts_go_to_private_chats_only(fake: FakeTelegram, api: Api, user: User) -> None:
    draft = {"chat_id": 5, "draft_id": 7, "text": "thinking"}
    assert (await api("sendMessageDraft", **draft))["result"] is True
    assert (await api("sendMessageDraft", **{**draft, "text": ""}))["ok"]
    assert [(one.id, one.text) for one in user.chat.drafts] == [(7, "thinking"), (7, "")]
    assert "RANDOM_ID" in await api.refusal("sendMessageDraft", **{**draft, "draft_id": 0})
    assert "too long" in await api.refusal("sendMessageDraft", **{**draft, "text": "x" * 4097})
    assert "PEER" in await api.refusal("sendMessageDraft", **{**draft, "chat_id": fake.group().id})
    await api("sendChatAction", chat_id=5, action="typing")
    assert user.chat.actions == ["typing"]
    assert "wrong parameter action" in await api.refusal("sendChatAction", chat_id=5, action="dancing")


async def test_rich_messages_can_be_unknown_to_the_server(fake: FakeTelegram, api: Api, user: User) -> None:
    html = "<h1>题</h1><details><summary>s</summary><p>a<br>b</p></details>"
    for message in (
        {"html": html},
        {"markdown": "# x"},
        {"blocks": [{"type": "paragraph", "text": ["a", "b"]}]},
    ):
        assert (await api("sendRichMessage", chat_id=5, rich_message=message))["ok"]
    assert [message.text for message in user.chat.shown] == ["题sa\nb", "# x", "ab"]
    assert user.chat.shown[0].html == html
    assert (await api("sendRichMessageDraft", chat_id=5, draft_id=1, rich_message={"markdown": "x"}))["ok"]
    for wrong in (
        {},
        {"html": "<p>x"},
        {"html": "<p></p>"},
        {"markdown": "x" * 32_769},
        {"html": "x", "markdown": "x"},
    ):
        assert (await api("sendRichMessage", chat_id=5, rich_message=wrong))["error_code"] == 400
    for unreadable in (
        "<p>x</h1>",
        "<p>a & b</p>",
        "<p>&copy;</p>",
        "<div>x</div>",
        "<p><ul><li>x</li></ul></p>",
        "<li>x</li>",
        "<ul>x</ul>",
        "<summary>x</summary>",
        "<tg-math><b>x</b></tg-math>",
        '<a href="https://a.org">x<a href="https://b.org">y</a></a>',
        "<b>" * 17 + "x" + "</b>" * 17,
        "<p>x</p>" * 501,
        f"<ul>{'<li>x</li>' * 250}</ul>",
    ):
        why = await api.refusal("sendRichMessage", chat_id=5, rich_message={"html": unreadable})
        assert "can't parse rich message" in why, unreadable
    fake.rich = False
    assert (await api("sendRichMessage", chat_id=5, rich_message={"html": html}))["error_code"] == 404


async def test_a_callback_query_is_answered_once_and_in_time(
    fake: FakeTelegram, api: Api, user: User
) -> None:
    sent = await api.sends("x", reply_markup=inline([{"text": "go", "callback_data": "go:1"}]))
    shown = user.chat.messages[sent["result"]["message_id"]]
    query, late = await user.taps(shown, "go:1"), await user.sends_data(shown, "forged")
    assert [update["callback_query"]["data"] for update in fake.updates.pending] == ["go:1", "forged"]
    assert "MESSAGE_TOO_LONG" in await api.refusal(
        "answerCallbackQuery", callback_query_id=query, text="x" * 201
    )
    assert (await api("answerCallbackQuery", callback_query_id=query, text="ok", show_alert=True))["ok"]
    fake.queries.expire(late)
    for number in (query, late, "unknown"):
        assert "query is too old" in await api.refusal("answerCallbackQuery", callback_query_id=number)
    assert [(answer.text, answer.show_alert) for answer in fake.answers] == [("ok", True)]
    await api("editMessageReplyMarkup", chat_id=5, message_id=shown.id)
    with pytest.raises(AssertionError, match="no button"):
        await user.taps(shown, "go")


def article(number: int | str) -> dict[str, Any]:
    return {
        "type": "article",
        "id": str(number),
        "title": "x",
        "input_message_content": {"message_text": "x"},
    }


async def test_inline_results_come_back_to_who_asked(fake: FakeTelegram, api: Api, user: User) -> None:
    asking = asyncio.create_task(user.asks_inline("speech"))
    (update,) = (await api("getUpdates", timeout=5))["result"]
    answer: dict[str, Any] = {"inline_query_id": update["inline_query"]["id"], "cache_time": 1}
    broken = {**article(1), "input_message_content": {"message_text": "<p>", "parse_mode": "HTML"}}
    for wrong, why in (
        ([article(number) for number in range(51)], "RESULTS_TOO_MUCH"),
        ([article(1), article(1)], "RESULT_ID_DUPLICATE"),
        ([article("é" * 33)], "RESULT_ID_INVALID"),
        ([broken], "can't parse entities"),
    ):
        assert why in await api.refusal("answerInlineQuery", **answer, results=wrong)
    button = {"text": "more", "start_parameter": "a b"}
    assert "START_PARAM" in await api.refusal("answerInlineQuery", **answer, results=[], button=button)
    assert (await api("answerInlineQuery", **answer, results=[article(1), article(2)]))["ok"]
    assert [result["id"] for result in await asking] == ["1", "2"]
    assert "query is too old" in await api.refusal("answerInlineQuery", **answer, results=[])


@asynccontextmanager
async def limited(clock: Clock, **options: Any) -> AsyncIterator[tuple[FakeTelegram, Api]]:
    async with FakeTelegram(clock=clock, **options) as fake, calling(fake) as api:
        yield fake, api


async def test_thirty_messages_pass_in_any_second() -> None:
    clock = Clock()
    async with limited(clock) as (fake, api):
        for number in range(1, 41):
            fake.user(number, started=True)
        answers = [await api.sends("x", number) for number in range(1, 32)]
        assert [answer["ok"] for answer in answers] == [True] * 30 + [False]
        assert answers[-1] == {
            "ok": False,
            "error_code": 429,
            "description": "Too Many Requests: retry after 1",
            "parameters": {"retry_after": 1},
        }
        clock.now += 1
        assert (await api.sends("x", 31))["ok"]
    assert [(refusal.chat_id, refusal.retry_after) for refusal in fake.refusals] == [(31, 1)]
    assert fake.accepted[-2:] == [(1000.0, 30), (1001.0, 31)]


async def test_a_chat_takes_a_burst_and_then_one_a_second() -> None:
    clock = Clock()
    async with limited(clock) as (fake, api):
        fake.user(5, started=True)
        assert [(await api.sends("x"))["ok"] for _ in range(4)] == [True, True, True, False]
        for _ in range(3):
            clock.now += 1
            assert [(await api.sends("x"))["ok"] for _ in range(2)] == [True, False]
        assert (await api("sendChatAction", chat_id=5, action="typing"))["ok"]
        edit = await api("editMessageText", chat_id=5, message_id=1, text="y")
        assert edit["error_code"] == 429
        assert fake.chats[5].messages[1].text == "x"


async def test_a_group_takes_twenty_a_minute() -> None:
    clock = Clock()
    async with limited(clock) as (fake, api):
        group = fake.group()
        for _ in range(20):
            assert (await api.sends("x", group.id))["ok"]
            clock.now += 1
        assert (await api.sends("x", group.id))["parameters"] == {"retry_after": 40}
        clock.now += 40
        assert (await api.sends("x", group.id))["ok"]


async def test_faults_come_as_scripted(
    fake: FakeTelegram, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PTB_TIMEDELTA", "true")  # or it warns of a future change
    app = application(fake)
    other = fake.user(6, started=True)
    expected: list[tuple[faults.Fault, type[Exception]]] = [
        (faults.status(429, retry_after=3), RetryAfter),
        (faults.status(429), NetworkError),
        (faults.status(403, "Forbidden: user is deactivated"), Forbidden),
        (faults.status(400, "Bad Request: chat not found"), BadRequest),
        (faults.status(401), InvalidToken),
        (faults.status(502), NetworkError),
        (faults.migrated(-1005), ChatMigrated),
        (faults.reset(), NetworkError),
    ]
    async with app:
        for fault, error in expected:
            fake.fail(fault, method="sendMessage", chat_id=5)
            await app.bot.send_message(6, "passes")
            with pytest.raises(error):
                await app.bot.send_message(5, "x")
    assert user.chat.shown == []
    assert len(other.chat.shown) == len(expected)
    assert [refusal.retry_after for refusal in fake.refusals] == [3, None]


async def test_a_silent_server_may_have_taken_the_message(fake: FakeTelegram, api: Api, user: User) -> None:
    fake.fail(faults.accept_then_hang())
    fake.fail(faults.hang())
    for text in ("taken", "lost"):
        with pytest.raises(httpx.ReadTimeout):
            await api.client.post(f"/bot{TOKEN}/sendMessage", json={"chat_id": 5, "text": text}, timeout=0.2)
    assert [message.text for message in user.chat.shown] == ["taken"]


async def test_garbage_and_slowness(fake: FakeTelegram, api: Api, user: User) -> None:
    fake.fail(faults.garbage())
    with pytest.raises(json.JSONDecodeError):
        await api.sends("x")
    fake.fail(faults.slow(0.01), times=2)
    assert (await api.sends("a"))["ok"]
    assert (await api.sends("b"))["ok"]
    assert [message.text for message in user.chat.shown] == ["a", "b"]


async def test_a_server_that_stops_does_not_wait_for_those_who_hang() -> None:
    async with FakeTelegram() as fake, calling(fake) as api:
        fake.user(5, started=True)
        fake.fail(faults.hang())
        hanging = asyncio.create_task(api.sends("x"))
        await fake.is_asked("sendMessage")
    with pytest.raises(httpx.TransportError):
        await hanging


async def test_people_block_and_come_back(fake: FakeTelegram, api: Api, user: User) -> None:
    await user.blocks()
    assert (await api.sends("x"))["error_code"] == 403
    await user.unblocks()
    assert (await api.sends("x"))["ok"]
    changes = [update["my_chat_member"] for update in fake.updates.pending]
    assert [change["new_chat_member"]["status"] for change in changes] == ["kicked", "member"]


async def test_in_groups_the_bot_hears_what_is_meant_for_it(fake: FakeTelegram, api: Api, user: User) -> None:
    group = fake.group(members=[user])
    sent = (await api.sends("x", group.id))["result"]["message_id"]
    for text in ("chatter", "/help", "/help@daily_bot", "/help@other_bot", "what says @daily_bot?"):
        await user.says(text, chat=group)
    await user.says("a reply", chat=group, reply_to=sent)
    heard = [update["message"]["text"] for update in fake.updates.pending]
    assert heard == ["/help", "/help@daily_bot", "what says @daily_bot?", "a reply"]
    fake.privacy = False
    await user.says("all", chat=group)
    assert fake.updates.pending[-1]["message"]["text"] == "all"


async def test_every_update_of_people_can_be_read_by_the_library(fake: FakeTelegram, user: User) -> None:
    channel, group = fake.channel(), fake.group(-77, members=[user])
    said = await user.says("/paper@daily_bot see https://arxiv.org/abs/2602.11145", forwarded=True)
    await user.edits(said, "#2")
    await user.says("photo.jpg", caption="arxiv.org/abs/2602.11145")
    await fake.promote(channel, by=user)
    await user.says("post", chat=channel)
    new = await fake.migrate(group, -1_001_777)
    await fake.kick(new, by=user)
    await fake.send_update({"strange": {"a": 1}})
    updates = [Update.de_json(update) for update in fake.updates.pending]
    assert [update.update_id for update in updates] == [*range(100_001, 100_010)]
    message = updates[0].message
    assert message is not None
    assert message.from_user is not None
    assert message.from_user.language_code == "zh-hans"
    assert message.forward_origin is not None
    assert [entity.type for entity in message.entities] == ["bot_command", "url"]
    kinds = [next(iter(update.to_dict().keys() - {"update_id"}), None) for update in updates]
    assert kinds == [
        "message",
        "edited_message",
        "message",
        "my_chat_member",
        "channel_post",
        "message",
        "message",
        "my_chat_member",
        "strange",
    ]


async def test_a_group_that_became_a_supergroup_says_where_it_went(fake: FakeTelegram, api: Api) -> None:
    group = fake.group(-77)
    await fake.migrate(group, -1_001_000_000_777)
    refused = await api.sends("x", -77)
    assert refused["parameters"] == {"migrate_to_chat_id": -1_001_000_000_777}
    assert (await api.sends("x", -1_001_000_000_777))["ok"]


async def test_members_are_told_by_their_status(fake: FakeTelegram, user: User) -> None:
    admin, stranger = fake.user(6), fake.user(7)
    group = fake.group(members=[user], admins=[admin])
    app = application(fake)
    async with app:
        statuses = [
            (await app.bot.get_chat_member(group.id, number)).status for number in (5, 6, 7, app.bot.id)
        ]
        admins = await app.bot.get_chat_administrators(group.id)
        assert (await app.bot.get_chat(group.id)).title == group.title
        with pytest.raises(BadRequest):
            await app.bot.get_chat_member(group.id, 99)
        await app.bot.leave_chat(group.id)
        with pytest.raises(Forbidden):
            await app.bot.send_message(group.id, "x")
    assert statuses == ["member", "administrator", "left", "member"]
    assert [member.user.id for member in admins] == [6]
    assert stranger.chat.shown == []


async def test_waiting_tells_what_came_instead(api: Api, user: User) -> None:
    await api.sends("other")
    with pytest.raises(TimeoutError, match="other"):
        await user.chat.waits_for(2, timeout=0.01)
    first, second = itertools.chain(*[await user.chat.waits_for(1) for _ in [await api.sends("more")] * 2])
    assert (first.text, second.text) == ("other", "more")


async def test_two_bots_of_one_token_conflict(fake: FakeTelegram) -> None:
    app = application(fake)
    async with app, calling(fake) as api:
        first = asyncio.create_task(app.bot.get_updates(timeout=5))
        await fake.is_asked("getUpdates")
        await api("getUpdates")
        with pytest.raises(Conflict):
            await first


async def test_counts_alone_are_kept_for_long_runs() -> None:
    async with FakeTelegram(keep=False, everyone=True, limits=False) as fake, calling(fake) as api:
        for number in range(1100):
            assert (await api.sends("x", number % 3 + 1))["ok"]
        log = (await api.client.get("/_log")).json()
        assert (log["total"], log["refusals"], sum(log["chats"].values())) == (1100, 0, 1100)
        assert sum(len(chat.messages) for chat in fake.chats.values()) == 1000
        assert (fake.requests, fake.accepted) == ([], [])
        await api.client.post("/_says", json={"chat_id": 1, "text": "/help"})
        (update,) = (await api("getUpdates"))["result"]
        assert update["message"]["text"] == "/help"
