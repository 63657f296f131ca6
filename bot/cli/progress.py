"""Progress of the work: a bar for each stage on a terminal, log lines elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from digest.core.progress import Progress, Report, Stage

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
