"""A digest whose sender is killed on the way, and the state of the ledger after the restart."""

import asyncio
import os
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.results import Result, unmet
from benchmarks.sending.crowd import CONNECTIONS, ROOT, drain, prepare, reached, states, telegram


@dataclass(frozen=True)
class Kill(Result):
    """The state at the kill and after the restart; `received` counts messages by chat."""

    chats: int
    received_before: int
    before: dict[str, int]
    after: dict[str, int]
    received: dict[int, int]

    @property
    def undone(self) -> list[str]:
        ended = self.after.keys() <= {"sent", "failed", "unknown"}
        return unmet(
            (0 < self.received_before < self.chats, f"the kill came after {self.received_before} messages"),
            (
                ended and sum(self.after.values()) == self.chats,
                f"after the restart the ledger says {self.after}",
            ),
        )

    @property
    def broken(self) -> list[str]:
        sent = self.after.get("sent", 0)
        return unmet(
            (self.twice == 0, f"{self.twice} chats have two messages"),
            (self.unknown <= self.in_flight, f"{self.unknown} unknown, of {self.in_flight} in flight"),
            (
                sent <= len(self.received) <= sent + self.unknown,
                f"{len(self.received)} chats have one, and the ledger says {self.after}",
            ),
        )

    @property
    def twice(self) -> int:
        """The chats with more than one message."""
        return sum(count > 1 for count in self.received.values())

    @property
    def in_flight(self) -> int:
        """The requests that were recorded as begun, and not yet as ended."""
        return self.before.get("sending", 0)

    @property
    def unknown(self) -> int:
        return self.after.get("unknown", 0)

    def __str__(self) -> str:
        lost = self.unknown - (len(self.received) - self.after.get("sent", 0))
        return (
            f"kill    {self.chats} chats, SIGKILL after {self.received_before} messages, {self.in_flight} in flight"
            f" ({CONNECTIONS} connections)\n"
            f"        after the restart {self.after}, sum {sum(self.after.values())} (= {self.chats});"
            f" chats with two messages: {self.twice} (none)\n"
            f"        unknown {self.unknown} (at most {self.in_flight}), of which {lost} had not arrived"
        )


def kill(chats: int) -> Kill:
    """Send to `chats` chats in a separate process, which ends by SIGKILL; another one sends the rest."""
    with telegram() as url, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        asyncio.run(prepare(folder, chats))
        received_before = _killed(folder, url, random.randint(chats // 10, chats * 8 // 10))
        before = states(folder)
        asyncio.run(drain(folder, url))
        return Kill(chats, received_before, before, states(folder), reached(url))


def _killed(folder: Path, url: str, point: int) -> int:
    """Kill a sender that has sent about `point` messages; return how many had arrived."""
    command = [sys.executable, "-m", "benchmarks.sending.crowd", str(folder), url]
    child = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
    received = 0
    try:
        while child.poll() is None and received < point:
            time.sleep(0.005)
            received = sum(reached(url).values())
    finally:
        child.kill()
        child.wait()
    return received
