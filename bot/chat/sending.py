"""Messages -> Telegram: the slice's side of `Channel`, and what its commands answer with.

A message is tried in its best form, and once more in a plainer one where Telegram refuses the form: rich, then
classic HTML, then plain text.
"""

from collections.abc import Awaitable, Callable

import structlog
import telegram
from telegram import ForceReply, InlineKeyboardMarkup, LinkPreviewOptions, ReplyParameters
from telegram.constants import ParseMode
from telegram.error import InvalidToken, TelegramError
from telegram.ext import ExtBot

from bot.channels import DeliveryError, EndedError
from bot.chat import address as addresses
from bot.chat import composing, refusals
from bot.chat.address import Address
from bot.chat.limits import Bulk, LimitArgs
from bot.chat.parts import TEXT_LIMIT, Message, keyboard, message
from bot.models import Choices, Dispatch, Part, Subscriber
from digest.models import Edition
from digest.render import splitting
from digest.render import telegram as telegram_html

_log = structlog.get_logger()
_NO_PREVIEW = LinkPreviewOptions(is_disabled=True)
_FORUM = "topic-"

Alert = Callable[[str, str], Awaitable[None]]
"""Tells the operators what became of an address: the address, and the reason."""


class Outgoing:
    """What the bot says, to whom it may concern. `bot` is initialized."""

    name = "telegram"

    def __init__(self, bot: ExtBot[LimitArgs]) -> None:
        self.bot = bot
        self._knows_rich = True
        self.knows_drafts = True
        """Whether the Bot API server has sendMessageDraft, as far as is known."""
        self.alert: Alert | None = None

    def compose(self, dispatch: Dispatch, edition: Edition | None, choices: Choices) -> tuple[Part, ...]:
        """The messages of `dispatch` for those with `choices`."""
        return tuple(each.part() for each in composing.dispatched(dispatch, edition, choices))

    async def send(
        self, subscriber: Subscriber, part: Part, *, first: bool, before: Callable[[], Awaitable[None]]
    ) -> None:
        """Sends one message of a dispatch, behind what people wait for. Only the first makes a sound."""
        try:
            await self.say(
                addresses.parse(subscriber.address),
                message(part),
                silent=subscriber.silent or not first,
                limits=Bulk(before),
            )
        except TelegramError as error:
            meant = refusals.delivery_error(error)
            await self._tell(subscriber, meant)
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
        """Sends `what`, and gives the id of the message, of the last where it took several. Raises TelegramError.

        `prompt` asks the person for a reply.
        """
        if what.rich is not None:
            return await self._say_richly(to, what, reply_to=reply_to, silent=silent, limits=limits)
        markup = ForceReply(selective=True) if prompt else keyboard(what.buttons)

        async def send(text: str, parse_mode: str | None) -> int:
            sent = await self.bot.send_message(
                to.chat,
                text,
                parse_mode=parse_mode,
                message_thread_id=to.topic,
                reply_markup=markup if parse_mode else None,
                reply_parameters=_reply(reply_to),
                disable_notification=silent,
                link_preview_options=_NO_PREVIEW,
                rate_limit_args=limits,
            )
            return sent.message_id

        try:
            return await send(what.html, ParseMode.HTML)
        except TelegramError as error:
            if not refusals.is_unparsable(error):
                raise
            _log.warning("message_refused", cause=_cause(error))
        number = 0
        for text in _plain(what.html):
            number = await send(text, None)
        return number

    async def change(self, to: Address, number: int, what: Message) -> None:
        """Puts `what` in place of the message `number`. Raises TelegramError, but not where it is so already."""
        try:
            await self._edit(to, number, what.html, ParseMode.HTML, keyboard(what.buttons))
        except TelegramError as error:
            if refusals.is_unparsable(error):
                _log.warning("message_refused", cause=_cause(error))
                await self._edit(to, number, _plain(what.html)[0], None, None)
            elif not refusals.is_not_modified(error):
                raise

    async def draft(self, to: Address, number: int, html: str) -> None:
        """Shows `html` in a private chat for half a minute, in place of the draft `number` (not 0) before it.

        A server that does not know drafts is remembered. Raises TelegramError.
        """
        try:
            await self.bot.send_message_draft(
                to.chat, number, html, message_thread_id=to.topic, parse_mode=ParseMode.HTML
            )
        except InvalidToken as error:
            # python-telegram-bot raises the same where the server does not have the method.
            if "unauthorized" in error.message.lower():
                raise
            self.knows_drafts = False
            _log.warning("drafts_unknown")

    async def _edit(
        self, to: Address, number: int, text: str, mode: str | None, markup: InlineKeyboardMarkup | None
    ) -> None:
        await self.bot.edit_message_text(
            text, to.chat, number, parse_mode=mode, reply_markup=markup, link_preview_options=_NO_PREVIEW
        )

    async def _say_richly(
        self, to: Address, what: Message, *, reply_to: int | None, silent: bool, limits: LimitArgs | None
    ) -> int:
        if what.rich and self._knows_rich:
            try:
                return await self._send_rich(to, what, silent=silent, limits=limits)
            except TelegramError as error:
                if refusals.is_missing_method(error):
                    self._knows_rich = False
                elif not isinstance(error, telegram.error.BadRequest):
                    raise
                _log.warning("rich_message_refused", cause=_cause(error))
        number = 0
        for each in what.classic:
            number = await self.say(to, each, reply_to=reply_to, silent=silent or number > 0, limits=limits)
        return number

    async def _send_rich(self, to: Address, what: Message, *, silent: bool, limits: LimitArgs | None) -> int:
        markup = keyboard(what.buttons)
        arguments = {
            "chat_id": to.chat,
            "message_thread_id": to.topic,
            "rich_message": {"html": what.rich},
            "disable_notification": silent,
            "reply_markup": markup.to_json() if markup else None,
        }
        given = {name: value for name, value in arguments.items() if value is not None}
        sent = await self.bot.do_api_request("sendRichMessage", given, rate_limit_args=limits)
        return int(sent["message_id"])

    async def _tell(self, subscriber: Subscriber, error: DeliveryError) -> None:
        """A topic that is gone is the operators' to know: its people cannot tell the bot."""
        if self.alert and isinstance(error, EndedError) and str(error).startswith(_FORUM):
            await self.alert(subscriber.address, str(error))


def _plain(html: str) -> list[str]:
    """The same text without markup, as messages: the last resort, which Telegram cannot fail to parse."""
    text = telegram_html.literal(telegram_html.plain(html))
    return [telegram_html.plain(each) for each in splitting.split(text, TEXT_LIMIT)]


def _reply(number: int | None) -> ReplyParameters | None:
    return None if number is None else ReplyParameters(number, allow_sending_without_reply=True)


def _cause(error: TelegramError) -> str:
    """Telegram's description, without what it may quote from the message."""
    return error.message.partition(":")[0][:200] if "entit" in error.message else error.message[:80]
