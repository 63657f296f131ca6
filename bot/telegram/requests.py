"""Papers on demand: from the database at once, or made while the person waits.

Every request is stored first (`asks`), so that a restart continues with it. Its messages are each sent once, also
across outages: the number of messages sent is stored before each one (`asks.part`), and a message that may have arrived
is never sent again automatically, neither after a timeout nor after a crash.
"""

import asyncio
import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from operator import itemgetter

import structlog
from telegram.error import TelegramError

from bot.core.models import REQUEST_LIFETIME, PaperRequest, RequestKind, Subscriber
from bot.db import paper_requests, telegram_state
from bot.delivery.channel import DeferredError, UnansweredError
from bot.telegram import http, messages, status, templates
from bot.telegram import incoming as addresses
from bot.telegram.context import BotContext
from bot.telegram.incoming import IncomingMessage
from bot.telegram.messages import MessageForm
from bot.telegram.rate_limiter import LimitArgs
from bot.telegram.replies import ForgottenError, once_taken, persistently
from bot.telegram.status import Status
from bot.telegram.templates import Message
from digest.core import ids
from digest.core.comments import is_withdrawn
from digest.core.errors import DigestError, SourceError, UnknownPaperError, UnknownVersionError
from digest.core.ids import PaperRef
from digest.core.models import Gap, Paper, Reading, Translation, VersionId
from digest.db import engine as database
from digest.db import papers
from digest.pipeline.papers import PaperService


async def hand_over(context: BotContext, ask: PaperRequest, messages: Sequence[Message]) -> int | None:
    """Send the `messages` that are still due. The first one replaces the status message if there is one.

    Returns the id of the first message, or None if it was sent before. Retries temporary errors until the request is a
    day old. Raises TelegramError for permanent errors and for messages that may have arrived, and ForgottenError.
    """
    first = None
    for part in range(ask.part, len(messages)):
        if part == 0 and await _replaced(context, ask, messages[0]):
            first = ask.status_message
            if len(messages) > 1:
                await _note(context, ask, 1)
            continue
        number = await _sent(context, ask, messages[part], part)
        first = first if part else number
    return first


async def _replaced(context: BotContext, ask: PaperRequest, message: Message) -> bool:
    """Replace the status message by `message`. Returns False if there is none, or if somebody deleted it."""
    number = ask.status_message
    if number is None:
        return False

    async def change() -> bool:
        await _note(context, ask, 0)
        try:
            await context.outgoing.change(addresses.parse_address(ask.address), number, message)
        except TelegramError as error:
            if not http.is_gone(error):
                raise
            return False
        return True

    passing = (DeferredError, UnansweredError)  # editing twice has the same result as editing once
    return await persistently(change, passing, partial(_lives, context, ask))


async def _sent(context: BotContext, ask: PaperRequest, message: Message, part: int) -> int:
    async def say(limits: LimitArgs) -> int:
        to = addresses.parse_address(ask.address)
        return await context.outgoing.say(to, message, reply_to=ask.reply_to, limits=limits)

    return await once_taken(say, part, partial(_note, context, ask), partial(_lives, context, ask))


def _lives(context: BotContext, ask: PaperRequest) -> bool:
    return context.clock() < ask.asked_at + REQUEST_LIFETIME


async def _note(context: BotContext, ask: PaperRequest, part: int) -> None:
    async with database.writing(context.engine) as connection:
        if not await paper_requests.note_part(connection, ask.id, part):
            raise ForgottenError


_log = structlog.get_logger()
_UNANSWERED = "unanswered"


async def take(
    context: BotContext,
    message: IncomingMessage,
    subscriber: Subscriber,
    refs: Sequence[PaperRef],
    wish: RequestKind = RequestKind.READING,
    question: str | None = None,
) -> list[str]:
    """Store a request for each of `refs` and start the work. Stored papers are answered at once.

    Returns the messages that explain why requests were refused.
    """
    wanted = [_ask(context, message, subscriber, ref, wish, question) for ref in refs]
    stored = [
        wish is RequestKind.READING and bool(await find(context, ref, subscriber.preferences.language))
        for ref in refs
    ]
    left, used_up = await _left(context, message, wanted[0])
    taken, refused = [], []
    async with database.writing(context.engine) as connection:
        for ask, is_stored in zip(wanted, stored, strict=True):
            if await paper_requests.is_due(connection, ask, ask.asked_at - REQUEST_LIFETIME):
                # A second tap or message costs nothing. A stored paper is already on its way.
                refused += [] if is_stored else [str(templates.words(ask.language).being_made(ask.paper))]
            elif not is_stored and not left:
                refused.append(used_up)
            else:
                left -= not is_stored
                taken.append(replace(ask, id=await paper_requests.add(connection, ask, made=not is_stored)))
        if taken:
            await telegram_state.end_update(connection, [message.update])
    if taken:
        context.answered.add(message.update)
    for ask in taken:
        _begin(context, ask, is_stored=stored[wanted.index(replace(ask, id=0))])
    return list(dict.fromkeys(refused))  # a message that applies to all of them is shown once


