"""Scheduling of messages by Telegram's rates and by priority.

The overall rate is what Telegram is found to accept, up to `rate`. A chat gets one message a second, a group or channel
twenty a minute. Urgent messages go before bulk ones. Rules:
https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this. All times are seconds of one monotonic
clock, passed in.
"""

import heapq
from collections import deque
from dataclasses import dataclass, field
from enum import Enum, auto

Scope = int | str | None
"""A chat's id, a channel's `@name`, or None for a message without a chat (an edit of an inline message)."""

_MARGIN = 1.01
"""Factor by which our windows exceed Telegram's, which counts at its own end after varying network delays."""
_CATCH_UP_SECONDS = 0.1
"""Seconds that grants may lag behind their even spacing and still catch up, because timers are late."""
_CHAT_SECONDS = 1 * _MARGIN
_GROUP_SECONDS = 60 * _MARGIN
_GROUP_MESSAGES = 20
_FRESH_SECONDS = 60
"""Seconds after the start during which the previous process's messages to a group are unknown, and bulk is spaced
evenly.
"""
_FRESH_GROUP_GAPS = 60 / _GROUP_MESSAGES
"""The even spacing in a group, in multiples of the spacing in a chat."""
_QUICK_SECONDS = 3
"""A chat that got two messages within this time may have hit its own limit."""
_SPARE_ENTRIES = 64  # extra heap entries before the stale ones are removed


@dataclass(eq=False, slots=True)
class Ticket:
    """The place of one message in the queue. The message keeps it for further attempts."""

    scope: Scope
    rank: tuple[int, int]
    waiting: bool = False

    @property
    def is_bulk(self) -> bool:
        """Return whether nobody waits for the message."""
        return self.rank[0] > 0

    def __lt__(self, other: "Ticket") -> bool:
        return self.rank < other.rank


class _Where(Enum):
    READY = auto()  # only the overall rate delays it
    ASLEEP = auto()  # the chat itself has to wait
    IDLE = auto()  # nothing waits; remembered until a message could go at once


_Key = tuple[float, ...]
"""A rank for READY, a single time otherwise."""


@dataclass(eq=False, slots=True)
class _Gone:
    """The time at which a message was sent."""

    at: float


@dataclass(eq=False, slots=True)
class _Chat:
    scope: Scope
    number: int
    queue: list[Ticket] = field(default_factory=list)
    granted: tuple[float, ...] = ()
    last: _Gone | None = None
    paused_until: float = float("-inf")
    place: tuple[_Where, _Key] | None = None


class AdaptiveRate:
    """The learned rate of messages a second, at most `ceiling`.

    At exactly 30 a second, 146 of 7,473 messages were refused. So the rate starts at 25, or at 5/6 of a ceiling over
    30. A minute without refusals adds 1/30 of the ceiling; a refusal takes off a tenth, at most once a second, down to
    a third of the ceiling (additive increase, multiplicative decrease). A rate that was learned before replaces the
    start value.
    """

    def __init__(self, ceiling: float) -> None:
        self._ceiling = ceiling
        self._cut_at = float("-inf")
        self.per_second = 0.0
        self.begin_at(max(25, ceiling * 5 / 6))

    def begin_at(self, per_second: float) -> None:
        """Start at `per_second`, within the bounds."""
        self.per_second = min(self._ceiling, max(per_second, self._ceiling / 3))

    def taken(self) -> None:
        """Record an accepted message: `per_second` of them are one second of use."""
        grown = self.per_second + self._ceiling / 30 / 60 / self.per_second
        self.per_second = min(grown, self._ceiling)

    def refused(self, now: float) -> None:
        """Record a 429 for a chat that had not received messages too quickly."""
        if now - self._cut_at >= 1:
            self._cut_at = now
            self.per_second = max(self.per_second * 0.9, self._ceiling / 3)


