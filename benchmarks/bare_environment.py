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
from lambdatui.runtime.channel import Channel

_START = Path(wire.__file__).parent / "runtime" / "start.py"
_FAR_US = 2**53


@contextlib.contextmanager
def bare_environment(folder: Path, handler: str) -> Iterator[socket.socket]:
    """Our end of the channel of an environment that serves `handler` in `folder`; its init has ended."""
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-I", "-S", str(_START)]
    given = [(os.POSIX_SPAWN_DUP2, theirs.fileno(), wire.FD_CHANNEL)]
    pid = os.posix_spawn(command[0], command, users_variables(), file_actions=given)
    theirs.close()
    try:
        start = json.dumps({
            "handler": handler, "code_root": str(folder), "manifest": None, "bytecode": None, "packages": [],
            "sys_path": [], "fallback": None,
        }).encode()  # fmt: skip
        channel = Channel(os.dup(ours.fileno()))
        channel.write(wire.START, {}, start)
        while channel.read().kind != wire.READY:
            pass
        os.close(channel.detach())
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
    if header.kind != wire.RESULT or len(data) != wire.HEADER.size + header.meta_length + header.payload_length:
        sys.exit(f"no result: {data[:200]!r}")
    return data[-header.payload_length :]
