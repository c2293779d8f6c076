"""An execution environment without an engine: the runtime's own process and the frames that it speaks, nothing else."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

from benchmarks.common import users_variables
from lambdatui import wire

_START = Path(wire.__file__).parent / "runtime" / "start.py"
_FAR_US = 2**53


@contextlib.contextmanager
def bare_environment(folder: Path, handler: str) -> Iterator[socket.socket]:
    """Our end of the channel of an environment that serves `handler` in `folder`; its init has ended."""
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-I", "-S", str(_START)]
    channel = [(os.POSIX_SPAWN_DUP2, theirs.fileno(), wire.FD_CHANNEL)]
    pid = os.posix_spawn(command[0], command, users_variables(), file_actions=channel)
    theirs.close()
    try:
        start = json.dumps({
            "handler": handler, "code_root": str(folder), "manifest": None, "bytecode": None, "packages": [],
            "sys_path": [], "fallback": None,
        }).encode()  # fmt: skip
        ours.sendall(wire.pack(wire.START, b"", start) + start)
        data = b""
        while (header := _frame(data)) is None or header.kind != wire.READY:
            data = data[_size(header) :] if header is not None else data + (ours.recv(65536) or sys.exit("it ended"))
        yield ours
    finally:
        ours.close()
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def call(event: bytes) -> bytes:
    """An INVOKE frame, as the engine makes it."""
    meta = json.dumps({"arn": "arn:aws:lambda:us-east-1:000000000000:function:echo", "trace_id": "Root=1"}).encode()
    return wire.pack(wire.INVOKE, meta, event, uuid.uuid4().bytes, _FAR_US) + event


def result(data: bytes) -> bytes:
    """The payload of a RESULT frame that is whole."""
    header = wire.unpack_header(data)
    if header.kind != wire.RESULT or len(data) != _size(header):
        sys.exit(f"no result: {data[:200]!r}")
    return data[-header.payload_length :]


def _frame(data: bytes) -> wire.Header | None:
    """The header of the frame that `data` begins with, where it is whole."""
    if len(data) < wire.HEADER.size:
        return None
    header = wire.unpack_header(data)
    return header if len(data) >= _size(header) else None


def _size(header: wire.Header) -> int:
    return wire.HEADER.size + header.meta_length + header.payload_length
