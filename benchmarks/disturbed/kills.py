"""SIGKILL at random points while the program makes, publishes and delivers editions, compared with an undisturbed run.

Points are drawn over the whole of an edition and measured by its progress (papers sent to the model, the post, its
push, messages, mails). A kill follows its point by a moment; if a restart is already past it, by one step.
"""

import asyncio
import random
import signal
import tempfile
from collections import Counter
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

from benchmarks.disturbed.machine import OPERATOR, Day, Machine, Size, days, machine
from benchmarks.results import Result, unmet
from tests.programs import Program

_LATENCY_SECONDS = 0.03
_LONGEST_MOMENT_SECONDS = 0.06
_TRIES = 4  # to finish what the last kill left, a quarter of an hour apart
_POLL_SECONDS = 0.002
_MOST_SECONDS = 120  # for one run

Sent = tuple[str, date, int]
"""A chat or a mailbox, the date of an edition, and which of its messages."""


@dataclass(frozen=True)
class Sends:
    """The results of one channel's messages.

    `in_flight` counts, from the ledger, at how many kills each message was being sent; the outcome of `unknown` stays
    open. `lost` never arrived, `repeated` counts copies, and `strange` counts copies beyond the permitted one or
    without the marks of a copy. A message whose outcome a kill leaves open is sent `again` that many times.
    """

    expected: int
    in_flight: Mapping[Sent, int]
    unknown: frozenset[Sent]
    lost: frozenset[Sent]
    repeated: int
    strange: int
    again: int

    @property
    def broken(self) -> list[str]:
        """The broken promises: a lost message was in flight at a kill on each attempt, and the ledger records it."""
        unexplained = sum(self.in_flight.get(each, 0) <= self.again for each in self.lost)
        return unmet(
            (
                unexplained == 0,
                f"{unexplained} were lost although a kill had not come each time they were sent",
            ),
            (
                self.lost <= self.unknown,
                f"{len(self.lost - self.unknown)} were lost and are not said to be unknown",
            ),
            (
                self.unknown <= self.in_flight.keys(),
                f"{len(self.unknown - self.in_flight.keys())} are unknown that were not in flight at a kill",
            ),
            (self.strange == 0, f"{self.strange} came too often, or as copies that cannot be told for such"),
        )

    def __str__(self) -> str:
        return (
            f"{self.expected} messages, in flight at a kill {len(self.in_flight)}: lost {len(self.lost)},"
            f" repeated {self.repeated}, unknown {len(self.unknown)}"
        )


@dataclass(frozen=True)
class Kills(Result):
    """The kills and their results on one kind of database; `heard` is whether the operator was alerted."""

    store: str
    wanted: int
    kills: int
    editions: int
    unfinished: tuple[str, ...]
    posts_differing: int
    telegram: Sends
    mail: Sends
    heard: bool
    ended: int
    unpushed: int

    @property
    def undone(self) -> list[str]:
        return unmet(
            (self.kills == self.wanted, f"{self.kills} of {self.wanted} kills were made"),
            (
                self.telegram.expected > 0 and self.mail.expected > 0,
                "the undisturbed machine sent nothing by one of the channels",
            ),
        )

    @property
    def broken(self) -> list[str]:
        unknown = self.telegram.unknown | self.mail.unknown
        return [
            *unmet(
                (not self.unfinished, f"a run after the last kill ended so: {'; '.join(self.unfinished)}"),
                (
                    self.posts_differing == 0,
                    f"{self.posts_differing} posts differ from the undisturbed machine's",
                ),
                (self.unpushed == 0, f"{self.unpushed} posts were not pushed"),
                (self.ended == 0, f"{self.ended} subscriptions ended"),
                (self.heard or not unknown, "the operator was not told of unknown messages"),
            ),
            *(f"Telegram: {sentence}" for sentence in self.telegram.broken),
            *(f"mail: {sentence}" for sentence in self.mail.broken),
        ]

    def __str__(self) -> str:
        return (
            f"kills   {self.store}: {self.kills} kills in {self.editions} editions; posts that differ"
            f" {self.posts_differing} (none), subscriptions ended {self.ended} (none)\n"
            f"        Telegram: {self.telegram} (repeated none)\n"
            f"        mail: {self.mail} (repeated once at most, with the same Message-ID)"
        )


