"""Sending of one delivery: its messages one after the other, each marked before and after.

The subscriber is checked again before anything is sent: changes of the subscription, pause or delivery time made in the
meantime apply. `outcomes` records the results.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.core.models import Delivery, Part, Sending, Standing, Subscriber
from bot.db import subscribers
from bot.delivery import outages
from bot.delivery.channel import Channel, CutShortError, DeliveryError, FormRefusedError, HaltedError, unsent
from bot.delivery.fanout import LIFETIME, Renderings
from bot.delivery.results import Outcomes
from bot.subscriptions import hours, preferences
from digest.db import engine as database

_log = structlog.get_logger()


class _UnwantedError(Exception):
    """The subscriber left or paused while the message waited, or another process has sent it."""


@dataclass(frozen=True)
class Attempts:
    """Sends deliveries on `channel`.

    `is_ending` tells whether to stop after the current message, `is_refused` whether to start none at all. `served` is
    called for each delivery with an accepted message; `met` for each refusal of us, and returns whether it concerns
    only that recipient; `wake` is called if something is due again at once. `in_flight` are the subscribers with a
    message in flight, or answered but not yet marked.
    """

    engine: AsyncEngine
    channel: Channel
    renderings: Renderings
    clock: Callable[[], datetime]
    outcomes: Outcomes
    in_flight: set[int]
    is_ending: Callable[[], bool]
    is_refused: Callable[[], bool]
    served: Callable[[Delivery], None]
    met: Callable[[Delivery, HaltedError], bool]
    wake: Callable[[], None]

    async def make(self, delivery: Delivery) -> None:
        """Send the rest of `delivery`, as far as it is accepted. Raises HaltedError and DigestError."""
        now = self.clock()
        if (hour := _hour(delivery)) > now and not delivery.part:
            await self.outcomes.note(delivery, Sending.DUE, next_at=hour)
            return
        if reason := obstacle(delivery, now):
            await self._drop(delivery, reason)
            return
        ready = delivery.dispatch.is_ready_in(delivery.subscriber.choices.language)
        if delivery.rendering is None and not ready:  # another language was chosen meanwhile
            await self.outcomes.note(delivery, Sending.HELD)
            return
        if await self.outcomes.failures.puts_off(delivery):
            return
        number, parts = await outages.outlasting("messages", partial(self.renderings.of, delivery))
        if not parts:
            await self.outcomes.note(delivery, Sending.SKIPPED, "nothing", rendering=number)
            return
        left = delivery.left(len(parts))
        if not left:
            await self.outcomes.note(delivery, Sending.SENT)
        for message in left:
            if self.is_ending() and message != left[0]:
                return  # the row tells where to continue
            if not await self._send(delivery, number, parts[message], message, last=message == left[-1]):
                return

    async def _send(
        self, delivery: Delivery, rendering: int, part: Part, message: int, *, last: bool
    ) -> bool:
        """Send the `message` with content `part`. Returns whether it was sent. `last` marks the last message."""
        if self.is_refused():  # refused in the meantime: the row stays due
            return False
        try:
            before = _Before(self, delivery, rendering, message).mark
            await self.channel.send(delivery, part, first=message == 0, before=before)
        except _UnwantedError:
            await self._note_unwanted(delivery)
        except HaltedError as error:
            is_alone = self.met(
                delivery, error
            )  # before anything is awaited, so that no other message starts
            await self._note_refused(delivery, is_alone=is_alone)
        except CutShortError:
            await self.outcomes.note(delivery, Sending.DUE, next_at=self.clock())
            raise
        except FormRefusedError as error:
            await self._replace(delivery, rendering, message, error.instead)
        except DeliveryError as error:
            self.in_flight.add(delivery.subscriber.id)  # it was answered: a stop waits until that is recorded
            if await self.outcomes.failed(delivery, message, error, last=last):
                self.wake()
        else:
            self.served(delivery)
            await self.outcomes.sent(delivery, message, last=last)
            return True
        finally:
            self.in_flight.discard(delivery.subscriber.id)
        return False

    async def _note_unwanted(self, delivery: Delivery) -> None:
        if reason := await self._hindrance(delivery):
            await self._drop(delivery, reason)
        else:
            _log.warning("sent_elsewhere", delivery=delivery.id)

    async def _note_refused(self, delivery: Delivery, *, is_alone: bool) -> None:
        if is_alone:
            await self.outcomes.note(delivery, Sending.FAILED, "refused-alone")
        else:
            await self.outcomes.note(delivery, Sending.DUE, next_at=self.clock())

    async def _drop(self, delivery: Delivery, reason: str) -> None:
        """Send nothing more of the delivery, for `reason`."""
        state = Sending.FAILED if delivery.part or delivery.tries else Sending.SKIPPED
        await self.outcomes.note(delivery, state, reason)

    async def _hindrance(self, delivery: Delivery) -> str | None:
        """Return why the subscriber no longer wants the delivery; None if there is no such reason."""
        reader = await outages.outlasting("subscribers", partial(self._reader, delivery.subscriber.id))
        return obstacle(replace(delivery, subscriber=reader), self.clock()) if reader else Standing.LEFT.value

    async def _reader(self, number: int) -> Subscriber | None:
        async with database.reading(self.engine) as connection:
            return await subscribers.get(connection, number)

    async def _replace(
        self, delivery: Delivery, rendering: int, message: int, instead: tuple[Part, ...]
    ) -> None:
        """Replace a refused message by others, each of which is sent once and marked."""
        replaced = partial(self.renderings.replaced, delivery, rendering, message, instead)
        number = await outages.outlasting("messages", replaced)
        await self.outcomes.replaced(delivery, number, message, len(instead))
        self.wake()


@dataclass
class _Before:
    """The last moment before a message is sent. A channel may reach it more than once."""

    attempts: Attempts
    delivery: Delivery
    rendering: int
    message: int
    is_marked: bool = False

    async def mark(self) -> None:
        """Mark the message as being sent. Raises CutShortError if the channel was refused in the meantime."""
        attempts = self.attempts
        if attempts.is_refused():
            raise CutShortError
        attempts.in_flight.add(self.delivery.subscriber.id)
        with unsent():
            is_ours = await attempts.outcomes.sending(
                self.delivery, self.rendering, self.message, once_more=self.is_marked
            )
        if not is_ours:
            raise _UnwantedError
        self.is_marked = True


def obstacle(delivery: Delivery, now: datetime) -> str | None:
    """Return why nothing may be sent at this moment, or None. Pure."""
    subscriber = delivery.subscriber
    if subscriber.standing is not Standing.ACTIVE:
        return subscriber.standing.value
    if preferences.pause(subscriber, now):
        return "paused"
    if delivery.is_belied:
        return "belied"
    if now > max(delivery.due_at, _hour(delivery)) + LIFETIME:
        return "too-late"
    return None


def _hour(delivery: Delivery) -> datetime:
    """Return when the subscriber wants it, by the latest choice."""
    return hours.due_at(delivery.dispatch, delivery.subscriber.hour, delivery.subscriber.zone)
