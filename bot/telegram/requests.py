"""Papers on demand: from the database at once, or made while the person waits.

Delivery of the answer to a request: each message once, also across outages.

The number of messages sent is stored before each message (`asks.part`). A message that may have arrived is never sent
again automatically, neither after a timeout nor after a crash.

Papers on demand: from the database at once, or made while the person waits.

Every request is stored first (`asks`), so that a restart continues with it.
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

from bot.core.models import ASK_LIFETIME, Ask, Subscriber, Wish
from bot.db import asks, updates
from bot.delivery.channel import DeferredError, UnansweredError
from bot.telegram import http, messages, status, templates
from bot.telegram import incoming as addresses
from bot.telegram.context import BotContext
from bot.telegram.incoming import IncomingMessage
from bot.telegram.messages import Form
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
from digest.pipeline.papers import Library


async def hand_over(desk: BotContext, ask: Ask, messages: Sequence[Message]) -> int | None:
    """Send the `messages` that are still due. The first one replaces the status message if there is one.

    Returns the id of the first message, or None if it was sent before. Retries temporary errors until the request is a
    day old. Raises TelegramError for permanent errors and for messages that may have arrived, and ForgottenError.
    """
    first = None
    for part in range(ask.part, len(messages)):
        if part == 0 and await _replaced(desk, ask, messages[0]):
            first = ask.status_message
            if len(messages) > 1:
                await _note(desk, ask, 1)
            continue
        number = await _sent(desk, ask, messages[part], part)
        first = first if part else number
    return first


async def _replaced(desk: BotContext, ask: Ask, message: Message) -> bool:
    """Replace the status message by `message`. Returns False if there is none, or if somebody deleted it."""
    number = ask.status_message
    if number is None:
        return False

    async def change() -> bool:
        await _note(desk, ask, 0)
        try:
            await desk.outgoing.change(addresses.parse_address(ask.address), number, message)
        except TelegramError as error:
            if not http.is_gone(error):
                raise
            return False
        return True

    passing = (DeferredError, UnansweredError)  # editing twice has the same result as editing once
    return await persistently(change, passing, partial(_lives, desk, ask))


async def _sent(desk: BotContext, ask: Ask, message: Message, part: int) -> int:
    async def say(limits: LimitArgs) -> int:
        to = addresses.parse_address(ask.address)
        return await desk.outgoing.say(to, message, reply_to=ask.reply_to, limits=limits)

    return await once_taken(say, part, partial(_note, desk, ask), partial(_lives, desk, ask))


def _lives(desk: BotContext, ask: Ask) -> bool:
    return desk.clock() < ask.asked_at + ASK_LIFETIME


async def _note(desk: BotContext, ask: Ask, part: int) -> None:
    async with database.writing(desk.app.engine) as connection:
        if not await asks.note_part(connection, ask.id, part):
            raise ForgottenError


_log = structlog.get_logger()
_UNANSWERED = "unanswered"


async def take(
    desk: BotContext,
    came: IncomingMessage,
    reader: Subscriber,
    refs: Sequence[PaperRef],
    wish: Wish = Wish.READING,
    question: str | None = None,
) -> list[str]:
    """Store a request for each of `refs` and start the work. Stored papers are answered at once.

    Returns the messages that explain why requests were refused.
    """
    wanted = [_ask(desk, came, reader, ref, wish, question) for ref in refs]
    stored = [wish is Wish.READING and bool(await find(desk, ref, reader.choices.language)) for ref in refs]
    left, used_up = await _left(desk, came, wanted[0])
    taken, refused = [], []
    async with database.writing(desk.app.engine) as connection:
        for ask, is_stored in zip(wanted, stored, strict=True):
            if await asks.is_due(connection, ask, ask.asked_at - ASK_LIFETIME):
                # A second tap or message costs nothing. A stored paper is already on its way.
                refused += [] if is_stored else [str(templates.words(ask.language).being_made(ask.paper))]
            elif not is_stored and not left:
                refused.append(used_up)
            else:
                left -= not is_stored
                taken.append(replace(ask, id=await asks.add(connection, ask, made=not is_stored)))
        if taken:
            await updates.answered(connection, [came.update])
    if taken:
        desk.answered.add(came.update)
    for ask in taken:
        _begin(desk, ask, is_stored=stored[wanted.index(replace(ask, id=0))])
    return list(dict.fromkeys(refused))  # a message that applies to all of them is shown once


def _ask(
    desk: BotContext,
    came: IncomingMessage,
    reader: Subscriber,
    ref: PaperRef,
    wish: Wish,
    question: str | None,
) -> Ask:
    return Ask(
        id=0,
        address=str(came.address),
        person=str(came.person or came.address.chat),
        paper=str(ref),
        wish=wish,
        language=reader.choices.language,
        asked_at=desk.clock(),
        question=question,
        reply_to=None if came.address.is_private else came.message,
        rich=reader.choices.rich,
    )


async def resume(desk: BotContext) -> None:
    """Continue the requests that an earlier process left unanswered."""
    async with database.reading(desk.app.engine) as connection:
        left = await asks.due(connection, desk.clock() - ASK_LIFETIME)
    for ask in left:
        desk.spawn(_work(desk, ask))


@dataclass(frozen=True, slots=True)
class Known:
    """A paper with its translation and reading, or the reasons for their absence."""

    paper: Paper
    translation: Translation | Gap
    reading: Reading | Gap


async def find(desk: BotContext, ref: PaperRef, language: str) -> Known | None:
    """Return the stored paper with its reading, in the version asked for or the newest stored one."""
    async with database.reading(desk.app.engine) as connection:
        if ref.version is not None:
            record = await papers.find(connection, VersionId(ref.paper, ref.version))
        else:
            record = (await papers.latest_of(connection, [ref.paper])).get(ref.paper)
    if record is None or record.abstract is None:
        return None
    translation, reading = (await desk.app.library_in(language).stored([record]))[record.version]
    if translation is None or (reading is None and not is_withdrawn(record)):
        return None
    return Known(record, translation, reading or Gap.WITHDRAWN)


def card(known: Known, form: Form, *, opens: bool) -> Message:
    """Compose the paper's card. It says why there is no reading; with `opens`, a button shows the reading."""
    note = None
    if isinstance(known.reading, Gap) and known.reading is not Gap.WITHDRAWN:
        note = templates.words(form.language).unread[known.reading.value]
    opens = opens and isinstance(known.reading, Reading)
    return messages.card(known.paper, known.translation, form, opens=opens, note=note)


