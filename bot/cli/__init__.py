"""The program `arxiv-daily`. Exit codes: 0 for success, 1 for a failure with one sentence, 2 for wrong usage.

A command's module is imported when the command is called, so that `--help` does not load the whole program.
"""

import gc
import sys
from pkgutil import resolve_name
from typing import Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command, get_group

from digest.core.errors import DigestError


class _Command(TyperCommand):
    """The command or group of commands that `where` names; `help` is its first sentence."""

    def __init__(self, name: str, where: str, help: str) -> None:  # noqa: A002 - Typer's name for it
        super().__init__(name, help=help)
        self._where = where

    def make_context(self, info_name: str | None, args: list[str], *rest: Any, **extra: Any) -> Any:
        """Import the command and let it parse `args`: it is the one that the context then runs."""
        gc.disable()  # while modules load there is no garbage, but looking for it takes a quarter of the time
        found = resolve_name(self._where)
        gc.freeze()
        gc.enable()
        if isinstance(found, typer.Typer):
            return get_group(found).make_context(info_name, args, *rest, **extra)
        alone = typer.Typer(add_completion=False)
        alone.command(self.name)(found)
        return get_command(alone).make_context(info_name, args, *rest, **extra)


_program = TyperGroup(
    help="The day's arXiv papers, translated and read in depth.",
    no_args_is_help=True,
    commands=[
        _Command(
            "run",
            "bot.cli.editions:run",
            "Make, archive and deliver the edition that is due, and exit: for cron and CI schedules.",
        ),
        _Command("build", "bot.cli.editions:build", "Do the same as run, without delivering anything."),
        _Command("deliver", "bot.cli.editions:deliver", "Send what is still due of an edition."),
        _Command(
            "coverage",
            "bot.cli.editions:coverage",
            "Show for each day what arXiv announced, what its edition showed, and why they differ.",
        ),
        _Command(
            "quality",
            "bot.cli.quality:quality",
            "Show the findings of the checks in each edition, their results, and the cost; audit translations.",
        ),
        _Command(
            "edit",
            "bot.cli.papers:edit",
            "Replace a model's translation of a paper by your own, permanently.",
        ),
        _Command(
            "bounces",
            "bot.cli.archive:bounces",
            "Read bounced mail and end the subscriptions that it reports as gone.",
        ),
        _Command(
            "doctor",
            "bot.doctor:doctor",
            "Check every configured service and say what to fix. Exits with 1 if anything is broken.",
        ),
        _Command(
            "serve",
            "bot.cli.serve:serve",
            "Run everything in one process: Telegram, mail, pages, schedule, delivery. Stops cleanly on SIGTERM.",
        ),
        _Command(
            "paper",
            "bot.cli.papers:paper",
            "Show the translation and the reading of any paper, or answer a question about it.",
        ),
        _Command(
            "demo",
            "bot.cli.demo:demo",
            "Make an edition from the bundled sample, without network or keys.",
        ),
        _Command(
            "preview",
            "bot.cli.preview:preview",
            "Write the messages of a subscriber for an edition to files. Nothing is sent.",
        ),
        _Command("archive", "bot.cli.archive:app", "Check, import and repair posts."),
        _Command("db", "bot.cli.serve:database", "The database."),
        _Command("subscribers", "bot.cli.subscribers:app", "Manage the subscribers."),
    ],
)


def main() -> None:
    """Run the program `arxiv-daily`."""
    try:
        _program.main()
    except DigestError as error:
        _fail(error)
    except ExceptionGroup as group:  # tasks that failed in parallel: the first message is enough
        first = _first(group)
        if not isinstance(first, DigestError):
            raise
        _fail(first)


def _first(error: Exception) -> Exception:
    return _first(error.exceptions[0]) if isinstance(error, ExceptionGroup) else error


def _fail(error: DigestError) -> NoReturn:
    from bot.command_line import say  # noqa: PLC0415 - it loads the settings

    say(f"arxiv-daily: {error}", err=True)
    sys.exit(1)
