"""Starts the spawner process; used by the engine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from typing import IO


def start(
    python: str = sys.executable, stderr: int | IO[bytes] | None = None
) -> tuple["subprocess.Popen[bytes]", socket.socket]:
    """Start a spawner; returns its process and the engine's (blocking) end of the control socket.

    Closing the socket ends the spawner and everything below it. No preexec_fn: it would force a fork of the
    whole engine. `stderr`: where a failure of the spawner itself is written, by default the engine's own.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    entry = os.path.join(os.path.dirname(os.path.abspath(__file__)), "main.py")
    try:
        process = subprocess.Popen(
            [python, "-I", "-S", entry, str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            pass_fds=(theirs.fileno(),),
            start_new_session=True,
            cwd="/",
            env=_variables(),
        )
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
    return process, ours


def _variables() -> dict[str, str]:
    """Only what an interpreter may need to start: environments can read their parent's."""
    return {name: value for name, value in os.environ.items() if name.startswith(("LD_", "DYLD_"))}
