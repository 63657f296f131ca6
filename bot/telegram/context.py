"""The context that every handler of the chat needs: services, settings and the people involved."""

import asyncio
import hashlib
import hmac
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine
from telegram import CallbackQuery, ChatMember, Update
from telegram.error import TelegramError
from telegram.ext import ExtBot

from bot.core.models import ChatKind, Preferences, Subscriber
from bot.core.run_report import RunReport
from bot.db import telegram_state
from bot.db.paper_requests import Day
from bot.delivery.channel import DeferredError, UnansweredError
from bot.delivery.worker import DeliveryWorker
from bot.links import Links
from bot.subscriptions.service import SubscriptionService
from bot.telegram import http, templates
from bot.telegram.channel import TelegramChannel
from bot.telegram.incoming import Address, IncomingMessage, incoming
from bot.telegram.rate_limiter import LimitArgs
from bot.telegram.replies import ANY_NUMBER, ChatQueues, Replies
from bot.telegram.templates import Message, Rows
from digest.core.models import Edition, PaperId
from digest.db import engine as database
from digest.pipeline.open_days import EditionPlan
from digest.pipeline.papers import PaperService

CHANNEL = TelegramChannel.name
_log = structlog.get_logger()
_OF_A_CHAT = ("s:", "sub:", "export:", "forget:")
"""Prefixes of the callback data of buttons that concern a chat's subscription."""
_ADMINS = (ChatMember.ADMINISTRATOR, ChatMember.OWNER)


@dataclass(frozen=True, slots=True)
class Quotas:
    """Daily limits of papers made on demand: for one person, and for everyone. 0 means no limit."""

    person: int
    everyone: int


