"""Turns a fork, of the spawner or of a zygote, into an environment's process; nothing of the forker is left in it."""

from __future__ import annotations

import os
import resource

from ..wire import FD_CHANNEL, MARK_ENGINE
from . import apart, capabilities, private_tmp, tree

TYPE_CHECKING = False  # see protocol.py
if TYPE_CHECKING:
    import signal
    from typing import Any
else:
    import _signal as signal

# The kernel's choice when memory runs out should be an environment, not the engine or the user's editor.
_OOM_SCORE = b"500"


def reserve_low_descriptors(fd: int) -> int:
    """Keep 0 to 3 occupied, so that nothing that arrives later stands where a child's own will; returns `fd` moved."""
    import fcntl

    moved = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, FD_CHANNEL + 1)
    os.close(fd)
    while True:
        null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        if null > FD_CHANNEL:
            os.close(null)
            return moved


def start(request: dict[str, Any], channel: int, log: int, namespaces: private_tmp.Namespaces | None = None) -> int:
    """Fork and exec, in the `namespaces` where they are given; returns the process id once the exec has succeeded.

    Raises OSError where it has not.
    """
    reader, writer = os.pipe()
    parent = os.getpid()
    try:
        pid = os.fork()
    except OSError:  # the system has no process or no memory left
        os.close(reader)
        os.close(writer)
        raise
    if pid == 0:
        _become(request, channel, log, parent, writer, namespaces)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        failure = pipe.read()
    if failure:
        os.waitpid(pid, 0)
        number, _, text = failure.decode(errors="replace").partition(" ")
        error = OSError(text)
        error.errno = int(number) or None  # whose fault it is hangs on it
        raise error
    return pid


def _become(
    request: dict[str, Any],
    channel: int,
    log: int,
    parent: int,
    failures: int,
    namespaces: private_tmp.Namespaces | None,
) -> None:
    try:
        lead()
        _protect_the_engine()
        settle(request, channel, log, parent, namespaces)
        _default_signals()
        os.execve(request["argv"][0], request["argv"], request["env"])
    except BaseException as error:  # noqa: BLE001 - whatever it was, it ends here
        text = "%d %s" % (getattr(error, "errno", None) or 0, error)
        os.write(failures, text.encode(errors="replace")[:4000])
    finally:
        os._exit(127)


def lead() -> None:
    """Let this process, a fork, lead a session of its own."""
    os.setsid()
    # Daemons below come back to the environment, not to the spawner: one walk down the tree finds them all.
    tree.become_subreaper()


def settle(
    request: dict[str, Any],
    channel: int,
    log: int,
    parent: int,
    namespaces: private_tmp.Namespaces | None,
    nice: int = 0,
) -> None:
    """Make of this process what the request asks for, but for its program and variables.

    `nice`: what it has of that already. Raises OSError, ValueError.
    """
    if namespaces is not None:
        namespaces.enter()
    elif request.get("tmp"):
        tmp = request["tmp"]
        private_tmp.make(tmp["mb"], tmp["keep"], tmp.get("view", ()), request["env"].get(MARK_ENGINE))
    if request.get("apart"):
        apart.stay_apart()
        capabilities.drop()
    # Behind the namespaces: what changes credentials takes the signal back.
    tree.die_with_parent(parent)
    os.nice(request["nice"] - nice)
    for number, value in _limits(request).items():
        _limit(number, value)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.dup2(channel, FD_CHANNEL)
    os.umask(0o022)  # Lambda's; the engine's own lets nobody else read
    os.chdir(request["cwd"])


def _limits(request: dict[str, Any]) -> dict[int, int]:
    limits: dict[int, int] = {}
    for name, value in request["limits"].items():
        number = getattr(resource, "RLIMIT_" + name.upper(), None)
        if number is None:
            raise ValueError("no such limit on this system: " + name)
        limits[number] = value
    return limits


def _limit(number: int, value: int) -> None:
    hard = resource.getrlimit(number)[1]
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(number, (value, value))


def _default_signals() -> None:
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals():
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            try:
                signal.signal(number, signal.SIG_DFL)
            except (OSError, ValueError):
                pass  # some are the C library's own
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def _protect_the_engine() -> None:
    try:
        fd = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
        try:
            os.write(fd, _OOM_SCORE)
        finally:
            os.close(fd)
    except OSError:
        pass  # not Linux, or not allowed here
