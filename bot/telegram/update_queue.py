"""The update queue: each update is stored before it is confirmed to Telegram, and handled once, in order per chat.

An update is stored with its content until its answer is sent or stored, or is not needed. A stop or crash therefore
only delays it. The content is deleted just before the first message of the answer is sent: after a crash at that point
the update is not handled again, because the message may have arrived.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import structlog
from telegram import Update
from telegram.error import TelegramError
from telegram.ext import Application

from bot.db import telegram_state
from bot.telegram import templates
from bot.telegram.context import BotContext
from bot.telegram.http import readable_updates
from bot.telegram.incoming import incoming
from bot.telegram.replies import ChatQueues
from digest.core.errors import DigestError
from digest.db import engine as database

_log = structlog.get_logger()
_BACKLOG = 50  # waiting updates of one chat: at one answer a second, nobody waits longer than a minute
_RESUMED = timedelta(days=1)  # Telegram keeps updates that nobody fetches for the same time


class UpdateQueue:
    """The queue of updates for the handlers of an initialized `application`."""

    def __init__(self, context: BotContext, application: Application[Any, Any, Any, Any, Any, Any]) -> None:
        self._context = context
        self._application = application
        self._turns = ChatQueues()
        self._flooding: set[int] = set()

    async def take(self, message: Sequence[Update]) -> None:
        """Store the updates, and queue those that are new. Raises StoreError."""
        contents = {each.update_id: content for each in message if (content := _content(each)) is not None}
        async with database.writing(self._context.engine) as connection:
            new = await telegram_state.keep_update(connection, contents, self._context.clock())
        await self._line_up(each for each in message if each.update_id in new)

    async def resume(self) -> None:
        """Queue the updates that were waiting when the program ended. Raises StoreError."""
        async with database.writing(self._context.engine) as connection:
            left = await telegram_state.waiting_updates(connection, self._context.clock() - _RESUMED)
        found = (self._read(each) for each in left)
        await self._line_up(each for each in found if each is not None)

    def _read(self, content: telegram_state.Content) -> Update | None:
        """Read a stored update. Returns None if it cannot be read; that must not keep the bot from starting."""
        try:
            return Update.de_json(readable_updates(content), self._context.bot)
        except Exception:  # noqa: BLE001 - the library may raise anything
            _log.exception("update_unreadable")
            return None

    async def close(self, patience_seconds: float) -> None:
        """Stop starting work. Updates in progress have `patience_seconds` to finish."""
        cut_off = await self._turns.close(patience_seconds)
        if cut_off:
            _log.warning("updates_cut_off", count=cut_off)

    async def _line_up(self, message: Iterable[Update]) -> None:
        """Queue the updates. A chat that sends too many is told once; its updates until then are skipped."""
        passed_over = []
        for each in message:
            key = _key(each)
            if key in self._flooding:
                passed_over.append(each.update_id)
            elif self._turns.waiting(key) < _BACKLOG:
                self._turns.join(key, partial(self._work, each, self._application.process_update))
            else:
                self._flooding.add(key)
                self._turns.join(key, partial(self._work, each, self._refuse))
        await self._answered(passed_over)

    async def _work(self, update: Update, handle: Callable[[Update], Awaitable[None]]) -> None:
        """Handle one update and log its errors. Errors of handlers have been dealt with before."""
        try:
            await handle(update)
        except TelegramError as error:
            _log.warning("answer_failed", update=update.update_id, error=type(error).__name__)
        except Exception:  # noqa: BLE001 - the bot must live on
            _log.exception("update_failed", update=update.update_id)
        try:
            await self._answered([update.update_id])
        except DigestError:
            _log.exception("update_not_stored", update=update.update_id)

    async def _refuse(self, update: Update) -> None:
        """Tell a private chat that it sends too fast. Groups are not told: most messages there are not meant for the
        bot.
        """
        self._flooding.discard(_key(update))
        message = incoming(update)
        if message is not None and message.address.is_private:
            subscriber = await self._context.subscriber(message)
            await self._context.answer(message, templates.words(subscriber.preferences.language).too_fast)

    async def _answered(self, numbers: Sequence[int]) -> None:
        """Delete the contents of these updates, unless their answers have already done so."""
        left = [number for number in numbers if number not in self._context.answered]
        self._context.answered.difference_update(numbers)
        if left:
            async with database.writing(self._context.engine) as connection:
                await telegram_state.end_update(connection, left)


def _content(update: Update) -> dict[str, Any] | None:
    """Return the update as stored, or None if the library cannot serialize what it has read."""
    try:
        return update.to_dict()
    except Exception:  # noqa: BLE001 - one bad update must not hold up the others
        _log.exception("update_unreadable", update=update.update_id)
        return None


def _key(update: Update) -> int:
    """Return the chat's id, or the person's if there is no chat, as for an inline query."""
    found = update.effective_chat or update.effective_user
    return found.id if found else 0
