"""SIGKILL at random points while the program makes, publishes and delivers editions, beside an undisturbed machine.

Points are drawn over the whole of an edition, by how far it has come (papers handed to the model, the post, its push,
messages, mails), and lie a moment behind that; where a restart is beyond its point already, one step behind it.
"""

import asyncio
import random
import signal
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

from benchmarks.disturbed.machine import OPERATOR, Day, Machine, Mail, Size, days, machine
from benchmarks.results import Result, unmet
from tests.programs import Program

_LATENCY_SECONDS = 0.03
_LONGEST_MOMENT_SECONDS = 0.06
_TRIES = 4  # to end what the last kill left, a quarter of an hour apart
_POLL_SECONDS = 0.002
_MOST_SECONDS = 120  # for one run

Sent = tuple[int, date, int]
"""A chat, the date of an edition, and which of its messages."""


@dataclass(frozen=True)
class Kills(Result):
    """What was killed, and what came of it, on one kind of database.

    `in_flight` are Telegram messages whose request was under way at a kill by the ledger, `lost` those that never came,
    `unknown` those of which the ledger says in the end that nobody knows; `heard` is whether the operator was told.
    """

    store: str
    wanted: int
    kills: int
    editions: int
    unfinished: tuple[str, ...]
    posts_differing: int
    messages: int
    mails: int
    in_flight: frozenset[Sent]
    lost: frozenset[Sent]
    repeated: int
    unknown: frozenset[Sent]
    heard: bool
    mails_lost: int
    mails_repeated: int
    mails_strange: int
    ended: int
    unpushed: int

    @property
    def undone(self) -> list[str]:
        return unmet(
            (self.kills == self.wanted, f"{self.kills} of {self.wanted} kills were made"),
            (self.messages > 0 and self.mails > 0, "the undisturbed machine sent nothing"),
        )

    @property
    def broken(self) -> list[str]:
        unexplained = len(self.lost - self.in_flight)
        return unmet(
            (not self.unfinished, f"a run after the last kill ended so: {'; '.join(self.unfinished)}"),
            (
                self.posts_differing == 0,
                f"{self.posts_differing} posts differ from the undisturbed machine's",
            ),
            (self.unpushed == 0, f"{self.unpushed} posts were not pushed"),
            (unexplained == 0, f"{unexplained} messages are lost that were not in flight at a kill"),
            (
                self.lost <= self.unknown,
                f"{len(self.lost - self.unknown)} lost messages are not said to be unknown",
            ),
            (
                self.unknown <= self.in_flight,
                f"{len(self.unknown - self.in_flight)} unknown were not in flight",
            ),
            (self.heard or not self.unknown, "the operator was not told of unknown messages"),
            (self.repeated == 0, f"{self.repeated} Telegram messages came twice"),
            (self.mails_lost == 0, f"{self.mails_lost} mails are lost"),
            (
                self.mails_strange == 0,
                f"{self.mails_strange} mails came more than twice, or by two Message-IDs",
            ),
            (self.ended == 0, f"{self.ended} subscriptions ended"),
        )

    def __str__(self) -> str:
        return (
            f"kills   {self.store}: {self.kills} kills in {self.editions} editions; posts that differ"
            f" {self.posts_differing} (none)\n"
            f"        Telegram: {self.messages} messages, lost {len(self.lost)} (at most the"
            f" {len(self.in_flight)} in flight), repeated {self.repeated} (none), unknown {len(self.unknown)}\n"
            f"        mail: {self.mails} mails, lost {self.mails_lost} (none), repeated {self.mails_repeated}"
            f" with the same Message-ID, otherwise {self.mails_strange} (none)"
        )