class SendQueue:
    """Queues of all chats. A waiting chat does not delay others; each grant costs O(log n).

    `rate` is in messages a second over all chats: 0 for no such limit, None for no limits except pauses. `began` is the
    start time of the process.
    """

    def __init__(self, rate: float | None = 30, began: float = float("-inf")) -> None:
        self._unpaced = rate is None
        self._fresh_until = began + _FRESH_SECONDS
        self._pace = AdaptiveRate(rate) if rate else None
        burst = max(1, int(rate)) if rate else None
        self._recent: deque[_Gone] = deque(maxlen=burst or 1)
        self._window = max(1.0, (burst or 0) / rate) * _MARGIN if rate else 0.0
        self._due = float("-inf")  # the next grant's time in the even spacing
        self._paused_until = float("-inf")
        self._chats: dict[Scope, _Chat] = {}
        self._heaps: dict[_Where, list[tuple[_Key, int, _Chat]]] = {where: [] for where in _Where}
        self._drawn = 0
        self._seen = 0

    def __len__(self) -> int:
        """The number of chats remembered."""
        return len(self._chats)

    def ticket(self, scope: Scope, *, urgent: bool) -> Ticket:
        """Create a new place in the queue: after earlier urgent messages, and before bulk if `urgent`."""
        self._drawn += 1
        return Ticket(scope, (0 if urgent else 1, self._drawn))

    def join(self, ticket: Ticket, now: float) -> None:
        """Queue `ticket` at its place, for the first time or for another attempt."""
        ticket.waiting = True
        chat = self._chat(ticket.scope)
        heapq.heappush(chat.queue, ticket)
        self._settle(chat, now)

    def leave(self, ticket: Ticket, now: float) -> None:
        """Give up a place in the queue. Has no effect on one that was granted or given up before."""
        if ticket.waiting:
            ticket.waiting = False
            self._settle(self._chats[ticket.scope], now)

    def grant(self, now: float) -> Ticket | None:
        """Return the message to send now, and count it as sent. Returns None if no message may go."""
        self._wake(now)
        if not self._top(_Where.READY) or now < self._overall_at():
            return None
        chat = heapq.heappop(self._heaps[_Where.READY])[2]
        ticket = heapq.heappop(chat.queue)
        ticket.waiting = False
        self._count(chat, now)
        self._settle(chat, now)
        return ticket

    def departed(self, scope: Scope, now: float) -> None:
        """Move the last grant of `scope` to `now`: the time in between was spent on our side."""
        chat = self._chats.get(scope)
        if chat is not None and chat.last is not None and chat.granted:
            chat.last.at = now
            chat.granted = (*chat.granted[:-1], now)
            self._settle(chat, now)

    def taken(self) -> None:
        """Record that Telegram accepted a message."""
        if self._pace:
            self._pace.taken()

    def refused(self, scope: Scope, now: float) -> None:
        """Record a 429 for a message to `scope`. It concerns the chat's rate or the overall rate."""
        chat = self._chats.get(scope)
        if self._pace and not (chat and _was_quick(chat)):
            self._pace.refused(now)

    @property
    def per_second(self) -> float | None:
        """The learned rate in messages a second; None without such a limit."""
        return self._pace.per_second if self._pace else None

    def begin_at(self, per_second: float) -> None:
        """Start from a rate that was learned before."""
        if self._pace:
            self._pace.begin_at(per_second)

    def next_at(self, now: float) -> float | None:
        """Return when to call `grant` next, or None if nothing waits."""
        self._wake(now)
        if self._top(_Where.READY):
            return max(now, self._overall_at())
        first = self._top(_Where.ASLEEP)
        return max(first[0][0], self._overall_at()) if first else None

    def pause_all(self, until: float) -> None:
        """Pause all messages until `until`. A shorter pause does not end a longer one."""
        self._paused_until = max(self._paused_until, until)

    def pause(self, scope: Scope, until: float, now: float) -> None:
        """Pause `scope` until `until`. Other chats continue."""
        chat = self._chat(scope)
        chat.paused_until = max(chat.paused_until, until)
        self._settle(chat, now)

    def paused_until(self, scope: Scope) -> float:
        """Return the end of the last pause of `scope` alone; minus infinity if there was none."""
        chat = self._chats.get(scope)
        return chat.paused_until if chat else float("-inf")

    @property
    def all_paused_until(self) -> float:
        """The end of the last pause of all messages."""
        return self._paused_until

    def _chat(self, scope: Scope) -> _Chat:
        if scope not in self._chats:
            self._seen += 1
            self._chats[scope] = _Chat(scope, self._seen)
        return self._chats[scope]

    def _overall_at(self) -> float:
        at = self._paused_until
        if self._pace:
            at = max(at, self._due - _CATCH_UP_SECONDS)
            if len(self._recent) == self._recent.maxlen:
                at = max(at, self._recent[0].at + self._window)
        return at

    def _count(self, chat: _Chat, now: float) -> None:
        if self._unpaced:
            return
        chat.last = _Gone(now)
        self._recent.append(chat.last)
        if self._pace:
            self._due = max(self._due, now) + 1 / self._pace.per_second
        if chat.scope is not None:
            remembered = _GROUP_MESSAGES if _is_group(chat.scope) else 2
            chat.granted = (*chat.granted, now)[-remembered:]

    def _settle(self, chat: _Chat, now: float) -> None:
        """Move `chat` to the heap where it now belongs. Its old heap entry becomes stale."""
        while chat.queue and not chat.queue[0].waiting:
            heapq.heappop(chat.queue)
        place = _place(chat, now, self._fresh_until)
        if place == chat.place:
            return
        chat.place = place
        where, key = place
        heap = self._heaps[where]
        heapq.heappush(heap, (key, chat.number, chat))
        if len(heap) > 2 * len(self._chats) + _SPARE_ENTRIES:
            heap[:] = {entry[2]: entry for entry in heap if entry[2].place == (where, entry[0])}.values()
            heapq.heapify(heap)

    def _wake(self, now: float) -> None:
        """Move chats that have waited long enough to READY, and forget idle ones without restrictions."""
        while (entry := self._top(_Where.ASLEEP)) and entry[0][0] <= now:
            heapq.heappop(self._heaps[_Where.ASLEEP])
            self._settle(entry[2], now)
        while (entry := self._top(_Where.IDLE)) and entry[0][0] <= now:
            heapq.heappop(self._heaps[_Where.IDLE])
            del self._chats[entry[2].scope]
            entry[2].place = None

    def _top(self, where: _Where) -> tuple[_Key, int, _Chat] | None:
        heap = self._heaps[where]
        while heap and heap[0][2].place != (where, heap[0][0]):
            heapq.heappop(heap)
        return heap[0] if heap else None


