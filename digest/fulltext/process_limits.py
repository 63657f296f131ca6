"""A process that opens a stranger's file: its limits, kept by the kernel, and what it prints."""

import json
import resource
import sys
from dataclasses import asdict

from digest.core.models import NoTextReason
from digest.fulltext.cleanup import Extract


def limit(memory_bytes: int, cpu_seconds: int) -> None:
    """Binds this process, and all that it starts, for the rest of its life."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))  # SIGXCPU, then SIGKILL
    if sys.platform != "darwin":  # macOS refuses this one
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))


def told(outcome: Extract | NoTextReason) -> bytes:
    """One line of JSON, which is the reason, or an object with all but the text; behind it the text."""
    if isinstance(outcome, NoTextReason):
        return json.dumps(outcome).encode()
    about = asdict(outcome)
    text = about.pop("text")
    return f"{json.dumps(about)}\n{text}".encode(errors="replace")


def understood(printed: bytes) -> Extract | NoTextReason:
    """Parse the output of such a process."""
    head, _, text = printed.decode(errors="replace").partition("\n")
    about = json.loads(head)
    if isinstance(about, str):
        return NoTextReason(about)
    return Extract(text, about["hidden"], about["whole"], about["has_references"], tuple(about["extractors"]))
