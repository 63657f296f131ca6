"""The newsletter's maximum speed, compared with bare aiosmtplib and Postfix's own client; and its cost by number."""

import asyncio
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiosmtplib

from benchmarks.results import Result, unmet
from benchmarks.sending.crowd import ROOT
from benchmarks.sending.newsletter import CONNECTIONS, Cost, built, free_port, listening, prepare, sent

_MOST_MEGABYTES, _LARGEST_GROWTH = 250, 1.25
_SMALLEST_RATIO = 0.6
"""Each of our mails waits for two commits, one of them just before DATA, so that a kill leaves in doubt only the mails
that were on the wire. With one commit, after the mail, it was 0.81."""
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin"  # where Debian puts them


@dataclass(frozen=True)
class Speed(Result):
    """Mails a second of each round, by each method."""

    mails: int
    size: int
    ours: list[Cost]
    bare: list[float]
    postfix: list[float]

    @property
    def undone(self) -> list[str]:
        return [sentence for each in self.ours for sentence in each.undone]

    @property
    def missed(self) -> list[str]:
        return unmet(
            (self.ratio >= _SMALLEST_RATIO, f"ratio {self.ratio:.2f}"),
            (self.peak_megabytes <= _MOST_MEGABYTES, f"peak memory {self.peak_megabytes:.0f} MB"),
        )

    @property
    def peak_megabytes(self) -> float:
        return max(each.peak_megabytes for each in self.ours)

    @property
    def ratio(self) -> float:
        """The ratio of our speed to that of bare aiosmtplib."""
        return statistics.median(each.rate for each in self.ours) / statistics.median(self.bare)

    def __str__(self) -> str:
        return (
            f"speed   {self.mails} mails of {self.size / 1000:.0f} KB, {CONNECTIONS} connections,"
            f" {len(self.ours)} rounds in turn: {_list([each.rate for each in self.ours])} mails/s;\n"
            f"        bare aiosmtplib {_list(self.bare)}; smtp-source {_list(self.postfix)}\n"
            f"        ratio of the medians to bare aiosmtplib {self.ratio:.2f} (at least {_SMALLEST_RATIO});"
            f" peak memory {self.peak_megabytes:.0f} MB (at most {_MOST_MEGABYTES} MB)"
        )


@dataclass(frozen=True)
class Flat(Result):
    """The cost of one mail when there are few, and when there are many."""

    few: Cost
    many: Cost

    @property
    def undone(self) -> list[str]:
        return [*self.few.undone, *self.many.undone]

    @property
    def missed(self) -> list[str]:
        return unmet(
            (self.growth <= _LARGEST_GROWTH, f"a mail to many costs {self.growth:.2f} of one to few")
        )

    @property
    def growth(self) -> float:
        """The ratio of the processor time of a mail to many, to that of a mail to few."""
        return (self.many.cpu_seconds / self.many.mails) / (self.few.cpu_seconds / self.few.mails)

    def __str__(self) -> str:
        few, many = self.few, self.many
        return (
            f"flat    {_each(few)}; {_each(many)}\n"
            f"        processor time for each, to many by to few: {self.growth:.2f} (at most {_LARGEST_GROWTH});"
            f" peak memory {many.peak_megabytes:.0f} MB"
        )


def speed(mails: int, rounds: int) -> Speed:
    """Send the same by three methods to Postfix's smtp-sink in each round; the order rotates."""
    ours: list[Cost] = []
    bare: list[float] = []
    postfix: list[float] = []
    ways: list[Callable[[], None]] = [
        lambda: ours.append(_ours(mails)),
        lambda: bare.append(mails / _bare(mails)),
        lambda: postfix.append(mails / _postfix(mails)),
    ]
    for number in range(rounds):
        for way in ways[number % 3 :] + ways[: number % 3]:
            way()
    return Speed(mails, len(built().content), ours, bare, postfix)


def flat(few: int, many: int) -> Flat:
    """Measure one size after the other."""
    return Flat(_ours(few), _ours(many))


def _ours(mails: int) -> Cost:
    with _sink() as port, tempfile.TemporaryDirectory() as folder:
        asyncio.run(prepare(Path(folder), mails))
        return sent(Path(folder), port, mails)


def _bare(mails: int) -> float:
    with _sink() as port:
        command = [sys.executable, "-m", "benchmarks.sending.mail_speed", str(port), str(mails)]
        told = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
        return float(told.stdout)


def _postfix(mails: int) -> float:
    envelope = built()
    command = [_program("smtp-source"), "-s", str(CONNECTIONS), "-m", str(mails), "-d"]
    command += ["-l", str(len(envelope.content)), "-f", str(envelope.sender), "-t", str(envelope.to)]
    with _sink() as port:
        began = time.perf_counter()
        subprocess.run([*command, f"127.0.0.1:{port}"], check=True)
        return time.perf_counter() - began


@contextmanager
def _sink() -> Iterator[int]:
    """Postfix's server that accepts everything and keeps nothing; yields its port."""
    port = free_port()
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    with listening([_program("smtp-sink"), *user, f"127.0.0.1:{port}", "100"], port):
        yield port


def _program(name: str) -> str:
    found = shutil.which(name, path=_PATH)
    if found is None:
        raise SystemExit(f"{name} is missing: it comes with Postfix")
    return found


async def _send_all(port: int, mails: int) -> None:
    """Send the same mail each time, by aiosmtplib alone."""
    envelope = built()
    sender, to = str(envelope.sender), [str(envelope.to)]
    left = iter(range(mails))

    async def connection() -> None:
        async with aiosmtplib.SMTP(
            hostname="127.0.0.1", port=port, local_hostname="daily.example", start_tls=False
        ) as smtp:
            for _ in left:
                await smtp.sendmail(sender, to, envelope.content)

    began = time.perf_counter()
    await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))
    print(time.perf_counter() - began)


def _list(rates: list[float]) -> str:
    return ", ".join(f"{rate:.0f}" for rate in rates)


def _each(cost: Cost) -> str:
    wall, cpu = cost.seconds / cost.mails, cost.cpu_seconds / cost.mails
    return f"{cost.mails} mails: {wall * 1e6:.0f} µs each, {cpu * 1e6:.0f} µs of processor time"


if __name__ == "__main__":
    asyncio.run(_send_all(*map(int, sys.argv[1:])))
