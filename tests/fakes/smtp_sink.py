"""An SMTP server that records each mail's recipient and Message-ID, one line each: for benchmarks.

    python -m tests.fakes.smtp_sink PORT FILE

The line is in the file before the reply to the mail is sent, so that a client can rely on it.
"""

import asyncio
import re
import sys
from pathlib import Path
from typing import IO

_MESSAGE_ID = re.compile(rb"^Message-ID:\s*(\S+)", re.MULTILINE | re.IGNORECASE)
_END = b"\r\n.\r\n"


class _Session(asyncio.Protocol):
    def __init__(self, log: IO[bytes]) -> None:
        self._log = log
        self._buffer = bytearray()
        self._to = b""
        self._in_content = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(b"220 sink.example\r\n")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = _END if self._in_content else b"\r\n"
        while (at := self._buffer.find(end)) >= 0:
            taken = bytes(self._buffer[:at])
            del self._buffer[: at + len(end)]
            if self._transport is not None:
                self._transport.write(self._answer(taken) + b"\r\n")
            end = _END if self._in_content else b"\r\n"

    def _answer(self, taken: bytes) -> bytes:
        if self._in_content:
            self._in_content = False
            found = _MESSAGE_ID.search(taken)
            self._log.write(self._to + b" " + (found[1] if found else b"?") + b"\n")
            return b"250 taken"
        verb = taken[:4].upper()
        if verb == b"RCPT":
            self._to = taken.partition(b"<")[2].partition(b">")[0]
        self._in_content = verb == b"DATA"
        return {b"DATA": b"354 go on", b"QUIT": b"221 bye"}.get(verb, b"250 ok")


async def serve(port: int, path: Path) -> None:
    """Serve until the process is ended."""
    with path.open("ab", buffering=0) as log:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Session(log), "127.0.0.1", port, backlog=200)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2])))
