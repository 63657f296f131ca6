"""Both databases for every test that uses `engine`: a SQLite file, and PostgreSQL in a cluster of our own."""

import asyncio
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
import pytest_asyncio
from psycopg import sql
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.db.upgrade import upgrade
from digest.db.engine import open_engine

_START_SECONDS = 30
_SPACE_BYTES = 2**30
_numbers = itertools.count(1)
_template: list[bytes] = []


ONE_DATABASE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""For tests of other subjects than the store, which need a database and not both kinds."""


@pytest_asyncio.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """An engine on a database with all tables and no rows: the test runs on SQLite, then on PostgreSQL."""
    opened = open_engine(database_url)
    yield opened
    await opened.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database with all tables and no rows."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "store.db")
        yield f"sqlite:///{tmp_path}/store.db"
    else:
        template = request.getfixturevalue("postgresql_template")
        yield from request.getfixturevalue("cluster").database(template)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without tables."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/empty.db"
    else:
        yield from request.getfixturevalue("cluster").database("template0")


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with all tables, to be copied."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    asyncio.run(_migrate(f"sqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def postgresql_template(cluster: "Cluster") -> str:
    """The name of a PostgreSQL database with all tables, to be copied."""
    cluster.create("migrated", "template0")
    asyncio.run(_migrate(cluster.url("migrated")))
    return "migrated"


@pytest.fixture(scope="session")
def cluster() -> Iterator["Cluster"]:
    """PostgreSQL for this session. If it is not installed its tests are skipped; in CI they fail."""
    with postgresql() as running:
        yield running


@contextmanager
def postgresql() -> Iterator["Cluster"]:
    """A cluster of our own, removed at the end of the block."""
    binaries = _binaries()
    # Not in pytest's own folder: a socket's path is short, and the server may be another user.
    with tempfile.TemporaryDirectory(prefix="pg-", dir=_fast_disk(), ignore_cleanup_errors=True) as folder:
        running = Cluster(binaries, Path(folder))
        try:
            running.start()
            yield running
        finally:
            running.stop()


class Cluster:
    """A PostgreSQL server that keeps all its data in one folder, its socket too."""

    def __init__(self, binaries: Path, folder: Path) -> None:
        self._binaries = binaries
        self._folder = folder
        self._server: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Make the cluster and wait until it answers."""
        if os.geteuid() == 0:  # which PostgreSQL refuses to run as
            account = pwd.getpwnam("postgres")
            os.chown(self._folder, account.pw_uid, account.pw_gid)
        options = ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "--no-sync"]
        self._run("initdb", "--pgdata", self._data, *options).communicate()
        settings = ["fsync=off", "listen_addresses=", f"unix_socket_directories={self._folder}"]
        self._server = self._run("postgres", "-D", self._data, *(f"--{setting}" for setting in settings))
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            if self._server.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"PostgreSQL does not start: {self._log.read_text()}")
            time.sleep(0.05)

    def stop(self) -> None:
        """End the server at once."""
        if self._server is not None:
            self._server.send_signal(signal.SIGQUIT)
            self._server.wait()

    def database(self, template: str) -> Iterator[str]:
        """The URL of a copy of `template`, which is dropped afterwards."""
        name = f"test_{next(_numbers)}"
        self.create(name, template)
        yield self.url(name)
        self._execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def create(self, name: str, template: str) -> None:
        """Make a database as a copy of `template`."""
        names = sql.Identifier(name), sql.Identifier(template)
        # Copied as files: through the log, as is usual for small ones, it takes twice as long.
        self._execute(sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(*names))

    def url(self, name: str) -> str:
        """Return the URL for `DATABASE_URL`."""
        return f"postgresql://postgres@/{name}?host={self._folder}"

    @property
    def _data(self) -> str:
        return str(self._folder / "data")

    @property
    def _log(self) -> Path:
        return self._folder / "log"

    def _run(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        command = [*_as_server(), str(self._binaries / program), *arguments]
        with self._log.open("ab") as log:
            return subprocess.Popen(command, cwd=self._folder, stdout=log, stderr=log)

    def _answers(self) -> bool:
        try:
            self._execute(sql.SQL("SELECT 1"))
        except psycopg.OperationalError:
            return False
        return True

    def _execute(self, statement: sql.SQL | sql.Composed) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement)


def _as_server() -> list[str]:
    """Return the prefix of a command that runs it as the server's user, and ends it when the tests are killed."""
    if shutil.which("setpriv") is None:
        return []
    user = ["--reuid=postgres", "--regid=postgres", "--init-groups"] if os.geteuid() == 0 else []
    return ["setpriv", *user, "--pdeathsig=QUIT"]


def _fast_disk() -> str | None:
    # In memory, a database is made in 20 ms; on a disk it may take 300. Containers often have too little there.
    memory = Path("/dev/shm")
    return str(memory) if memory.is_dir() and shutil.disk_usage(memory).free > _SPACE_BYTES else None


def _binaries() -> Path:
    # Debian keeps them out of the PATH, in a folder for each version.
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    if found := debian[-1] if debian else shutil.which("initdb"):
        return Path(found).resolve().parent
    if os.environ.get("CI"):
        pytest.fail("PostgreSQL is not installed")
    pytest.skip("PostgreSQL is not installed")


async def migrated(path: Path) -> None:
    """Make the SQLite file at `path` with all tables and no rows, as an earlier run of the program leaves it."""
    if not _template:  # made once a process: it takes as long as many a test
        await _migrate(f"sqlite:///{path}")
        _template.append(await asyncio.to_thread(path.read_bytes))
    await asyncio.to_thread(path.write_bytes, _template[0])


async def _migrate(url: str) -> None:
    engine = open_engine(url)
    await upgrade(engine)
    await engine.dispose()
