"""What engine and spawner say to each other over their control socket (AF_UNIX, SOCK_STREAM).

A message is a length (u32, little-endian) and a JSON object. File descriptors travel beside it by SCM_RIGHTS; the
object says how many are its own in "fds", so that it does not matter how the kernel cuts the stream.

    engine -> spawner
    {"do": "spawn", "id": str, "argv": [str], "env": {str: str}, "cwd": str, "nice": int,
     "limits": {str: int}, "tmp": {"mb": int, "keep": [str], "view": [[str, str]]} | null, "zygote": str | null,
     "apart": bool, "fds": 2}
        with the file descriptors [channel, write end of the log pipe]; the sender closes its copies afterwards.
        `env` is complete: nothing is inherited. `limits` are RLIMIT_* names in lower case ("nofile", "core", ...).
        `tmp`: a /tmp of its own (see `private_tmp`) and a `view` of other files, both kept when the process ends, for
        the next one with this id.
        `apart`: what it does reaches no process but its own, where the system can do that (see `apart`).
        `zygote`: fork it from the zygote with this id instead of executing `argv`, which has to be the zygote's own.
    {"do": "zygote", "id": str, "argv": [str], "env": {str: str}, "cwd": str, "nice": int, "limits": {str: int},
     "prepare": {"packages": [str], "sys_path": [str], "fallback": {"path", "modules"} | null, "modules": [str]}}
        a library zygote (see `runtime.zygote`): `prepare` is `wire.START`'s where the names are the same, and `modules`
        are the names to import, in that order. `nice` and `limits` have to be those of what will be forked from it.
    {"do": "kill", "id": str}           SIGKILL for the environment and all its descendants; unknown ids are ignored.
        A zygote too: what has been forked from it lives on, what is being forked fails
    {"do": "forget", "id": str}         nobody comes any more to the /tmp that is kept for this id

    spawner -> engine
    {"say": "hello", "id": "", "private_tmp": bool, "process_limit": bool}      the first message; what this system
        allows. `process_limit`: with a `tmp`, the limit "nproc" is that environment's alone
    {"say": "started", "id": str, "pid": int}       exec has succeeded, or the fork is set up
    {"say": "failed", "id": str, "error": str}      nothing runs under this id. Of a fork also where its zygote has gone
        or has not answered in time, which is the end of that zygote; a fresh start may go well
    {"say": "prepared", "id": str, "pid": int, "rss_kb": int, "modules": {str: str|null}, "missed": [str],
     "reads": [str]}
        once for each zygote, when it can be forked from. `modules`: all that it holds, name -> file (null: built in);
        `missed`: top-level names that were looked for in vain; `reads`: variables that imports looked at, "*" for all
    {"say": "unprepared", "id": str, "error": str}  instead of it, with the reason; nothing runs under this id
    {"say": "exited", "id": str, "pid": int, "status": int|null, "signal": int|null, "max_rss_kb": int}
        once for each started environment, after its last descendant has gone, and for each prepared zygote; one of
        status and signal is set

The end of the stream at the spawner's side means that the engine has gone: everything below is killed.
"""

from __future__ import annotations

import _socket as socket
import os
import struct

from ..quickjson import decode, encoder

# An engine is ready when its spawner is: `typing`, `json`, `socket`, `signal` and `contextlib` take half of its start.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Sequence

LENGTH = struct.Struct("<I")
MAX_MESSAGE = 16 * 1024 * 1024
_MAX_FDS = 64
_FD = struct.calcsize("i")
_PIECE = 65536
_WAKE_EVERY_MS = 20
_encode = encoder(True)
_CLOEXEC = getattr(socket, "MSG_CMSG_CLOEXEC", 0)

# Limits that Lambda sets, for those who do not say otherwise.
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
DEFAULT_LIMITS = {"nofile": 1024, "core": 0}
MAX_PROCESSES = 1024  # with threads
DEFAULT_NICE = 10


class Message:
    """One message and the file descriptors that came with it, which belong to the receiver from now on."""

    def __init__(self, body: dict[str, Any], fds: list[int]) -> None:
        self.body = body
        self.fds = fds


def spawn(
    id: str,
    argv: Sequence[str],
    env: dict[str, str],
    cwd: str,
    nice: int = DEFAULT_NICE,
    limits: dict[str, int] | None = None,
    tmp: dict[str, Any] | None = None,
    zygote: str | None = None,
    apart: bool = True,
) -> dict[str, Any]:
    """The request to start one environment; send it with the descriptors [channel, log]."""
    limits = dict(DEFAULT_LIMITS if limits is None else limits)
    return {
        "do": "spawn", "id": id, "argv": list(argv), "env": env, "cwd": cwd, "nice": nice, "limits": limits, "tmp": tmp,
        "zygote": zygote, "apart": apart,
    }  # fmt: skip


