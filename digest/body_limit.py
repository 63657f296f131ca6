"""A limit on the bodies that come from outside, in the bytes that they unpack to, held while they are read.

httpx unpacks whatever arrives before anybody can count it, and a gzip of 64 KB holds 64 MB. So a client gets a
`BodyLimit` as its response hook: bodies are unpacked here, in small pieces, and none goes further than the limit. It
holds for whole bodies, streamed ones and those of refusals alike, in httpx as in httpx2.
"""

import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Protocol

import httpx
import httpx2

ACCEPTED = "gzip, deflate"
"""The value of Accept-Encoding: what is unpacked here. A client must ask for nothing else."""

_PIECE_BYTES = 64 * 1024
_GZIP, _ZLIB, _DEFLATE = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS


class _Response(Protocol):
    """What httpx's and httpx2's responses have in common."""

    headers: Any
    stream: Any


class UndecodableBodyError(httpx.DecodingError, httpx2.DecodingError):  # type: ignore[misc]  # requests differ in type
    """The body is not packed as its header says; an error of whichever client reads it."""


class BodyLimit:
    """A client's response hook: no body unpacks to more than `limit_bytes`; reading on raises `too_large()`."""

    def __init__(self, limit_bytes: int, too_large: Callable[[], Exception]) -> None:
        self._limit_bytes = limit_bytes
        self._too_large = too_large

    async def __call__(self, response: _Response) -> None:
        """Has the body of `response`, which is not read yet, limited. Reading may raise UndecodableBodyError."""
        if not hasattr(response.stream, "__aiter__"):
            return
        coding = response.headers.get("Content-Encoding", "").strip().lower()
        if "Content-Encoding" in response.headers:
            del response.headers["Content-Encoding"]  # so that the client does not unpack it once more
        response.stream = _Stream(response.stream, coding, self._limit_bytes, self._too_large)


class _Stream(httpx.AsyncByteStream, httpx2.AsyncByteStream):
    """A body in pieces of at most 64 KiB, unpacked and counted."""

    def __init__(
        self, stream: Any, coding: str, limit_bytes: int, too_large: Callable[[], Exception]
    ) -> None:
        self._stream = stream
        self._unpack = _unpacker(coding)
        self._limit_bytes = limit_bytes
        self._too_large = too_large

    async def __aiter__(self) -> AsyncIterator[bytes]:
        received = unpacked = 0
        async for chunk in self._stream:
            received += len(chunk)  # of what unpacks to nothing, too
            for piece in self._unpack(chunk):
                unpacked += len(piece)
                if unpacked > self._limit_bytes:
                    break
                yield piece
            if max(received, unpacked) > self._limit_bytes:
                raise self._too_large()

    async def aclose(self) -> None:
        """Ends the body that is limited."""
        await self._stream.aclose()


def _unpacker(coding: str) -> Callable[[bytes], Iterator[bytes]]:
    """Unpacks what is packed once by one of the codings that were asked for; all else comes as it is."""
    if coding in {"gzip", "x-gzip"}:
        return _Inflated(_GZIP)
    return _Inflated(_ZLIB) if coding == "deflate" else _as_it_is


def _as_it_is(chunk: bytes) -> Iterator[bytes]:
    yield chunk


class _Inflated:
    """Unpacks gzip, or deflate, which servers send with and without zlib's frame (RFC 9110 §8.4.1.2)."""

    def __init__(self, window_bits: int) -> None:
        self._may_be_bare = window_bits == _ZLIB
        self._zlib = zlib.decompressobj(window_bits)

    def __call__(self, chunk: bytes) -> Iterator[bytes]:
        waiting = chunk
        while waiting and not self._zlib.eof:  # what follows the end of the packed body is no part of it
            piece = self._inflate(waiting)
            waiting = self._zlib.unconsumed_tail
            if piece:
                yield piece

    def _inflate(self, chunk: bytes) -> bytes:
        try:
            piece = self._zlib.decompress(chunk, _PIECE_BYTES)
        except zlib.error:
            if not self._may_be_bare:
                raise UndecodableBodyError("The body is not packed as its header says.") from None
            self._zlib = zlib.decompressobj(_DEFLATE)
            self._may_be_bare = False
            return self._inflate(chunk)
        self._may_be_bare = False
        return piece
