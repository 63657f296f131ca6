"""Telegram's Bot API on loopback: strict about requests, with the people on its other side and scripted faults.

`Application.builder().base_url(f"{fake.url}/bot")` speaks to it. For benchmarks it runs on its own, counting only:
`python -m tests.fakes.telegram --port 8897`; `GET /_log` then returns the number of messages to each chat.
"""

import argparse
import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope

from tests.fakes import telegram_faults as faults
from tests.fakes.server import serving
from tests.fakes.telegram_chats import Chat, Message, people
from tests.fakes.telegram_errors import BotApiError, not_found
from tests.fakes.telegram_forms import Parameters, parameters
from tests.fakes.telegram_membership import Membership, move
from tests.fakes.telegram_messages import Messages
from tests.fakes.telegram_people import User
from tests.fakes.telegram_queries import Queries
from tests.fakes.telegram_wire import Endpoint, body_of, content_type, gone
from tests.fakes.telegram_world import TOKEN, World
from tests.leaps import leap

__all__ = ["TOKEN", "FakeTelegram"]

_Method = Callable[[Parameters], Any]
_QUIET_LOOKS = 20
_LOOK_SECONDS = 0.01


class FakeTelegram(World):
    """A Bot API: `async with FakeTelegram() as fake` serves at `fake.url`. Options: see `World`.

    Each response but that of getUpdates is delayed by `latency_seconds`.
    """

    def __init__(self, *, latency_seconds: float = 0, **options: Any) -> None:
        super().__init__(**options)
        self.url = ""
        self.queries = Queries(self)
        self._latency_seconds = latency_seconds
        self._script = faults.Script()
        self.leap_seconds = 0.0
        """The patience of clients, which ends at once if a request is left without a response."""
        self._closing = asyncio.Event()
        self._methods = {name.lower(): (name, method) for name, method in self._all_methods().items()}

    def _all_methods(self) -> dict[str, _Method]:
        messages, membership = Messages(self), Membership(self)
        return {
            "getMe": membership.get_me,
            "getChat": membership.get_chat,
            "getChatMember": membership.get_chat_member,
            "getChatAdministrators": membership.get_chat_administrators,
            "leaveChat": membership.leave_chat,
            "sendMessage": messages.send_message,
            "sendRichMessage": messages.send_rich_message,
            "sendDocument": messages.send_document,
            "sendChatAction": messages.send_chat_action,
            "sendMessageDraft": messages.send_message_draft,
            "sendRichMessageDraft": messages.send_rich_message_draft,
            "editMessageText": messages.edit_message_text,
            "editMessageReplyMarkup": messages.edit_message_reply_markup,
            "deleteMessage": messages.delete_message,
            "answerCallbackQuery": self.queries.answer_callback_query,
            "answerInlineQuery": self.queries.answer_inline_query,
            "setMyCommands": self.profile.set_commands,
            "getMyCommands": self.profile.get_commands,
            "deleteMyCommands": self.profile.delete_commands,
            "setMyDescription": self.profile.set_description,
            "setMyShortDescription": self.profile.set_short_description,
            "setWebhook": self.updates.set_webhook,
            "deleteWebhook": self.updates.delete_webhook,
            "getWebhookInfo": self.updates.webhook_info,
            "getUpdates": _nothing,
        }

    async def __aenter__(self) -> Self:
        self._serving = serving(self.app())
        self.url = await self._serving.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        await self.updates.close()
        await self._serving.__aexit__(kind, error, trace)

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[str]:
        """Serve in `async with fake.serve() as url`, as with the other fakes."""
        async with self:
            yield self.url

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/bot{token}/{method}", Endpoint(self.answer)),
                Route("/_log", self._log),
                Route("/_says", self._says, methods=["POST"]),
            ]
        )

    def fail(
        self,
        fault: faults.Fault,
        *,
        method: str | None = None,
        chat_id: int | str | None = None,
        times: int = 1,
    ) -> None:
        """Plan `fault` for the next `times` requests of `method` (None: any but getUpdates) to `chat_id`."""
        self._script.plan(fault, method, chat_id, times)

    def mend(self) -> None:
        """Cancel the faults that are still to come."""
        self._script.clear()

    def user(
        self,
        id: int,  # noqa: A002 - Telegram's name for it
        first_name: str = "李雷",
        language_code: str | None = "zh-hans",
        username: str | None = None,
        *,
        started: bool = False,
    ) -> User:
        """Add a person; until they have `started` or said something, the bot may not write to them."""
        json = {"id": id, "is_bot": False, "first_name": first_name}
        json |= {"username": username} if username else {}
        json |= {"language_code": language_code} if language_code else {}
        chat = self.chats[id] = Chat(id, "private", person=json, started=started)
        return User(self, self.queries, json, chat)

    def group(
        self,
        id: int = -1_001_000_000_001,  # noqa: A002
        title: str = "Speech",
        members: Iterable[User] = (),
        admins: Iterable[User] = (),
        *,
        forum: bool = False,
        username: str | None = None,
    ) -> Chat:
        """Add a group that contains the bot: a supergroup if the id is that of one, or with `forum`."""
        admins = list(admins)
        kind = "supergroup" if forum or id < -1_000_000_000_000 else "group"
        chat = self.chats[id] = Chat(id, kind, title, username, forum=forum)
        chat.members = people(user.json for user in [*members, *admins])
        chat.admins = {user.id for user in admins}
        return chat

    def channel(
        self,
        id: int = -1_002_000_000_001,  # noqa: A002
        title: str = "arXiv Daily",
        username: str | None = None,
    ) -> Chat:
        """Add a channel, in which the bot is not yet: see `promote`."""
        chat = self.chats[id] = Chat(id, "channel", title, username, bot="left")
        return chat

    async def promote(self, chat: Chat, *, by: User) -> None:
        """Make the bot an administrator."""
        chat.members.setdefault(by.id, by.json)
        chat.admins.add(by.id)
        move(self, chat, "administrator", by.json)

    async def kick(self, chat: Chat, *, by: User | None = None) -> None:
        """Remove the bot; `by` None: by an administrator whom it does not know."""
        person = by.json if by else {"id": 1, "is_bot": False, "first_name": "An administrator"}
        move(self, chat, "kicked", person)

    async def migrate(self, group: Chat, new_id: int) -> Chat:
        """Migrate `group` to a supergroup, and return that; a service message in each tells so."""
        new = self.chats[new_id] = Chat(
            new_id, "supergroup", group.title, bot=group.bot, members=group.members, admins=group.admins
        )
        group.migrated_to = new_id
        self.tell("message", group, self._service(group, migrate_to_chat_id=new_id))
        self.tell("message", new, self._service(new, migrate_from_chat_id=group.id))
        return new

    def _service(self, chat: Chat, **extra: Any) -> Message:
        sender = {"id": 1_087_968_824, "is_bot": True, "first_name": "Group", "username": "GroupAnonymousBot"}
        date, at = self.date(), self.clock()
        return Message(chat.next_id(), chat.id, False, "", at, date, sender=sender, extra=extra)

    async def send_update(self, update: dict[str, Any]) -> int:
        """Queue any update and return its id, which may be given or left out."""
        return self.updates.push_raw(update)

    async def answer(self, path: dict[str, Any], scope: Scope, receive: Receive) -> Response | None:
        """Return the response to one request; None if the connection should break without one."""
        body = await body_of(receive)
        if path["token"] != self.token:
            return _refusal(BotApiError(401, "Unauthorized"))
        name, method = self._methods.get(path["method"].lower(), ("", _nothing))
        if not name:
            return _refusal(not_found())
        try:
            asked = parameters(content_type(scope), body, scope["query_string"])
        except BotApiError as error:
            return _refusal(error)
        self.called(name, asked)
        return await self._carry_out(name, method, asked, receive)

    async def _carry_out(
        self, name: str, method: _Method, asked: Parameters, receive: Receive
    ) -> Response | None:
        chat_id = asked.values.get("chat_id")
        fault = self._script.take(name.lower(), chat_id)
        if self._latency_seconds and name != "getUpdates":
            await asyncio.sleep(self._latency_seconds)
        if isinstance(fault, faults.Slow):
            await asyncio.sleep(fault.seconds)
        elif isinstance(fault, faults.Held):
            await fault.until.wait()
        elif isinstance(fault, faults.Hangs):
            if fault.accepted:
                await self._result(name, method, asked, receive)
            await self._hang(receive)
            return None
        elif isinstance(fault, faults.Resets):
            return None
        elif fault is not None:
            return self._faulty(name, chat_id, fault)
        return await self._result(name, method, asked, receive)

    async def _hang(self, receive: Receive) -> None:
        leaping = asyncio.create_task(self._leap()) if self.leap_seconds else None
        await faults.until_gone(lambda: gone(receive), self._closing)
        if leaping is not None:
            leaping.cancel()

    async def _leap(self) -> None:
        """End the patience of clients once there are no other requests: a leap would end those too."""
        quiet = 0
        while quiet < _QUIET_LOOKS:
            asked = self._calls()
            await asyncio.sleep(_LOOK_SECONDS)
            quiet = quiet + 1 if self._calls() == asked else 0
        leap(self.leap_seconds)

    def _calls(self) -> int:
        return self.methods.total() - self.methods["getUpdates"]

    def _faulty(
        self, name: str, chat_id: Any, fault: faults.Refuses | faults.ProxyFails | faults.Garbage
    ) -> Response:
        if isinstance(fault, faults.Refuses) and fault.error.code == 429:
            self.refuse(name, chat_id, (fault.error.parameters or {}).get("retry_after"))
        return fault.response()

    async def _result(self, name: str, method: _Method, asked: Parameters, receive: Receive) -> Response:
        try:
            if name == "getUpdates":
                result = await self.updates.get(asked, lambda: gone(receive))
            else:
                result = method(asked)
        except BotApiError as error:
            return _refusal(error)
        for unread in asked.unread:
            self.unknown_parameters[name, unread] += 1
        return Response(json.dumps({"ok": True, "result": result}), media_type="application/json")

    async def _log(self, request: Request) -> Response:  # noqa: ARG002 - Starlette hands it over
        return JSONResponse(
            {
                "total": self.sent.total(),
                "refusals": self.refused,
                "chats": {str(k): n for k, n in self.sent.items()},
            }
        )

    async def _says(self, request: Request) -> Response:
        """Let a person send a message, for a benchmark: `{"chat_id": 5, "text": "/help"}`."""
        said = await request.json()
        known = self.chats.get(said["chat_id"])
        user = (
            self.user(said["chat_id"])
            if known is None
            else User(self, self.queries, known.person or {}, known)
        )
        message = await user.says(said["text"])
        return JSONResponse({"message_id": message.id})


def _refusal(error: BotApiError) -> Response:
    return JSONResponse(error.body(), error.code)


def _nothing(parameters: Parameters) -> None:
    """Answer getUpdates: see `FakeTelegram._result`."""


def main() -> None:
    """Serve until interrupted; every chat is that of a person who has written to the bot."""
    parser = argparse.ArgumentParser(description="Telegram's Bot API on loopback, counting messages.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--latency", type=float, default=0, help="seconds before each answer")
    parser.add_argument("--no-limits", action="store_true", help="no rates")
    parser.add_argument("--token", default=TOKEN)
    options = parser.parse_args()
    fake = FakeTelegram(
        latency_seconds=options.latency,
        limits=not options.no_limits,
        token=options.token,
        keep=False,
        everyone=True,
    )
    uvicorn.run(fake.app(), host="127.0.0.1", port=options.port, lifespan="off", log_level="warning")


if __name__ == "__main__":
    main()
