"""Handlers of requests for papers and editions: commands, links, search, questions, and the buttons of a paper.

In a group, members reply to a paper's message to discuss it among themselves. So the bot answers only replies that read
as a question or contain nothing but papers.
"""

import re
from functools import partial

import telegram
from telegram import MessageEntity, Update
from telegram.ext import CallbackQueryHandler, ContextTypes, MessageHandler, filters

from bot.core.models import ChatKind, RequestKind, Subscriber
from bot.telegram import incoming as arrivals
from bot.telegram import messages, requests, templates
from bot.telegram.context import BotContext
from bot.telegram.handlers import privacy, prompts, settings
from bot.telegram.incoming import ORIGINAL, Handler, IncomingMessage, incoming, on_command
from bot.telegram.messages import Place
from bot.telegram.templates import Button, rows
from digest.core import ids
from digest.core.ids import PaperRef
from digest.core.models import VersionId
from digest.db import engine as database
from digest.db import papers as records
from digest.db import search as past_editions

_TAIL = r"[\s!！。.~～…)）\]】\"'”’」*_\U0001F000-\U0001FAFF\u2600-\u27BF\uFE0F\u200D]*"
_ENDS = re.compile(rf"(?:[?？]|吗|呢|什么|怎么|为何|多少){_TAIL}\Z")
_BEGINS = re.compile(
    r"(?:请问|请解释|请说明|请总结|请介绍|解释|说明一下|总结|概括|介绍一下|什么|为什么|为何|为啥|怎么|怎样|如何|哪|谁|多少|几|是否"
    r"|能否|可否|有没有|有无|是不是|能不能|会不会"
    r"|(?:what(?! an? )|why|how|which|who|whose|where|when|explain|summari[sz]e|compare)\b)",
    re.IGNORECASE,
)
# Similar beginnings that ask nothing: praise, surprise, past time.
_SAYS = re.compile(
    r"(?:解释|总结|概括|介绍)(?:得|的)|什么鬼|怎么(?:可能|又)|哪里哪里|谁懂|几(?:乎|(?:天|周|年)(?:前|后|没))|多少有点"
    r"|(?:when|where) (?:i|we)\b|who knows\b|how (?:cool|nice|great|interesting|funny|sad)\b",
    re.IGNORECASE,
)
_EXCLAIMS = re.compile(r"[!！]+\s*\Z")
_BETWEEN = re.compile(r"[\s,，、;；。]+")


def is_question(text: str) -> bool:
    """Return whether `text` begins or ends like a question or a request to explain, in Chinese or English."""
    text = text.strip()
    if not any(map(str.isalnum, text)):
        return False
    if _ENDS.search(text):
        return True
    return bool(_BEGINS.match(text) and not _SAYS.match(text) and not _EXCLAIMS.search(text))


def is_only_papers(text: str) -> bool:
    """Return whether `text` names papers and says nothing else."""
    words = list(filter(None, _BETWEEN.split(text)))
    return bool(words) and all(map(ids.find, words))


_AT_ONCE = 5  # papers in one message
_QUESTION = 500  # characters of a question
_FOUND = 8
_SOUGHT = 200  # characters of a search
_LISTED = re.compile(r"^\d{1,3}\. ", re.MULTILINE)


def handlers(context: BotContext) -> list[Handler]:
    """List the handlers of this module. The last one takes every text that no other handler took."""
    return [
        on_command("paper", partial(paper, context)),
        on_command("ask", partial(ask, context)),
        on_command("search", partial(search, context)),
        CallbackQueryHandler(partial(search_tapped, context), pattern=r"^search:$"),
        MessageHandler(
            (filters.TEXT | filters.CAPTION) & ~filters.COMMAND & ORIGINAL, partial(text, context)
        ),
    ]


