"""When the next message may go: Telegram's rates, and who comes first.

Overall as many a second as Telegram is found to take, up to `rate`; one a second in a chat; twenty a minute in a group
or channel; urgent ones before bulk.
Rules: https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this. All times are seconds of
one monotonic clock, passed in.
"""

import heapq
from collections import deque
from dataclasses import dataclass, field
from enum import Enum, auto

Scope = int | str | None
"""A chat's id, a channel's `@name`, or None for a message that has no chat (an edit of an inline message)."""

_MARGIN = 1.01
"""Windows are that much longer than Telegram's, which counts at its own end, after an uneven way."""
_CATCH_UP_SECONDS = 0.1
"""How far grants may run behind their even spacing, and then make up for it: timers are late."""
_CHAT_SECONDS = 1 * _MARGIN
_GROUP_SECONDS = 60 * _MARGIN
_GROUP_MESSAGES = 20
_FRESH_SECONDS = 60
"""For so long a process does not know what the one before it sent to a group, and spaces what is bulk evenly."""
_FRESH_GROUP_GAPS = 60 / _GROUP_MESSAGES
"""The even spacing in a group, in gaps of a chat."""
_QUICK_SECONDS = 3
"""A chat that got another message within that time may have been sent to too quickly."""
_SPARE_ENTRIES = 64  # of a heap, before the stale ones among them are thrown out


@dataclass(eq=False, slots=True)
class Ticket:
    """One message's place in the queue, which it keeps when it joins again."""

    scope: Scope
    rank: tuple[int, int]
    waiting: bool = False

    @property
    def is_bulk(self) -> bool:
        """Whether nobody waits for it."""
        return self.rank[0] > 0

    def __lt__(self, other: "Ticket") -> bool:
        return self.rank < other.rank


class _Where(Enum):
    READY = auto()  # only the overall rate is in the way
    ASLEEP = auto()  # the chat itself has to wait
    IDLE = auto()  # nothing waits; remembered until it could go at once again


_Key = tuple[float, ...]
"""A rank among the ready, a single time elsewhere."""


@dataclass(eq=False, slots=True)
class _Gone:
    """When a message went."""

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


class Pace:
    """How many messages a second Telegram is found to take, at most `ceiling`.

    At exactly 30 a second, 146 of 7,473 messages were refused. So it begins at 25, or at 5/6 of a ceiling over 30; a
    minute without a refusal adds 1/30 of the ceiling, and a refusal takes a tenth away, at most once a second, down to
    a third of the ceiling (additive increase, multiplicative decrease). What was learned before may take the place of
    the beginning.
    """

    def __init__(self, ceiling: float) -> None:
        self._ceiling = ceiling
        self._cut_at = float("-inf")
        self.per_second = 0.0
        self.begin_at(max(25, ceiling * 5 / 6))

    def begin_at(self, per_second: float) -> None:
        """Takes `per_second` for what Telegram takes, within the bounds."""
        self.per_second = min(self._ceiling, max(per_second, self._ceiling / 3))

    def taken(self) -> None:
        """Telegram has taken a message: `per_second` of them are a second of use."""
        grown = self.per_second + self._ceiling / 30 / 60 / self.per_second
        self.per_second = min(grown, self._ceiling)

    def refused(self, now: float) -> None:
        """Telegram has refused a message to a chat that was not sent to quickly."""
        if now - self._cut_at >= 1:
            self._cut_at = now
            self.per_second = max(self.per_second * 0.9, self._ceiling / 3)


