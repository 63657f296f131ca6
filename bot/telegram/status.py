"""Progress of a request for the person who waits: the status message, "typing", and the text as it is written.

None of this matters more than the answer, so errors here are ignored.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import structlog
from telegram.constants import ChatAction
from telegram.error import BadRequest, Forbidden, TelegramError

from bot.core.models import Ask
from bot.telegram import address as addresses
from bot.telegram import cards, words
from bot.telegram.address import Address
from bot.telegram.context import Desk
from bot.telegram.parts import Message
from digest.core.models import Gap, Paper, Translation
from digest.core.progress import Onlooker, Step
from digest.pipeline.papers import Library

_log = structlog.get_logger()
_TYPING_SECONDS = 4.5  # Telegram shows "typing" for five seconds (Bot API, sendChatAction)
_STATUS_SECONDS = 1.1  # between two edits of the status message
_DRAFT_SECONDS = 1.0  # between two drafts in a chat
_LOOK_SECONDS = 0.1  # between two checks of a text that shows nothing new yet


class Status:
    """The progress shown for the work on `paper` for `ask`: each stage, and the translation as soon as it is there.

    In a private chat the reading is shown while it is written, as a draft that Telegram removes by itself.
    """

    def __init__(self, desk: Desk, ask: Ask, library: Library, paper: Paper) -> None:
        self._desk = desk
        self._ask = ask
        self._to = addresses.parse(ask.address)
        self._library = library
        self._paper = paper
        self._says = words.of(ask.language)
        self._step: Step | None = None
        self._translation: Translation | Gap | None = None
        self._changed = asyncio.Event()
        self._written = ""
        self._grown = asyncio.Event()
        drafts = self._to.is_private and desk.outgoing.knows_drafts
        self.onlooker = Onlooker(self._see, self._hear if drafts else None)
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
                await self._desk.outgoing.change(self._to, self._ask.status_message, self._message())
            await asyncio.sleep(_STATUS_SECONDS)

    def _message(self) -> Message:
        stage = str(
            self._says.stages[self._step.value] if self._step else self._says.working[self._ask.wish.value]
        )
        if self._translation is None:
            return Message(f"<i>{stage}</i>")
        return replace(cards.card(self._paper, self._translation, self._ask, note=stage), buttons=())

    async def _show_drafts(self) -> None:
        shown = ""
        while self._desk.outgoing.knows_drafts:
            await self._grown.wait()
            self._grown.clear()
            html = await asyncio.to_thread(self._draft)  # a long reading takes a while
            if html in ("", shown):
                await asyncio.sleep(_LOOK_SECONDS)
                continue
            try:
                await self._desk.outgoing.draft(self._to, self._ask.id, html)
                shown = html
            except (BadRequest, Forbidden):
                return
            except TelegramError:
                self._grown.set()  # the next draft may pass
            await asyncio.sleep(_DRAFT_SECONDS)

    def _draft(self) -> str:
        begun = self._library.begun(self._paper, self._written)
        return cards.draft(self._paper, begun) if begun else ""


@asynccontextmanager
async def typing(desk: Desk, to: Address) -> AsyncIterator[None]:
    """Show "typing" while the block runs."""

    async def show() -> None:
        while True:
            with suppress(TelegramError):
                await desk.bot.send_chat_action(to.chat, ChatAction.TYPING, message_thread_id=to.topic)
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