async def paper(context: BotContext, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Show a paper by its identifier, link or DOI."""
    if (message := incoming(update)) is None:
        return
    subscriber = await context.subscriber(message)
    refs = ids.find(message.words)
    if not refs:
        says = templates.words(subscriber.preferences.language)
        await context.answer(
            message,
            says.which_paper(message.talks) if not message.words else says.no_such_name(message.words[:80]),
        )
        return
    await wanted(context, message, subscriber, refs)


async def text(context: BotContext, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Handle text without a command: the value of a setting, a question about a paper, or names of papers."""
    found = update.effective_message
    if found is None or (message := incoming(update)) is None or message.kind is ChatKind.CHANNEL:
        return
    is_spoken_to = message.kind is ChatKind.PRIVATE or _is_mentioned(found, context.bot.username)
    if not (is_spoken_to or _is_for_the_bot(found, message)):
        return
    subscriber = await context.subscriber(message)
    refs = ids.find(f"{message.text} {arrivals.links(found)}")
    asked = _subject(message)
    if refs:
        await wanted(context, message, subscriber, refs)
    elif prompt := prompts.prompt_named(message.replied):
        await _given(context, message, subscriber, prompt)
    elif asked is not None:
        await _answer(context, message, subscriber, asked, message.text)
    elif await settings.given(context, message, subscriber):
        pass
    elif is_spoken_to:
        says = templates.words(subscriber.preferences.language)
        await context.answer(
            message,
            says.how_to_ask(message.talks)
            if message.replied and _papers(message.replied)
            else says.not_understood,
        )


async def _given(context: BotContext, message: IncomingMessage, subscriber: Subscriber, prompt: str) -> None:
    """Handle the reply to a prompt of the bot."""
    if prompt == prompts.SEARCH:
        await _find(context, message, subscriber)
    elif prompt == prompts.EMAIL:
        await privacy.sign_up(context, message, subscriber)
    else:
        await settings.replied(context, message, subscriber, prompt)


async def wanted(
    context: BotContext, message: IncomingMessage, subscriber: Subscriber, refs: list[PaperRef]
) -> None:
    """Request each of `refs`, up to the limit. A paper named with and without its version is requested once."""
    versioned = {ref.paper for ref in refs if ref.version is not None}
    refs = [ref for ref in refs if ref.version is not None or ref.paper not in versioned]
    refused = await requests.take(context, message, subscriber, refs[:_AT_ONCE])
    if len(refs) > _AT_ONCE:
        await context.answer(
            message, templates.words(subscriber.preferences.language).too_many(_AT_ONCE, len(refs))
        )
    for refusal in refused:
        await context.answer(message, refusal)


async def ask(context: BotContext, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Answer a question about a paper, which the command names or the replied message shows."""
    if (message := incoming(update)) is None:
        return
    subscriber = await context.subscriber(message)
    says = templates.words(subscriber.preferences.language)
    name, question = [*message.words.split(maxsplit=1), "", ""][:2]
    refs = ids.find(name)
    subject = refs[0] if refs else _subject(message)
    question = (question if refs else message.words).strip()
    if subject is None or not question:
        await context.answer(message, says.how_to_ask(message.talks))
    else:
        await _answer(context, message, subscriber, subject, question)


async def _answer(
    context: BotContext, message: IncomingMessage, subscriber: Subscriber, subject: PaperRef, question: str
) -> None:
    says = templates.words(subscriber.preferences.language)
    if len(question) > _QUESTION:
        await context.answer(message, says.question_too_long(_QUESTION))
    elif not any(map(str.isalnum, question)):  # nothing to read, such as only zero-width characters
        await context.answer(message, says.how_to_ask(message.talks))
    else:
        for refusal in await requests.take(
            context, message, subscriber, [subject], RequestKind.ANSWER, question
        ):
            await context.answer(message, refusal)


async def search(context: BotContext, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Search past editions for papers that contain all the words."""
    if (message := incoming(update)) is None:
        return
    subscriber = await context.subscriber(message)
    if message.words:
        await _find(context, message, subscriber)
    else:
        await context.answer(message, templates.words(subscriber.preferences.language).how_to_search)


async def search_tapped(context: BotContext, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Ask for the words to search."""
    if message := await context.tap(update, "help"):
        language = (await context.subscriber(message)).preferences.language
        await prompts.ask(context, message, language, templates.words(language).reply_with[prompts.SEARCH])


async def _find(context: BotContext, message: IncomingMessage, subscriber: Subscriber) -> None:
    language = subscriber.preferences.language
    sought = message.words[:_SOUGHT]
    async with database.reading(context.engine) as connection:
        found = await past_editions.search(connection, sought, language, _FOUND)
    buttons = [Button(str(number), f"p:{hit.version}") for number, hit in enumerate(found, start=1)]
    html = templates.render("found", language, hits=found, query=sought)
    await context.answer(message, html, rows(buttons, 8), public=True)


def _is_for_the_bot(found: telegram.Message, message: IncomingMessage) -> bool:
    """Return whether a reply in a group to a message of the bot is meant for the bot."""
    if message.replied is None or _names_people(found):
        return False
    return (
        prompts.is_prompt(message.replied)
        or is_question(message.text)
        or is_only_papers(f"{message.text} {arrivals.links(found)}")
    )


def _subject(message: IncomingMessage) -> PaperRef | None:
    """Return the first paper of the replied message, or None if it is a list of several."""
    named = _papers(message.replied) if message.replied else []
    if (
        message.replied
        and len({ref.paper for ref in named}) > 1
        and _LISTED.search(arrivals.shown(message.replied))
    ):
        return None
    return named[0] if named else None


def _papers(shown: telegram.Message) -> list[PaperRef]:
    """Return the papers that a message's links name, or else those in its text."""
    return ids.find(arrivals.links(shown)) or ids.find(arrivals.shown(shown))


def _names_people(found: telegram.Message) -> bool:
    """Return whether the message mentions somebody by name."""
    named = {MessageEntity.MENTION, MessageEntity.TEXT_MENTION}
    return any(each.type in named for each in (*found.entities, *found.caption_entities))


def _is_mentioned(found: telegram.Message, username: str) -> bool:
    kinds: list[str | None] = [MessageEntity.MENTION]
    named = (*found.parse_entities(kinds).values(), *found.parse_caption_entities(kinds).values())
    return f"@{username}".lower() in {name.lower() for name in named}


_VERSION = r"([0-9]{4}\.[0-9]{4,5}v[1-9][0-9]{0,2}|[a-z-]{2,8}/[0-9]{7}v[1-9][0-9]{0,2})"


def tap_handlers(context: BotContext) -> list[Handler]:
    """List the handlers of this module."""
    return [
        CallbackQueryHandler(
            partial(reading_tapped, context), pattern=rf"^r:{_VERSION}:([1-9][0-9]?)(?::([pc]))?$"
        ),
        CallbackQueryHandler(partial(paper_tapped, context), pattern=rf"^[pk]:{_VERSION}$"),
        CallbackQueryHandler(partial(ask_tapped, context), pattern=rf"^q:{_VERSION}$"),
    ]


async def paper_tapped(context: BotContext, update: Update, ptb_context: ContextTypes.DEFAULT_TYPE) -> None:
    """Open the card of a paper beside the digest, or show the card again in place of the reading."""
    match = ptb_context.matches[0] if ptb_context.matches else None
    if match is None or (tap := await _tapped(context, update)) is None:
        return
    message, ref = tap
    subscriber = await context.subscriber(message)
    known = await requests.find(context, ref, subscriber.preferences.language)
    if known is None:
        await wanted(context, message, subscriber, [ref])
    elif match[0].startswith("k:"):
        await context.show(message, requests.card(known, subscriber.preferences, opens=True))
    else:
        await context.answer(message, requests.card(known, subscriber.preferences, opens=True))


async def reading_tapped(context: BotContext, update: Update, ptb_context: ContextTypes.DEFAULT_TYPE) -> None:
    """Show a page of a paper's reading, beside the digest or in place of the open page or card."""
    match = ptb_context.matches[0] if ptb_context.matches else None
    if match is None or (tap := await _tapped(context, update)) is None:
        return
    message, ref = tap
    subscriber = await context.subscriber(message)
    version, page = ids.version(str(ref)), int(match[2])
    paper_service = context.paper_service_in(subscriber.preferences.language)
    async with database.reading(context.engine) as connection:
        record = await records.find(connection, version)
    found = (await paper_service.stored([record]))[version][1] if record else None
    if record is None or found is None:
        await wanted(context, message, subscriber, [ref])
        return
    place = Place(match[3] or (Place.PAGE if _is_pager(update, version) else Place.BESIDE))
    shown = messages.reading(record, found, page, subscriber.preferences, over_card=place is Place.CARD)
    if place:
        await context.show(message, shown)
    else:
        await context.answer(message, shown, replies=True)


async def ask_tapped(context: BotContext, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Ask for the question. The prompt names the paper, so the reply needs no other context."""
    if tap := await _tapped(context, update):
        message, ref = tap
        subscriber = await context.subscriber(message)
        language = subscriber.preferences.language
        await prompts.ask(context, message, language, templates.words(language).your_question(ref))


async def _tapped(context: BotContext, update: Update) -> tuple[IncomingMessage, PaperRef] | None:
    """Return the tap and the paper of its button. If the button is forged, tell the person and return None."""
    query = update.callback_query
    if query is None:
        return None
    named = str(query.data).split(":")[1]
    refs = ids.find(named)
    if len(refs) == 1:
        message = await context.tap(update, payload(named))
        return (message, refs[0]) if message else None
    language = await context.language_of(query.from_user.id, query.from_user.language_code)
    await context.acknowledge(query, str(templates.words(language).stale_button), alert=True)
    return None


def _is_pager(update: Update, version: VersionId) -> bool:
    """Return whether the tap came from a reading page of an earlier version, whose buttons did not say so."""
    found = update.effective_message
    markup = found.reply_markup if found else None
    buttons = [button for row in (markup.inline_keyboard if markup else ()) for button in row]
    return any(re.fullmatch(r"\d+/\d+", button.text) for button in buttons) and all(
        str(button.callback_data).startswith(f"r:{version}:") for button in buttons
    )


def payload(name: str) -> str:
    """Return the payload of a deep link to a paper. It may contain neither dots nor slashes (Bot API, deep linking)."""
    return "paper_" + name.replace("/", "_").replace(".", "-")
