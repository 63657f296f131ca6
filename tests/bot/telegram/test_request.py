import asyncio
import contextlib
import json
import logging
import socket
import struct
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from telegram import Bot
from telegram.error import BadRequest, ChatMigrated, Conflict, Forbidden, InvalidToken, TelegramError

from bot.telegram.http import (
    FloodError,
    NotSentError,
    Request,
    ServerFaultError,
    TelegramThrottledError,
    UnansweredRequestError,
    pause_of,
)

TOKEN = "123456:AAsecretsecretsecretsecretsecretsecr"
Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
SENT = {"message_id": 1, "date": 1, "chat": {"id": 1, "type": "private"}, "text": "hello"}


@asynccontextmanager
async def server(answer: Answer) -> AsyncIterator[str]:
    """The address of a server that reads a request's head and then does as `answer` says."""

    serving: set[asyncio.Task[None] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.current_task())
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            await answer(reader, writer)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listener:
        yield f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/bot"
    await asyncio.gather(*(task for task in serving if task))


def says(status: int, body: object) -> Answer:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(content)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + content)
        await writer.drain()

    return answer


def refuses(status: int, description: str, **parameters: object) -> Answer:
    body = {"ok": False, "error_code": status, "description": description, "parameters": parameters or None}
    return says(status, body)


async def hangs(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()
    await reader.read()


async def resets(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    connection: socket.socket = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def closes(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def breaks_off(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"ok": tr')
    await writer.drain()


async def talks_nonsense(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"+OK POP3 server ready\r\n\r\n")
    await writer.drain()


async def send(url: str, request: Request | None = None, *, chat: int = 1) -> Any:
    request = request or Request(2, read_timeout=300)
    bot = Bot(TOKEN, base_url=url, request=request)
    async with request:
        return await bot.send_message(chat, "hello")


async def failure(url: str, request: Request | None = None) -> TelegramError:
    with pytest.raises(TelegramError) as caught:
        await send(url, request)
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + str(caught.value)
    assert "secret" not in told
    assert caught.value.__context__ is None or "secret" not in repr(caught.value.__context__)
    return caught.value


async def test_a_sound_answer_is_a_message() -> None:
    async with server(says(200, {"ok": True, "result": SENT})) as url:
        assert (await send(url)).text == "hello"


async def test_a_refused_connection_sent_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert type(await failure(f"http://127.0.0.1:{port}/bot")) is NotSentError


async def test_a_pool_without_room_sent_nothing() -> None:
    request = Request(1, read_timeout=5, pool_timeout=0.05)
    async with server(hangs) as url:
        bot = Bot(TOKEN, base_url=url, request=request)
        async with request:
            first = asyncio.create_task(bot.send_message(1, "first"))
            await asyncio.sleep(0.05)
            with pytest.raises(NotSentError):
                await bot.send_message(2, "second")
            first.cancel()
            await asyncio.wait({first})


async def test_an_address_that_is_none_sent_nothing() -> None:
    assert type(await failure("ftp://127.0.0.1/bot")) is NotSentError


@pytest.mark.parametrize("fault", [hangs, resets, closes, breaks_off, talks_nonsense])
async def test_a_request_that_began_and_got_no_answer_is_unanswered(fault: Answer) -> None:
    async with server(fault) as url:
        assert type(await failure(url, Request(2, read_timeout=0.2))) is UnansweredRequestError


@pytest.mark.parametrize("body", [b"", b"<html>Welcome</html>", b"[]", b'{"ok": true}', b'{"ok": fal'])
async def test_a_200_that_is_no_answer_of_the_bot_api_is_unanswered(body: bytes) -> None:
    async with server(says(200, body)) as url:
        assert type(await failure(url)) is UnansweredRequestError


@pytest.mark.parametrize(
    "answer",
    [
        says(500, {"ok": False, "error_code": 500, "description": "Internal Server Error"}),
        says(502, b"<html>Bad Gateway</html>"),
        refuses(503, "Service Unavailable", retry_after=5),
        says(403, b"<html>The proxy forbids this</html>"),
        says(404, b"nothing here"),
        says(302, b""),
        says(403, []),
    ],
)
async def test_what_a_server_in_between_says_is_not_taken_for_telegrams_word(answer: Answer) -> None:
    async with server(answer) as url:
        error = await failure(url)
    assert type(error) is ServerFaultError
    assert "html" not in str(error)


async def test_a_flood_tells_its_pause() -> None:
    async with server(refuses(429, "Too Many Requests: retry after 3", retry_after=3)) as url:
        error = await failure(url)
    assert isinstance(error, FloodError)
    assert pause_of(error) == timedelta(seconds=3)


@pytest.mark.parametrize(
    "answer",
    [
        refuses(429, "Too Many Requests"),
        refuses(429, "Too Many Requests", retry_after="soon"),
        refuses(429, "Too Many Requests", retry_after=0),
        says(429, b"<html>slow down</html>"),
    ],
)
async def test_a_flood_without_a_pause_has_an_error_of_its_own(answer: Answer) -> None:
    async with server(answer) as url:
        assert type(await failure(url)) is TelegramThrottledError


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refuses(400, "Bad Request: chat not found"), BadRequest),
        (refuses(413, "Request Entity Too Large"), BadRequest),
        (refuses(401, "Unauthorized"), InvalidToken),
        (refuses(403, "Forbidden: bot was blocked by the user"), Forbidden),
        (refuses(404, "Not Found"), InvalidToken),
        (refuses(409, "Conflict"), Conflict),
        (refuses(400, "Bad Request: group chat was upgraded", migrate_to_chat_id=-1001), ChatMigrated),
    ],
)
async def test_what_telegram_refuses_keeps_the_librarys_error(
    answer: Answer, kind: type[TelegramError]
) -> None:
    async with server(answer) as url:
        assert type(await failure(url)) is kind


async def test_an_address_repeated_by_the_server_shows_no_token() -> None:
    async with server(refuses(400, f"Bad Request: nothing at /bot{TOKEN}/sendMessage")) as url:
        error = await failure(url)
    assert str(error) == "Nothing at /bot.../sendmessage"


async def test_no_log_line_at_warning_or_above_shows_token_or_body(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    for answer in (says(200, b"<html>hello</html>"), says(502, b"<html>hello</html>"), resets, hangs):
        async with server(answer) as url:
            await failure(url, Request(2, read_timeout=0.2))
    assert not caplog.records


@pytest.mark.parametrize(("fault", "kind"), [(closes, ServerFaultError), (hangs, UnansweredRequestError)])
async def test_a_broken_poll_is_repeated_only_after_a_pause(fault: Answer, kind: type[TelegramError]) -> None:
    request = Request(1, read_timeout=0.2)
    async with server(fault) as url, request:
        with pytest.raises(kind) as caught:
            await Bot(TOKEN, base_url=url, get_updates_request=request).get_updates(timeout=0)
    assert type(caught.value) is kind


async def test_a_file_is_fetched_as_it_is() -> None:
    request = Request(1)
    async with server(says(200, b"%PDF")) as url, request:
        assert await request.retrieve(f"{url}{TOKEN}/file.pdf") == b"%PDF"