@dataclass(slots=True)
class BotContext:
    """The shared context of the handlers.

    `stored_edition` returns the edition of a day in a language, None if there is none; `rebuild` completes the edition
    of a day and writes its post again. `links` is None if there is no newsletter.
    """

    engine: AsyncEngine
    plan: EditionPlan
    paper_service_in: Callable[[str], PaperService]
    stored_edition: Callable[[date, str], Awaitable[Edition | None]]
    rebuild: Callable[[date], Awaitable[RunReport | None]]
    bot: ExtBot[LimitArgs]
    outgoing: TelegramChannel
    outbox: DeliveryWorker
    subscriptions: SubscriptionService
    operators: frozenset[int]
    language: str
    zone: ZoneInfo
    quotas: Quotas
    clock: Callable[[], datetime]
    links: Links | None = None
    replies: Replies = field(init=False)
    answered: set[int] = field(default_factory=set)
    """Updates in progress whose answers have been sent or stored."""
    looked: dict[PaperId, datetime] = field(default_factory=dict)
    """The last time arXiv was asked for a newer version of each paper. A restart clears this."""
    _in_turn: ChatQueues = field(default_factory=partial(ChatQueues, ANY_NUMBER))
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.replies = Replies(self.engine, self.outgoing, self.clock)

    async def subscriber(self, message: IncomingMessage) -> Subscriber:
        """Return the subscriber who sent the message. An unknown sender is stored, but not subscribed."""
        known = await self.subscriptions.find(CHANNEL, str(message.about))
        if known is not None:
            return known
        if message.aim is not None:  # a channel that is gone, or a forged button
            return await self.subscriber(replace(message, aim=None))
        language = templates.nearest_language(message.language, self.language)
        address = str(message.address.subscription)
        new = Subscriber(0, CHANNEL, address, message.kind, Preferences(language), self.zone)
        return await self.subscriptions.meet(new)

    async def language_of(self, person: int, tag: str | None) -> str:
        """Return the language that a person chose in the private chat, or else that of their client's `tag`."""
        known = await self.subscriptions.find(CHANNEL, str(person))
        return known.preferences.language if known else templates.nearest_language(tag, self.language)

    async def answer(
        self,
        message: IncomingMessage,
        what: str | Message,
        buttons: Rows = (),
        *,
        prompt: bool = False,
        replies: bool = False,
        public: bool = False,
    ) -> int:
        """Answer a message and return the id of the answer, or 0 if Telegram takes it only later.

        In groups, and with `replies`, the answer replies to the message. In channels only `public` answers are posted;
        others go to the administrators.
        """
        said = aimed(what if isinstance(what, Message) else Message(str(what), buttons), message)
        if message.kind is ChatKind.CHANNEL and not public:
            await self._say_aside(message, said)
            return 0
        reply_to = message.message if replies or not message.address.is_private else None
        note = partial(self.note_answered, message)
        return await self.replies.say(message.address, said, note, reply_to=reply_to, prompt=prompt)

    async def show(self, message: IncomingMessage, what: Message) -> None:
        """Replace the message that was tapped by `what`, or send `what` as a new message if that is impossible."""
        what = aimed(what, message)
        if message.kind is ChatKind.CHANNEL:  # an old menu: it stays as it is for all readers of the channel
            await self._say_aside(message, what)
            return
        try:
            await self.outgoing.change(message.address, message.message, what)
        except TelegramError as error:
            if http.is_gone(error):
                await self.answer(message, what)
            elif isinstance(http.delivery_error(error), DeferredError | UnansweredError):
                await self.replies.keep(message.address, what)
            else:
                raise

    async def _say_aside(self, message: IncomingMessage, said: Message) -> None:
        """Send the message to the administrators of a channel, in their private chats with the bot."""
        for person in await self.deciding(message):
            try:
                await self.replies.say(Address(person), said, partial(self.note_answered, message))
            except TelegramError as error:
                _log.info("administrator_not_reached", error=type(error).__name__)

    async def deciding(self, message: IncomingMessage) -> list[int]:
        """Return the person who tapped in a channel, or all its administrators: a post does not name its author."""
        if message.person:
            return [message.person]
        try:
            found = await self.bot.get_chat_administrators(message.address.chat)
        except TelegramError as error:
            _log.warning("administrators_unknown", error=type(error).__name__)
            return []
        return [each.user.id for each in found if not each.user.is_bot]

    async def note_answered(self, message: IncomingMessage) -> None:
        """Record that the message has been answered or its answer stored, so that it is not handled again."""
        if message.update and message.update not in self.answered:
            async with database.writing(self.engine) as connection:
                await telegram_state.end_update(connection, [message.update])
            self.answered.add(message.update)

    async def acknowledge(
        self, query: CallbackQuery, text: str | None = None, *, alert: bool = False, url: str | None = None
    ) -> None:
        """Acknowledge a tap. If that fails, the requested action is still done."""
        with suppress(TelegramError):
            await query.answer(text, show_alert=alert, url=url)

    async def tap(self, update: Update, payload: str) -> IncomingMessage | None:
        """Acknowledge a tap and return it, or return None if it came from a channel.

        A channel has many readers, so each continues in the private chat, which is opened with `payload`.
        """
        query = update.callback_query
        if query is None or (message := incoming(update)) is None:
            return None
        if message.kind is ChatKind.CHANNEL:
            await self.acknowledge(query, url=f"https://t.me/{self.bot.username}?start={payload}")
            return None
        await self.acknowledge(query)
        return message

    async def may_change(self, message: IncomingMessage) -> bool:
        """Return whether this person may change the chat's settings. In groups and channels only administrators may."""
        if not message.aim and (message.address.is_private or message.anonymous_admin):
            return True
        if message.person in self.operators:
            return True
        try:
            member = await self.bot.get_chat_member(message.about.chat, message.person)
        except TelegramError as error:
            _log.warning("membership_unknown", error=type(error).__name__)
            return False
        return member.status in _ADMINS

    def today(self) -> Day:
        """Return the day that the quotas count. Aliases of people are derived from the bot's token, which no table
        holds.
        """
        midnight = datetime.combine(self.clock().astimezone(self.zone).date(), time(), self.zone)
        return Day(midnight, partial(_alias, self.bot.token, midnight))

    def is_operator(self, message: IncomingMessage) -> bool:
        """Return whether this person is an operator of the bot."""
        return message.person in self.operators

    def in_turn(self, chat: int, work: Coroutine[Any, Any, None]) -> None:
        """Do `work` in the background, after earlier work for the same chat."""
        self._in_turn.join(chat, partial(_logged, work))

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Do `work` in the background. A clean stop cancels it; the tables show what is left to do."""
        task = asyncio.create_task(_logged(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Cancel background work."""
        await self._in_turn.close(0)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.replies.close()


def aimed(what: Message, message: IncomingMessage) -> Message:
    """Add the channel that they concern to the buttons of `what`, so that they work in any chat."""
    channel = message.aim or (message.address if message.kind is ChatKind.CHANNEL else None)
    if channel is None:
        return what
    buttons = tuple(
        tuple(
            replace(each, data=f"{each.data}@{channel.chat}")
            if each.data and each.data.startswith(_OF_A_CHAT)
            else each
            for each in row
        )
        for row in what.buttons
    )
    return replace(what, buttons=buttons)


def _alias(token: str, day: datetime, person: str) -> str:
    return hmac.new(token.encode(), f"{day.date()} {person}".encode(), hashlib.sha256).hexdigest()


async def _logged(work: Coroutine[Any, Any, None]) -> None:
    """Run background `work` and log its errors, because nobody else would see them."""
    try:
        await work
    except TelegramError as error:
        _log.warning("answer_failed", error=type(error).__name__)
    except Exception:  # noqa: BLE001 - the bot must live on
        _log.exception("work_failed")
