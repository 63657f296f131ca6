"""Inline queries: `@bot words` offers papers of past editions, and sends a short card of the chosen one."""

from functools import partial

from telegram import (
    InlineQueryResultArticle,
    InlineQueryResultsButton,
    InputTextMessageContent,
    LinkPreviewOptions,
    Update,
)
from telegram.constants import ParseMode
from telegram.ext import ContextTypes, InlineQueryHandler

from bot.telegram import words
from bot.telegram.context import Desk
from bot.telegram.incoming import Handler
from bot.telegram.parts import ENTITY_LIMIT, TEXT_LIMIT
from digest.core.invisible import removed
from digest.db import engine as database
from digest.db import papers
from digest.db.papers import SearchHit
from digest.render import telegram_split

_PAGE = 20  # results; Telegram allows 50 (Bot API, answerInlineQuery)
_CACHE_SECONDS = 300
_LONGEST = 100  # characters of a query


def handlers(desk: Desk) -> list[Handler]:
    """List the handlers of this module."""
    return [InlineQueryHandler(partial(offer, desk))]


async def offer(desk: Desk, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Offer the papers that contain the words, or those of the newest editions if there are none."""
    query = update.inline_query
    if query is None:
        return
    language = await desk.language_of(query.from_user.id, query.from_user.language_code)
    offset = int(query.offset) if query.offset.isdecimal() and len(query.offset) < 6 else 0
    async with database.reading(desk.app.engine) as connection:
        hits = await papers.search(connection, removed(query.query[:_LONGEST]), language, _PAGE, offset)
    await query.answer(
        [_article(hit, language) for hit in hits],
        cache_time=_CACHE_SECONDS,
        is_personal=True,  # because of the language
        next_offset=str(offset + _PAGE) if len(hits) == _PAGE else "",
        button=InlineQueryResultsButton(str(words.of(language).inline_button), start_parameter="inline"),
    )


def _article(hit: SearchHit, language: str) -> InlineQueryResultArticle:
    html = words.render("short", language, hit=hit)
    return InlineQueryResultArticle(
        id=str(hit.version),
        title=words.line(hit.translated or hit.title),
        description=words.line(hit.summary or hit.title),
        input_message_content=InputTextMessageContent(
            telegram_split.split(html, TEXT_LIMIT, ENTITY_LIMIT)[0],
            parse_mode=ParseMode.HTML,
            link_preview_options=LinkPreviewOptions(is_disabled=True),
        ),
    )
