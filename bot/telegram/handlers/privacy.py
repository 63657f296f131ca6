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
from bot.core.models import ASK_LIFETIME, Kind, Subscriber, Wishes
from bot.delivery.channel import DeferredError
from bot.telegram import templates
from bot.telegram.context import CHANNEL, BotContext
from bot.telegram.handlers import prompts, settings
from bot.telegram.incoming import AIMED, Address, Handler, IncomingMessage, incoming, on_command
from bot.telegram.rate_limiter import LimitArgs
from bot.telegram.replies import persistently
from bot.telegram.templates import Button, Message

_Act = Callable[[BotContext, IncomingMessage, Any], Awaitable[None]]


def handlers(desk: BotContext) -> list[Handler]:
    """List the handlers of this module."""
    return [
        on_command("export", partial(export, desk)),
        on_command("forget", partial(forget, desk)),
        on_command("email", partial(email, desk)),
        CallbackQueryHandler(partial(forget_tapped, desk), pattern=rf"^forget:(yes|no){AIMED}$"),
        CallbackQueryHandler(partial(opened, desk), pattern=rf"^(export|forget|email):{AIMED}$"),
    ]


async def opened(desk: BotContext, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Handle the settings buttons for the same commands."""
    query = update.callback_query
    if query is None or (came := incoming(update)) is None:
        return
    says = templates.words((await desk.reader(came)).choices.language)
    if not await desk.may_change(came):  # shown only to the person who tapped
        await desk.acknowledge(query, str(says.only_admins), alert=True)
        return
    await desk.acknowledge(query)
    open_ = {
        settings.EXPORT: _export,
        settings.FORGET: _ask_whether_to_forget,
        settings.EMAIL: _ask_for_address,
    }
    await open_[str(query.data).partition("@")[0]](desk, came, says)


async def export(desk: BotContext, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Send everything stored about the chat as a JSON file."""
    if came := incoming(update):
        await _where_allowed(desk, came, _export)


async def _where_allowed(desk: BotContext, came: IncomingMessage, act: _Act) -> None:
    says = templates.words((await desk.reader(came)).choices.language)
    if await desk.may_change(came):
        await act(desk, came, says)
    else:
        await desk.answer(came, says.only_admins)


async def _export(desk: BotContext, came: IncomingMessage, says: Any) -> None:
    known = await desk.subscriptions.data_of_chat(CHANNEL, str(came.about.chat), desk.today())
    document = json.dumps(known, ensure_ascii=False, indent=2, default=str).encode()

    async def send(to: Address) -> None:
        await desk.bot.send_document(
            to.chat,
            InputFile(document, filename="arxiv-daily.json"),
            message_thread_id=to.topic,
            caption=str(says.exported),
            rate_limit_args=LimitArgs(partial(desk.note_answered, came), once=True),
        )

    until, is_channel = desk.clock() + ASK_LIFETIME, came.kind is Kind.CHANNEL
    for to in [Address(each) for each in await desk.deciding(came)] if is_channel else [came.address]:
        try:
            await persistently(partial(send, to), (DeferredError,), lambda: desk.clock() < until)
        except Forbidden:  # an administrator without a chat with the bot
            if not is_channel:
                raise


async def forget(desk: BotContext, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Delete everything stored about the chat, after confirmation."""
    if came := incoming(update):
        await _where_allowed(desk, came, _ask_whether_to_forget)


async def _ask_whether_to_forget(desk: BotContext, came: IncomingMessage, says: Any) -> None:
    """Ask for confirmation, because the deletion is final."""
    buttons = ((Button(str(says.forget_yes), "forget:yes"), Button(str(says.forget_no), "forget:no")),)
    places = await desk.subscriptions.at(CHANNEL, str(came.about.chat))
    await desk.answer(came, says.forget_sure(len(places)), buttons)


async def forget_tapped(desk: BotContext, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Delete everything stored about the chat and its topics, or cancel."""
    query = update.callback_query
    if query is None or (came := incoming(update)) is None:
        return
    reader = await desk.reader(came)
    says = templates.words(reader.choices.language)
    if not await desk.may_change(came):
        await desk.acknowledge(query, str(says.only_admins), alert=True)
        return
    await desk.acknowledge(query)
    if str(query.data).startswith("forget:yes"):
        await desk.subscriptions.forget_chat(CHANNEL, str(came.about.chat), desk.today())
    said = says.forgotten if str(query.data).startswith("forget:yes") else says.kept
    await desk.show(came, Message(str(said)))


async def email(desk: BotContext, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Sign up the address given with the command."""
    if came := incoming(update):
        await sign_up(desk, came, await desk.reader(came))


async def _ask_for_address(desk: BotContext, came: IncomingMessage, says: Any) -> None:
    if desk.links is None or not came.address.is_private:  # the button is forged or old
        await desk.answer(came, says.no_newsletter if desk.links is None else says.email_in_private)
    else:
        language = (await desk.reader(came)).choices.language
        await prompts.ask(desk, came, language, says.reply_with[prompts.EMAIL])


async def sign_up(desk: BotContext, came: IncomingMessage, reader: Subscriber) -> None:
    """Sign up an address for the newsletter with the chat's preferences. Its owner still has to confirm it.

    The answer is the same for every address, so that addresses cannot be probed.
    """
    says = templates.words(reader.choices.language)
    await desk.answer(came, str(await _signed_up(desk, came, reader, says)))


async def _signed_up(desk: BotContext, came: IncomingMessage, reader: Subscriber, says: Any) -> Any:
    """Sign up the address and return the text of the answer."""
    if desk.links is None:
        return says.no_newsletter
    if not came.address.is_private:
        return says.email_in_private
    try:
        mailbox = mailboxes.parse(came.words)
    except InvalidMailboxError:
        return says.how_to_email
    wishes = Wishes(replace(reader.choices, rich=False), reader.hour, reader.zone, reader.quiet_line)
    where = desk.links.hashed(f"{CHANNEL}:{came.address.chat}")
    await desk.subscriptions.sign_up(mailbox, wishes, network=where, how="telegram")
    return says.email_sent
