"""A paper's PDF, or its TeX -> its text, by way of a process that may fail in any way it likes."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from digest.core.models import NoTextReason
from digest.fulltext.cleanup import Extract
from digest.fulltext.process_limits import understood

_log = structlog.get_logger()
PDF = "digest.fulltext.pdf_worker"
TEX = "digest.fulltext.tex_worker"
_ROOT = Path(__file__).parents[2]  # the folder with `digest`
_PASSED_ON = ("LANG", "LC_ALL", "LD_LIBRARY_PATH")
_CHUNK_BYTES = 65_536
_BYTES_A_CHARACTER = 4  # of UTF-8, at the most
_HIDDEN_BYTES = 200_000  # of what no reader sees, at the most


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits for one PDF: wall time, processor time, memory, and characters of extracted text."""

    wall_seconds: float = 55
    cpu_seconds: int = 50
    memory_bytes: int = 1 << 30
    text_characters: int = 1_000_000


DEFAULT_LIMITS = Limits()


async def extract(path: Path, limits: Limits = DEFAULT_LIMITS, module: str = PDF) -> Extract | NoTextReason:
    """The text of the file at `path` without references, or why there is none that could be read.

    `module` is the program that opens it: PDF, or TEX for a submission's source.
    """
    try:
        async with asyncio.timeout(limits.wall_seconds):
            printed = await run(
                _command(path, limits, module), limits.text_characters * _BYTES_A_CHARACTER + _HIDDEN_BYTES
            )
    except TimeoutError:
        return NoTextReason.TOO_SLOW
    return printed if isinstance(printed, NoTextReason) else understood(printed)


async def run(command: Sequence[str], output_bytes: int) -> bytes | NoTextReason:
    """Return the output of `command`, or the reason why it failed: more than `output_bytes`, or a bad end.

    The process and all that it started are gone when this returns, raises or is cancelled.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=DEVNULL,
        start_new_session=True,
        cwd=_ROOT,
        env=_environment(),
    )
    try:
        printed = await _read(process, output_bytes)
        status = None if printed is None else await process.wait()
    finally:
        await _end(process)
    if printed is None:
        return NoTextReason.TOO_LARGE
    return printed if status == 0 else _failure(status)


def _command(path: Path, limits: Limits, module: str) -> list[str]:
    numbers = (limits.memory_bytes, limits.cpu_seconds, limits.text_characters)
    return [sys.executable, "-m", module, str(path.absolute()), *map(str, numbers)]


async def _read(process: Process, output_bytes: int) -> bytes | None:
    """All that the process prints, None as soon as that is too much."""
    printed = bytearray()
    async for chunk in _chunks(process):
        printed += chunk
        if len(printed) > output_bytes:
            return None
    return bytes(printed)


async def _chunks(process: Process) -> AsyncIterator[bytes]:
    assert process.stdout is not None  # noqa: S101 - asked for above
    while chunk := await process.stdout.read(_CHUNK_BYTES):
        yield chunk


async def _end(process: Process) -> None:
    """Kills the process and its group if it still lives, and waits until nothing of it is left to collect."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    async for _ in _chunks(process):  # a pipe with something in it keeps its transport open
        pass
    await process.wait()


def _environment() -> dict[str, str]:
    """For the child: without secrets, and without other programs to find."""
    return {"PATH": ""} | {name: os.environ[name] for name in _PASSED_ON if name in os.environ}


def _failure(status: int | None) -> NoTextReason:
    if status == -signal.SIGXCPU:
        return NoTextReason.TOO_SLOW
    if status == -signal.SIGKILL:  # by the kernel, when the machine's memory runs out
        return NoTextReason.TOO_LARGE
    _log.warning("extraction_failed", status=status)
    return NoTextReason.DAMAGED