@dataclass(frozen=True)
class Plan:
    """The number of kills, the number of editions that they are spread over, and the seed of their points."""

    kills: int
    seed: int
    an_edition: int = 15

    @property
    def most_editions(self) -> int:
        """Return the largest number of editions: enough for the kills, and two more for kills that come too late."""
        return -(-self.kills // self.an_edition) + 2


def kills(plan: Plan, size: Size, store: str, url: str | None = None) -> Kills:
    """Run on the database at `url`, or on a SQLite file if it is None."""
    return asyncio.run(_play(plan, size, store, url))


async def _play(plan: Plan, size: Size, store: str, url: str | None) -> Kills:
    with tempfile.TemporaryDirectory() as name:
        calmly, disturbed = Path(name, "calm"), Path(name, "disturbed")
        async with (
            machine(calmly, size) as calm,
            machine(disturbed, size, url=url, latency_seconds=_LATENCY_SECONDS) as here,
        ):
            played = _Played(here, random.Random(plan.seed))
            for day in days(plan.most_editions):
                if played.kills < plan.kills:
                    steps = await _undisturbed(calm, day)
                    await played.edition(day, steps, min(plan.an_edition, plan.kills - played.kills))
            return await _judged(store, plan, calm, played)


async def _undisturbed(calm: Machine, day: Day) -> int:
    """Return the number of steps that the edition of `day` takes."""
    before = calm.steps
    calm.announce(day)
    await calm.call("run", "--at", day.noon.isoformat())
    return calm.steps - before


@dataclass
class _Played:
    """The machine on which the program is killed, and the record of its kills."""

    here: Machine
    chance: random.Random
    days: list[Day] = field(default_factory=list)
    kills: int = 0
    in_flight: Counter[Sent] = field(default_factory=Counter)
    unfinished: list[str] = field(default_factory=list)

    async def edition(self, day: Day, steps: int, many: int) -> None:
        """Kill the program up to `many` times within `steps`, a minute apart, and then let it finish."""
        self.days.append(day)
        began = self.here.steps
        self.here.announce(day)
        at = day.noon
        for point in sorted(self.chance.randrange(steps) for _ in range(many)):
            process = await self.here.start("run", "--at", at.isoformat())
            if not await self._killed(process, max(began + point, self.here.steps) + 1):
                break
            self.kills += 1
            self.in_flight.update(await _in_flight(self.here))
            at += timedelta(minutes=1)
        await self._finish(at)

    async def _finish(self, at: datetime) -> None:
        """Let the program finish what the last kill left."""
        said = ""
        for _ in range(_TRIES):
            ended = await self.here.call("run", "--at", at.isoformat())
            if ended.status == 0 and not await _unsettled(self.here):
                return
            said = f"{ended.status} {ended.err[-200:]}"
            at += timedelta(minutes=15)
        self.unfinished.append(said)

    async def _killed(self, process: Program, until: int) -> bool:
        """Kill the process when the editions have reached that step. Returns False if it ended before."""
        moment = self.chance.uniform(0, _LONGEST_MOMENT_SECONDS)
        async with asyncio.timeout(_MOST_SECONDS):
            while self.here.steps < until and process.runs:  # noqa: ASYNC110 - another process moves it
                await asyncio.sleep(_POLL_SECONDS)
        await asyncio.sleep(moment)
        if not process.runs:
            return False
        process.send_signal(signal.SIGKILL)
        await process.status()
        return True


async def _in_flight(here: Machine) -> set[Sent]:
    """Return the messages that are recorded as being sent."""
    return await _messages(here, "in_flight", "state = 'sending'")


async def _unknown(here: Machine) -> set[Sent]:
    """Return the messages whose outcome is unknown."""
    join = "JOIN unknown_messages ON unknown_messages.delivery_id = deliveries.id"
    return await _messages(here, "unknown_messages.part", "TRUE", join)


async def _messages(here: Machine, part: str, wanted: str, join: str = "") -> set[Sent]:
    rows = await here.rows(
        f"SELECT address, edition_date, {part} FROM deliveries JOIN dispatches ON dispatches.id = dispatch_id"
        f" JOIN subscribers ON subscribers.id = subscriber_id {join} WHERE {wanted}"
    )
    return {(address, date.fromisoformat(str(day)), number) for address, day, number in rows}


async def _unsettled(here: Machine) -> bool:
    """Return whether anything is still due or under way."""
    return bool(
        await here.rows(
            "SELECT state, count(*) FROM deliveries WHERE state IN ('due', 'sending') GROUP BY state"
        )
    )


async def _judged(store: str, plan: Plan, calm: Machine, played: _Played) -> Kills:
    here = played.here
    unknown = await _unknown(here)
    return Kills(
        store=store,
        wanted=plan.kills,
        kills=played.kills,
        editions=len(played.days),
        unfinished=tuple(played.unfinished),
        posts_differing=sum(here.post(day) != calm.post(day) or not calm.post(day) for day in played.days),
        telegram=_telegram(calm, played, unknown),
        mail=_mail(calm, played, unknown),
        heard=bool(here.messages(OPERATOR)),
        ended=sum(count for standing, count in (await here.standings()).items() if standing != "active"),
        unpushed=len({f"_posts/{day.date}-arxiv.md" for day in played.days} - here.pushed()),
    )


def _telegram(calm: Machine, played: _Played, unknown: set[Sent]) -> Sends:
    """Return the results of Telegram. Messages are identified by their text; after a kill none is sent again."""
    expected: dict[Sent, str] = {}
    got: Counter[tuple[str, str]] = Counter()
    for chat in calm.size.people:
        expected |= _by_day(calm, chat, played.days)
        got.update((str(chat), text) for text in played.here.messages(chat))
    lost = frozenset(each for each, text in expected.items() if not got[each[0], text])
    repeated = sum(count - 1 for count in got.values())
    return Sends(
        len(expected), *_of(expected.keys(), played, unknown), lost, repeated, strange=repeated, again=0
    )


def _mail(calm: Machine, played: _Played, unknown: set[Sent]) -> Sends:
    """Return the results of mail. The date in the subject identifies a mail; after a kill it is sent again once."""
    got = played.here.mails()
    expected = {(address, day.date, 0) for address in calm.size.addresses for day in played.days}
    copies = {
        each: [mail.message_id for mail in got.get(each[0], []) if str(each[1]) in mail.subject]
        for each in expected
    }
    return Sends(
        len(expected),
        *_of(expected, played, unknown),
        lost=frozenset(each for each, found in copies.items() if not found),
        repeated=sum(len(found) - 1 for found in copies.values() if found),
        strange=sum(len(found) > 2 or len(set(found)) > 1 for found in copies.values()),
        again=1,
    )


def _of(
    messages: AbstractSet[Sent], played: _Played, unknown: set[Sent]
) -> tuple[Mapping[Sent, int], frozenset[Sent]]:
    """Return which of these messages were in flight at kills, and which are unknown."""
    return {each: count for each, count in played.in_flight.items() if each in messages}, frozenset(
        unknown & messages
    )


def _by_day(calm: Machine, chat: int, wanted: list[Day]) -> dict[Sent, str]:
    """Return what the undisturbed machine sent to a chat; each digest begins with its date."""
    found: dict[Sent, str] = {}
    day, part = wanted[0].date, 0
    for text in calm.messages(chat):
        begun = next((each.date for each in wanted if str(each.date) in text.partition("\n")[0]), None)
        day, part = (begun, 0) if begun else (day, part + 1)
        found[str(chat), day, part] = text
    return found
