"""Tests of file permissions: other users of the machine cannot read the program's data."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from bot import container
from bot.doctor import machine
from bot.doctor.findings import BrokenError
from bot.settings import given
from digest.core.errors import DigestError
from digest.db import private_files
from digest.db.engine import open_engine, writing


@pytest.fixture(autouse=True, params=[0o022, 0o000], ids=["umask 022", "umask 000"])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_a_new_database_is_private_with_all_that_lies_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "data" / "store.db"
    engine = open_engine(f"sqlite:///{path}")
    assert mode(path) == 0o600  # before anything is written to it
    assert mode(path.parent) == 0o700
    async with writing(engine) as connection:
        await connection.execute(text("CREATE TABLE kept (x)"))
        found = {each.name: mode(each) for each in path.parent.iterdir()}
    await engine.dispose()
    assert {"store.db", "store.db-wal", "store.db-shm"} <= set(found)
    assert set(found.values()) == {0o600}


async def test_an_older_database_becomes_private_and_its_folder_stays_as_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir(0o755)
    folder.chmod(0o755)
    for name in ("store.db", "store.db-wal", "store.db-shm", "another file"):
        (folder / name).touch(0o644)
        (folder / name).chmod(0o644)
    engine = open_engine(f"sqlite:///{folder}/store.db")
    await engine.dispose()
    assert {each.name: mode(each) for each in folder.iterdir()} == {
        "store.db": 0o600, "store.db-wal": 0o600, "store.db-shm": 0o600, "another file": 0o644,
    }  # fmt: skip
    assert mode(folder) == 0o755


def test_the_folder_of_the_posts_can_be_public_in_a_private_one(tmp_path: Path) -> None:
    settings = given(data_dir=tmp_path / "data")
    container.posts(settings)
    assert mode(tmp_path / "data") == 0o700
    assert private_files.loose([tmp_path / "data"]) == []


async def test_doctor_names_what_others_can_read_and_how_to_mend_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    key = tmp_path / "dkim key.pem"
    settings = given(data_dir=Path("data"), dkim_selector="s", dkim_key_file=key)
    await machine.folder(settings)
    for each, bits in ((Path(".env"), 0o600), (key, 0o600), (Path("data/arxiv-daily.db"), 0o600)):
        each.touch()
        each.chmod(bits)
    assert await machine.privacy(settings) == "readable only by this user"
    for each in (Path(".env"), key, Path("data/arxiv-daily.db"), Path("data")):
        before = mode(each)
        each.chmod(0o755 if each.is_dir() else 0o640)
        with pytest.raises(BrokenError, match=r"chmod go-rwx") as told:
            await machine.privacy(settings)
        assert each.name in str(told.value)
        each.chmod(before)
    (tmp_path / "data").chmod(0o711)  # for a server that serves the posts in it
    assert await machine.privacy(settings)


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DigestError, match="cannot be created"):
        open_engine(f"sqlite:///{tmp_path}/file/store.db")
