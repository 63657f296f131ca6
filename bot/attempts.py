"""One delivery -> its messages, one after the other, through the channel; each is marked before it goes and after.

The subscriber is looked at again before anything goes out: whoever left, paused or chose another hour meanwhile gets
what they want now. What a message came to is noted by `outcomes`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from bot import choices, outages
from bot.channels import (
    Channel,
    CutShortError,
    DeliveryError,
    FormRefusedError,
    HaltedError,
    unsent,
)
from bot.fanout import LIFETIME, Renderings, due_at
from bot.models import Delivery, Part, Sending, Standing, Subscriber
from bot.outcomes import Outcomes
from bot.store import subscribers
from digest.store import engine as database

_log = structlog.get_logger()


class _UnwantedError(Exception):
    """The subscriber left or paused while the message waited for its turn, or another process has sent it."""


@dataclass(frozen=True)
class Attempts:
    """Attempts to send deliveries on `channel`.

    `is_ending` is whether no message is to begin behind the one that goes, `is_refused` whether none is to begin at
    all. `served` hears of each delivery of which a message was taken; `met` of each that met a refusal of us, and gives
    whether that is about its recipient alone; `wake` is called where something is due again at once. Whose message is
    on its way, or was answered and is not marked yet, is one of the subscribers `in_flight`.
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
        """Sends what is left of `delivery`, as far as it is taken. Raises HaltedError, DigestError."""
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
                return  # the row says where to go on
            if not await self._send(delivery, number, parts[message], message, last=message == left[-1]):
                return

    async def _send(
        self, delivery: Delivery, rendering: int, part: Part, message: int, *, last: bool
    ) -> bool:
        """Whether `part`, the delivery's `message`, was sent: the `last` that is to be, or not."""
        if self.is_refused():  # meanwhile, and the row is due as it was
            return False
        try:
            before = _Before(self, delivery, rendering, message).mark
            await self.channel.send(delivery, part, first=message == 0, before=before)
        except _UnwantedError:
            await self._note_unwanted(delivery)
        except HaltedError as error:
            is_alone = self.met(delivery, error)  # before anything is waited for: nothing more is to begin
            await self._note_refused(delivery, is_alone=is_alone)
        except CutShortError:
            await self.outcomes.note(delivery, Sending.DUE, next_at=self.clock())
            raise
        except FormRefusedError as error:
            await self._replace(delivery, rendering, message, error.instead)
        except DeliveryError as error:
            self.in_flight.add(delivery.subscriber.id)  # it was answered: a stop waits until that is noted
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
        """Nothing more of it is sent, for `reason`."""
        state = Sending.FAILED if delivery.part or delivery.tries else Sending.SKIPPED
        await self.outcomes.note(delivery, state, reason)

    async def _hindrance(self, delivery: Delivery) -> str | None:
        """Why the subscriber does not want it any more; None where that is not the reason."""
        reader = await outages.outlasting("subscribers", partial(self._reader, delivery.subscriber.id))
        return obstacle(replace(delivery, subscriber=reader), self.clock()) if reader else Standing.LEFT.value

    async def _reader(self, number: int) -> Subscriber | None:
        async with database.reading(self.engine) as connection:
            return await subscribers.get(connection, number)

    async def _replace(
        self, delivery: Delivery, rendering: int, message: int, instead: tuple[Part, ...]
    ) -> None:
        """The messages that stand in for a refused one are parts like any other: each is sent once, and marked."""
        replaced = partial(self.renderings.replaced, delivery, rendering, message, instead)
        number = await outages.outlasting("messages", replaced)
        await self.outcomes.replaced(delivery, number, message, len(instead))
        self.wake()


@dataclass
class _Before:
    """The last moment at which nothing of one message has gone out; a channel may come to it more than once."""

    attempts: Attempts
    delivery: Delivery
    rendering: int
    message: int
    is_marked: bool = False

    async def mark(self) -> None:
        """Marks the message as being sent. Raises CutShortError where the channel was refused meanwhile."""
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
    """Why nothing is to be sent any more, at this moment. Pure."""
    subscriber = delivery.subscriber
    if subscriber.standing is not Standing.ACTIVE:
        return subscriber.standing.value
    if choices.pause(subscriber, now):
        return "paused"
    if delivery.is_belied:
        return "belied"
    if now > max(delivery.due_at, _hour(delivery)) + LIFETIME:
        return "too-late"
    return None


def _hour(delivery: Delivery) -> datetime:
    """When the subscriber wants it, by what they chose last."""
    return due_at(delivery.dispatch, delivery.subscriber.hour, delivery.subscriber.zone)
