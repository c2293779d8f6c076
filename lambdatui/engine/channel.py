"""The engine's end of an environment's two lines: frames over a socket, and the pipe that carries fds 1 and 2.

Readers stay registered with the loop for the environment's life: an invocation costs one write and one wake-up.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import socket
import sys
import termios
from collections.abc import Callable

from lambdatui import wire

# A larger buffer is one that the C library maps and unmaps for each read: 21 µs where nearly nothing comes.
_PIECE = 64 * 1024
_LARGE_PIECE = 256 * 1024
_NO_COUNT = bytes(4)  # a C int, which FIONREAD fills
# More than _QUICK_READS reads that follow each other within _QUICK seconds are a stream: from then on the pipe is
# looked at in turns, with rests of at least _REST seconds and twice what a look has cost: a flood is held back
# by its own full pipe, its neighbours have two thirds of the loop, and its lines come in batches.
_QUICK = 0.001
_QUICK_READS = 3
_REST = 0.004
_LONGEST_REST = 0.1

FrameHandler = Callable[[wire.Header, bytes, bytes], None]


class Channel:
    """Frames to and from one environment."""

    def __init__(self, sock: socket.socket, on_frame: FrameHandler, on_close: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._sock = sock
        self._on_frame = on_frame
        self._on_close = on_close
        self._pieces: list[bytes] = []  # of what has not been handed on
        self._missing = wire.HEADER.size  # bytes until there is more to see
        self._out: list[memoryview] = []
        sock.setblocking(False)
        self._loop.add_reader(sock.fileno(), self._readable)
        self.closed = False

    def send(self, kind: int, meta: bytes, payload: bytes, request_id: bytes, deadline_us: int) -> None:
        """Queue one frame; a payload larger than the socket's buffer goes out as the environment reads it."""
        if self.closed:
            return
        head = wire.pack(kind, meta, payload, request_id, deadline_us)
        pieces = [head + payload] if len(payload) < _PIECE else [head, payload]
        idle = not self._out
        self._out.extend(memoryview(piece) for piece in pieces)
        if idle and not self._flush():
            self._loop.add_writer(self._sock.fileno(), self._writable)

    def _writable(self) -> None:
        if self._flush() and not self.closed:
            self._loop.remove_writer(self._sock.fileno())

    def _flush(self) -> bool:
        """Whether all has gone out; False where the environment has to read first."""
        try:
            while self._out:
                sent = self._sock.send(self._out[0])
                if sent == len(self._out[0]):
                    self._out.pop(0)
                else:
                    self._out[0] = self._out[0][sent:]
        except BlockingIOError:
            return False
        except OSError:
            self._out.clear()
            self.close()
        return True

    def _readable(self) -> None:
        try:
            data = self._sock.recv(_PIECE if self._missing <= _PIECE else _LARGE_PIECE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        self._pieces.append(data)
        self._missing -= len(data)
        if self._missing > 0:
            return
        data = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        try:
            self._frames(data)
        except ValueError:  # garbage on the channel: this environment is lost, the engine is not
            self.close()

    def _frames(self, data: bytes) -> None:
        """Hand on the frames that are whole; a large one is put together only once all of it is there."""
        start, size = 0, wire.HEADER.size
        while len(data) - start >= size and not self.closed:
            header = wire.unpack_header(data[start : start + wire.HEADER.size])
            if header.meta_length > wire.MAX_META or header.payload_length > wire.MAX_RESULT:
                raise ValueError("frame too large")
            meta = start + wire.HEADER.size
            payload = meta + header.meta_length
            end = payload + header.payload_length
            size = end - start
            if len(data) < end:
                break
            self._on_frame(header, data[meta:payload], data[payload:end])
            start, size = end, wire.HEADER.size
        rest = data[start:]
        self._pieces = [rest] if rest else []
        self._missing = size - len(rest)

    def close(self) -> None:
        if self.closed:
            return
        self.closed = True
        self._loop.remove_reader(self._sock.fileno())
        self._loop.remove_writer(self._sock.fileno())
        self._sock.close()
        self._on_close()


class LogPipe:
    """Reads what an environment writes to fds 1 and 2: as it comes and, when an invocation ends, exactly all of it.

    While `wants_rest` says so only the end of an invocation makes it read.
    """

    def __init__(self, fd: int, sink: Callable[[bytes], None], wants_rest: Callable[[], bool] = lambda: False) -> None:
        self._loop = asyncio.get_running_loop()
        self._fd = fd
        self._sink = sink
        self._wants_rest = wants_rest
        self._resume: asyncio.TimerHandle | None = None
        self._read_at = 0.0
        self._quick = 0  # reads in a row that followed each other at once
        os.set_blocking(fd, False)
        self._loop.add_reader(fd, self._readable)
        self.closed = False

    def _readable(self) -> None:
        began = self._loop.time()
        self._quick = self._quick + 1 if began - self._read_at < _QUICK else 0
        size = self._read(_PIECE)
        self._read_at = self._loop.time()
        if (size == _PIECE or self._quick > _QUICK_READS or self._wants_rest()) and not self.closed:
            self._loop.remove_reader(self._fd)
            self._rest(self._read_at - began)

    def _rest(self, cost: float) -> None:
        self._resume = self._loop.call_later(min(max(_REST, 2 * cost), _LONGEST_REST), self._look)

    def _look(self) -> None:
        """After a rest: the next piece, or back to waiting where there is none."""
        self._resume = None
        if self.closed:
            return
        if self._wants_rest():
            self._rest(0)
            return
        began = self._loop.time()
        if self._read(_PIECE):
            self._rest(self._loop.time() - began)
        elif not self.closed:
            self._quick = 0
            self._loop.add_reader(self._fd, self._readable)

    def _read(self, most: int) -> int:
        try:
            data = os.read(self._fd, most)
        except BlockingIOError:
            return 0
        except OSError:
            data = b""
        if not data:
            self.close()
            return 0
        self._sink(data)
        return len(data)

    def drain(self) -> None:
        """Read what lies in the pipe now. What an invocation wrote before its result is there, and nothing is lost."""
        waiting = 0 if self.closed else self._waiting()
        while waiting > 0 and not self.closed:
            got = self._read(min(waiting, _PIECE))
            if not got:
                return
            waiting -= got

    def _waiting(self) -> int:
        try:
            return int.from_bytes(fcntl.ioctl(self._fd, termios.FIONREAD, _NO_COUNT), sys.byteorder)
        except OSError:
            return 0

    def close(self) -> None:
        if self.closed:
            return
        self.closed = True
        if self._resume is not None:
            self._resume.cancel()
        self._loop.remove_reader(self._fd)
        os.close(self._fd)