def _ask(
    context: BotContext,
    message: IncomingMessage,
    subscriber: Subscriber,
    ref: PaperRef,
    wish: RequestKind,
    question: str | None,
) -> PaperRequest:
    return PaperRequest(
        id=0,
        address=str(message.address),
        person=str(message.person or message.address.chat),
        paper=str(ref),
        wish=wish,
        language=subscriber.preferences.language,
        asked_at=context.clock(),
        question=question,
        reply_to=None if message.address.is_private else message.message,
        rich=subscriber.preferences.rich,
    )


async def resume(context: BotContext) -> None:
    """Continue the requests that an earlier process left unanswered."""
    async with database.reading(context.engine) as connection:
        left = await paper_requests.due(connection, context.clock() - REQUEST_LIFETIME)
    for ask in left:
        context.spawn(_work(context, ask))


@dataclass(frozen=True, slots=True)
class KnownPaper:
    """A paper with its translation and reading, or the reasons for their absence."""

    paper: Paper
    translation: Translation | Gap
    reading: Reading | Gap


async def find(context: BotContext, ref: PaperRef, language: str) -> KnownPaper | None:
    """Return the stored paper with its reading, in the version asked for or the newest stored one."""
    async with database.reading(context.engine) as connection:
        if ref.version is not None:
            record = await papers.find(connection, VersionId(ref.paper, ref.version))
        else:
            record = (await papers.latest_of(connection, [ref.paper])).get(ref.paper)
    if record is None or record.abstract is None:
        return None
    translation, reading = (await context.paper_service_in(language).stored([record]))[record.version]
    if translation is None or (reading is None and not is_withdrawn(record)):
        return None
    return KnownPaper(record, translation, reading or Gap.WITHDRAWN)


def card(known: KnownPaper, form: MessageForm, *, opens: bool) -> Message:
    """Compose the paper's card. It says why there is no reading; with `opens`, a button shows the reading."""
    note = None
    if isinstance(known.reading, Gap) and known.reading is not Gap.WITHDRAWN:
        note = templates.words(form.language).unread[known.reading.value]
    opens = opens and isinstance(known.reading, Reading)
    return messages.card(known.paper, known.translation, form, opens=opens, note=note)


def _begin(context: BotContext, ask: PaperRequest, *, is_stored: bool) -> None:
    """Start a request. Stored papers are sent in the order in which the chat asked; others when they are ready."""
    if is_stored:
        context.in_turn(addresses.parse_address(ask.address).chat, _work(context, ask))
    else:
        context.spawn(_work(context, ask))


async def _left(context: BotContext, message: IncomingMessage, ask: PaperRequest) -> tuple[float, str]:
    """Return how many more papers may be made today for this person, and the message for the limit."""
    today, says = context.today(), templates.words(ask.language)
    found = [(math.inf, "")]
    if not context.is_operator(message):
        async with database.reading(context.engine) as connection:
            if limit := context.quotas.person:
                used = await paper_requests.counted(connection, today, ask.person)
                found.append((max(0, limit - used), str(says.person_quota(limit))))
            if limit := context.quotas.everyone:
                used = await paper_requests.counted(connection, today)
                found.append((max(0, limit - used), str(says.daily_quota)))
    return min(found, key=itemgetter(0))


async def _work(context: BotContext, ask: PaperRequest) -> None:
    """Do one request from start to end. Only a stop leaves it unfinished."""
    said = await _stored(context, ask)
    if said is None:
        ask = await _with_status(context, ask)
        said = await _said(context, ask)
    outcome, first = said.outcome, None
    try:
        first = await hand_over(context, ask, said.messages)
    except ForgottenError:
        await _take_back_status(context, ask)
        return
    except TelegramError as error:
        outcome = _unsent(error)
        _log.warning("answer_not_sent", ask=ask.id, error=outcome)
    made = said.made and outcome in (said.outcome, _UNANSWERED)
    async with database.writing(context.engine) as connection:
        await paper_requests.end(connection, ask.id, outcome, context.clock(), made=made)
    known = said.stored
    if known and first and isinstance(known.translation, Translation):
        await status.offer_newer(
            context, addresses.parse_address(ask.address), first, known.paper, known.translation, ask
        )


async def _stored(context: BotContext, ask: PaperRequest) -> "_ToldAnswer | None":
    """Return the stored answer, if there is one. Newer versions are offered afterwards."""
    known = (
        await find(context, ids.parse(ask.paper), ask.language) if ask.wish is RequestKind.READING else None
    )
    if known is None:
        return None
    return _ToldAnswer(_outcome(known), _shown(known, ask), stored=known)


