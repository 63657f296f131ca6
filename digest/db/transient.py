"""Classification of transient database errors: another writer, a full disk, a server that restarts.

Sources: https://www.sqlite.org/rescode.html, and PostgreSQL's appendix A, "PostgreSQL Error Codes".
"""

import errno
import sqlite3

from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as NoFreeConnectionError

_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}
_FULL = {sqlite3.SQLITE_FULL}
# Errors of the disk and the file: an unavailable network folder, a file system mounted read-only, a file that was
# moved, too many open files. An open connection may continue with the old file, so a new one is made.
_DISK = {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}
_CODES = _BUSY | _FULL | _DISK
# Classes 08 (connection), 53 (no disk space, memory or connections left), 57P (shutting down, starting), 58 (system
# errors of the server), 40 (rolled back for other transactions), and of 55 and 57: lock not available, query cancelled.
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
    """Return True if a retry may succeed later."""
    if isinstance(error, NoFreeConnectionError) or error.connection_invalidated:
        return True
    if isinstance(error.orig, sqlite3.Error):
        return _code(error.orig) in _CODES
    if not isinstance(error, OperationalError):
        return False
    state: str | None = getattr(error.orig, "sqlstate", None)
    return state is None or state.startswith(_STATES)  # without a state, the connection was lost or failed


def is_busy(error: BaseException | None) -> bool:
    """Return True if SQLite reports that another connection holds the lock."""
    return _code(error) in _BUSY


def is_transient_of_system(error: OSError) -> bool:
    """Return True if a retry on a file beside the database may succeed later."""
    return error.errno in _ERRNOS


def renew_connection(context: ExceptionContext) -> None:
    """Make SQLAlchemy open a new connection after a disk error, as it does after a server has closed one."""
    if _code(context.original_exception) in _DISK:
        context.is_disconnect = True


def _code(error: BaseException | None) -> int | None:
    """Return SQLite's primary error code, without the upper bits of an extended one; None if there is none."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF
