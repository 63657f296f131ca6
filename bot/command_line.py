"""Common parts of the commands: settings, the current time, times as arguments, progress of the work.

Progress is a bar for each stage on a terminal, and log lines elsewhere.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Annotated

import structlog
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from bot import process, settings
from bot.container import calendar
from bot.settings import Settings
from digest.core.invisible import removed
from digest.core.progress import Progress, Report, Stage

_YEARS = range(1991, 2200)

At = Annotated[
    str,
    typer.Option(
        "--at",
        metavar="TIME",
        help="As if it were TIME: a date, or a date and a time such as 2026-02-12T09:00, in TIMEZONE unless "
        "it names an offset.",
        show_default="now",
    ),
]


def load() -> Settings:
    """Load the settings and configure logging. Raises SettingsError."""
    loaded = settings.load()
    process.configure_logs(loaded.log_format, quiet=sys.stderr.isatty())
    return loaded


def say(text: object, *, nl: bool = True, err: bool = False) -> None:
    """Print `text` without control characters, which could come from outside."""
    typer.echo(removed(str(text)), nl=nl, err=err)


def now() -> datetime:
    """Return the current time."""
    return datetime.now(UTC)


def moment(at: str, loaded: Settings) -> datetime:
    """Parse the time given with --at. A date means when its edition is due. Raises BadParameter."""
    try:
        found = datetime.fromisoformat(at)
    except ValueError:
        raise typer.BadParameter(
            f"“{at}” is not a valid time, such as 2026-02-12T09:00.", param_hint="--at"
        ) from None
    if found.year not in _YEARS:
        raise typer.BadParameter(f"arXiv announces nothing in the year {found.year}.", param_hint="--at")
    if _is_date(at):
        return calendar(loaded).anchor(found.date())
    return (found if found.tzinfo else found.replace(tzinfo=loaded.timezone)).astimezone(UTC)


def _is_date(given: str) -> bool:
    """Return whether `given` is a date without a time."""
    try:
        date.fromisoformat(given)
    except ValueError:
        return False
    return True


def day(given: str, option: str) -> date | None:
    """Parse the date given with `option`; None if there is none. Raises BadParameter."""
    try:
        found = date.fromisoformat(given) if given else None
    except ValueError:
        raise typer.BadParameter(
            f"“{given}” is not a valid date, such as 2026-02-12.", param_hint=option
        ) from None
    if found is not None and found.year not in _YEARS:
        raise typer.BadParameter(f"arXiv announces nothing in the year {found.year}.", param_hint=option)
    return found


def required_day(given: str, option: str) -> date:
    """Parse the required date of `option`. Raises BadParameter."""
    found = day(given, option)
    if found is None:
        raise typer.BadParameter("give a date such as 2026-02-12.", param_hint=option)
    return found


_log = structlog.get_logger()
_LABELS = {
    Stage.COLLECT: "Collecting",
    Stage.WAIT: "Waiting for arXiv",
    Stage.TRANSLATE: "Translating",
    Stage.READ: "Reading",
}
_LINES = 10  # log lines per stage


@contextmanager
def reporting(console: Console) -> Iterator[Report]:
    """Yield the function that takes progress reports during the work."""
    if not console.is_terminal:
        yield _log_line
        return
    bars = Bars(
        TextColumn("{task.description:<17}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    )
    tasks = {}

    def move(progress: Progress) -> None:
        if progress.stage not in tasks:
            tasks[progress.stage] = bars.add_task(_LABELS[progress.stage], total=progress.total)
        bars.update(tasks[progress.stage], completed=progress.done)

    with bars:
        yield move


def _log_line(progress: Progress) -> None:
    step = max(1, progress.total // _LINES)
    if progress.done % step == 0 or progress.done == progress.total:
        _log.info("progress", stage=progress.stage, done=progress.done, total=progress.total)
