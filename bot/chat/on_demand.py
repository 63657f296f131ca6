"""One paper for one person, now: from what is stored at once, else made while the person watches.

What has to be made is a row first (`asks`), so a restart goes on with it.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace

import structlog
from telegram.error import TelegramError

from bot.channels import UnansweredError
from bot.chat import address as addresses
from bot.chat import cards, handover, newer, refusals, status, words
from bot.chat.cards import Form
from bot.chat.desk import Desk
from bot.chat.handover import ForgottenError
from bot.chat.incoming import Incoming
from bot.chat.parts import Message
from bot.chat.status import Status
from bot.models import ASK_LIFETIME, Ask, Subscriber, Wish
from bot.store import asks
from digest import ids
from digest.errors import DigestError, SourceError, UnknownPaperError
from digest.ids import PaperRef
from digest.library import Library
from digest.models import Gap, Paper, Reading, Translation, VersionId
from digest.store import engine as database
from digest.store import papers
from digest.withdrawal import is_withdrawn

_log = structlog.get_logger()


async def take(
    desk: Desk, came: Incoming, reader: Subscriber, ref: PaperRef, wish: Wish, question: str | None = None
) -> str | None:
    """Answers at once from what is stored; else says how far the work is until the answer is there.

    Gives the sentence to be said where a quota is used up.
    """
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
    if wish is Wish.READING and (known := await find(desk, ref, ask.language)):
        await _show(desk, came, known, ask)
        return None
    if await _is_asked(desk, ask):
        await desk.answer(came, words.of(ask.language).being_made(ask.paper))
        return None
    if refusal := await _over_quota(desk, came, ask):
        return refusal
    async with database.writing(desk.app.engine) as connection:
        number = await asks.add(connection, ask)
        await asks.note_made(connection, number)
    message = None
    with suppress(TelegramError):  # the answer may get through, where the word that it is coming did not
        message = await desk.answer(came, words.of(ask.language).working)
        async with database.writing(desk.app.engine) as connection:
            await asks.note_status(connection, number, message)
    desk.spawn(_work(desk, replace(ask, id=number, status_message=message)))
    return None


async def _is_asked(desk: Desk, ask: Ask) -> bool:
    """Whether it is being made there already: a second tap, or an impatient second message, costs nothing."""
    async with database.reading(desk.app.engine) as connection:
        return await asks.is_due(connection, ask, ask.asked_at - ASK_LIFETIME)


async def resume(desk: Desk) -> None:
    """Goes on with what a process before this one left unanswered."""
    async with database.reading(desk.app.engine) as connection:
        left = await asks.due(connection, desk.clock() - ASK_LIFETIME)
    for ask in left:
        desk.spawn(_work(desk, ask))


@dataclass(frozen=True, slots=True)
class Known:
    """A paper with what there is of it."""

    paper: Paper
    translation: Translation | Gap
    reading: Reading | Gap


async def find(desk: Desk, ref: PaperRef, language: str) -> Known | None:
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
    return Known(record, translation, reading or Gap.WITHDRAWN)


def card(known: Known, form: Form, *, opens: bool) -> Message:
    """The paper's card, which says why there is no reading, or else `opens` it."""
    note = None
    if isinstance(known.reading, Gap) and known.reading is not Gap.WITHDRAWN:
        note = words.of(form.language).unread[known.reading.value]
    opens = opens and isinstance(known.reading, Reading)
    return cards.card(known.paper, known.translation, form, opens=opens, note=note)


async def _show(desk: Desk, came: Incoming, known: Known, form: Form) -> None:
    """What is stored, at once; whether there is a newer version, it can tell a little later."""
    first, *below = _shown(known, form)
    number = await desk.answer(came, first)
    for each in below:
        await desk.answer(came, each)
    if isinstance(known.translation, Translation):
        desk.spawn(newer.offer(desk, came.address, number, known.paper, known.translation, form))


