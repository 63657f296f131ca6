"""A limit on the decompressed size of response bodies, enforced while they are read.

httpx decompresses whatever arrives before anybody can count it, and 64 KB of gzip can contain 64 MB. Therefore a client
gets a `BodyLimit` as its response hook, which decompresses bodies in small pieces and stops at the limit. It applies to
whole bodies, streamed bodies and those of error responses, in both httpx and httpx2.
"""

import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Protocol

import httpx
import httpx2

ACCEPTED = "gzip, deflate"
"""The value of Accept-Encoding: the encodings decoded here. A client must not ask for others."""

_PIECE_BYTES = 64 * 1024
_GZIP, _ZLIB, _DEFLATE = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS


class _Response(Protocol):
    """The common part of httpx's and httpx2's responses."""

    headers: Any
    stream: Any


class UndecodableBodyError(httpx.DecodingError, httpx2.DecodingError):  # type: ignore[misc]  # requests differ in type
    """The body is not encoded as its header says; an error of both clients' types."""


class BodyLimit:
    """A response hook for a client: reading more than `limit_bytes` of a decoded body raises `too_large()`."""

    def __init__(self, limit_bytes: int, too_large: Callable[[], Exception]) -> None:
        self._limit_bytes = limit_bytes
        self._too_large = too_large

    async def __call__(self, response: _Response) -> None:
        """Limit the body of `response`, which must be unread. Reading it may raise UndecodableBodyError."""
        if not hasattr(response.stream, "__aiter__"):
            return
        coding = response.headers.get("Content-Encoding", "").strip().lower()
        if "Content-Encoding" in response.headers:
            del response.headers["Content-Encoding"]  # so that the client does not decode it again
        response.stream = _Stream(response.stream, coding, self._limit_bytes, self._too_large)


class _Stream(httpx.AsyncByteStream, httpx2.AsyncByteStream):
    """A response body, decoded and counted in pieces of at most 64 KiB."""

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
            received += len(chunk)  # counts also chunks that decode to nothing
            for piece in self._unpack(chunk):
                unpacked += len(piece)
                if unpacked > self._limit_bytes:
                    break
                yield piece
            if max(received, unpacked) > self._limit_bytes:
                raise self._too_large()

    async def aclose(self) -> None:
        """Close the underlying stream."""
        await self._stream.aclose()


def _unpacker(coding: str) -> Callable[[bytes], Iterator[bytes]]:
    """Return the decoder for one of the encodings that were asked for; any other passes through unchanged."""
    if coding in {"gzip", "x-gzip"}:
        return _Inflated(_GZIP)
    return _Inflated(_ZLIB) if coding == "deflate" else _as_it_is


def _as_it_is(chunk: bytes) -> Iterator[bytes]:
    yield chunk


class _Inflated:
    """A decoder for gzip and deflate; servers send deflate with and without zlib's header (RFC 9110 §8.4.1.2)."""

    def __init__(self, window_bits: int) -> None:
        self._may_be_bare = window_bits == _ZLIB
        self._zlib = zlib.decompressobj(window_bits)

    def __call__(self, chunk: bytes) -> Iterator[bytes]:
        waiting = chunk
        while waiting and not self._zlib.eof:  # data after the end of the compressed body is ignored
            piece = self._inflate(waiting)
            waiting = self._zlib.unconsumed_tail
            if piece:
                yield piece

    def _inflate(self, chunk: bytes) -> bytes:
        try:
            piece = self._zlib.decompress(chunk, _PIECE_BYTES)
        except zlib.error:
            if not self._may_be_bare:
                raise UndecodableBodyError("The body is not encoded as its header says.") from None
            self._zlib = zlib.decompressobj(_DEFLATE)
            self._may_be_bare = False
            return self._inflate(chunk)
        self._may_be_bare = False
        return piece
