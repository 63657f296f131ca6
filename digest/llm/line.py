"""Who calls the model next: at most so many at once, and people before the day's edition."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(eq=False, frozen=True, slots=True)
class _Place:
    is_urgent: Callable[[], bool]
    called: "asyncio.Future[None]"


class Line:
    """A line before `width` slots: the urgent go first, else who came first."""

    def __init__(self, width: int) -> None:
        self._free = width
        self._waiting: list[_Place] = []

    async def enter(self, is_urgent: Callable[[], bool]) -> None:
        """Returns with a slot; `leave` must follow.

        `is_urgent` is asked whenever a slot becomes free: a paper of the edition that somebody asks for meanwhile
        moves up.
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
                self.leave()  # called in the same moment
            raise

    def leave(self) -> None:
        """Gives a slot back, to whoever is next."""
        waiting = [place for place in self._waiting if not place.called.done()]
        if not waiting:
            self._free += 1
            return
        following = next((place for place in waiting if place.is_urgent()), waiting[0])
        self._waiting.remove(following)
        following.called.set_result(None)