def _begin(desk: BotContext, ask: Ask, *, is_stored: bool) -> None:
    """Start a request. Stored papers are sent in the order in which the chat asked; others when they are ready."""
    if is_stored:
        desk.in_turn(addresses.parse_address(ask.address).chat, _work(desk, ask))
    else:
        desk.spawn(_work(desk, ask))


async def _left(desk: BotContext, came: IncomingMessage, ask: Ask) -> tuple[float, str]:
    """Return how many more papers may be made today for this person, and the message for the limit."""
    today, says = desk.today(), templates.words(ask.language)
    found = [(math.inf, "")]
    if not desk.is_operator(came):
        async with database.reading(desk.app.engine) as connection:
            if limit := desk.quotas.person:
                used = await asks.counted(connection, today, ask.person)
                found.append((max(0, limit - used), str(says.person_quota(limit))))
            if limit := desk.quotas.everyone:
                used = await asks.counted(connection, today)
                found.append((max(0, limit - used), str(says.daily_quota)))
    return min(found, key=itemgetter(0))


async def _work(desk: BotContext, ask: Ask) -> None:
    """Do one request from start to end. Only a stop leaves it unfinished."""
    said = await _stored(desk, ask)
    if said is None:
        ask = await _with_status(desk, ask)
        said = await _said(desk, ask)
    outcome, first = said.outcome, None
    try:
        first = await hand_over(desk, ask, said.messages)
    except ForgottenError:
        await _take_back_status(desk, ask)
        return
    except TelegramError as error:
        outcome = _unsent(error)
        _log.warning("answer_not_sent", ask=ask.id, error=outcome)
    made = said.made and outcome in (said.outcome, _UNANSWERED)
    async with database.writing(desk.app.engine) as connection:
        await asks.end(connection, ask.id, outcome, desk.clock(), made=made)
    known = said.stored
    if known and first and isinstance(known.translation, Translation):
        await status.offer_newer(
            desk, addresses.parse_address(ask.address), first, known.paper, known.translation, ask
        )


async def _stored(desk: BotContext, ask: Ask) -> "_Said | None":
    """Return the stored answer, if there is one. Newer versions are offered afterwards."""
    known = await find(desk, ids.parse(ask.paper), ask.language) if ask.wish is Wish.READING else None
    if known is None:
        return None
    return _Said(_outcome(known), _shown(known, ask), stored=known)


