"""Listening sockets: the port that was asked for, or the next free one after a default."""

from __future__ import annotations

import errno
import socket

from lambdatui.errors import UsageError

_TRIES = 100


def listen(host: str, asked: int | None, default: int, option: str) -> socket.socket:
    """Bind and listen. A port that was asked for and is taken is a UsageError; a default one gives way."""
    if asked is not None:
        sock = _listen(host, asked, option)
        if sock is None:
            raise UsageError(f"port {asked} is taken: name another one with {option}, or 0 for any free one")
        return sock
    for port in [*range(default, default + _TRIES), 0]:
        sock = _listen(host, port, option)
        if sock is not None:
            return sock
    raise UsageError(f"no port of {host} is free: name one with {option}")


def _listen(host: str, port: int, option: str) -> socket.socket | None:
    """None where the port is taken; UsageError for whatever another port would not mend."""
    try:
        return _bind(host, port)
    except OverflowError:
        raise UsageError(f"{option} {port}: a port is a number from 0 to 65535") from None
    except UnicodeError:
        raise UsageError(f"--host {host}: this is no host's name; 127.0.0.1 is the default") from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return None
        if error.errno == errno.EACCES:
            raise UsageError(
                f"port {port} may not be used: ports below 1024 need rights; name another one with {option}"
            ) from error
        raise UsageError(
            f"--host {host}: nothing can listen there ({error.strerror or error}); name an address of this machine"
        ) from error


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named, because asyncio turns Nagle's delay (44 ms a call) off only where it is told that this is TCP.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(1024)
    except BaseException:
        sock.close()
        raise
    sock.setblocking(False)
    return sock


def address(sock: socket.socket) -> str:
    """`http://127.0.0.1:3001`."""
    host, port = sock.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
