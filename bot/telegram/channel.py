"""The implementation of `Channel` for Telegram, also used for answers to commands.

A message is sent in its best form. If Telegram refuses the form, a plainer one is tried: rich, then classic HTML, then
plain text.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import structlog
from telegram import ForceReply, LinkPreviewOptions, ReplyParameters
from telegram.constants import ParseMode
from telegram.error import (
    BadRequest,
    ChatMigrated,
    EndPointNotFound,
    Forbidden,
    InvalidToken,
    TelegramError,
)
from telegram.ext import ExtBot

from bot.core.models import Campaign, Delivery, Part, Preferences, Subscriber
from bot.delivery.channel import DeliveryError, EndedError, FormRefusedError
from bot.telegram import http, messages
from bot.telegram.incoming import Address, parse_address
from bot.telegram.rate_limiter import Bulk, LimitArgs
from bot.telegram.templates import Message, keyboard, message, plainer
from digest.core.models import Edition

_log = structlog.get_logger()
_NO_PREVIEW = LinkPreviewOptions(is_disabled=True)

Alert = Callable[[str, str], Awaitable[None]]
"""A callback that tells the operators about an address: the address and the reason."""


class TelegramChannel:
    """The Telegram channel. `bot` is initialized."""

    name = "telegram"
    repeats_unknown = False

    def __init__(self, bot: ExtBot[LimitArgs]) -> None:
        self.bot = bot
        self._knows_rich: bool | None = None
        """True if the Bot API server has sendRichMessage; None until it is known."""
        self._first_rich = asyncio.Lock()
        self.knows_drafts = True
        """True if the Bot API server has sendMessageDraft, as far as is known."""
        self.alert: Alert | None = None

    def compose(
        self, campaign: Campaign, edition: Edition | None, preferences: Preferences
    ) -> tuple[Part, ...]:
        """Compose the messages of a campaign for subscribers with these `preferences`."""
        return tuple(each.part() for each in messages.campaign_messages(campaign, edition, preferences))

    async def send(
        self, delivery: Delivery, part: Part, *, first: bool, before: Callable[[], Awaitable[None]]
    ) -> None:
        """Send one message of a delivery, after all answers. Only the first message makes a sound.

        Raises a DeliveryError, or FormRefusedError with the messages in a plainer form.
        """
        subscriber = delivery.subscriber
        to, what = parse_address(subscriber.address), message(part)
        try:
            await self._send_bulk(to, what, Bulk(before), silent=subscriber.silent or not first)
        except TelegramError as error:
            if instead := self._instead(what, error):
                raise FormRefusedError(_cause(error), tuple(each.part() for each in instead)) from error
            meant = http.delivery_error(error)
            await self._report_lost_topic(subscriber, meant)
            raise meant from error

    async def say(
        self,
        to: Address,
        what: Message,
        *,
        reply_to: int | None = None,
        silent: bool = False,
        prompt: bool = False,
        limits: LimitArgs | None = None,
    ) -> int:
        """Send `what` and return the id of its last message. Raises TelegramError.

        `prompt` asks the person for a reply. If a group has become a supergroup, the message goes there without a
        reply, because message ids differ. If a topic of a private chat is gone or not found, the message goes to the
        chat itself.
        """
        try:
            return await self._send(to, what, reply_to=reply_to, silent=silent, prompt=prompt, limits=limits)
        except ChatMigrated as error:
            there = Address(error.new_chat_id)
            return await self.say(there, what, silent=silent, prompt=prompt, limits=limits)
        except TelegramError as error:
            if to.is_private and to.topic is not None and http.is_topic_gone(error):
                return await self.say(to.subscription, what, silent=silent, prompt=prompt, limits=limits)
            instead = self._instead(what, error)
            if not instead:
                raise
        number = await self.say(to, instead[0], reply_to=reply_to, silent=silent, limits=limits)
        for each in instead[1:]:
            number = await self.say(to, each, reply_to=reply_to, silent=True, limits=limits)
        return number

    async def change(self, to: Address, number: int, what: Message) -> None:
        """Replace the message `number` by `what`. Raises TelegramError, but not if the message already has this
        content.

        If the plainer form takes several messages, the others follow below.
        """
        try:
            await self._edit(to, number, what)
        except TelegramError as error:
            if http.is_not_modified(error):
                return
            instead = () if http.is_gone(error) else self._instead(what, error)
            if not instead:
                raise
            await self.change(to, number, instead[0])
            for each in instead[1:]:
                await self.say(to, each, silent=True)

    async def draft(self, to: Address, number: int, html: str) -> None:
        """Show `html` in a private chat for half a minute, in place of the earlier draft `number` (not 0).

        Remembers a server without drafts. Raises TelegramError.
        """
        try:
            await self.bot.send_message_draft(
                to.chat, number, html, message_thread_id=to.topic, parse_mode=ParseMode.HTML
            )
        except InvalidToken as error:
            # python-telegram-bot raises the same exception if the server lacks the method.
            if "unauthorized" in error.message.lower():
                raise
            self.knows_drafts = False
            _log.warning("drafts_unsupported")

    def _instead(self, what: Message, error: TelegramError) -> tuple[Message, ...]:
        """Return the plainer messages if `what` was refused for its form; otherwise none."""
        if what.rich is not None and http.is_missing_method(error):
            return plainer(what)
        if http.is_unparsable(error) or (what.rich is not None and http.may_be_form(error)):
            _log.warning("rich_message_refused" if what.rich else "message_refused", cause=_cause(error))
            return plainer(what)
        return ()

    async def _send_bulk(self, to: Address, what: Message, limits: Bulk, *, silent: bool) -> None:
        """Send one message. The first rich message goes alone, until it is known whether the server supports them."""
        if what.rich is not None:
            async with self._first_rich:
                if self._knows_rich is None:
                    await self._send(to, what, silent=silent, limits=limits)
                    return
        await self._send(to, what, silent=silent, limits=limits)

    async def _send(
        self,
        to: Address,
        what: Message,
        *,
        silent: bool,
        reply_to: int | None = None,
        prompt: bool = False,
        limits: LimitArgs | None = None,
    ) -> int:
        """Send one message in one request. A rich message asks for no reply: `prompt` is for the other forms."""
        if what.rich is not None:
            return await self._send_rich(to, what, silent=silent, reply_to=reply_to, limits=limits)
        sent = await self.bot.send_message(
            to.chat,
            what.html if what.text is None else what.text,
            parse_mode=_mode(what),
            message_thread_id=to.topic,
            reply_markup=ForceReply(selective=True) if prompt else keyboard(what.buttons),
            reply_parameters=_reply(reply_to),
            disable_notification=silent,
            link_preview_options=_NO_PREVIEW,
            rate_limit_args=limits,
        )
        return sent.message_id

    async def _send_rich(
        self, to: Address, what: Message, *, silent: bool, reply_to: int | None, limits: LimitArgs | None
    ) -> int:
        given = {
            "chat_id": to.chat,
            "message_thread_id": to.topic,
            "rich_message": {"html": what.rich},
            "disable_notification": silent,
            "reply_parameters": _reply(reply_to),
            "reply_markup": keyboard(what.buttons),
        }
        given = {name: value for name, value in given.items() if value is not None}
        limits = self._if_rich(limits or LimitArgs())
        with self._learning_support():
            sent = await self.bot.do_api_request("sendRichMessage", given, rate_limit_args=limits)
        return int(sent["message_id"])

    @contextmanager
    def _learning_support(self) -> Iterator[None]:
        """Learn from the answer to sendRichMessage whether the server knows the method."""
        try:
            yield
        except (BadRequest, Forbidden):
            self._knows_rich = True
            raise
        except EndPointNotFound as error:
            if self._knows_rich is not False and http.is_missing_method(error):
                self._knows_rich = False
                _log.warning("rich_messages_unsupported")
            raise
        self._knows_rich = True

    async def _edit(self, to: Address, number: int, what: Message) -> None:
        if what.rich is None:
            text, limits, more = what.html if what.text is None else what.text, None, None
        else:
            text, limits, more = None, self._if_rich(LimitArgs()), {"rich_message": {"html": what.rich}}
        await self.bot.edit_message_text(
            text,  # type: ignore[arg-type]  # the library knows no message without a text
            to.chat,
            number,
            parse_mode=_mode(what),
            reply_markup=keyboard(what.buttons),
            link_preview_options=_NO_PREVIEW if text else None,
            rate_limit_args=limits,
            api_kwargs=more,
        )

    def _if_rich(self, limits: LimitArgs) -> LimitArgs:
        """Extend `limits` to refuse a rich message, also while it waits, if the server does not support them."""
        self._refuse_unsupported()

        async def before() -> None:
            self._refuse_unsupported()
            if limits.before is not None:
                await limits.before()

        return replace(limits, before=before)

    def _refuse_unsupported(self) -> None:
        if self._knows_rich is False:
            raise EndPointNotFound("The server does not know rich messages.")

    async def _report_lost_topic(self, subscriber: Subscriber, error: DeliveryError) -> None:
        """Tell the operators if `error` means that a topic is gone, because its members cannot tell the bot."""
        if self.alert and isinstance(error, EndedError) and http.is_of_topic(str(error)):
            await self.alert(subscriber.address, str(error))


def _mode(what: Message) -> str | None:
    return ParseMode.HTML if what.html else None


def _reply(number: int | None) -> ReplyParameters | None:
    return None if number is None else ReplyParameters(number, allow_sending_without_reply=True)


def _cause(error: TelegramError) -> str:
    """Return Telegram's description without the part that may quote the message."""
    return error.message.partition(":")[0][:200] if "entit" in error.message else error.message[:80]
