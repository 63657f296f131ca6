"""Calling the program in this process, in a folder of its own, with no settings but those given."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest
import structlog

from bot.cli import main
from bot.settings import Settings


@dataclass(frozen=True)
class Told:
    """How a command ended, and what it said."""

    status: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """What went wrong."""
        assert self.err.count("arxiv-daily: ") == 1
        return self.err.partition("arxiv-daily: ")[2].strip()


@dataclass(frozen=True)
class Commands:
    """The program in `folder`, where its data is too."""

    folder: Path
    patch: pytest.MonkeyPatch
    captured: pytest.CaptureFixture[str]

    @property
    def database_url(self) -> str:
        return f"sqlite:///{self.folder}/data/arxiv-daily.db"

    def set(self, **settings: str) -> None:
        """Settings from now on."""
        for name, value in settings.items():
            self.patch.setenv(name, value)

    def call(self, *arguments: str, piped: bytes = b"") -> Told:
        """What the program says to these arguments, with `piped` on its standard input."""
        self.patch.setattr(sys, "argv", ["arxiv-daily", *arguments])
        self.patch.setattr(sys, "stdin", TextIOWrapper(BytesIO(piped)))
        with pytest.raises(SystemExit) as ended:
            main()
        assert isinstance(ended.value.code, int)
        return Told(ended.value.code, *self.captured.readouterr())


@pytest.fixture
def commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Commands]:
    """The program before its first call; what it sets up for its logs is undone at the end."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    yield Commands(tmp_path, monkeypatch, capsys)
    structlog.reset_defaults()