def _place(chat: _Chat, now: float, fresh_until: float) -> tuple[_Where, _Key]:
    if not chat.queue:
        return _Where.IDLE, (_as_new_at(chat),)
    free_at = _free_at(chat, fresh_until)
    return (_Where.ASLEEP, (free_at,)) if free_at > now else (_Where.READY, chat.queue[0].rank)


def _free_at(chat: _Chat, fresh_until: float) -> float:
    at = chat.paused_until
    if chat.granted:
        spaced = _is_group(chat.scope) and chat.granted[-1] < fresh_until and chat.queue[0].is_bulk
        at = max(at, chat.granted[-1] + _CHAT_SECONDS * (_FRESH_GROUP_GAPS if spaced else 1))
    if len(chat.granted) == _GROUP_MESSAGES:
        at = max(at, chat.granted[0] + _GROUP_SECONDS)
    return at


def _as_new_at(chat: _Chat) -> float:
    seconds = _GROUP_SECONDS if _is_group(chat.scope) else _CHAT_SECONDS
    return max(chat.paused_until, chat.granted[-1] + seconds if chat.granted else float("-inf"))


def _was_quick(chat: _Chat) -> bool:
    """Return whether the last message to `chat` followed another one quickly."""
    within = _GROUP_SECONDS if _is_group(chat.scope) else _QUICK_SECONDS
    return len(chat.granted) > 1 and chat.granted[-1] - chat.granted[-2] < within


def _is_group(scope: Scope) -> bool:
    """Return whether `scope` is a group or a channel. They have negative ids or names."""
    return isinstance(scope, str) or (scope is not None and scope < 0)
