"""What a channel does for the fan-out, and the ways in which a send can fail.

A channel carries editions to addresses: Telegram to chats, mail to mailboxes. It raises nothing but `DeliveryError`
for what happens to one message; each kind of it says what becomes of the delivery and of the subscription.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Protocol, Self

from bot.models import Choices, Delivery, Dispatch, Part
from digest.models import Edition


class DeliveryError(Exception):
    """A message did not arrive, or may not have. `str(error)` is the far end's reason, without tokens and bodies.

    `likeness` is what refusals that say the same have in common, for the brake; empty where the far end's word is
    taken by itself. `answer` is what the far end said, for the operator, where it is known.
    """

    likeness: str = ""
    answer: str = ""

    def alike(self, likeness: str) -> Self:
        """Gives this error its `likeness`, so that the brake compares it with others."""
        self.likeness = likeness
        return self


class RefusedError(DeliveryError):
    """The far end will never take this message; the address is fine."""


class FormRefusedError(DeliveryError):
    """The far end does not take the message in this form; `instead` are its stand-ins in a plainer one."""

    def __init__(self, reason: str, instead: tuple[Part, ...]) -> None:
        super().__init__(reason)
        self.instead = instead


class EndedError(DeliveryError):
    """Nobody is reached at this address any more: the subscription ends, with this reason."""


class StruckError(DeliveryError):
    """The far end will not take it at this address; where it does not for two weeks, the subscription ends.

    `is_certain` is whether its words blame the address, rather than saying nothing of whom they are about.
    """

    def __init__(self, reason: str, *, is_certain: bool = True) -> None:
        super().__init__(reason)
        self.is_certain = is_certain


class MovedError(DeliveryError):
    """The address has become another one; the same message can be sent there."""

    def __init__(self, reason: str, address: str) -> None:
        super().__init__(reason)
        self.address = address


class DeferredError(DeliveryError):
    """The message was certainly not taken, and may be later: after `pause`, where the far end named one.

    `is_failing` is whether it is the address that cannot take it: for two weeks, and the subscription ends.
    """

    def __init__(self, reason: str, pause: timedelta | None = None, *, is_failing: bool = False) -> None:
        super().__init__(reason)
        self.pause = pause
        self.is_failing = is_failing


class UnansweredError(DeliveryError):
    """The request went out and no answer came: whether the message was taken is unknown."""


class HaltedError(DeliveryError):
    """The channel itself is refused, whatever the address: nothing more is sent on it for a while."""


def blames_the_address(error: DeliveryError) -> bool:
    """Whether the far end certainly says that it is the address that does not take the message. Pure."""
    match error:
        case EndedError():
            return True
        case StruckError():
            return error.is_certain
        case DeferredError():  # one that does not say whom it is about is compared with others
            return error.is_failing and not error.likeness
    return False


class CutShortError(asyncio.CancelledError):
    """The send was cancelled, and certainly nothing of the message has gone out."""


@contextmanager
def unsent() -> Iterator[None]:
    """Nothing of a message goes out in this block: who is cancelled in it says so. Raises CutShortError."""
    try:
        yield
    except asyncio.CancelledError:
        raise CutShortError from None


class Channel(Protocol):
    """A way to reach people."""

    @property
    def name(self) -> str:
        """The word for it in the tables."""

    @property
    def repeats_unknown(self) -> bool:
        """Whether a message that may have arrived is sent once more by itself.

        Only where whoever receives both can tell that they are one.
        """

    def compose(self, dispatch: Dispatch, edition: Edition | None, choices: Choices) -> tuple[Part, ...]:
        """The messages of `dispatch` for those with `choices`; `edition` shows only the papers that they want."""

    async def send(
        self, delivery: Delivery, part: Part, *, first: bool, before: Callable[[], Awaitable[None]]
    ) -> None:
        """Sends one message of `delivery`; `before` is awaited at the last moment at which nothing has gone out.

        `first` is whether it is the first of its dispatch. Raises DeliveryError, and what `before` raises; where it
        is cancelled and can tell that nothing has gone out, CutShortError.
        """
