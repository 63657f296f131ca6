"""A real IMAP server: Dovecot on loopback with TLS, with all its data in one folder."""

import grp
import itertools
import os
import pwd
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests import certificates
from tests.certificates import Certificate
from tests.components import program

PASSWORD = "correct horse, batterie & “staple”"
_START_SECONDS = 20
_CONFIGURATION = """
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
ssl = required
ssl_cert = <{certificate}
ssl_key = <{key}
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
mail_location = maildir:{folder}/mail/%u
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {folder}/passwords
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/mail/%u allow_all_users=yes
}}
first_valid_uid = 1
service imap-login {{
  chroot =
  inet_listener imap {{
    port = 0
  }}
  inet_listener imaps {{
    port = {port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
auth_failure_delay = 0
"""


@dataclass(frozen=True)
class Dovecot:
    """The server; each mailbox has the password `PASSWORD`."""

    folder: Path
    port: int
    certificate: Certificate
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def trusted(self) -> ssl.SSLContext:
        """Return a client's context that trusts the authority of the server."""
        return ssl.create_default_context(cafile=str(self.certificate.authority))

    def mailbox(self) -> str:
        """Make an empty mailbox and return its name."""
        return f"reader{next(self._numbers)}"

    def deliver(self, user: str, *mails: bytes) -> None:
        """Put mails into a mailbox, as a mail server does."""
        box = self.folder / "mail" / user
        for part in ("tmp", "new", "cur"):
            (box / part).mkdir(parents=True, exist_ok=True)
            _hand_over(box / part)
        _hand_over(box)
        for mail in mails:
            file = box / "new" / f"{time.time_ns()}.test"
            file.write_bytes(mail)
            _hand_over(file)

    def flags(self, user: str) -> list[str]:
        """Return the flags of each mail, oldest first: F for flagged, S for seen."""
        found = [*self.folder.glob(f"mail/{user}/cur/*"), *self.folder.glob(f"mail/{user}/new/*")]
        return [path.name.partition(":2,")[2] for path in sorted(found)]


@pytest.fixture(scope="session")
def dovecot() -> Iterator[Dovecot]:
    """Dovecot for this session. If it is not installed its tests are skipped; in CI they fail."""
    binary = program("dovecot")
    # Not in pytest's own folder: a socket's path is short, and the server may be another user.
    with (
        tempfile.TemporaryDirectory(prefix="imap-", ignore_cleanup_errors=True) as name,
        _running(binary, Path(name)) as server,
    ):
        yield server


@contextmanager
def _running(binary: str, folder: Path) -> Iterator[Dovecot]:
    account, certificate = _account(), certificates.make(folder, "localhost")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (folder / "mail").mkdir()
    (folder / "passwords").write_text("".join(f"reader{each}:{PASSWORD}:\n" for each in range(1, 100)))
    configuration = folder / "dovecot.conf"
    configuration.write_text(
        _CONFIGURATION.format(
            folder=folder,
            certificate=certificate.certificate,
            key=certificate.key,
            user=account.pw_name,
            group=_group(account.pw_gid),
            uid=account.pw_uid,
            gid=account.pw_gid,
            port=port,
        )
    )
    for path in (folder, *folder.rglob("*")):
        _hand_over(path)
    as_user = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if _is_root() else {}
    # Which ends it when the tests are killed.
    tied = ["setpriv", "--pdeathsig=TERM"] if shutil.which("setpriv") else []
    server = subprocess.Popen([*tied, binary, "-F", "-c", str(configuration)], **as_user)  # type: ignore[call-overload]
    try:
        _answers(port, server, folder / "log")
        yield Dovecot(folder, port, certificate)
    finally:
        server.terminate()
        server.wait()


def _answers(port: int, server: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if server.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"Dovecot does not start: {log.read_text() if log.exists() else ''}")
            time.sleep(0.05)
        else:
            return


def _is_root() -> bool:
    return os.geteuid() == 0


def _account() -> pwd.struct_passwd:
    """Return the account that the server runs as: Dovecot opens no mailbox as root."""
    return pwd.getpwnam("nobody") if _is_root() else pwd.getpwuid(os.geteuid())


def _group(number: int) -> str:
    return grp.getgrgid(number).gr_name


def _hand_over(path: Path) -> None:
    if _is_root():
        account = _account()
        os.chown(path, account.pw_uid, account.pw_gid)
