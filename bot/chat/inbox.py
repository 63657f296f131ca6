"""The inbox of updates: each is kept before Telegram hears that it came, and answered once, in order per chat.

An update is a row with its content until its answer goes out, is a row itself, or is not needed; so a stop or a crash
only delays it. The content is deleted at the last moment before the first message of the answer goes: what a crash cuts
off then is not handled again, as that message may have arrived.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import structlog
from telegram import Update
from telegram.error import TelegramError
from telegram.ext import Application

from bot.chat import words
from bot.chat.desk import Desk
from bot.chat.incoming import incoming
from bot.chat.turns import Turns
from bot.chat.updates import readable
from bot.store import updates
from digest.errors import DigestError
from digest.store import engine as database

_log = structlog.get_logger()
_BACKLOG = 50  # updates of one chat that wait: at one answer a second, nobody waits longer than a minute
_RESUMED = timedelta(days=1)  # Telegram keeps what nobody fetches as long


class Inbox:
    """The updates on their way to the handlers of `application`, which is initialized."""

    def __init__(self, desk: Desk, application: Application[Any, Any, Any, Any, Any, Any]) -> None:
        self._desk = desk
        self._application = application
        self._turns = Turns()
        self._flooding: set[int] = set()

    async def take(self, came: Sequence[Update]) -> None:
        """Keeps the updates, and has those that come for the first time handled. Raises StoreError."""
        contents = {each.update_id: content for each in came if (content := _content(each)) is not None}
        async with database.writing(self._desk.app.engine) as connection:
            new = await updates.keep(connection, contents, self._desk.clock())
        await self._line_up(each for each in came if each.update_id in new)

    async def resume(self) -> None:
        """Has handled what waited when the program ended. Raises StoreError."""
        async with database.writing(self._desk.app.engine) as connection:
            left = await updates.waiting(connection, self._desk.clock() - _RESUMED)
        found = (self._read(each) for each in left)
        await self._line_up(each for each in found if each is not None)

    def _read(self, content: updates.Content) -> Update | None:
        """An update as it was kept; None where it cannot be read any more, which keeps no bot from starting."""
        try:
            return Update.de_json(readable(content), self._desk.bot)
        except Exception:  # noqa: BLE001 - whatever the library stumbles over
            _log.exception("update_unreadable")
            return None

    async def close(self, patience_seconds: float) -> None:
        """Begins nothing more; what is being handled may end within that time."""
        cut_off = await self._turns.close(patience_seconds)
        if cut_off:
            _log.warning("updates_cut_off", count=cut_off)

    async def _line_up(self, came: Iterable[Update]) -> None:
        """A chat that sends more than can be answered hears so once; what it sends until then is passed over."""
        passed_over = []
        for each in came:
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
        """The edge of what one update can do; faults of handlers have been dealt with before."""
        try:
            await handle(update)
        except TelegramError as error:
            _log.warning("answer_failed", update=update.update_id, error=type(error).__name__)
        except Exception:  # noqa: BLE001 - the bot must live on
            _log.exception("update_failed", update=update.update_id)
        try:
            await self._answered([update.update_id])
        except DigestError:
            _log.exception("update_not_noted", update=update.update_id)

    async def _refuse(self, update: Update) -> None:
        """Groups are not told: most of what is said there was not meant for the bot."""
        self._flooding.discard(_key(update))
        came = incoming(update)
        if came is not None and came.address.is_private:
            reader = await self._desk.reader(came)
            await self._desk.answer(came, words.of(reader.choices.language).too_fast)

    async def _answered(self, numbers: Sequence[int]) -> None:
        """Deletes the contents of these updates, but where an answer that went out has done so."""
        left = [number for number in numbers if number not in self._desk.answered]
        self._desk.answered.difference_update(numbers)
        if left:
            async with database.writing(self._desk.app.engine) as connection:
                await updates.answered(connection, left)


def _content(update: Update) -> dict[str, Any] | None:
    """The update as it is kept; None where the library cannot write what it has read: that is passed over."""
    try:
        return update.to_dict()
    except Exception:  # noqa: BLE001 - whatever it stumbles over must not keep the others back
        _log.exception("update_unreadable", update=update.update_id)
        return None


def _key(update: Update) -> int:
    """The chat; for what has none, such as an inline query, the person."""
    found = update.effective_chat or update.effective_user
    return found.id if found else 0
