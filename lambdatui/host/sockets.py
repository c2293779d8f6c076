"""Listening sockets: the port that was asked for, or the next free one after a default."""

from __future__ import annotations

import socket

from lambdatui.errors import UsageError

_TRIES = 100


def listen(host: str, asked: int | None, default: int, option: str) -> socket.socket:
    """Bind and listen. A port that was asked for and is taken is a UsageError; a default one gives way."""
    if asked is not None:
        try:
            return _bind(host, asked)
        except OSError as error:
            raise UsageError(f"port {asked} is taken: name another one with {option}, or 0 for any free one") from error
        except OverflowError:
            raise UsageError(f"{option} {asked}: a port is a number from 0 to 65535") from None
    for port in range(default, default + _TRIES):
        try:
            return _bind(host, port)
        except OSError:
            continue
    return _bind(host, 0)


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