async def _with_status(context: BotContext, ask: PaperRequest) -> PaperRequest:
    """Send the status message of a request. If that fails, the answer may still get through."""
    if ask.status_message is not None or ask.part:
        return ask
    working = Message(str(templates.words(ask.language).working[ask.wish.value]))
    with suppress(TelegramError):
        number = await context.outgoing.say(
            addresses.parse_address(ask.address), working, reply_to=ask.reply_to
        )
        async with database.writing(context.engine) as connection:
            await paper_requests.note_status(connection, ask.id, number)
        return replace(ask, status_message=number)
    return ask


async def _take_back_status(context: BotContext, ask: PaperRequest) -> None:
    if ask.status_message is not None:
        with suppress(TelegramError):
            await context.bot.delete_message(addresses.parse_address(ask.address).chat, ask.status_message)


def _unsent(error: TelegramError) -> str:
    meant = http.delivery_error(error)
    return _UNANSWERED if isinstance(meant, UnansweredError) else type(error).__name__


@dataclass(frozen=True, slots=True)
class _ToldAnswer:
    """The outcome of a request, and the messages for the person.

    `made` tells whether something was made for this request; `stored` is what was there before.
    """

    outcome: str
    messages: tuple[Message, ...]
    made: bool = False
    stored: KnownPaper | None = None


async def _said(context: BotContext, ask: PaperRequest) -> _ToldAnswer:
    try:
        async with status.typing(context, addresses.parse_address(ask.address)):
            return await _answered(context, ask)
    except Exception:  # noqa: BLE001 - the edge of what one request can do
        _log.exception("request_failed", ask=ask.id)
        return _ToldAnswer("internal", (Message(str(templates.words(ask.language).went_wrong)),))


async def _answered(context: BotContext, ask: PaperRequest) -> _ToldAnswer:
    says = templates.words(ask.language)
    paper_service = context.paper_service_in(ask.language)
    try:
        paper = await paper_service.paper(ids.parse(ask.paper))
        if ask.wish is RequestKind.ANSWER:
            return await _told(ask, paper_service, paper)
        async with database.writing(context.engine) as connection:
            if not await paper_requests.note_version(connection, ask, str(paper.version)):
                return _ToldAnswer("twice", (Message(str(says.being_made(ask.paper))),))
        before = (await paper_service.stored([paper]))[paper.version]
        made = await _made(context, ask, paper_service, paper)
    except UnknownVersionError as error:
        return _ToldAnswer("unknown", (Message(str(says.unknown_version(ask.paper, error.newest))),))
    except UnknownPaperError:
        return _ToldAnswer("unknown", (Message(str(says.unknown_paper(ask.paper))),))
    except SourceError as error:
        _log.warning("source_failed", ask=ask.id, error=str(error))
        return _ToldAnswer("unreachable", (Message(str(says.arxiv_silent)),))
    except DigestError as error:
        _log.warning("request_failed", ask=ask.id, error=str(error))
        return _ToldAnswer("failed", (Message(str(says.went_wrong)),))
    new = (isinstance(made.translation, Translation), isinstance(made.reading, Reading))
    is_new = any(there and then is None for there, then in zip(new, before, strict=True))
    return _ToldAnswer(_outcome(made), _shown(made, ask), made=is_new)


def _outcome(known: KnownPaper) -> str:
    return "answered" if isinstance(known.reading, Reading) else known.reading.value


async def _made(
    context: BotContext, ask: PaperRequest, paper_service: PaperService, paper: Paper
) -> KnownPaper:
    watched = Status(context, ask, paper_service, paper)
    translating = asyncio.create_task(paper_service.translation(paper, watched.listener))
    reading = asyncio.create_task(paper_service.reading(paper, watched.listener))
    try:
        async with watched.shown():
            translation = await translating
            watched.preview(translation)
            return KnownPaper(paper, translation, await reading)
    finally:
        translating.cancel()
        reading.cancel()


async def _told(ask: PaperRequest, paper_service: PaperService, paper: Paper) -> _ToldAnswer:
    if ask.part:  # an earlier process had begun to send the answer; a new answer would differ from it
        return _ToldAnswer("cut-off", ())
    answer = await paper_service.answer(paper, ask.question or "")
    if isinstance(answer, Gap):
        return _ToldAnswer(
            answer.value, (Message(str(templates.words(ask.language).unanswered[answer.value])),)
        )
    outcome = "answered" if answer.told else "not-told"
    return _ToldAnswer(outcome, messages.answer(paper, answer, ask), made=True)


def _shown(known: KnownPaper, form: MessageForm) -> tuple[Message, ...]:
    """Return the paper's card, with the reading below it if there is one."""
    shown = card(known, form, opens=False)
    if isinstance(known.reading, Reading):
        return shown, messages.reading(known.paper, known.reading, 1, form)
    return (shown,)
