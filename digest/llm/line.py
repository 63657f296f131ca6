"""A semaphore with priority for calls of the model: requests of people go before the day's edition."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(eq=False, frozen=True, slots=True)
class _Place:
    is_urgent: Callable[[], bool]
    called: "asyncio.Future[None]"


class Line:
    """A priority semaphore with `width` slots: urgent waiters go first, then the others in order of arrival."""

    def __init__(self, width: int) -> None:
        self._free = width
        self._waiting: list[_Place] = []

    async def enter(self, is_urgent: Callable[[], bool]) -> None:
        """Wait for a slot and take it; `leave` must follow.

        `is_urgent` is evaluated whenever a slot becomes free, so a paper of the edition moves up when somebody asks for
        it meanwhile.
        """
        if self._free:
            self._free -= 1
            return
        place = _Place(is_urgent, asyncio.get_running_loop().create_future())
        self._waiting.append(place)
        try:
            await place.called
        except asyncio.CancelledError:
            if place in self._waiting:
                self._waiting.remove(place)
            else:
                self.leave()  # the slot was given to it at the same moment
            raise

    def leave(self) -> None:
        """Release a slot to the next waiter."""
        waiting = [place for place in self._waiting if not place.called.done()]
        if not waiting:
            self._free += 1
            return
        following = next((place for place in waiting if place.is_urgent()), waiting[0])
        self._waiting.remove(following)
        following.called.set_result(None)
