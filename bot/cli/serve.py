"""The commands that run an installation: `arxiv-daily serve` and `arxiv-daily db upgrade`."""

import asyncio

import typer

from bot import command_line
from bot import serve as service
from bot.command_line import say
from bot.container import open_database
from bot.process import Loop
from bot.settings import Settings

database = typer.Typer(help="The database.", no_args_is_help=True)


def serve() -> None:
    """Run everything in one process: Telegram, mail, pages, schedule, delivery. Stops cleanly on SIGTERM."""
    loaded = command_line.load()
    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(_serve(loaded))


@database.command("upgrade")
def upgrade() -> None:
    """Upgrade the database."""
    asyncio.run(_upgrade(command_line.load()))
    say("The database is up to date.")


async def _serve(loaded: Settings) -> None:
    await service.serve(loaded, command_line.now, service.stopping())


async def _upgrade(loaded: Settings) -> None:
    async with open_database(loaded):
        pass
