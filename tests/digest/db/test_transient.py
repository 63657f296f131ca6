"""Tests of which faults of a database are retried."""

import sqlite3

import pytest
from psycopg import errors
from sqlalchemy.exc import DBAPIError, OperationalError

from digest.db.engine import is_transient


def of_sqlite(code: int) -> DBAPIError:
    fault = sqlite3.OperationalError()
    fault.sqlite_errorcode = code
    return OperationalError("SELECT 1", None, fault)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (sqlite3.SQLITE_BUSY, True),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, True),
        (sqlite3.SQLITE_LOCKED, True),
        (sqlite3.SQLITE_PROTOCOL, True),
        (sqlite3.SQLITE_FULL, True),
        (sqlite3.SQLITE_IOERR, True),
        (sqlite3.SQLITE_IOERR_FSYNC, True),
        (sqlite3.SQLITE_CANTOPEN, True),
        (sqlite3.SQLITE_READONLY_DBMOVED, True),
        (sqlite3.SQLITE_ERROR, False),
        (sqlite3.SQLITE_CORRUPT, False),
        (sqlite3.SQLITE_NOTADB, False),
        (sqlite3.SQLITE_CONSTRAINT, False),
    ],
)
def test_of_sqlite_what_passes_is_known_by_its_code(code: int, expected: bool) -> None:
    assert is_transient(of_sqlite(code)) is expected


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (errors.DiskFull(), True),
        (errors.TooManyConnections(), True),
        (errors.OutOfMemory(), True),
        (errors.AdminShutdown(), True),
        (errors.CannotConnectNow(), True),
        (errors.ConnectionFailure(), True),
        (errors.IoError(), True),
        (errors.LockNotAvailable(), True),
        (errors.DeadlockDetected(), True),
        (errors.QueryCanceled(), True),
        (errors.OperationalError(), True),  # no connection was made
        (errors.InvalidPassword(), False),
        (errors.UndefinedTable(), False),
        (errors.UniqueViolation(), False),
    ],
)
def test_of_postgresql_what_passes_is_known_by_its_state(fault: errors.Error, expected: bool) -> None:
    kind = OperationalError if isinstance(fault, errors.OperationalError) else DBAPIError
    assert is_transient(kind("SELECT 1", None, fault)) is expected
