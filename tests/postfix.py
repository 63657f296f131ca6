"""A real relay: Debian's Postfix on loopback, with STARTTLS, a login, and mailboxes of its own."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from tests import certificates
from tests.components import missing, program

HOST = "127.0.0.1"
USERNAME, PASSWORD = "daily", "correct horse"
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin"
_MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
myhostname = relay.example
mydestination =
inet_interfaces = {host}
inet_protocols = ipv4
alias_maps =
smtputf8_enable = no
smtpd_tls_security_level = encrypt
smtpd_tls_auth_only = yes
smtpd_tls_cert_file = {folder}/server.pem
smtpd_tls_key_file = {folder}/server.key
smtpd_sasl_auth_enable = yes
smtpd_sasl_local_domain = relay.example
cyrus_sasl_config_path = {folder}/sasl
smtpd_sender_login_maps = inline:{{ {{ owned@daily.example = {username}@relay.example }} }}
smtpd_recipient_restrictions = {restrictions}permit_sasl_authenticated, reject
virtual_mailbox_domains = reader.example
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = inline:{{ {mailboxes} }}
virtual_uid_maps = static:{user.pw_uid}
virtual_gid_maps = static:{user.pw_gid}
virtual_minimum_uid = 1
"""
_MASTER = """\
{host}:{port} inet n - n - - smtpd
postlog unix-dgram n - n - 1 postlogd
tlsmgr unix - - n 1000? 1 tlsmgr
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
anvil unix - - n - 1 anvil
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
"""
_SASL = """\
pwcheck_method: auxprop
auxprop_plugin: sasldb
mech_list: PLAIN LOGIN
sasldb_path: {folder}/sasl/sasldb2
"""


@dataclass(frozen=True)
class Postfix:
    """The address on which it listens, the authority of its certificate, and its mailboxes."""

    folder: Path
    port: int

    @property
    def authority(self) -> Path:
        return self.folder / "authority.pem"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def mail(self, name: str) -> list[EmailMessage]:
        """Return the contents of the mailbox."""
        found = (self.folder / "mail" / name / "new").glob("*")
        return [message_from_bytes(path.read_bytes(), policy=policy.default) for path in sorted(found)]


@contextmanager
def postfix(*names: str, restrictions: str = "") -> Iterator[Postfix]:
    """Run Postfix with mailboxes of these names at reader.example; `restrictions` come before all others."""
    if os.geteuid() != 0:
        missing("Postfix, which only root starts,")
    start = program("postfix")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        here = Postfix(folder, _free_port())
        _configure(here, names, restrictions)
        subprocess.run([start, "-c", folder, "start"], check=True, capture_output=True, env=_environment())
        try:
            yield here
        finally:
            subprocess.run([start, "-c", folder, "stop"], check=True, capture_output=True, env=_environment())


def _configure(here: Postfix, names: tuple[str, ...], restrictions: str) -> None:
    folder, user = here.folder, pwd.getpwnam("postfix")
    folder.chmod(0o755)  # its parts run as separate users
    certificates.make(folder, HOST)
    for part in ("queue", "data", "mail", "sasl"):
        (folder / part).mkdir()
    for part in ("data", "mail", "sasl"):
        shutil.chown(folder / part, user.pw_uid, user.pw_gid)
    mailboxes = ", ".join(f"{{ {each}@reader.example = {each}/ }}" for each in names)
    main = _MAIN.format(
        folder=folder,
        host=HOST,
        mailboxes=mailboxes,
        user=user,
        username=USERNAME,
        restrictions=restrictions and f"{restrictions}, ",
    )
    (folder / "main.cf").write_text(main)
    (folder / "master.cf").write_text(_MASTER.format(host=HOST, port=here.port))
    (folder / "sasl" / "smtpd.conf").write_text(_SASL.format(folder=folder))
    database = folder / "sasl" / "sasldb2"
    command = [program("saslpasswd2"), "-c", "-p", "-f", str(database), "-u", "relay.example", USERNAME]
    subprocess.run(command, input=PASSWORD.encode(), check=True, capture_output=True)
    shutil.chown(database, user.pw_uid, user.pw_gid)


def _environment() -> dict[str, str]:
    return {**os.environ, "PATH": _PATH}


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as free:
        return int(free.getsockname()[1])
