"""The state of the fake Telegram: chats, their updates, and the record of all requests."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.fakes.telegram_chats import Chat, Message, Person, message_json
from tests.fakes.telegram_errors import BotApiError, bad_request, forbidden, too_many
from tests.fakes.telegram_forms import Parameters
from tests.fakes.telegram_limits import Rates, Refusal
from tests.fakes.telegram_profile import Profile
from tests.fakes.telegram_updates import Updates

TOKEN = f"4839574812:{'A' * 35}"  # the form is Telegram's, the bot does not exist
_SUPERGROUPS = -1_000_000_000_000
_RECENT = 1000  # messages that are kept where nothing else is


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a callback query."""

    query_id: str
    text: str
    show_alert: bool
    url: str
    cache_time: int


@dataclass(frozen=True, slots=True)
class Called:
    """A request but getUpdates; `at` is in seconds of the fake's clock. Unpacks to method, parameters and `at`."""

    method: str
    parameters: dict[str, Any]
    at: float

    def __iter__(self) -> Any:
        return iter((self.method, self.parameters, self.at))


class World:
    """The state behind the API. Rates are as `telegram_limits.Rates` has them; `limits=False`: none.

    `clock` gives monotonic seconds, `wall` Unix time. `keep=False`: counts instead of lists, for long runs.
    `methods` counts the calls of each method, getUpdates too. `everyone`: any chat id is a person who has
    written to the bot, or a group that has it.
    """

    def __init__(
        self,
        *,
        token: str = TOKEN,
        username: str = "daily_bot",
        limits: bool = True,
        per_second: int = 30,
        per_chat_burst: int = 3,
        per_group_minute: int = 20,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        privacy: bool = True,
        keep: bool = True,
        everyone: bool = False,
    ) -> None:
        self.token = token
        self.rich = True
        self.drafts = True
        """True if the server has sendMessageDraft."""
        self.blocked: set[int] = set()
        self.requests: list[Called] = []
        self.methods: Counter[str] = Counter()
        self.accepted: list[tuple[float, int]] = []
        self.refusals: list[Refusal] = []
        self.dropped_entities = 0
        self.unknown_parameters: Counter[tuple[str, str]] = Counter()
        self.answers: list[Answer] = []
        self.sent: Counter[int] = Counter()
        self.refused = 0
        self.updates = Updates()
        self.profile = Profile()
        self.chats: dict[int, Chat] = {}
        self.clock = clock
        self.keep = keep
        self.privacy = privacy
        self.me: Person = {"id": int(token.partition(":")[0]), "is_bot": True}
        self.me |= {"first_name": "Daily", "username": username}
        self._wall = wall
        self._everyone = everyone
        self._rates = Rates(per_second, per_chat_burst, per_group_minute, clock) if limits else None
        self._recent: deque[tuple[Chat, int]] = deque()
        self._serial = 0
        self._asked = asyncio.Event()

    def serial(self) -> int:
        """Return the next number for things with unique ids: queries, files."""
        self._serial += 1
        return self._serial

    def date(self) -> int:
        return int(self._wall())

    def called(self, method: str, parameters: Parameters) -> None:
        self.methods[method] += 1
        self._asked.set()
        if self.keep and method != "getUpdates":
            self.requests.append(Called(method, parameters.values, self.clock()))

    async def is_asked(self, method: str, times: int = 1) -> None:
        """Wait until `method` has been called that often; it has no timeout of its own."""
        while self.methods[method] < times:
            self._asked.clear()
            await self._asked.wait()

    def find_chat(self, parameters: Parameters) -> Chat:
        """Return the chat that a request names, by its id or @username. Raises BotApiError."""
        wanted = parameters.get("chat_id")
        if wanted is None or wanted == "":
            raise bad_request("chat_id is empty")
        chat = self._named(wanted) if isinstance(wanted, str) else self.chats.get(wanted)
        if chat is None and self._everyone and isinstance(wanted, int):
            chat = self._anybody(wanted)
        if chat is None:
            raise bad_request("chat not found")
        return chat

    def _named(self, name: str) -> Chat | None:
        wanted = name.removeprefix("@").lower()
        return next(
            (c for c in self.chats.values() if not c.private and (c.username or "").lower() == wanted), None
        )

    def _anybody(self, chat_id: int) -> Chat:
        if chat_id < 0:
            chat = Chat(chat_id, "supergroup" if chat_id < _SUPERGROUPS else "group", "Anybody's group")
        else:
            person = {"id": chat_id, "is_bot": False, "first_name": "Anybody"}
            chat = Chat(chat_id, "private", person=person)
        self.chats[chat_id] = chat
        return chat

    def open_chat(self, parameters: Parameters, *, write: bool = True) -> Chat:
        """Return the chat if the bot may read and (with `write`) post in it. Raises BotApiError otherwise."""
        chat = self.find_chat(parameters)
        if chat.migrated_to is not None:
            why = "Bad Request: group chat was upgraded to a supergroup chat"
            raise BotApiError(400, why, {"migrate_to_chat_id": chat.migrated_to})
        if not chat.started:
            raise forbidden("bot can't initiate conversation with a user")
        if write and chat.id in self.blocked:
            raise forbidden("bot was blocked by the user")
        if chat.bot == "kicked":
            raise forbidden(f"bot was kicked from the {chat.type} chat")
        if chat.bot == "left":
            raise forbidden(f"bot is not a member of the {chat.type} chat")
        if write and chat.type == "channel" and chat.bot != "administrator":
            raise bad_request("need administrator rights in the channel chat")
        return chat

    def count(self, method: str, chat: Chat) -> None:
        """Count one message or edit, within the rates. Raises BotApiError (429)."""
        group = chat.type in ("group", "supergroup")
        wait = self._rates.take(chat.id, group=group) if self._rates else None
        if wait is not None:
            self.refuse(method, chat.id, wait)
            raise too_many(wait)
        self.sent[chat.id] += 1
        if self.keep:
            self.accepted.append((self.clock(), chat.id))

    def refuse(self, method: str, chat_id: int | str | None, retry_after: int | None) -> None:
        """Record a response 429."""
        self.refused += 1
        if self.keep:
            self.refusals.append(Refusal(method, chat_id, self.clock(), retry_after))

    def show(self, chat: Chat, message: Message) -> dict[str, Any]:
        """Put `message` into `chat`, and return it as a Message object."""
        new = message.id not in chat.messages
        chat.show(message, tell=self.keep)
        if not self.keep and new:
            self._recent.append((chat, message.id))
            if len(self._recent) > _RECENT:
                old, gone = self._recent.popleft()
                old.messages.pop(gone, None)
        return message_json(message, chat)

    def tell(self, kind: str, chat: Chat, message: Message) -> Message:
        """Show a message that is not the bot's, and notify the bot of it."""
        self.updates.push(kind, self.show(chat, message))
        return message
