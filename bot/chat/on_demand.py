"""One paper for one person, now: from what is stored at once, else made while the person watches.

What has to be made is a row first (`asks`), so a restart goes on with it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta

import structlog
from telegram.constants import ChatAction
from telegram.error import TelegramError

from bot.chat import address as addresses
from bot.chat import composing, refusals, words
from bot.chat.address import Address
from bot.chat.desk import Desk
from bot.chat.incoming import Incoming
from bot.chat.parts import Message
from bot.models import Ask, Subscriber, Wish
from bot.store import asks
from digest import ids
from digest.errors import DigestError, SourceError, UnknownPaperError
from digest.ids import PaperRef
from digest.library import Library
from digest.models import Gap, Paper, Reading, Translation, VersionId
from digest.progress import Onlooker, Step
from digest.store import engine as database
from digest.store import papers
from digest.withdrawal import is_withdrawn

_log = structlog.get_logger()
_TYPING_SECONDS = 4.5  # Telegram shows "typing" for five (Bot API, sendChatAction)
_STATUS_SECONDS = 1.1  # between two changes of the status message
_RESUMED = timedelta(days=1)


async def take(
    desk: Desk, came: Incoming, reader: Subscriber, ref: PaperRef, wish: Wish, question: str | None = None
) -> None:
    """Answers at once from what is stored; else says how far the work is until the answer is there."""
    ask = Ask(
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
    if wish is Wish.READING and (known := await _known(desk, ref, ask.language)):
        await _show(desk, ask, known, to_status=False)
        return
    if await _is_asked(desk, ask):
        await desk.answer(came, words.of(ask.language).being_made(ask.paper))
        return
    if refusal := await _over_quota(desk, came, ask):
        await desk.answer(came, refusal)
        return
    async with database.writing(desk.app.engine) as connection:
        number = await asks.add(connection, ask)
        await asks.note_made(connection, number)
    status = None
    with suppress(TelegramError):  # the answer may get through, where the word that it is coming did not
        status = await desk.answer(came, words.of(ask.language).working)
        async with database.writing(desk.app.engine) as connection:
            await asks.note_status(connection, number, status)
    desk.spawn(_work(desk, replace(ask, id=number, status_message=status)))


async def _is_asked(desk: Desk, ask: Ask) -> bool:
    """Whether it is being made there already: a second tap, or an impatient second message, costs nothing."""
    async with database.reading(desk.app.engine) as connection:
        return await asks.is_due(connection, ask, ask.asked_at - _RESUMED)


async def resume(desk: Desk) -> None:
    """Goes on with what a process before this one left unanswered."""
    async with database.reading(desk.app.engine) as connection:
        left = await asks.due(connection, desk.clock() - _RESUMED)
    for ask in left:
        desk.spawn(_work(desk, ask))


@dataclass(frozen=True, slots=True)
class _Known:
    """A paper with what there is of it."""

    paper: Paper
    translation: Translation | Gap
    reading: Reading | Gap


async def _known(desk: Desk, ref: PaperRef, language: str) -> _Known | None:
    """The paper as it is stored with its reading, in the version asked for or the newest that is."""
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
    return _Known(record, translation, reading or Gap.WITHDRAWN)


async def _over_quota(desk: Desk, came: Incoming, ask: Ask) -> str | None:
    """Why nothing more is made today, for this person or for anyone."""
    if desk.is_operator(came):
        return None
    local = ask.asked_at.astimezone(desk.zone)
    midnight = datetime.combine(local.date(), time(), desk.zone)
    says = words.of(ask.language)
    async with database.reading(desk.app.engine) as connection:
        if (
            desk.quotas.person
            and await asks.made_since(connection, midnight, ask.person) >= desk.quotas.person
        ):
            return str(says.person_quota(desk.quotas.person))
        if desk.quotas.everyone and await asks.made_since(connection, midnight) >= desk.quotas.everyone:
            return str(says.daily_quota)
    return None


async def _work(desk: Desk, ask: Ask) -> None:
    """From the request to the answer, whatever comes of it; only a stop leaves it undone."""
    try:
        async with _typing(desk, addresses.parse(ask.address)):
            outcome = await _answered(desk, ask)
    except TelegramError as error:
        outcome = type(error).__name__
        _log.warning("answer_not_sent", ask=ask.id, error=outcome)
    except Exception:  # noqa: BLE001 - the edge of what one request can do
        _log.exception("ask_failed", ask=ask.id)
        outcome = "internal"
        with suppress(TelegramError):
            await _say(desk, ask, Message(str(words.of(ask.language).went_wrong)))
    async with database.writing(desk.app.engine) as connection:
        await asks.end(connection, ask.id, outcome, desk.clock())


async def _answered(desk: Desk, ask: Ask) -> str:
    """The word for what came of it, once the person has been told."""
    says = words.of(ask.language)
    library = desk.app.library_in(ask.language)
    try:
        paper = await library.paper(ids.parse(ask.paper))
        if ask.wish is Wish.ANSWER:
            return await _told(desk, ask, library, paper)
        made = await _made(desk, ask, library, paper)
    except UnknownPaperError:
        await _say(desk, ask, Message(str(says.unknown_paper(ask.paper))))
        return "unknown"
    except SourceError as error:
        _log.warning("source_failed", ask=ask.id, error=str(error))
        await _say(desk, ask, Message(str(says.arxiv_silent)))
        return "unreachable"
    except DigestError as error:
        _log.warning("ask_failed", ask=ask.id, error=str(error))
        await _say(desk, ask, Message(str(says.went_wrong)))
        return "failed"
    await _show(desk, ask, made, to_status=True)
    return "answered" if isinstance(made.reading, Reading) else made.reading.value


async def _made(desk: Desk, ask: Ask, library: Library, paper: Paper) -> _Known:
    status = _Status(desk, ask)
    onlooker = Onlooker(status.report)
    translating = asyncio.create_task(library.translation(paper, onlooker))
    reading = asyncio.create_task(library.reading(paper, onlooker))
    try:
        async with status.shown():
            translation = await translating
            await status.preview(paper, translation)
            return _Known(paper, translation, await reading)
    finally:
        translating.cancel()
        reading.cancel()


async def _told(desk: Desk, ask: Ask, library: Library, paper: Paper) -> str:
    answer = await library.answer(paper, ask.question or "")
    if isinstance(answer, Gap):
        await _say(desk, ask, Message(str(words.of(ask.language).unanswered[answer.value])))
        return answer.value
    await _say(desk, ask, *composing.answer(paper, answer, ask.language))
    return "answered" if answer.told else "not-told"


async def _show(desk: Desk, ask: Ask, known: _Known, *, to_status: bool) -> None:
    """The paper's card, and its reading below; or why there is none."""
    card = composing.card(known.paper, known.translation, ask.language, has_reading=False)
    below: list[Message] = []
    if isinstance(known.reading, Reading):
        below = [composing.reading(known.paper, known.reading, 1, ask.language)]
    elif known.reading is not Gap.WITHDRAWN:
        note = words.of(ask.language).unread[known.reading.value]
        card = replace(card, html=f"{card.html}\n\n<i>{note}</i>")
    await _say(desk, ask if to_status else replace(ask, status_message=None), card, *below)


