"""The stored data of a chat and its topics: export, deletion, and sign-up of a mailbox."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any

from telegram import InputFile, Update
from telegram.error import Forbidden
from telegram.ext import CallbackQueryHandler, ContextTypes

from bot.core import mailboxes
from bot.core.mailboxes import InvalidMailboxError
from bot.core.models import REQUEST_LIFETIME, ChatKind, RequestedPreferences, Subscriber
from bot.delivery.channel import DeferredError
from bot.telegram import templates
from bot.telegram.context import CHANNEL, BotContext
from bot.telegram.handlers import prompts, settings
from bot.telegram.incoming import AIMED, Address, Handler, IncomingMessage, incoming, on_command
from bot.telegram.rate_limiter import LimitArgs
from bot.telegram.replies import persistently
from bot.telegram.templates import Button, Message

_Act = Callable[[BotContext, IncomingMessage, Any], Awaitable[None]]


def handlers(context: BotContext) -> list[Handler]:
    """List the handlers of this module."""
    return [
        on_command("export", partial(export, context)),
        on_command("forget", partial(forget, context)),
        on_command("email", partial(email, context)),
        CallbackQueryHandler(partial(forget_tapped, context), pattern=rf"^forget:(yes|no){AIMED}$"),
        CallbackQueryHandler(partial(opened, context), pattern=rf"^(export|forget|email):{AIMED}$"),
    ]


async def opened(context: BotContext, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Handle the settings buttons for the same commands."""
    query = update.callback_query
    if query is None or (message := incoming(update)) is None:
        return
    says = templates.words((await context.subscriber(message)).preferences.language)
    if not await context.may_change(message):  # shown only to the person who tapped
        await context.acknowledge(query, str(says.only_admins), alert=True)
        return
    await context.acknowledge(query)
    open_ = {
        settings.EXPORT: _export,
        settings.FORGET: _ask_whether_to_forget,
        settings.EMAIL: _ask_for_address,
    }
    await open_[str(query.data).partition("@")[0]](context, message, says)


async def export(context: BotContext, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Send everything stored about the chat as a JSON file."""
    if message := incoming(update):
        await _where_allowed(context, message, _export)


async def _where_allowed(context: BotContext, message: IncomingMessage, act: _Act) -> None:
    says = templates.words((await context.subscriber(message)).preferences.language)
    if await context.may_change(message):
        await act(context, message, says)
    else:
        await context.answer(message, says.only_admins)


async def _export(context: BotContext, message: IncomingMessage, says: Any) -> None:
    known = await context.subscriptions.data_of_chat(CHANNEL, str(message.about.chat), context.today())
    document = json.dumps(known, ensure_ascii=False, indent=2, default=str).encode()

    async def send(to: Address) -> None:
        await context.bot.send_document(
            to.chat,
            InputFile(document, filename="arxiv-daily.json"),
            message_thread_id=to.topic,
            caption=str(says.exported),
            rate_limit_args=LimitArgs(partial(context.note_answered, message), once=True),
        )

    until, is_channel = context.clock() + REQUEST_LIFETIME, message.kind is ChatKind.CHANNEL
    for to in (
        [Address(each) for each in await context.deciding(message)] if is_channel else [message.address]
    ):
        try:
            await persistently(partial(send, to), (DeferredError,), lambda: context.clock() < until)
        except Forbidden:  # an administrator without a chat with the bot
            if not is_channel:
                raise


async def forget(context: BotContext, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Delete everything stored about the chat, after confirmation."""
    if message := incoming(update):
        await _where_allowed(context, message, _ask_whether_to_forget)


async def _ask_whether_to_forget(context: BotContext, message: IncomingMessage, says: Any) -> None:
    """Ask for confirmation, because the deletion is final."""
    buttons = ((Button(str(says.forget_yes), "forget:yes"), Button(str(says.forget_no), "forget:no")),)
    places = await context.subscriptions.at(CHANNEL, str(message.about.chat))
    await context.answer(message, says.forget_sure(len(places)), buttons)


async def forget_tapped(context: BotContext, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Delete everything stored about the chat and its topics, or cancel."""
    query = update.callback_query
    if query is None or (message := incoming(update)) is None:
        return
    subscriber = await context.subscriber(message)
    says = templates.words(subscriber.preferences.language)
    if not await context.may_change(message):
        await context.acknowledge(query, str(says.only_admins), alert=True)
        return
    await context.acknowledge(query)
    if str(query.data).startswith("forget:yes"):
        await context.subscriptions.forget_chat(CHANNEL, str(message.about.chat), context.today())
    said = says.forgotten if str(query.data).startswith("forget:yes") else says.kept
    await context.show(message, Message(str(said)))


async def email(context: BotContext, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Sign up the address given with the command."""
    if message := incoming(update):
        await sign_up(context, message, await context.subscriber(message))


async def _ask_for_address(context: BotContext, message: IncomingMessage, says: Any) -> None:
    if context.links is None or not message.address.is_private:  # the button is forged or old
        await context.answer(message, says.no_newsletter if context.links is None else says.email_in_private)
    else:
        language = (await context.subscriber(message)).preferences.language
        await prompts.ask(context, message, language, says.reply_with[prompts.EMAIL])


async def sign_up(context: BotContext, message: IncomingMessage, subscriber: Subscriber) -> None:
    """Sign up an address for the newsletter with the chat's preferences. Its owner still has to confirm it.

    The answer is the same for every address, so that addresses cannot be probed.
    """
    says = templates.words(subscriber.preferences.language)
    await context.answer(message, str(await _signed_up(context, message, subscriber, says)))


async def _signed_up(context: BotContext, message: IncomingMessage, subscriber: Subscriber, says: Any) -> Any:
    """Sign up the address and return the text of the answer."""
    if context.links is None:
        return says.no_newsletter
    if not message.address.is_private:
        return says.email_in_private
    try:
        mailbox = mailboxes.parse(message.words)
    except InvalidMailboxError:
        return says.how_to_email
    preferences = RequestedPreferences(
        replace(subscriber.preferences, rich=False), subscriber.hour, subscriber.zone, subscriber.quiet_line
    )
    where = context.links.hashed(f"{CHANNEL}:{message.address.chat}")
    await context.subscriptions.sign_up(mailbox, preferences, network=where, how="telegram")
    return says.email_sent
