"""Fake proxies that accept only standard requests, and record their targets.

HTTP: the absolute form and CONNECT (RFC 9112, 3.2.2 and 3.2.3; RFC 9110, 9.3.6 and 11.7). SOCKS: version 5 with
CONNECT (RFC 1928), with a login where there is one (RFC 1929). All hosts are this machine.
"""

import asyncio
import base64
import struct
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_HOST = "127.0.0.1"
_PIECE = 65_536
_NO_LOGIN, _LOGIN, _NONE = 0, 2, 0xFF  # methods of RFC 1928, 3


@dataclass
class FakeProxy:
    """A proxy that runs at `address`; `targets` are the hosts and ports that it was asked for."""

    scheme: str
    login: tuple[str, str] | None
    port: int = 0
    targets: list[str] = field(default_factory=list)

    @property
    def address(self) -> str:
        """The address with the login, as a setting holds it."""
        user = f"{self.login[0]}:{self.login[1]}@" if self.login else ""
        return f"{self.scheme}://{user}{_HOST}:{self.port}"


@asynccontextmanager
async def http_proxy(login: tuple[str, str] | None = None) -> AsyncIterator[FakeProxy]:
    """An HTTP proxy, which requires the `login` if there is one."""
    async with _serving(FakeProxy("http", login), _http) as proxy:
        yield proxy


@asynccontextmanager
async def socks_proxy(login: tuple[str, str] | None = None) -> AsyncIterator[FakeProxy]:
    """A SOCKS proxy, which requires the `login` if there is one."""
    async with _serving(FakeProxy("socks5", login), _socks) as proxy:
        yield proxy


Serve = Callable[[FakeProxy, StreamReader, StreamWriter], Awaitable[None]]


@asynccontextmanager
async def _serving(proxy: FakeProxy, serve: Serve) -> AsyncIterator[FakeProxy]:
    tasks: set[asyncio.Task[None]] = set()

    async def served(reader: StreamReader, writer: StreamWriter) -> None:
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                await serve(proxy, reader, writer)
        finally:
            writer.close()

    def accept(reader: StreamReader, writer: StreamWriter) -> None:
        task = asyncio.create_task(served(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, _HOST, 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _http(proxy: FakeProxy, reader: StreamReader, writer: StreamWriter) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    line, *headers = head.decode("ascii").split("\r\n")[:-2]
    method, target, _ = line.split(" ")
    fields = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in headers)}
    wanted = base64.b64encode(":".join(proxy.login or ()).encode()).decode()
    if proxy.login and fields.pop("proxy-authorization", None) != f"Basic {wanted}":
        _refuse(writer, "407 Proxy Authentication Required", 'Proxy-Authenticate: Basic realm="fake"\r\n')
        return
    address = urlsplit(f"//{target}" if method == "CONNECT" else target)
    if not address.hostname or "host" not in fields or (method == "CONNECT" and not address.port):
        _refuse(writer, "400 Bad Request")
        return
    port = address.port or 80
    proxy.targets.append(f"{address.hostname}:{port}")
    far_reader, far_writer = await asyncio.open_connection(_HOST, port)
    if method == "CONNECT":
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    else:
        path = address._replace(scheme="", netloc="").geturl() or "/"
        kept = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if name != "connection")
        far_writer.write(f"{method} {path} HTTP/1.1\r\n{kept}connection: close\r\n\r\n".encode())
    await _joined((reader, writer), (far_reader, far_writer))


def _refuse(writer: StreamWriter, status: str, headers: str = "") -> None:
    writer.write(f"HTTP/1.1 {status}\r\n{headers}Content-Length: 0\r\nConnection: close\r\n\r\n".encode())


async def _socks(proxy: FakeProxy, reader: StreamReader, writer: StreamWriter) -> None:
    version, count = await reader.readexactly(2)
    methods = await reader.readexactly(count)
    method = _LOGIN if proxy.login else _NO_LOGIN
    chosen = method if version == 5 and method in methods else _NONE
    writer.write(bytes([5, chosen]))
    if chosen == _NONE or (proxy.login and not await _logged_in(proxy.login, reader, writer)):
        return
    _, command, _, kind = await reader.readexactly(4)
    host = await _socks_host(kind, reader)
    (port,) = struct.unpack(">H", await reader.readexactly(2))
    if command != 1 or host is None:
        writer.write(bytes([5, 7, 0, 1, 0, 0, 0, 0, 0, 0]))  # command not supported
        return
    proxy.targets.append(f"{host}:{port}")
    far = await asyncio.open_connection(_HOST, port)
    writer.write(bytes([5, 0, 0, 1, 127, 0, 0, 1]) + struct.pack(">H", port))
    await _joined((reader, writer), far)


async def _logged_in(login: tuple[str, str], reader: StreamReader, writer: StreamWriter) -> bool:
    _, length = await reader.readexactly(2)
    user = (await reader.readexactly(length)).decode()
    (length,) = await reader.readexactly(1)
    known = (user, (await reader.readexactly(length)).decode()) == login
    writer.write(bytes([1, 0 if known else 1]))
    return known


async def _socks_host(kind: int, reader: StreamReader) -> str | None:
    if kind == 1:
        return ".".join(map(str, await reader.readexactly(4)))
    if kind == 3:
        (length,) = await reader.readexactly(1)
        return (await reader.readexactly(length)).decode("ascii")
    return None


Ends = tuple[StreamReader, StreamWriter]


async def _joined(near: Ends, far: Ends) -> None:
    """Relay data in both directions until both sides have ended."""
    try:
        await asyncio.gather(_passed_on(near[0], far[1]), _passed_on(far[0], near[1]))
    finally:
        far[1].close()


async def _passed_on(reader: StreamReader, writer: StreamWriter) -> None:
    with suppress(OSError):
        while piece := await reader.read(_PIECE):
            writer.write(piece)
            await writer.drain()
    writer.close()
