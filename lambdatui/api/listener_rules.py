"""The rules of a load balancer's listener. Pure.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from urllib.parse import unquote_plus

from lambdatui.api.path_table import Found
from lambdatui.config.model import RouteConfig
from lambdatui.config.wildcards import any_between


class Rules:
    """Rules by priority: the first whose conditions all hold wins."""

    def __init__(self, routes: Sequence[RouteConfig]) -> None:
        self._rules = [_Rule(route) for route in sorted(routes, key=lambda route: route.priority)]

    def find(
        self, method: str, path: str, host: str, headers: Sequence[tuple[bytes, bytes]], query: str
    ) -> Found | None:
        """The first rule that holds. Host conditions hold for loopback names: nobody has the real one here."""
        for rule in self._rules:
            if rule.holds(method, path, host, headers, query):
                return Found(rule.route, {}, rule.literal, None)
        return None


class _Rule:
    def __init__(self, route: RouteConfig) -> None:
        self.route = route
        first = route.path.removeprefix("/").partition("/")[0]
        self.literal = not {"*", "?", "$"} & set(first)
        self._path = re.compile(".*" if route.path == "$default" else _pattern(route.path), re.DOTALL)
        self._hosts = [re.compile(_pattern(host), re.IGNORECASE) for host in route.hosts]
        self._headers = [
            (name.lower().encode("latin-1", "replace"), [re.compile(_pattern(one), re.IGNORECASE) for one in values])
            for name, values in route.headers.items()
        ]
        self._query = [
            (re.compile(_pattern(key), re.IGNORECASE) if key else None, re.compile(_pattern(value), re.IGNORECASE))
            for key, value in route.query
        ]

    def holds(self, method: str, path: str, host: str, headers: Sequence[tuple[bytes, bytes]], query: str) -> bool:
        if self.route.method not in ("ANY", method) or not self._path.fullmatch(path):
            return False
        if self._hosts and not _is_loopback(host):
            name = _bare(host)
            if not any(pattern.fullmatch(name) for pattern in self._hosts):
                return False
        for wanted, patterns in self._headers:
            values = [value.decode("latin-1") for name, value in headers if name == wanted]
            if not any(pattern.fullmatch(value) for value in values for pattern in patterns):
                return False
        return not self._query or self._asked(query)

    def _asked(self, query: str) -> bool:
        pairs = [pair.partition("=")[::2] for pair in query.split("&")]
        return any(
            (name is None or name.fullmatch(unquote_plus(key))) and value.fullmatch(unquote_plus(text))
            for key, text in pairs
            for name, value in self._query
        )


def _pattern(text: str) -> str:
    """`*` is any text, `?` one character."""
    return any_between([part.translate({ord("?"): "."} | _ESCAPED) for part in re.split(r"\*+", text)])


_ESCAPED = {ord(character): "\\" + character for character in r".^$+{}[]|()\-&#~"}


def _bare(host: str) -> str:
    return host.partition("]")[0].lstrip("[") if host.startswith("[") else host.partition(":")[0]


def _is_loopback(host: str) -> bool:
    name = _bare(host).rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
