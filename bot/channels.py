"""What a channel does for the fan-out, and the ways in which a send can fail.

A channel carries editions to addresses: Telegram to chats, mail to mailboxes. It raises nothing but `DeliveryError`
for what happens to one message; each kind of it says what becomes of the delivery and of the subscription.
"""

from datetime import timedelta


class DeliveryError(Exception):
    """A message did not arrive, or may not have. `str(error)` is the far end's reason, without tokens and bodies."""


class RefusedError(DeliveryError):
    """The far end will never take this message; the address is fine."""


class EndedError(DeliveryError):
    """Nobody is reached at this address any more: the subscription ends, with this reason."""


class MovedError(DeliveryError):
    """The address has become another one; the same message can be sent there."""

    def __init__(self, reason: str, address: str) -> None:
        super().__init__(reason)
        self.address = address


class DeferredError(DeliveryError):
    """The message was certainly not taken, and may be later: after `pause`, where the far end named one."""

    def __init__(self, reason: str, pause: timedelta | None = None) -> None:
        super().__init__(reason)
        self.pause = pause


class UnansweredError(DeliveryError):
    """The request went out and no answer came: whether the message was taken is unknown."""


class HaltedError(DeliveryError):
    """The channel itself is refused, whatever the address: nothing more can be sent before the operator mends it."""
