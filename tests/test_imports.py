"""Tests of lazy imports: a slow library costs its time only where it is used."""

import inspect
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from pkgutil import resolve_name

import pytest
import typer

from bot import cli

HEAVY = {
    "aiosmtplib", "alembic", "apscheduler", "arxiv", "css_inline", "cryptography", "digest.pipeline", "dkim", "dns",
    "email_validator", "flufl", "httpx", "httpx2", "jinja2", "lxml", "markdown", "openai", "prometheus_client",
    "pydantic", "pylatexenc", "pypdf", "pypdfium2", "regex", "requests", "sqlalchemy", "starlette", "stamina",
    "structlog", "telegram", "uvicorn",
}  # fmt: skip
ROOT = Path(cli.__file__).parents[2]


def loaded(code: str) -> set[str]:
    """Return the modules that a fresh interpreter has loaded after `code`."""
    code = f"import sys\ntry:\n    {code}\nfinally:\n    print(*sys.modules, file=sys.stderr)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    return set(ended.stderr.split())


def modules(*folders: str) -> Iterable[str]:
    for folder in folders:
        for path in sorted(ROOT.joinpath(folder).glob("*.py")):
            yield ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def test_help_loads_no_command_and_no_library_of_theirs() -> None:
    found = loaded("import bot.cli; sys.argv = ['arxiv-daily', '--help']; bot.cli.main()")
    assert found & HEAVY == set()
    assert {name for name in found if name.startswith("bot.")} == {"bot.cli"}


def test_the_database_packages_load_no_pipeline_and_no_far_end() -> None:
    found = loaded(f"import {', '.join(modules('bot/db', 'digest/db'))}")
    assert (
        found & {"openai", "arxiv", "requests", "httpx", "telegram", "digest.pipeline", "digest.llm"} == set()
    )


@pytest.mark.parametrize("module", ["bot.serve", "bot.daily_run", "bot.cli.papers"])
def test_what_only_some_runs_need_is_loaded_by_its_first_use(module: str) -> None:
    assert loaded(f"import {module}") & {"openai", "arxiv", "requests", "alembic", "email_validator"} == set()


def test_help_says_of_each_command_what_it_says_of_itself() -> None:
    for name, command in cli._program.commands.items():
        found = resolve_name(command._where)  # type: ignore[attr-defined]
        own = str(found.info.help if isinstance(found, typer.Typer) else inspect.getdoc(found))
        assert command.help == " ".join(own.partition("\n\n")[0].split()), name