async def _over_quota(desk: Desk, came: Incoming, ask: Ask) -> str | None:
    """Why nothing more is made today, for this person or for anyone."""
    if desk.is_operator(came):
        return None
    today, says = desk.today(), words.of(ask.language)
    async with database.reading(desk.app.engine) as connection:
        if desk.quotas.person and await asks.counted(connection, today, ask.person) >= desk.quotas.person:
            return str(says.person_quota(desk.quotas.person))
        if desk.quotas.everyone and await asks.counted(connection, today) >= desk.quotas.everyone:
            return str(says.daily_quota)
    return None


async def _work(desk: Desk, ask: Ask) -> None:
    """From the request to the answer, whatever comes of it; only a stop leaves it undone."""
    try:
        said = await _said(desk, ask)
        await handover.hand_over(desk, ask, said.messages)
        outcome = said.outcome
    except ForgottenError:
        await _take_back_status(desk, ask)
        return
    except TelegramError as error:
        outcome = _unsent(error)
        _log.warning("answer_not_sent", ask=ask.id, error=outcome)
    async with database.writing(desk.app.engine) as connection:
        await asks.end(connection, ask.id, outcome, desk.clock())


async def _take_back_status(desk: Desk, ask: Ask) -> None:
    if ask.status_message is not None:
        with suppress(TelegramError):
            await desk.bot.delete_message(addresses.parse(ask.address).chat, ask.status_message)


def _unsent(error: TelegramError) -> str:
    meant = refusals.delivery_error(error)
    return "unanswered" if isinstance(meant, UnansweredError) else type(error).__name__


@dataclass(frozen=True, slots=True)
class _Said:
    """The word for what came of a request, and what the person is told."""

    outcome: str
    messages: tuple[Message, ...]


async def _said(desk: Desk, ask: Ask) -> _Said:
    try:
        async with status.typing(desk, addresses.parse(ask.address)):
            return await _answered(desk, ask)
    except Exception:  # noqa: BLE001 - the edge of what one request can do
        _log.exception("ask_failed", ask=ask.id)
        return _Said("internal", (Message(str(words.of(ask.language).went_wrong)),))


async def _answered(desk: Desk, ask: Ask) -> _Said:
    says = words.of(ask.language)
    library = desk.app.library_in(ask.language)
    try:
        paper = await library.paper(ids.parse(ask.paper))
        if ask.wish is Wish.ANSWER:
            return await _told(ask, library, paper)
        async with database.writing(desk.app.engine) as connection:
            if not await asks.note_version(connection, ask, str(paper.version)):
                return _Said("twice", (Message(str(says.being_made(ask.paper))),))
        made = await _made(desk, ask, library, paper)
    except UnknownPaperError:
        return _Said("unknown", (Message(str(says.unknown_paper(ask.paper))),))
    except SourceError as error:
        _log.warning("source_failed", ask=ask.id, error=str(error))
        return _Said("unreachable", (Message(str(says.arxiv_silent)),))
    except DigestError as error:
        _log.warning("ask_failed", ask=ask.id, error=str(error))
        return _Said("failed", (Message(str(says.went_wrong)),))
    outcome = "answered" if isinstance(made.reading, Reading) else made.reading.value
    return _Said(outcome, _shown(made, ask))


async def _made(desk: Desk, ask: Ask, library: Library, paper: Paper) -> Known:
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
    if ask.part:  # a process before this one had begun to tell it; made anew, it would be another one
        return _Said("cut-off", ())
    answer = await library.answer(paper, ask.question or "")
    if isinstance(answer, Gap):
        return _Said(answer.value, (Message(str(words.of(ask.language).unanswered[answer.value])),))
    outcome = "answered" if answer.told else "not-told"
    return _Said(outcome, cards.answer(paper, answer, ask))


def _shown(known: Known, form: Form) -> tuple[Message, ...]:
    """The paper's card, and its reading below; or why there is none."""
    shown = card(known, form, opens=False)
    if isinstance(known.reading, Reading):
        return shown, cards.reading(known.paper, known.reading, 1, form)
    return (shown,)
