"""Who may speak at all: Host against DNS rebinding, Origin against other sites, the token for what is ours.

Loopback alone is no protection: any page in the user's browser can post to 127.0.0.1.
"""

from __future__ import annotations

import hmac
import ipaddress
from functools import lru_cache
from urllib.parse import urlsplit


class Guards:
    """The names that this engine answers to, and its token."""

    def __init__(self, allow_hosts: tuple[str, ...], token: str) -> None:
        self._allowed = frozenset(_bare(name) for name in allow_hosts)
        self._token = token.encode()
        self._known = lru_cache(maxsize=256)(self._is_ours)

    def host(self, headers: dict[bytes, bytes]) -> bool:
        """Whether the Host header is a loopback name or one that was given."""
        value = headers.get(b"host")
        return value is not None and self._known(value)

    def origin(self, headers: dict[bytes, bytes]) -> bool:
        """Whether the request comes from no browser page, or from one that is served here."""
        if headers.get(b"sec-fetch-site") == b"cross-site":
            return False
        origin = headers.get(b"origin")
        if origin is None:
            return True
        try:
            host = urlsplit(origin.decode("latin-1")).netloc
        except ValueError:
            return False
        return bool(host) and self._known(host.encode("latin-1"))

    def bearer(self, headers: dict[bytes, bytes]) -> bool:
        """Whether the token is there and right; takes the same time for every wrong one."""
        scheme, _, given = headers.get(b"authorization", b"").partition(b" ")
        return scheme.lower() == b"bearer" and bool(self._token) and hmac.compare_digest(given.strip(), self._token)

    def _is_ours(self, host: bytes) -> bool:
        name = _bare(host.decode("latin-1"))
        if name == "localhost" or name.endswith(".localhost") or name in self._allowed:
            return True
        try:
            return ipaddress.ip_address(name).is_loopback
        except ValueError:
            return False


def _bare(host: str) -> str:
    """`[::1]:3001` -> `::1`, `LocalHost.:80` -> `localhost`."""
    host = host.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    if host.count(":") == 1:
        host = host.partition(":")[0]
    return host.rstrip(".")
