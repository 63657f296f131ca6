"""Two days without the Git remote: every subscriber is served on every channel, and the posts are pushed afterwards."""

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from benchmarks.disturbed.machine import Day, Machine, Size, days, machine
from benchmarks.results import Result, unmet

_DAYS = 2


@dataclass(frozen=True)
class Outage(Result):
    """The `chats` and `mailboxes` that were served on the days of the outage, and the posts that reached the remote."""

    size: Size
    written: int
    served_chats: tuple[int, ...]
    served_mailboxes: tuple[int, ...]
    pushed_meanwhile: int
    pushed: int

    @property
    def undone(self) -> list[str]:
        return unmet(
            (self.written == _DAYS, f"{self.written} of {_DAYS} posts were written"),
            (self.pushed_meanwhile == 0, "the remote took a push although it was down"),
        )

    @property
    def broken(self) -> list[str]:
        return unmet(
            (
                set(self.served_chats) == {self.size.chats},
                f"of {self.size.chats} chats {self.served_chats} had the digest of their day",
            ),
            (
                set(self.served_mailboxes) == {self.size.mailboxes},
                f"of {self.size.mailboxes} mailboxes {self.served_mailboxes} had the digest of their day",
            ),
            (self.pushed == _DAYS, f"{self.pushed} of {_DAYS} posts were pushed when the remote was back"),
        )

    def __str__(self) -> str:
        return (
            f"outage  no Git remote for {_DAYS} days: served {self.served_chats} of {self.size.chats} chats and"
            f" {self.served_mailboxes} of {self.size.mailboxes} mailboxes; posts pushed afterwards {self.pushed}"
        )


def outage(size: Size) -> Outage:
    """Run the program at noon of each day, and once more on the last evening, when the remote is back."""
    return asyncio.run(_outage(size))


async def _outage(size: Size) -> Outage:
    with tempfile.TemporaryDirectory() as name:
        async with machine(Path(name), size) as here:
            served = await _without_remote(here, days(_DAYS))
            pushed_meanwhile = _posts_at_remote(here)
            evening = days(_DAYS)[-1].noon + timedelta(hours=6)
            await here.call("run", "--at", evening.isoformat())
            return Outage(
                size,
                len(list(here.posts.glob("*.md"))),
                tuple(each for each, _ in served),
                tuple(each for _, each in served),
                pushed_meanwhile,
                _posts_at_remote(here),
            )


async def _without_remote(here: Machine, wanted: Sequence[Day]) -> list[tuple[int, int]]:
    """Return how many chats and how many mailboxes had each day's digest by that evening."""
    away = here.remote.with_name("unreachable.git")
    here.remote.rename(away)
    served = []
    for day in wanted:
        here.announce(day)
        await here.call("run", "--at", day.noon.isoformat())
        served.append(here.served(day))
    away.rename(here.remote)
    return served


def _posts_at_remote(here: Machine) -> int:
    return sum(name.startswith("_posts/") for name in here.pushed())