class Pacing:
    """Queues of all chats. A chat that has to wait holds no other one up; each grant costs O(log n).

    `rate` is in messages a second over all chats: 0 for no such limit, None for no limit at all but pauses. `began` is
    when the process did.
    """

    def __init__(self, rate: float | None = 30, began: float = float("-inf")) -> None:
        self._unpaced = rate is None
        self._fresh_until = began + _FRESH_SECONDS
        self._pace = Pace(rate) if rate else None
        burst = max(1, int(rate)) if rate else None
        self._recent: deque[_Gone] = deque(maxlen=burst or 1)
        self._window = max(1.0, (burst or 0) / rate) * _MARGIN if rate else 0.0
        self._due = float("-inf")  # the next grant's place in the even spacing
        self._paused_until = float("-inf")
        self._chats: dict[Scope, _Chat] = {}
        self._heaps: dict[_Where, list[tuple[_Key, int, _Chat]]] = {where: [] for where in _Where}
        self._drawn = 0
        self._seen = 0

    def __len__(self) -> int:
        """How many chats are remembered."""
        return len(self._chats)

    def ticket(self, scope: Scope, *, urgent: bool) -> Ticket:
        """A new place in the queue: behind the urgent ones, and before bulk where `urgent`."""
        self._drawn += 1
        return Ticket(scope, (0 if urgent else 1, self._drawn))

    def join(self, ticket: Ticket, now: float) -> None:
        """Has `ticket` wait at its place: for the first time, or for another attempt after it was granted."""
        ticket.waiting = True
        chat = self._chat(ticket.scope)
        heapq.heappush(chat.queue, ticket)
        self._settle(chat, now)

    def leave(self, ticket: Ticket, now: float) -> None:
        """Gives a place up. One that was granted, or given up already, is none any more."""
        if ticket.waiting:
            ticket.waiting = False
            self._settle(self._chats[ticket.scope], now)

    def grant(self, now: float) -> Ticket | None:
        """The message that goes now, counted as gone; None while there is none that may."""
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
        """The last message granted to `scope` goes only now: what lay between was spent on this side."""
        chat = self._chats.get(scope)
        if chat is not None and chat.last is not None and chat.granted:
            chat.last.at = now
            chat.granted = (*chat.granted[:-1], now)
            self._settle(chat, now)

    def taken(self) -> None:
        """Telegram has taken a message."""
        if self._pace:
            self._pace.taken()

    def refused(self, scope: Scope, now: float) -> None:
        """Telegram has refused a message to `scope` for its rates: the chat's, or all of them."""
        chat = self._chats.get(scope)
        if self._pace and not (chat and _was_quick(chat)):
            self._pace.refused(now)

    @property
    def per_second(self) -> float | None:
        """How many messages a second Telegram is found to take; None without such a limit."""
        return self._pace.per_second if self._pace else None

    def begin_at(self, per_second: float) -> None:
        """Takes up what was learned before."""
        if self._pace:
            self._pace.begin_at(per_second)

    def next_at(self, now: float) -> float | None:
        """When `grant` is next worth asking; None while nothing waits."""
        self._wake(now)
        if self._top(_Where.READY):
            return max(now, self._overall_at())
        first = self._top(_Where.ASLEEP)
        return max(first[0][0], self._overall_at()) if first else None

    def pause_all(self, until: float) -> None:
        """Nothing goes before `until`. A shorter pause does not end a longer one."""
        self._paused_until = max(self._paused_until, until)

    def pause(self, scope: Scope, until: float, now: float) -> None:
        """Nothing goes to `scope` before `until`; other chats go on."""
        chat = self._chat(scope)
        chat.paused_until = max(chat.paused_until, until)
        self._settle(chat, now)

    def paused_until(self, scope: Scope) -> float:
        """When the last pause ends that was asked for `scope` alone: minus infinity for never."""
        chat = self._chats.get(scope)
        return chat.paused_until if chat else float("-inf")

    @property
    def all_paused_until(self) -> float:
        """When the last pause of everything ends."""
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
        """Puts `chat` where it now belongs; the entry for where it was becomes stale."""
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
        """Takes the chats that have waited long enough to the others, and forgets those that are as new."""
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
    """Whether the last message to `chat` came soon after others."""
    within = _GROUP_SECONDS if _is_group(chat.scope) else _QUICK_SECONDS
    return len(chat.granted) > 1 and chat.granted[-1] - chat.granted[-2] < within


def _is_group(scope: Scope) -> bool:
    """Whether `scope` is a group or a channel: their ids are negative, and only they go by a name."""
    return isinstance(scope, str) or (scope is not None and scope < 0)
