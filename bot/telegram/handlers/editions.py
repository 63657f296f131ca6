"""Editions by day: the newest, a given one, or one chosen from a list. Inline queries: papers of past editions."""

import asyncio
import re
from datetime import date
from functools import partial

from telegram import (
    InlineQueryResultArticle,
    InlineQueryResultsButton,
    InputTextMessageContent,
    LinkPreviewOptions,
    Update,
)
from telegram.constants import ParseMode
from telegram.ext import CallbackQueryHandler, ContextTypes, InlineQueryHandler

from bot.core.models import Subscriber
from bot.delivery.renderings import matching
from bot.telegram import messages, templates
from bot.telegram.context import BotContext
from bot.telegram.incoming import Handler, IncomingMessage, incoming, on_command
from bot.telegram.templates import ENTITY_LIMIT, TEXT_LIMIT, Button, rows
from digest.core.invisible import removed
from digest.db import editions, search
from digest.db import engine as database
from digest.db.search import SearchHit
from digest.render import telegram_split

_PAGE = 20  # results; Telegram allows 50 (Bot API, answerInlineQuery)
_CACHE_SECONDS = 300
_LONGEST = 100  # characters of a query


def inline_handlers(context: BotContext) -> list[Handler]:
    """List the handlers of this module."""
    return [InlineQueryHandler(partial(offer_inline, context))]


async def offer_inline(context: BotContext, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Offer the papers that contain the words, or those of the newest editions if there are none."""
    query = update.inline_query
    if query is None:
        return
    language = await context.language_of(query.from_user.id, query.from_user.language_code)
    offset = int(query.offset) if query.offset.isdecimal() and len(query.offset) < 6 else 0
    async with database.reading(context.engine) as connection:
        hits = await search.search(connection, removed(query.query[:_LONGEST]), language, _PAGE, offset)
    await query.answer(
        [_article(hit, language) for hit in hits],
        cache_time=_CACHE_SECONDS,
        is_personal=True,  # because of the language
        next_offset=str(offset + _PAGE) if len(hits) == _PAGE else "",
        button=InlineQueryResultsButton(
            str(templates.words(language).inline_button), start_parameter="inline"
        ),
    )


def _article(hit: SearchHit, language: str) -> InlineQueryResultArticle:
    html = templates.render("short", language, hit=hit)
    return InlineQueryResultArticle(
        id=str(hit.version),
        title=templates.line(hit.translated or hit.title),
        description=templates.line(hit.summary or hit.title),
        input_message_content=InputTextMessageContent(
            telegram_split.split(html, TEXT_LIMIT, ENTITY_LIMIT)[0],
            parse_mode=ParseMode.HTML,
            link_preview_options=LinkPreviewOptions(is_disabled=True),
        ),
    )


_DAYS = 9  # days to choose from
LINK = re.compile(r"day(?:_(\d{4}-\d{2}-\d{2}))?", re.ASCII)
"""The payload of a deep link to the edition of a day, or to the newest one."""


def handlers(context: BotContext) -> list[Handler]:
    """List the handlers of this module."""
    return [
        on_command("today", partial(today, context)),
        on_command("digest", partial(digest, context)),
        CallbackQueryHandler(partial(day_tapped, context), pattern=r"^day:(\d{4}-\d{2}-\d{2})?$"),
        CallbackQueryHandler(partial(days_tapped, context), pattern=r"^days:$"),
    ]


async def today(context: BotContext, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Show the newest edition."""
    if message := incoming(update):
        await _show(context, message, await context.subscriber(message), None)


async def digest(context: BotContext, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Show the edition of a day, or a list of days if none is given."""
    if (message := incoming(update)) is None:
        return
    subscriber = await context.subscriber(message)
    if not message.words:
        await _offer_days(context, message, subscriber)
        return
    try:
        chosen = date.fromisoformat(message.words)
    except ValueError:
        await context.answer(
            message, templates.words(subscriber.preferences.language).which_day(message.words[:80])
        )
        return
    await _show(context, message, subscriber, chosen)


async def day_tapped(context: BotContext, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Show the edition of a day after a tap on its button."""
    given = str(update.callback_query and update.callback_query.data).partition(":")[2]
    if message := await context.tap(update, f"day_{given}" if given else "day"):
        await show_day(context, message, await context.subscriber(message), given)


async def days_tapped(context: BotContext, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Show the list of days after a tap."""
    if message := await context.tap(update, "help"):
        await _offer_days(context, message, await context.subscriber(message))


async def _offer_days(context: BotContext, message: IncomingMessage, subscriber: Subscriber) -> None:
    says = templates.words(subscriber.preferences.language)
    async with database.reading(context.engine) as connection:
        found = await editions.archived(connection, _DAYS)
    buttons = [Button(str(each), f"day:{each}") for each in found]
    await context.answer(message, says.choose_day if found else says.no_edition_yet, rows(buttons, 3))


async def show_day(
    context: BotContext, message: IncomingMessage, subscriber: Subscriber, given: str | None
) -> None:
    """Show the edition of the day that a button or link names, or the newest if it names none."""
    try:
        chosen = date.fromisoformat(given) if given else None
    except ValueError:
        chosen = None  # forged: showing the newest edition does no harm
    await _show(context, message, subscriber, chosen)


async def _show(
    context: BotContext, message: IncomingMessage, subscriber: Subscriber, wanted_day: date | None
) -> None:
    says = templates.words(subscriber.preferences.language)
    async with database.reading(context.engine) as connection:
        closed = await (editions.find(connection, wanted_day) if wanted_day else editions.last(connection))
    edition = await context.stored_edition(closed.date, subscriber.preferences.language) if closed else None
    if edition is None:
        await context.answer(message, says.no_edition(wanted_day) if wanted_day else says.no_edition_yet)
        return
    shown = matching(edition, subscriber.preferences)
    if not shown.entries and not shown.replacements:
        await context.answer(message, says.nothing_matches(edition.date))
        return
    composed = await asyncio.to_thread(messages.digest, shown, subscriber.preferences)
    await context.replies.send(message.address, composed)