def zygote(
    id: str,
    argv: Sequence[str],
    env: dict[str, str],
    cwd: str,
    prepare: dict[str, Any],
    nice: int = DEFAULT_NICE,
    limits: dict[str, int] | None = None,
) -> dict[str, Any]:
    """The request to start one library zygote."""
    limits = dict(DEFAULT_LIMITS if limits is None else limits)
    return {
        "do": "zygote", "id": id, "argv": list(argv), "env": env, "cwd": cwd, "nice": nice, "limits": limits,
        "prepare": prepare,
    }  # fmt: skip


def kill(id: str) -> dict[str, Any]:
    """The request to end one environment with everything that it started."""
    return {"do": "kill", "id": id}


def forget(id: str) -> dict[str, Any]:
    """The request to let go of the /tmp that is kept for this id."""
    return {"do": "forget", "id": id}


def send(
    sock: socket.socket, body: dict[str, Any], fds: Sequence[int] = (), wake: Callable[[], None] | None = None
) -> None:
    """Send one message whole; waits for the peer where its buffer is full. OSError when the peer has gone.

    `wake` is called again and again while it waits: the peer may have been stopped.
    """
    data = _encode({**body, "fds": len(fds)} if fds else body).encode()
    data = LENGTH.pack(len(data)) + data
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("%di" % len(fds), *fds))] if fds else []
    sent = 0
    while sent < len(data):
        try:
            sent += sock.sendmsg([memoryview(data)[sent:]], ancillary if sent == 0 else [])
        except BlockingIOError:
            _wait_writable(sock, wake)


def _wait_writable(sock: socket.socket, wake: Callable[[], None] | None) -> None:
    import select  # only where a buffer is full

    poll = select.poll()
    poll.register(sock, select.POLLOUT)
    while not poll.poll(None if wake is None else _WAKE_EVERY_MS):
        if wake is not None:
            wake()


def receive(sock: socket.socket) -> Message | None:
    """Wait for one message and read no byte beyond it: others may read the next one. None at the end of the stream."""
    data, ancillary, _, _ = sock.recvmsg(LENGTH.size, socket.CMSG_SPACE(4 * _MAX_FDS), _CLOEXEC)
    fds = _descriptors(ancillary)
    (length,) = LENGTH.unpack(data + _exactly(sock, LENGTH.size - len(data))) if data else (0,)
    text = _exactly(sock, length)
    if not text:
        return None
    body = decode(text.decode())
    body.pop("fds", None)
    return Message(body, fds)


def _exactly(sock: socket.socket, count: int) -> bytes:
    """So many bytes; none at the end of the stream."""
    data = bytearray()
    while len(data) < count:
        piece = sock.recv(count - len(data))
        if not piece:
            return b""
        data += piece
    return bytes(data)


def _descriptors(ancillary: list[tuple[int, int, bytes]]) -> list[int]:
    found: list[int] = []
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            found += struct.unpack_from("%di" % (len(payload) // _FD), payload)
    return found


class Receiver:
    """Puts messages together again from what arrives; works on blocking and non-blocking sockets."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._data = bytearray()
        self._fds: list[int] = []

    def receive(self) -> list[Message] | None:
        """One read: the messages that it completed (none is an empty list), None at the end of the stream."""
        try:
            data, ancillary, _, _ = self._sock.recvmsg(_PIECE, socket.CMSG_SPACE(4 * _MAX_FDS), _CLOEXEC)
        except (BlockingIOError, InterruptedError):
            return []
        except ConnectionError:
            data, ancillary = b"", []
        self._fds += _descriptors(ancillary)
        if not data:
            return None
        self._data += data
        return self._complete()

    def _complete(self) -> list[Message]:
        messages = []
        while len(self._data) >= LENGTH.size:
            (length,) = LENGTH.unpack_from(self._data)
            if length > MAX_MESSAGE:
                raise ValueError("control message of %d bytes, at most %d are allowed" % (length, MAX_MESSAGE))
            end = LENGTH.size + length
            if len(self._data) < end:
                break
            body = decode(self._data[LENGTH.size : end].decode())
            del self._data[:end]
            count = body.pop("fds", 0)
            fds, self._fds = self._fds[:count], self._fds[count:]
            messages.append(Message(body, fds))
        return messages

    def close(self) -> None:
        """Give up descriptors that no message has claimed."""
        for fd in self._fds:
            os.close(fd)
        self._fds = []
