"""The interface of a channel, and the errors of a send.

A channel carries editions to addresses: Telegram to chats, mail to mailboxes. For a single message it raises only
`DeliveryError`; each kind determines what happens to the delivery and the subscription.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Protocol, Self

from bot.core.models import Campaign, Delivery, Part, Preferences
from digest.core.models import Edition


class DeliveryError(Exception):
    """A message did not arrive, or may not have. `str(error)` is the remote server's reason, without tokens and bodies.

    `likeness` identifies refusals that say the same, for the circuit breaker; it is empty for those that are not
    compared. `answer` is the server's reply for the operator, if known.
    """

    likeness: str = ""
    answer: str = ""

    def alike(self, likeness: str) -> Self:
        """Set the `likeness` of this error, so that it is compared with others, and return it."""
        self.likeness = likeness
        return self


class DeliveryRefusedError(DeliveryError):
    """The remote server will never accept this message; the address is fine."""


class FormRefusedError(DeliveryError):
    """The remote server refuses the message in this form; `instead` are its replacements in a plainer form."""

    def __init__(self, reason: str, instead: tuple[Part, ...]) -> None:
        super().__init__(reason)
        self.instead = instead


class EndedError(DeliveryError):
    """The address can no longer be reached: the subscription ends with this reason."""


class StruckError(DeliveryError):
    """The remote server refuses the message at this address. After two weeks of that the subscription ends.

    `is_certain` tells whether its words blame the address, rather than leaving that open.
    """

    def __init__(self, reason: str, *, is_certain: bool = True) -> None:
        super().__init__(reason)
        self.is_certain = is_certain


class MovedError(DeliveryError):
    """The address has changed; the same message can be sent to the new one."""

    def __init__(self, reason: str, address: str) -> None:
        super().__init__(reason)
        self.address = address


class DeferredError(DeliveryError):
    """The message was certainly not accepted, and may be later: after `pause`, if the server named one.

    `is_failing` tells whether the cause is the address; after two weeks of that the subscription ends.
    """

    def __init__(self, reason: str, pause: timedelta | None = None, *, is_failing: bool = False) -> None:
        super().__init__(reason)
        self.pause = pause
        self.is_failing = is_failing


class UnansweredError(DeliveryError):
    """The request was sent and no answer came: it is unknown whether the message was accepted."""


class HaltedError(DeliveryError):
    """The channel itself is refused, whatever the address: nothing more is sent on it for a while."""


def blames_the_address(error: DeliveryError) -> bool:
    """Return whether the error certainly blames the address. Pure."""
    match error:
        case EndedError():
            return True
        case StruckError():
            return error.is_certain
        case DeferredError():  # one that does not say whom it concerns is compared with others
            return error.is_failing and not error.likeness
    return False


class CutShortError(asyncio.CancelledError):
    """The send was cancelled before any part of the message was sent."""


@contextmanager
def unsent() -> Iterator[None]:
    """Convert a cancellation in a block that sends nothing into CutShortError."""
    try:
        yield
    except asyncio.CancelledError:
        raise CutShortError from None


class Channel(Protocol):
    """A channel that reaches people."""

    @property
    def name(self) -> str:
        """The channel's name in the tables."""

    @property
    def repeats_unknown(self) -> bool:
        """Return whether a message that may have arrived is sent again automatically.

        Only for channels whose recipients can recognize the duplicate.
        """

    def compose(
        self, campaign: Campaign, edition: Edition | None, preferences: Preferences
    ) -> tuple[Part, ...]:
        """Compose the messages of a campaign for these `preferences`; `edition` holds only the papers they match."""

    async def send(
        self, delivery: Delivery, part: Part, *, first: bool, before: Callable[[], Awaitable[None]]
    ) -> None:
        """Send one message of `delivery`; `before` is awaited just before anything is sent.

        `first` tells whether it is the first of its campaign. Raises DeliveryError, and whatever `before` raises;
        CutShortError if it is cancelled and certainly nothing was sent.
        """
