"""Subscribing and leaving: the start command, and changes of the bot's memberships."""

import re
from functools import partial
from typing import Any

from telegram import ChatMember, Update
from telegram.ext import (
    CallbackQueryHandler,
    ChatMemberHandler,
    ContextTypes,
    MessageHandler,
    filters,
)

from bot.core.models import Choices, Kind, Standing, Subscriber
from bot.subscriptions import preferences
from bot.telegram import templates
from bot.telegram.context import CHANNEL, BotContext
from bot.telegram.handlers import editions, papers, prompts, settings
from bot.telegram.incoming import AIMED, Address, Handler, IncomingMessage, incoming, kind, on_command
from bot.telegram.templates import Button, Rows
from digest.core import ids

_GONE = (ChatMember.LEFT, ChatMember.BANNED)
_PAYLOAD = re.compile(r"paper_([0-9a-z_-]{6,60})", re.ASCII | re.IGNORECASE)


def handlers(desk: BotContext) -> list[Handler]:
    """List the handlers of this module."""
    return [
        on_command("start", partial(start, desk)),
        on_command("help", partial(help_, desk)),
        on_command("subscribe", partial(subscribe, desk)),
        on_command("unsubscribe", partial(unsubscribe, desk)),
        CallbackQueryHandler(partial(help_tapped, desk), pattern=r"^help:$"),
        CallbackQueryHandler(partial(tapped, desk), pattern=rf"^sub:(on|off){AIMED}$"),
        ChatMemberHandler(partial(membership, desk), ChatMemberHandler.MY_CHAT_MEMBER),
        MessageHandler(filters.StatusUpdate.MIGRATE, partial(migrated, desk)),
    ]


