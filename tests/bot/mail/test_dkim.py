import subprocess
from datetime import UTC, datetime
from pathlib import Path

import dkim
import pytest

from bot.links import Links
from bot.mail import letters, message
from bot.mail.dkim import SigningKeyError, load
from bot.mail.message import Letterhead
from bot.mailboxes import Mailbox, Sender
from tests.bot.mail.parts import NOW, broadcast


def key(folder: Path, *options: str) -> Path:
    path = folder / "dkim.pem"
    subprocess.run(["openssl", "genrsa", *options, "-out", str(path), "2048"], check=True, capture_output=True)
    return path
