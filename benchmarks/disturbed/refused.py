"""A relay that refuses every recipient because of the sender: a day for each of thirty reasons, then a working day."""

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.disturbed.machine import OPERATOR, Day, Machine, Size, days, machine
from benchmarks.results import Result, unmet
from tests.fakes.smtp_refusals import REFUSALS, Refusal


@dataclass(frozen=True)
class Refused(Result):
    """The result of each day; `ended` and `unheard` are the names of the refusals after which it happened.

    `unheard`: the command exited with 0, and the operator got no alert. `unserved` is the number of days on which a
    chat lacked its digest, `asked` the most recipients that the relay refused in one run, `late` the mailboxes that
    lack the digest of the day on which the relay works again.
    """

    size: Size
    refusals: int
    met: int
    ended: tuple[str, ...]
    lost: int
    unheard: tuple[str, ...]
    unserved: int
    asked: int
    late: int

    @property
    def undone(self) -> list[str]:
        return unmet(
            (
                self.met == self.refusals or self.lost > 0,
                f"the relay gave {self.met} of the {self.refusals} refusals",
            ),
        )

    @property
    def broken(self) -> list[str]:
        return unmet(
            (not self.lost, f"{self.lost} subscriptions ended, behind: {', '.join(self.ended)}"),
            (not self.unheard, f"the operator did not hear of: {', '.join(self.unheard)}"),
            (self.unserved == 0, f"on {self.unserved} days Telegram waited for mail"),
            (
                self.late == 0,
                f"{self.late} mailboxes lack the digest of the day on which the relay took mail again",
            ),
        )

    def __str__(self) -> str:
        return (
            f"refused {self.refusals} refusals about us, a day for each, to {self.size.mailboxes} mailboxes in"
            f" {min(self.size.domains, self.size.mailboxes)} domains: subscriptions ended {self.lost} (none);\n"
            f"        refused in one run at most {self.asked}; operator not told {len(self.unheard)} (none)"
        )


def refused(size: Size, reasons: Sequence[Refusal] = REFUSALS) -> Refused:
    """Run the program at noon of each day."""
    return asyncio.run(_refused(size, reasons))


async def _refused(size: Size, reasons: Sequence[Refusal]) -> Refused:
    wanted = days(len(reasons) + 1)
    with tempfile.TemporaryDirectory() as name:
        async with machine(Path(name), size) as here:
            passed = [await _day(here, day, each) for day, each in zip(wanted, reasons, strict=False)]
            here.smtp.mend()
            here.announce(wanted[-1])
            await here.call("run", "--at", wanted[-1].noon.isoformat())
            return Refused(
                size,
                len(reasons),
                sum(each.met > 0 for each in passed),
                tuple(each.reason for each in passed if each.ended),
                sum(each.ended for each in passed),
                tuple(each.reason for each in passed if not each.heard),
                sum(each.served < size.chats for each in passed),
                max(each.met for each in passed),
                size.mailboxes - here.served(wanted[-1])[1],
            )


@dataclass(frozen=True)
class _Passed:
    """A day on which the relay refused `met` times; the subscriptions that `ended`, and the chats `served`."""

    reason: str
    met: int
    ended: int
    heard: bool
    served: int


async def _day(here: Machine, day: Day, refusal: Refusal) -> _Passed:
    here.announce(day)
    here.smtp.mend()
    refusal.plan(here.smtp)
    met, told, active = here.smtp.met, len(here.messages(OPERATOR)), (await here.standings())["active"]
    ran = await here.call("run", "--at", day.noon.isoformat())
    heard = ran.status != 0 or len(here.messages(OPERATOR)) > told
    ended = active - (await here.standings())["active"]
    return _Passed(refusal.name, here.smtp.met - met, ended, heard, here.served(day)[0])
