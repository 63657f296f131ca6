"""A newsletter whose sender is killed on the way, and the contents of each mailbox after the restart."""

import asyncio
import random
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from benchmarks.results import Result, unmet
from benchmarks.sending.crowd import ROOT, states
from benchmarks.sending.newsletter import CONNECTIONS, free_port, listening, prepare, sender


@dataclass(frozen=True)
class MailKill(Result):
    """The state at the kill and after the restart; `received` are the Message-IDs that each mailbox got."""

    mailboxes: int
    received_before: int
    before: dict[str, int]
    after: dict[str, int]
    received: dict[str, list[str]]

    @property
    def undone(self) -> list[str]:
        return unmet(
            (0 < self.received_before < self.mailboxes, f"the kill came after {self.received_before} mails"),
            (self.after == {"sent": self.mailboxes}, f"after the restart the ledger says {self.after}"),
        )

    @property
    def broken(self) -> list[str]:
        return unmet(
            (self.lacking == 0, f"{self.lacking} mailboxes lack the edition"),
            (self.twice <= self.in_flight, f"{self.twice} have two, of {self.in_flight} in flight"),
            (self.strange == 0, f"{self.strange} have more than two, or two of different Message-IDs"),
        )

    @property
    def in_flight(self) -> int:
        """The mails that were recorded as begun, and not yet as ended."""
        return self.before.get("sending", 0)

    @property
    def lacking(self) -> int:
        """Mailboxes without the edition."""
        return self.mailboxes - len(self.received)

    @property
    def twice(self) -> int:
        """Mailboxes with more than one mail."""
        return sum(len(each) > 1 for each in self.received.values())

    @property
    def strange(self) -> int:
        """Mailboxes with more than two, or with two of different Message-IDs."""
        return sum(len(each) > 2 or len(set(each)) > 1 for each in self.received.values())

    def __str__(self) -> str:
        return (
            f"kill    {self.mailboxes} mailboxes, SIGKILL after {self.received_before} mails,"
            f" {self.in_flight} in flight ({CONNECTIONS} connections)\n"
            f"        after the restart {self.after}; mailboxes without the edition: {self.lacking} (none),"
            f" with two of one Message-ID: {self.twice} (at most {self.in_flight}),"
            f" with any others: {self.strange} (none)"
        )


def mail_kill(mailboxes: int) -> MailKill:
    """Send to `mailboxes` in a process that ends by SIGKILL; another one sends the rest."""
    port = free_port()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        log = folder / "received"
        sink = [sys.executable, "-m", "tests.fakes.smtp_sink", str(port), str(log)]
        asyncio.run(prepare(folder, mailboxes))
        with listening(sink, port):
            point = random.randint(mailboxes // 10, mailboxes * 8 // 10)
            received_before = _killed(folder, port, log, point)
            before = states(folder)
            subprocess.run(sender(folder, port), cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        return MailKill(mailboxes, received_before, before, states(folder), _received(log))


def _killed(folder: Path, port: int, log: Path, point: int) -> int:
    """Kill a sender that has sent about `point` mails; return how many had arrived."""
    child = subprocess.Popen(sender(folder, port), cwd=ROOT, stdout=subprocess.DEVNULL)
    received = 0
    try:
        while child.poll() is None and received < point:
            time.sleep(0.005)
            received = log.read_bytes().count(b"\n") if log.exists() else 0
    finally:
        child.kill()
        child.wait()
    return received


def _received(log: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for line in log.read_text().splitlines():
        to, message_id = line.split(" ", 1)
        found[to].append(message_id)
    return dict(found)