@dataclass(frozen=True)
class Plan:
    """How many kills, over editions of how many each, and the seed of their points."""

    kills: int
    seed: int
    an_edition: int = 15

    @property
    def most_editions(self) -> int:
        """Enough, and two more for kills that come too late in the others."""
        return -(-self.kills // self.an_edition) + 2


def kills(plan: Plan, size: Size, store: str, url: str | None = None) -> Kills:
    """Plays on the database at `url`, None: a SQLite file."""
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
    """The steps that the edition of `day` takes."""
    before = calm.steps
    calm.announce(day)
    await calm.call("run", "--at", day.noon.isoformat())
    return calm.steps - before


@dataclass
class _Played:
    """The machine on which the program is killed, and what happened there so far."""

    here: Machine
    chance: random.Random
    days: list[Day] = field(default_factory=list)
    kills: int = 0
    in_flight: set[Sent] = field(default_factory=set)
    unfinished: list[str] = field(default_factory=list)

    async def edition(self, day: Day, steps: int, many: int) -> None:
        """Kills the program up to `many` times within `steps`, a minute apart, and has it end then."""
        self.days.append(day)
        began = self.here.steps
        self.here.announce(day)
        at = day.noon
        for point in sorted(self.chance.randrange(steps) for _ in range(many)):
            process = await self.here.start("run", "--at", at.isoformat())
            if not await self._killed(process, max(began + point, self.here.steps) + 1):
                break
            self.kills += 1
            self.in_flight |= await _in_flight(self.here)
            at += timedelta(minutes=1)
        await self._finish(at)

    async def _finish(self, at: datetime) -> None:
        """Has the program end what the last kill left."""
        said = ""
        for _ in range(_TRIES):
            ended = await self.here.call("run", "--at", at.isoformat())
            if ended.status == 0 and not await _unsettled(self.here):
                return
            said = f"{ended.status} {ended.err[-200:]}"
            at += timedelta(minutes=15)
        self.unfinished.append(said)

    async def _killed(self, process: Program, until: int) -> bool:
        """Kills the process when the editions have come so far; False where it has ended before."""
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
    """Telegram messages that are committed as being sent."""
    return await _messages(here, "in_flight", "state = 'sending'")


async def _unknown(here: Machine) -> set[Sent]:
    """Telegram messages of which nobody knows whether they came."""
    join = "JOIN unknown_messages ON unknown_messages.delivery_id = deliveries.id"
    return await _messages(here, "unknown_messages.part", "TRUE", join)


async def _messages(here: Machine, part: str, wanted: str, join: str = "") -> set[Sent]:
    rows = await here.rows(
        f"SELECT address, edition_date, {part} FROM deliveries JOIN dispatches ON dispatches.id = dispatch_id"
        f" JOIN subscribers ON subscribers.id = subscriber_id {join}"
        f" WHERE deliveries.channel = 'telegram' AND {wanted}"
    )
    return {(int(address), date.fromisoformat(str(day)), number) for address, day, number in rows}


async def _unsettled(here: Machine) -> bool:
    """Whether something is still due or under way."""
    return bool(
        await here.rows(
            "SELECT state, count(*) FROM deliveries WHERE state IN ('due', 'sending') GROUP BY state"
        )
    )


async def _judged(store: str, plan: Plan, calm: Machine, played: _Played) -> Kills:
    here, wanted = played.here, played.days
    expected = {chat: _by_day(calm, chat, wanted) for chat in calm.size.people}
    lost, repeated = set(), 0
    for chat, messages in expected.items():
        got = Counter(here.messages(chat))
        lost |= {(chat, day.date, part) for (day, part), text in messages.items() if not got[text]}
        repeated += sum(count - 1 for count in got.values())
    mails = _Mails.of(here.mails(), here.size.addresses, wanted)
    return Kills(
        store=store,
        wanted=plan.kills,
        kills=played.kills,
        editions=len(wanted),
        unfinished=tuple(played.unfinished),
        posts_differing=sum(here.post(day) != calm.post(day) or not calm.post(day) for day in wanted),
        messages=sum(map(len, expected.values())),
        mails=len(calm.smtp.taken),
        in_flight=frozenset(played.in_flight),
        lost=frozenset(lost),
        repeated=repeated,
        unknown=frozenset(await _unknown(here)),
        heard=bool(here.messages(OPERATOR)),
        mails_lost=mails.lost,
        mails_repeated=mails.repeated,
        mails_strange=mails.strange,
        ended=sum(count for standing, count in (await here.standings()).items() if standing != "active"),
        unpushed=len({f"_posts/{day.date}-arxiv.md" for day in wanted} - here.pushed()),
    )


def _by_day(calm: Machine, chat: int, wanted: list[Day]) -> dict[tuple[Day, int], str]:
    """What the undisturbed machine sent to a chat, by edition and place in it: each begins with its date."""
    found: dict[tuple[Day, int], str] = {}
    day, part = wanted[0], 0
    for text in calm.messages(chat):
        begun = next((each for each in wanted if str(each.date) in text.partition("\n")[0]), None)
        day, part = (begun, 0) if begun else (day, part + 1)
        found[day, part] = text
    return found


@dataclass
class _Mails:
    """Mails of an edition that did not come, that came once more by the same Message-ID, and that came otherwise."""

    lost: int = 0
    repeated: int = 0
    strange: int = 0

    @classmethod
    def of(cls, got: dict[str, list[Mail]], mailboxes: list[str], wanted: list[Day]) -> "_Mails":
        counted = cls()
        for address in mailboxes:
            for day in wanted:
                counted._count([mail for mail in got.get(address, []) if str(day.date) in mail.subject])
        return counted

    def _count(self, mails: list[Mail]) -> None:
        if not mails:
            self.lost += 1
        elif len(mails) > 2 or len({mail.message_id for mail in mails}) > 1:
            self.strange += 1
        else:
            self.repeated += len(mails) - 1