async def _with_status(desk: BotContext, ask: Ask) -> Ask:
    """Send the status message of a request. If that fails, the answer may still get through."""
    if ask.status_message is not None or ask.part:
        return ask
    working = Message(str(templates.words(ask.language).working[ask.wish.value]))
    with suppress(TelegramError):
        number = await desk.outgoing.say(addresses.parse_address(ask.address), working, reply_to=ask.reply_to)
        async with database.writing(desk.app.engine) as connection:
            await asks.note_status(connection, ask.id, number)
        return replace(ask, status_message=number)
    return ask


async def _take_back_status(desk: BotContext, ask: Ask) -> None:
    if ask.status_message is not None:
        with suppress(TelegramError):
            await desk.bot.delete_message(addresses.parse_address(ask.address).chat, ask.status_message)


def _unsent(error: TelegramError) -> str:
    meant = http.delivery_error(error)
    return _UNANSWERED if isinstance(meant, UnansweredError) else type(error).__name__


@dataclass(frozen=True, slots=True)
class _Said:
    """The outcome of a request, and the messages for the person.

    `made` tells whether something was made for this request; `stored` is what was there before.
    """

    outcome: str
    messages: tuple[Message, ...]
    made: bool = False
    stored: Known | None = None


async def _said(desk: BotContext, ask: Ask) -> _Said:
    try:
        async with status.typing(desk, addresses.parse_address(ask.address)):
            return await _answered(desk, ask)
    except Exception:  # noqa: BLE001 - the edge of what one request can do
        _log.exception("request_failed", ask=ask.id)
        return _Said("internal", (Message(str(templates.words(ask.language).went_wrong)),))


async def _answered(desk: BotContext, ask: Ask) -> _Said:
    says = templates.words(ask.language)
    library = desk.app.library_in(ask.language)
    try:
        paper = await library.paper(ids.parse(ask.paper))
        if ask.wish is Wish.ANSWER:
            return await _told(ask, library, paper)
        async with database.writing(desk.app.engine) as connection:
            if not await asks.note_version(connection, ask, str(paper.version)):
                return _Said("twice", (Message(str(says.being_made(ask.paper))),))
        before = (await library.stored([paper]))[paper.version]
        made = await _made(desk, ask, library, paper)
    except UnknownVersionError as error:
        return _Said("unknown", (Message(str(says.unknown_version(ask.paper, error.newest))),))
    except UnknownPaperError:
        return _Said("unknown", (Message(str(says.unknown_paper(ask.paper))),))
    except SourceError as error:
        _log.warning("source_failed", ask=ask.id, error=str(error))
        return _Said("unreachable", (Message(str(says.arxiv_silent)),))
    except DigestError as error:
        _log.warning("request_failed", ask=ask.id, error=str(error))
        return _Said("failed", (Message(str(says.went_wrong)),))
    new = (isinstance(made.translation, Translation), isinstance(made.reading, Reading))
    is_new = any(there and then is None for there, then in zip(new, before, strict=True))
    return _Said(_outcome(made), _shown(made, ask), made=is_new)


def _outcome(known: Known) -> str:
    return "answered" if isinstance(known.reading, Reading) else known.reading.value


async def _made(desk: BotContext, ask: Ask, library: Library, paper: Paper) -> Known:
    watched = Status(desk, ask, library, paper)
    translating = asyncio.create_task(library.translation(paper, watched.onlooker))
    reading = asyncio.create_task(library.reading(paper, watched.onlooker))
    try:
        async with watched.shown():
            translation = await translating
            watched.preview(translation)
            return Known(paper, translation, await reading)
    finally:
        translating.cancel()
        reading.cancel()


async def _told(ask: Ask, library: Library, paper: Paper) -> _Said:
    if ask.part:  # an earlier process had begun to send the answer; a new answer would differ from it
        return _Said("cut-off", ())
    answer = await library.answer(paper, ask.question or "")
    if isinstance(answer, Gap):
        return _Said(answer.value, (Message(str(templates.words(ask.language).unanswered[answer.value])),))
    outcome = "answered" if answer.told else "not-told"
    return _Said(outcome, messages.answer(paper, answer, ask), made=True)


def _shown(known: Known, form: Form) -> tuple[Message, ...]:
    """Return the paper's card, with the reading below it if there is one."""
    shown = card(known, form, opens=False)
    if isinstance(known.reading, Reading):
        return shown, messages.reading(known.paper, known.reading, 1, form)
    return (shown,)
