"""The environment's end of the channel: frames in, frames out. Binds what it calls: user code may patch `os`."""

from __future__ import annotations

from os import close, dup2, readv, set_blocking, writev

from ..quickjson import decode, encoder
from ..wire import HEADER, NO_REQUEST, pack, unpack_header

TYPE_CHECKING = False  # importing `typing` would take a third of a cold start
if TYPE_CHECKING:
    from typing import Any

_encode = encoder(ascii=True)
# Out of the way of code that counts on small numbers, below Lambda's limit of 1,024; the second for lower limits.
_HIGH_DESCRIPTORS = (1000, 200)
_AHEAD = 16384


class Frame:
    """One frame that has come in; `deadline_us` is UTC, 0 for none."""

    __slots__ = ("deadline_us", "kind", "meta", "payload", "request_id")

    def __init__(
        self, kind: int, meta: dict[str, Any], payload: bytes | bytearray, request_id: bytes, deadline_us: int
    ) -> None:
        self.kind = kind
        self.meta = meta
        self.payload = payload
        self.request_id = request_id
        self.deadline_us = deadline_us


class ChannelClosedError(Exception):
    """The engine has closed its end."""


def move_high(fd: int, offset: int = 0) -> int:
    """A duplicate of `fd` at a high number that children of the user's code do not inherit."""
    for number in _HIGH_DESCRIPTORS:
        try:
            return dup2(fd, number + offset, False)
        except OSError:
            continue
    return fd


class Channel:
    """Frames over one stream socket, blocking; one thread at a time."""

    def __init__(self, fd: int) -> None:
        self._ahead = b""  # read, and not yet part of a frame
        self._buffer = memoryview(bytearray(_AHEAD))
        self._fd = move_high(fd)
        if self._fd != fd:
            close(fd)

    def detach(self) -> int:
        """The descriptor, for somebody else; the object is of no use afterwards."""
        return self._fd

    def read(self) -> Frame:
        """The next frame; ChannelClosedError where there will be none."""
        data = self._ahead or self._more()
        while len(data) < HEADER.size:
            data += self._more()
        header = unpack_header(data)
        begin = HEADER.size + header.meta_length
        end = begin + header.payload_length
        small = end <= _AHEAD
        while len(data) < (end if small else begin):
            data += self._more()
        meta, self._ahead = data[HEADER.size : begin], data[end:]
        payload = data[begin:end] if small else self._rest(data[begin:end], header.payload_length)
        return Frame(header.kind, decode(meta.decode()) if meta else {}, payload, header.request_id, header.deadline_us)

    def write(self, kind: int, meta: dict[str, Any], payload: bytes = b"", request_id: bytes = NO_REQUEST) -> None:
        """Send one frame whole; ChannelClosedError where nobody listens."""
        head = pack(kind, _encode(meta).encode(), payload, request_id)
        rest = memoryview(payload)
        sent = self._writev([head, rest])
        while sent < len(head):
            sent += self._writev([memoryview(head)[sent:], rest])
        sent -= len(head)
        while sent < len(rest):
            sent += self._writev([rest[sent:]])

    def _writev(self, pieces: list[Any]) -> int:
        try:
            return writev(self._fd, pieces)
        except ConnectionError:
            raise ChannelClosedError from None
        except BlockingIOError:  # user code has changed every descriptor that it found
            set_blocking(self._fd, True)
            return 0

    def _more(self) -> bytes:
        """What can be read now, at least a byte: a small frame comes whole."""
        return bytes(self._buffer[: self._readv(self._buffer)])

    def _rest(self, begin: bytes, count: int) -> bytearray:
        """A large payload of `count` bytes that begins so: each further byte goes straight to its place."""
        data = bytearray(count)
        have = len(begin)
        data[:have] = begin
        view = memoryview(data)
        while have < count:
            have += self._readv(view[have:])
        return data

    def _readv(self, into: memoryview) -> int:
        try:
            got = readv(self._fd, [into])
        except ConnectionError:
            got = 0
        except BlockingIOError:
            set_blocking(self._fd, True)
            return self._readv(into)
        if not got:
            raise ChannelClosedError
        return got