async def start(desk: BotContext, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Welcome the person, or open the paper or day of a deep link. A stopped subscription is restored."""
    if (came := incoming(update)) is None:
        return
    reader = await desk.reader(came)
    if reader.standing is Standing.ENDED and await desk.may_change(came):
        reader = await desk.subscriptions.subscribe(reader)
        await desk.answer(came, templates.words(reader.choices.language).welcome_back, buttons(reader))
    if paper := _paper(came.words):
        await papers.wanted(desk, came, reader, [paper])
    elif day := editions.LINK.fullmatch(came.words):
        await editions.show_day(desk, came, reader, day[1])
    else:
        if reader.standing is Standing.NEW and came.address.is_private:
            reader = await desk.subscriptions.subscribe(reader)
        await desk.answer(came, _welcome(desk, reader), buttons(reader))


async def help_(desk: BotContext, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Show what the bot can do."""
    if came := incoming(update):
        await _help(desk, came)


async def help_tapped(desk: BotContext, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Show the help after a tap."""
    if came := await desk.tap(update, "help"):
        await _help(desk, came)


async def _help(desk: BotContext, came: IncomingMessage) -> None:
    reader = await desk.reader(came)
    language = reader.choices.language
    text = templates.render(
        "help",
        language,
        commands=prompts.offered_commands(desk, templates.words(language)),
        is_operator=desk.is_operator(came),
        talks=came.talks,
        in_group=came.kind is Kind.GROUP,
    )
    await desk.answer(came, text, _more_buttons(reader) if came.talks else buttons(reader))


async def subscribe(desk: BotContext, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Subscribe the chat."""
    if came := incoming(update):
        await _switch(desk, came, on=True)


async def unsubscribe(desk: BotContext, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Unsubscribe the chat. Its settings are kept."""
    if came := incoming(update):
        await _switch(desk, came, on=False)


async def tapped(desk: BotContext, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Subscribe or unsubscribe the chat after a tap."""
    query = update.callback_query
    if query is None or (came := incoming(update)) is None:
        return
    if not await desk.may_change(came):  # shown only to the person who tapped
        says = templates.words((await desk.reader(came)).choices.language)
        await desk.acknowledge(query, str(says.only_admins), alert=True)
        return
    await desk.acknowledge(query)
    await _switch(desk, came, on=str(query.data).startswith("sub:on"))


async def _switch(desk: BotContext, came: IncomingMessage, *, on: bool) -> None:
    reader = await desk.reader(came)
    says = templates.words(reader.choices.language)
    if not await desk.may_change(came):
        await desk.answer(came, says.only_admins)
        return
    was = reader.standing is Standing.ACTIVE
    act = desk.subscriptions.subscribe if on else desk.subscriptions.leave
    reader = await act(reader)
    left = says.unsubscribed if was else says.not_subscribed
    said = _subscription(desk, reader) if on else left
    await desk.answer(came, said, buttons(reader))


async def membership(desk: BotContext, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Handle a change of the bot's membership: blocked, removed, or made an administrator of a channel."""
    change = update.my_chat_member
    if change is None:
        return
    chat, status = change.chat, change.new_chat_member.status
    if status in _GONE:
        reason = "blocked" if kind(chat) is Kind.PRIVATE else "kicked"
        await desk.subscriptions.end(CHANNEL, str(Address(chat.id)), reason)
    elif kind(chat) is Kind.CHANNEL and status == ChatMember.ADMINISTRATOR:
        await enroll(desk, Address(chat.id), Kind.CHANNEL, change.from_user.language_code)


async def migrated(desk: BotContext, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Move the subscriber to the new id when a group becomes a supergroup."""
    message = update.effective_message
    if message is None or message.migrate_to_chat_id is None:
        return  # the second message about the same migration
    await desk.subscriptions.move(CHANNEL, str(message.chat_id), str(message.migrate_to_chat_id))


async def enroll(desk: BotContext, address: Address, what: Kind, language: str | None) -> Subscriber:
    """Subscribe a channel, or another chat without a person, unless it has unsubscribed before."""
    chosen = Choices(templates.nearest_language(language, desk.language))
    return await desk.subscriptions.enroll(Subscriber(0, CHANNEL, str(address), what, chosen, desk.zone))


def buttons(reader: Subscriber) -> Rows:
    """Return the buttons under a message about the subscription."""
    says = templates.words(reader.choices.language)
    more = [] if reader.kind is Kind.CHANNEL else [Button(str(says.help), "help:")]
    return (
        (Button(str(says.today), "day:"), Button(str(says.settings), settings.OPEN)),
        (settings.switch(reader), *more),
    )


def _more_buttons(reader: Subscriber) -> Rows:
    says = templates.words(reader.choices.language)
    return (
        (Button(str(says.today), "day:"), Button(str(says.days_before), "days:")),
        (Button(str(says.search), "search:"), Button(str(says.settings), settings.OPEN)),
        (settings.switch(reader),),
    )


def _welcome(desk: BotContext, reader: Subscriber) -> str:
    active = reader.standing is Standing.ACTIVE
    return str(
        templates.words(reader.choices.language).welcome(_subscription(desk, reader) if active else None)
    )


def _subscription(desk: BotContext, reader: Subscriber) -> Any:
    """Describe the subscription: when the digest comes, and whether it is paused."""
    now = desk.clock()
    pause = preferences.pause(reader, now)
    usual = preferences.usual_time(desk.app.plan.calendar, now, reader.zone)
    return templates.words(reader.choices.language).subscribed(
        reader.hour, preferences.zone_name(reader.zone), pause, usual
    )


def _paper(payload: str) -> ids.PaperRef | None:
    """Return the paper of a deep link, where `_` stands for a slash and `-` for a dot."""
    match = _PAYLOAD.fullmatch(payload)
    if match is None:
        return None
    found = ids.find(_written(match[1]))
    return found[0] if len(found) == 1 else None


def _written(name: str) -> str:
    head, _, tail = name.rpartition("_")
    return f"{head}/{tail}" if head else re.sub(r"^(\d{4})-", r"\1.", tail)
