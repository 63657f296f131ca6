"""The program as it is installed from its wheel, which must contain everything that it needs."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]
SOURCES = ("bot", "digest", "templates", "pyproject.toml", "README.md", "LICENSE")

# The value when the tests were collected: pip has to trust its index.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV_"))}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a copy of the checkout, with the build tools that pyproject.toml asks for."""
    copy = tmp_path_factory.mktemp("checkout")
    for name in SOURCES:
        source = CHECKOUT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy)
    run(copy, sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", "dist", ".")
    [built] = (copy / "dist").iterdir()
    return built


@pytest.fixture
def installed(wheel: Path, tmp_path: Path) -> Path:
    """The program, in an environment of its own that borrows its dependencies from ours."""
    folder = tmp_path / "venv"
    venv.create(folder, symlinks=True)
    python = str(folder / "bin" / "python")
    run(
        tmp_path,
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "--quiet",
        "--no-deps",
        str(wheel),
    )
    packages = run(tmp_path, python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    # A path that is added by a .pth file is itself searched for no further .pth: our editable checkout stays unseen.
    Path(packages, "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin"


def run(folder: Path, *command: str) -> str:
    """Run the command, which must succeed, and return its output."""
    done = subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_holds_every_file_of_the_packages_and_no_other(wheel: Path) -> None:
    files = {
        path.relative_to(CHECKOUT).as_posix()
        for package in ("bot", "digest", "templates")
        for path in (CHECKOUT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {name for name in names if ".dist-info/" not in name} == files
    assert {
        "templates/post/edition.md.j2",
        "bot/db/migrations/env.py",
        "bot/cli/demo/sample/papers.xml",
        "digest/languages/zh-CN/lexicon.toml",
    } <= names
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


@pytest.mark.play
def test_the_program_works_from_its_wheel(installed: Path, tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    where = run(
        folder,
        str(installed / "python"),
        "-c",
        "import bot, digest, templates; print(bot, digest, templates)",
    )
    assert where.count(str(installed.parent)) == 3
    told = run(folder, str(installed / "arxiv-daily"), "demo")
    assert "papers 3 · translated 3 · read 2" in told
    suffixes = sorted(path.suffix for path in (folder / "demo").iterdir())
    assert suffixes == [".eml", ".html", ".html", ".html", ".md", ".txt"]
    assert "up to date" in run(folder, str(installed / "arxiv-daily"), "db", "upgrade")
