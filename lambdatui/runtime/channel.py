"""The environment's end of the channel: frames in, frames out. Binds what it calls: user code may patch `os`."""

from __future__ import annotations

from json import JSONDecoder, JSONEncoder
from os import close, dup2, readv, writev
from typing import Any, NamedTuple

from ..wire import HEADER, NO_REQUEST, pack, unpack_header

_decode = JSONDecoder().decode
_encode = JSONEncoder(ensure_ascii=True, check_circular=False).encode
# Out of the way of code that counts on small numbers, below Lambda's limit of 1,024; the second for lower limits.
_HIGH_DESCRIPTORS = (1000, 200)


class Frame(NamedTuple):
    """One frame that has come in."""

    kind: int
    meta: dict[str, Any]
    payload: bytearray
    request_id: bytes
    deadline_us: int


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
        self._fd = move_high(fd)
        if self._fd != fd:
            close(fd)

    def read(self) -> Frame:
        """The next frame; ChannelClosedError where there will be none."""
        header = unpack_header(bytes(self._exactly(HEADER.size)))
        meta = self._exactly(header.meta_length)
        payload = self._exactly(header.payload_length)
        return Frame(
            header.kind, _decode(meta.decode()) if meta else {}, payload, header.request_id, header.deadline_us
        )

    def write(self, kind: int, meta: dict[str, Any], payload: bytes = b"", request_id: bytes = NO_REQUEST) -> None:
        """Send one frame whole; ChannelClosedError where nobody listens."""
        head = pack(kind, _encode(meta).encode(), payload, request_id)
        rest = memoryview(payload)
        try:
            sent = writev(self._fd, [head, rest])
            while sent < len(head):
                sent += writev(self._fd, [memoryview(head)[sent:], rest])
            sent -= len(head)
            while sent < len(rest):
                sent += writev(self._fd, [rest[sent:]])
        except ConnectionError:
            raise ChannelClosedError from None

    def _exactly(self, count: int) -> bytearray:
        data = bytearray(count)
        view = memoryview(data)
        have = 0
        while have < count:
            try:
                got = readv(self._fd, [view[have:]])
            except ConnectionError:
                got = 0
            if not got:
                raise ChannelClosedError
            have += got
        return data
