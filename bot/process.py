"""The process: its log, and an event loop that ends in time even if a name server does not answer.

The log has events with ids, on standard error; never keys, addresses or bodies.
"""

import asyncio
import logging
import os
import socket
import sys
import traceback
from contextlib import suppress
from threading import Thread, Timer
from typing import Any, Literal, TextIO, cast

import structlog

from digest.core.invisible import removed, removed_in_line


def configure_logs(form: Literal["text", "json"], *, quiet: bool = False) -> None:
    """Configure this process's logging in the form of LOG_FORMAT; `quiet` keeps only warnings."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _harmless,
            *_last(form),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING if quiet else logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, _CurrentStderr())),
        cache_logger_on_first_use=False,
    )
    # At INFO the libraries log URLs with their queries; their warnings are enough.
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, force=True)
    # APScheduler warns of each tick during an earlier one, which may take hours, and of one that a stop cancels; errors
    # of a tick are logged where they happen.
    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)
    # flufl.bounce logs a traceback for each mail that its parsers cannot handle; we log one line.
    logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL)


def _harmless(_: object, __: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    """Remove what would move a terminal's cursor or look like another line: some events contain outside text."""
    return {
        name: removed_in_line(value) if isinstance(value, str) else value for name, value in event.items()
    }


def _traceback(out: TextIO, fault: structlog.types.ExcInfo) -> None:
    """Print the traceback as the interpreter does, without the frames' variables, which may include tokens and
    messages.
    """
    out.write("\n" + removed("".join(traceback.format_exception(*fault))).rstrip("\n"))


class _CurrentStderr:
    """Standard error at the time of each line, because progress bars replace it temporarily."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def _last(form: Literal["text", "json"]) -> list[structlog.types.Processor]:
    if form == "json":
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=_traceback)]


_log = structlog.get_logger()


class Loop(asyncio.SelectorEventLoop):
    """asyncio's selector loop, with its own name lookups.

    asyncio looks up names in the threads of its executor and waits for these at its end, as Python does: for half a
    minute if the name server is unreachable. Here nobody waits for a thread whose caller is gone.
    """

    async def getaddrinfo(self, host: Any, port: Any, **hints: Any) -> list[Any]:
        """Return or raise what `socket.getaddrinfo` does."""
        answer: asyncio.Future[list[Any]] = self.create_future()

        def look() -> None:
            try:
                found = socket.getaddrinfo(host, port, **hints)
            except Exception as error:  # noqa: BLE001 - whoever asked has to hear of it
                self._tell(answer, error)
            else:
                self._tell(answer, found)

        Thread(target=look, name="getaddrinfo", daemon=True).start()
        return await answer

    def _tell(self, answer: "asyncio.Future[list[Any]]", said: list[Any] | Exception) -> None:
        with suppress(RuntimeError):  # the loop has ended meanwhile
            self.call_soon_threadsafe(_settle, answer, said)


def _settle(answer: "asyncio.Future[list[Any]]", said: list[Any] | Exception) -> None:
    if answer.done():
        return
    if isinstance(said, Exception):
        answer.set_exception(said)
    else:
        answer.set_result(said)


def leave_within(seconds: float) -> None:
    """End the process after that time, whatever hangs in it: a thread or a handler that does not return.

    This loses nothing that a crash would not lose.
    """
    timer = Timer(seconds, _leave)
    timer.daemon = True  # it does not keep a process alive that ends earlier
    timer.start()


def _leave() -> None:
    _log.warning("exited_without_cleanup")
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(0)
