"""Which faults of a database pass by themselves: behind another writer, with a free disk, once a server is back.

Sources: https://www.sqlite.org/rescode.html, and PostgreSQL's appendix A, "PostgreSQL Error Codes".
"""

import errno
import sqlite3

from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as NoFreeConnectionError

_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}
_FULL = {sqlite3.SQLITE_FULL}
# Of the disk and the file: a network folder that is away, a file system that was mounted for reading only, a file that
# was moved, no more open files. An open connection may go on with the former file, so a new one is made.
_DISK = {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}
_CODES = _BUSY | _FULL | _DISK
# Classes 08 (connection), 53 (no disk, memory or connections left), 57P (shutting down, starting), 58 (the server's own
# system), 40 (given up for others), and of 55 and 57: no lock in time, cancelled by the server or its operator.
_STATES = ("08", "40", "53", "55P03", "57014", "57P", "58")
_ERRNOS = {
    errno.EDQUOT,
    errno.EIO,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOLCK,
    errno.ENOSPC,
    errno.EROFS,
    errno.ESTALE,
}


def is_transient(error: DBAPIError | NoFreeConnectionError) -> bool:
    """Whether the same may work later, so that who can wait tries again."""
    if isinstance(error, NoFreeConnectionError) or error.connection_invalidated:
        return True
    if isinstance(error.orig, sqlite3.Error):
        return _code(error.orig) in _CODES
    if not isinstance(error, OperationalError):
        return False
    state: str | None = getattr(error.orig, "sqlstate", None)
    return state is None or state.startswith(_STATES)  # without one, the connection was lost or never made


def is_busy(error: BaseException | None) -> bool:
    """Whether SQLite says that another connection is in the way."""
    return _code(error) in _BUSY


def is_transient_of_system(error: OSError) -> bool:
    """The same of a file that lies beside the database."""
    return error.errno in _ERRNOS


def renew_connection(context: ExceptionContext) -> None:
    """Has SQLAlchemy make a new connection after a fault of the disk, as after one that a server has closed."""
    if _code(context.original_exception) in _DISK:
        context.is_disconnect = True


def _code(error: BaseException | None) -> int | None:
    """SQLite's primary code; extended ones tell the reason in their upper bits. None where there is none."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF
