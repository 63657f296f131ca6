"""Logging: events with ids, to standard error; never keys, addresses or bodies."""

import logging
import sys
import traceback
from typing import Literal, TextIO, cast

import structlog

from digest.core.invisible import removed, removed_in_line


def configure(form: Literal["text", "json"], *, quiet: bool = False) -> None:
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
