"""Calls of the program in this process, in a folder of its own, with only the given settings."""

import sys
from dataclasses import dataclass
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest

from bot.cli import main
from bot.settings import Settings


@dataclass(frozen=True)
class Told:
    """The exit status and the output of a command."""

    status: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """The error message."""
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
        """Set settings from now on."""
        for name, value in settings.items():
            self.patch.setenv(name, value)

    def call(self, *arguments: str, piped: bytes = b"") -> Told:
        """Run the program with these arguments and `piped` on its standard input; return the result."""
        self.patch.setattr(sys, "argv", ["arxiv-daily", *arguments])
        self.patch.setattr(sys, "stdin", TextIOWrapper(BytesIO(piped)))
        self.captured.readouterr()  # of what the test did before
        with pytest.raises(SystemExit) as ended:
            main()
        assert isinstance(ended.value.code, int)
        return Told(ended.value.code, *self.captured.readouterr())


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Commands:
    """The program before its first call."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    return Commands(tmp_path, monkeypatch, capsys)
