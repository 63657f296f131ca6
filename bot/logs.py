"""Log lines: events with ids, to standard error; never a key, an address or a body."""

import logging
import sys
import traceback
from typing import Literal, TextIO, cast

import structlog

from digest.invisible import removed, removed_in_line


def configure(form: Literal["text", "json"], *, quiet: bool = False) -> None:
    """Sets up this process's logs in the form that LOG_FORMAT names; `quiet` leaves only warnings."""
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
    # The libraries log addresses with their queries at INFO; what they warn of is enough.
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, force=True)
    # It tells of each tick that comes while the work of an earlier one goes on, which may take hours, and of the one
    # that a stop cuts off; a tick's own faults are logged where they happen.
    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)
    # It tells with a traceback of each mail that its parsers do not survive; we say so in a line.
    logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL)


def _harmless(_: object, __: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    """An event without what would move a terminal's cursor or pass for a line of its own: some repeat outside text."""
    return {
        name: removed_in_line(value) if isinstance(value, str) else value for name, value in event.items()
    }


def _traceback(out: TextIO, fault: structlog.types.ExcInfo) -> None:
    """The traceback as the interpreter prints it: not the variables of each frame, tokens and messages among them."""
    out.write("\n" + removed("".join(traceback.format_exception(*fault))).rstrip("\n"))


class _CurrentStderr:
    """Standard error as it is at each line: progress bars put themselves in its place for a while."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def _last(form: Literal["text", "json"]) -> list[structlog.types.Processor]:
    if form == "json":
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=_traceback)]
