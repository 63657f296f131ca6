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

from bot.core.models import ChatKind, Preferences, Subscriber, SubscriberStatus
from bot.subscriptions import preferences
from bot.telegram import templates
from bot.telegram.context import CHANNEL, BotContext
from bot.telegram.handlers import editions, papers, prompts, settings
from bot.telegram.incoming import AIMED, Address, Handler, IncomingMessage, incoming, kind, on_command
from bot.telegram.templates import Button, Rows
from digest.core import ids

_GONE = (ChatMember.LEFT, ChatMember.BANNED)
_PAYLOAD = re.compile(r"paper_([0-9a-z_-]{6,60})", re.ASCII | re.IGNORECASE)


def handlers(context: BotContext) -> list[Handler]:
    """List the handlers of this module."""
    return [
        on_command("start", partial(start, context)),
        on_command("help", partial(help_, context)),
        on_command("subscribe", partial(subscribe, context)),
        on_command("unsubscribe", partial(unsubscribe, context)),
        CallbackQueryHandler(partial(help_tapped, context), pattern=r"^help:$"),
        CallbackQueryHandler(partial(tapped, context), pattern=rf"^sub:(on|off){AIMED}$"),
        ChatMemberHandler(partial(membership, context), ChatMemberHandler.MY_CHAT_MEMBER),
        MessageHandler(filters.StatusUpdate.MIGRATE, partial(migrated, context)),
    ]


async def start(context: BotContext, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Welcome the person, or open the paper or day of a deep link. A stopped subscription is restored."""
    if (message := incoming(update)) is None:
        return
    subscriber = await context.subscriber(message)
    if subscriber.status is SubscriberStatus.ENDED and await context.may_change(message):
        subscriber = await context.subscriptions.subscribe(subscriber)
        await context.answer(
            message, templates.words(subscriber.preferences.language).welcome_back, buttons(subscriber)
        )
    if paper := _paper(message.words):
        await papers.wanted(context, message, subscriber, [paper])
    elif day := editions.LINK.fullmatch(message.words):
        await editions.show_day(context, message, subscriber, day[1])
    else:
        if subscriber.status is SubscriberStatus.NEW and message.address.is_private:
            subscriber = await context.subscriptions.subscribe(subscriber)
        await context.answer(message, _welcome(context, subscriber), buttons(subscriber))


async def help_(context: BotContext, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Show what the bot can do."""
    if message := incoming(update):
        await _help(context, message)


async def help_tapped(context: BotContext, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Show the help after a tap."""
    if message := await context.tap(update, "help"):
        await _help(context, message)


async def _help(context: BotContext, message: IncomingMessage) -> None:
    subscriber = await context.subscriber(message)
    language = subscriber.preferences.language
    text = templates.render(
        "help",
        language,
        commands=prompts.offered_commands(context, templates.words(language)),
        is_operator=context.is_operator(message),
        talks=message.talks,
        in_group=message.kind is ChatKind.GROUP,
    )
    await context.answer(message, text, _more_buttons(subscriber) if message.talks else buttons(subscriber))


async def subscribe(context: BotContext, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Subscribe the chat."""
    if message := incoming(update):
        await _switch(context, message, on=True)


async def unsubscribe(context: BotContext, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Unsubscribe the chat. Its settings are kept."""
    if message := incoming(update):
        await _switch(context, message, on=False)


async def tapped(context: BotContext, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Subscribe or unsubscribe the chat after a tap."""
    query = update.callback_query
    if query is None or (message := incoming(update)) is None:
        return
    if not await context.may_change(message):  # shown only to the person who tapped
        says = templates.words((await context.subscriber(message)).preferences.language)
        await context.acknowledge(query, str(says.only_admins), alert=True)
        return
    await context.acknowledge(query)
    await _switch(context, message, on=str(query.data).startswith("sub:on"))


async def _switch(context: BotContext, message: IncomingMessage, *, on: bool) -> None:
    subscriber = await context.subscriber(message)
    says = templates.words(subscriber.preferences.language)
    if not await context.may_change(message):
        await context.answer(message, says.only_admins)
        return
    was = subscriber.status is SubscriberStatus.ACTIVE
    act = context.subscriptions.subscribe if on else context.subscriptions.unsubscribe
    subscriber = await act(subscriber)
    left = says.unsubscribed if was else says.not_subscribed
    said = _subscription(context, subscriber) if on else left
    await context.answer(message, said, buttons(subscriber))


async def membership(context: BotContext, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Handle a change of the bot's membership: blocked, removed, or made an administrator of a channel."""
    change = update.my_chat_member
    if change is None:
        return
    chat, status = change.chat, change.new_chat_member.status
    if status in _GONE:
        reason = "blocked" if kind(chat) is ChatKind.PRIVATE else "kicked"
        await context.subscriptions.end(CHANNEL, str(Address(chat.id)), reason)
    elif kind(chat) is ChatKind.CHANNEL and status == ChatMember.ADMINISTRATOR:
        await enroll(context, Address(chat.id), ChatKind.CHANNEL, change.from_user.language_code)


async def migrated(context: BotContext, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Move the subscriber to the new id when a group becomes a supergroup."""
    message = update.effective_message
    if message is None or message.migrate_to_chat_id is None:
        return  # the second message about the same migration
    await context.subscriptions.move(CHANNEL, str(message.chat_id), str(message.migrate_to_chat_id))


async def enroll(context: BotContext, address: Address, what: ChatKind, language: str | None) -> Subscriber:
    """Subscribe a channel, or another chat without a person, unless it has unsubscribed before."""
    chosen = Preferences(templates.nearest_language(language, context.language))
    return await context.subscriptions.enroll(
        Subscriber(0, CHANNEL, str(address), what, chosen, context.zone)
    )


def buttons(subscriber: Subscriber) -> Rows:
    """Return the buttons under a message about the subscription."""
    says = templates.words(subscriber.preferences.language)
    more = [] if subscriber.kind is ChatKind.CHANNEL else [Button(str(says.help), "help:")]
    return (
        (Button(str(says.today), "day:"), Button(str(says.settings), settings.OPEN)),
        (settings.switch(subscriber), *more),
    )


def _more_buttons(subscriber: Subscriber) -> Rows:
    says = templates.words(subscriber.preferences.language)
    return (
        (Button(str(says.today), "day:"), Button(str(says.days_before), "days:")),
        (Button(str(says.search), "search:"), Button(str(says.settings), settings.OPEN)),
        (settings.switch(subscriber),),
    )


def _welcome(context: BotContext, subscriber: Subscriber) -> str:
    active = subscriber.status is SubscriberStatus.ACTIVE
    return str(
        templates.words(subscriber.preferences.language).welcome(
            _subscription(context, subscriber) if active else None
        )
    )


def _subscription(context: BotContext, subscriber: Subscriber) -> Any:
    """Describe the subscription: when the digest comes, and whether it is paused."""
    now = context.clock()
    pause = preferences.pause(subscriber, now)
    usual = preferences.usual_time(context.plan.calendar, now, subscriber.zone)
    return templates.words(subscriber.preferences.language).subscribed(
        subscriber.hour, preferences.zone_name(subscriber.zone), pause, usual
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