async def _say(desk: Desk, ask: Ask, first: Message, *rest: Message) -> None:
    """`first` in place of the status message where there is one, the rest behind it."""
    to = addresses.parse(ask.address)
    if ask.status_message is None or not await _changed(desk, to, ask.status_message, first):
        await desk.outgoing.say(to, first, reply_to=ask.reply_to)
    for each in rest:
        await desk.outgoing.say(to, each, reply_to=ask.reply_to)


async def _changed(desk: Desk, to: Address, number: int, what: Message) -> bool:
    """Whether the message is there to be changed: people delete them."""
    try:
        await desk.outgoing.change(to, number, what)
    except TelegramError as error:
        if not refusals.is_gone(error):
            raise
        return False
    return True


class _Status:
    """The status message: each stage in turn, and the translation as soon as it is there."""

    def __init__(self, desk: Desk, ask: Ask) -> None:
        self._desk = desk
        self._ask = ask
        self._says = words.of(ask.language)
        self._step: Step | None = None
        self._above = ""
        self._changed = asyncio.Event()

    def report(self, step: Step) -> None:
        """What the library is at."""
        self._step = step
        self._changed.set()

    async def preview(self, paper: Paper, translation: Translation | Gap) -> None:
        """Shows the translation while the reading is being made."""
        self._above = composing.card(paper, translation, self._ask.language, has_reading=False).html + "\n\n"
        self._changed.set()

    @asynccontextmanager
    async def shown(self) -> AsyncIterator[None]:
        """Keeps the message up to date while the block runs."""
        task = asyncio.create_task(self._show())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _show(self) -> None:
        to = addresses.parse(self._ask.address)
        while self._ask.status_message is not None:
            await self._changed.wait()
            self._changed.clear()
            stage = self._says.stages[self._step.value] if self._step else self._says.working
            with suppress(TelegramError):
                await self._desk.outgoing.change(
                    to, self._ask.status_message, Message(f"{self._above}<i>{stage}</i>")
                )
            await asyncio.sleep(_STATUS_SECONDS)


@asynccontextmanager
async def _typing(desk: Desk, to: Address) -> AsyncIterator[None]:
    """Shows that somebody is at work while the block runs."""

    async def show() -> None:
        while True:
            with suppress(TelegramError):
                await desk.bot.send_chat_action(to.chat, ChatAction.TYPING, message_thread_id=to.topic)
            await asyncio.sleep(_TYPING_SECONDS)

    task = asyncio.create_task(show())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
