"""The mails in a file or on standard input: one as it came, or many in an mbox."""

from collections.abc import Iterator
from typing import BinaryIO

from bot.mail.bounces import LIMIT_BYTES

_LINE_BYTES = 64 * 1024


def mails(stream: BinaryIO) -> Iterator[bytes]:
    """Each mail in `stream`, cut at `LIMIT_BYTES`; of a large one no more than that is held.

    It is an mbox (RFC 4155) where its first line begins with `From `, which those who pipe a single mail also write.
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
