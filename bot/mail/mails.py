"""Mail in a file or on standard input: a single one, or many in an mbox."""

from collections.abc import Iterator
from typing import BinaryIO

from bot.mail.bounces import LIMIT_BYTES

_LINE_BYTES = 64 * 1024


def mails(stream: BinaryIO) -> Iterator[bytes]:
    """Yield each mail in `stream`, cut at `LIMIT_BYTES`, without holding more of a large one.

    A stream whose first line begins with `From ` is an mbox (RFC 4155). Programs that pipe a single mail also write
    that line.
    """
    line = stream.readline(_LINE_BYTES)
    many = line.startswith(b"From ")
    mail, blank = bytearray(), False
    while line:
        if many and line.startswith(b"From ") and (blank or not mail):
            if mail:
                yield bytes(mail)
            mail = bytearray()
        elif len(mail) < LIMIT_BYTES:
            mail += line
        blank = line in (b"\n", b"\r\n")
        line = stream.readline(_LINE_BYTES)
    if mail.strip():
        yield bytes(mail[:LIMIT_BYTES])
