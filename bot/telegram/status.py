"""Progress of a request for the person who waits, and the offer of a newer version of a paper shown from the database.

Progress is the status message, "typing", and the text as it is written. None of it matters more than the answer, so
errors here are ignored.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta

import structlog
from telegram.constants import ChatAction
from telegram.error import BadRequest, Forbidden, TelegramError

from bot.core.models import PaperRequest
from bot.telegram import http, messages, templates
from bot.telegram import incoming as addresses
from bot.telegram.context import BotContext
from bot.telegram.incoming import Address
from bot.telegram.messages import MessageForm
from bot.telegram.templates import Message
from digest.core.errors import SourceError
from digest.core.ids import PaperRef
from digest.core.models import Gap, Paper, PaperId, Translation, VersionId
from digest.core.progress import Listener, Step
from digest.db import engine as database
from digest.db import papers
from digest.pipeline.papers import PaperService

_log = structlog.get_logger()
_TYPING_SECONDS = 4.5  # Telegram shows "typing" for five seconds (Bot API, sendChatAction)
_STATUS_SECONDS = 1.1  # between two edits of the status message
_DRAFT_SECONDS = 1.0  # between two drafts in a chat
_LOOK_SECONDS = 0.1  # between two checks of a text that shows nothing new yet


class Status:
    """The progress shown for the work on `paper` for `ask`: each stage, and the translation as soon as it is there.

    In a private chat the reading is shown while it is written, as a draft that Telegram removes by itself.
    """

    def __init__(
        self, context: BotContext, ask: PaperRequest, paper_service: PaperService, paper: Paper
    ) -> None:
        self._context = context
        self._ask = ask
        self._to = addresses.parse_address(ask.address)
        self._paper_service = paper_service
        self._paper = paper
        self._says = templates.words(ask.language)
        self._step: Step | None = None
        self._translation: Translation | Gap | None = None
        self._changed = asyncio.Event()
        self._written = ""
        self._grown = asyncio.Event()
        drafts = self._to.is_private and context.outgoing.knows_drafts
        self.listener = Listener(self._see, self._hear if drafts else None)
        """Receives progress from the paper service."""

    def preview(self, translation: Translation | Gap) -> None:
        """Show the translation while the reading is being made."""
        self._translation = translation
        self._changed.set()

    @asynccontextmanager
    async def shown(self) -> AsyncIterator[None]:
        """Keep the display up to date while the block runs."""
        async with _meanwhile(self._show_stages), _meanwhile(self._show_drafts):
            yield

    def _see(self, step: Step) -> None:
        self._step = step
        self._changed.set()

    def _hear(self, written: str) -> None:
        self._written = written
        self._grown.set()

    async def _show_stages(self) -> None:
        """Edit the status message, unless it already holds the answer."""
        while self._ask.status_message is not None and not self._ask.part:
            await self._changed.wait()
            self._changed.clear()
            with suppress(TelegramError):
                await self._context.outgoing.change(self._to, self._ask.status_message, self._message())
            await asyncio.sleep(_STATUS_SECONDS)

    def _message(self) -> Message:
        stage = str(
            self._says.stages[self._step.value] if self._step else self._says.working[self._ask.wish.value]
        )
        if self._translation is None:
            return Message(f"<i>{stage}</i>")
        return replace(messages.card(self._paper, self._translation, self._ask, note=stage), buttons=())

    async def _show_drafts(self) -> None:
        shown = ""
        while self._context.outgoing.knows_drafts:
            await self._grown.wait()
            self._grown.clear()
            html = await asyncio.to_thread(self._draft)  # a long reading takes a while
            if html in ("", shown):
                await asyncio.sleep(_LOOK_SECONDS)
                continue
            try:
                await self._context.outgoing.draft(self._to, self._ask.id, html)
                shown = html
            except (BadRequest, Forbidden):
                return
            except TelegramError:
                self._grown.set()  # the next draft may pass
            await asyncio.sleep(_DRAFT_SECONDS)

    def _draft(self) -> str:
        begun = self._paper_service.begun(self._paper, self._written)
        return messages.draft(self._paper, begun) if begun else ""


@asynccontextmanager
async def typing(context: BotContext, to: Address) -> AsyncIterator[None]:
    """Show "typing" while the block runs."""

    async def show() -> None:
        while True:
            with suppress(TelegramError):
                await context.bot.send_chat_action(to.chat, ChatAction.TYPING, message_thread_id=to.topic)
            await asyncio.sleep(_TYPING_SECONDS)

    async with _meanwhile(show):
        yield


@asynccontextmanager
async def _meanwhile(work: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Run `work` until the block ends. Its errors do not end the block."""
    task = asyncio.create_task(_guarded(work))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def _guarded(work: Callable[[], Awaitable[None]]) -> None:
    try:
        await work()
    except Exception:  # noqa: BLE001 - no fault here may cost the answer
        _log.exception("status_failed")


_LOOK = timedelta(days=1)
"""The time for which arXiv's answer about a paper's versions is reused."""


async def offer_newer(
    context: BotContext, to: Address, number: int, paper: Paper, translation: Translation, form: MessageForm
) -> None:
    """Add a button for a newer version, if there is one, to the card of `paper` in the message `number`."""
    newest = await _newest(context, paper.id, form.language)
    if newest is None or newest <= paper.version:
        return
    card = messages.card(paper, translation, form, newer=newest)
    try:
        await context.outgoing.change(to, number, card)
    except TelegramError as error:
        if not http.is_gone(error):
            raise


async def _newest(context: BotContext, paper: PaperId, language: str) -> VersionId | None:
    """Return the newest known version. arXiv is asked at most once a day."""
    if _is_due(context, paper):
        try:
            return (await context.paper_service_in(language).paper(PaperRef(paper))).version
        except SourceError:
            pass  # the database may have one
    async with database.reading(context.engine) as connection:
        stored = (await papers.latest_of(connection, [paper])).get(paper)
    return stored.version if stored else None


def _is_due(context: BotContext, paper: PaperId) -> bool:
    """Return whether to ask arXiv now. Records the request, and forgets those older than a day."""
    now = context.clock()
    for each in [each for each, at in context.looked.items() if now - at >= _LOOK]:
        del context.looked[each]
    if paper in context.looked:
        return False
    context.looked[paper] = now
    return True
