"""Which route a method and a path belong to. Pure.

Every route answers at its listed path. A function URL listens to every path: what no API route takes at the root goes
to the first of them, and each has an address of its own besides, `/_url/FUNCTION/…`, which it does not see.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import quote, unquote

from lambdatui.config.model import RouteConfig

URL_PREFIX = "/_url/"
_STATIC, _PARAMETER, _GREEDY, _DEFAULT = 0, 1, 2, 3


class Match(NamedTuple):
    """A route, its path parameters (decoded) and the path as the function sees it (as it came, not decoded)."""

    route: RouteConfig
    parameters: dict[str, str]
    path: str


class RouteTable:
    """The routes of one configuration, most specific first."""

    def __init__(self, routes: tuple[RouteConfig, ...]) -> None:
        self._urls: dict[str, RouteConfig] = {}
        for route in routes:
            if route.kind == "url":
                self._urls.setdefault(route.function, route)
        self._apis = _ordered(route for route in routes if route.kind != "url")
        self._roots = _ordered(route for route in routes if route.kind == "url")
        kinds = {route.kind for route in routes}
        self.rest_only = kinds == {"rest"}

    def find(self, method: str, path: str) -> Match | None:
        """`path` is the request's, percent-encoded. A trailing slash is forgiven where no API route has it."""
        if path.startswith(URL_PREFIX):
            name, _, rest = path[len(URL_PREFIX) :].partition("/")
            route = self._urls.get(unquote(name))
            if route is not None:
                return Match(route, {}, "/" + rest)
        found = _first(self._apis, method, path)
        if found is None and len(path) > 1 and path.endswith("/"):
            found = _first(self._apis, method, path[:-1])
        return found or _first(self._roots, method, path)


Entry = tuple[re.Pattern[str], list[str], RouteConfig]


def _ordered(routes: Iterable[RouteConfig]) -> list[Entry]:
    return [(*_compile(route.path), route) for route in sorted(routes, key=_rank)]


def _first(entries: list[Entry], method: str, path: str) -> Match | None:
    for pattern, names, route in entries:
        if route.method not in ("ANY", method):
            continue
        match = pattern.fullmatch(path)
        if match is not None:
            values = (unquote(value) for value in match.groups())
            return Match(route, dict(zip(names, values, strict=True)), path)
    return None


def address(route: RouteConfig) -> str:
    """The path under which a route is always reached: a function URL's own address, else the route's path."""
    return f"{URL_PREFIX}{quote(route.function)}/" if route.kind == "url" else route.path


def _rank(route: RouteConfig) -> tuple[list[int], bool]:
    """Fixed segments before parameters before greedy ones, `$default` last; a method before ANY."""
    if route.path == "$default":
        return [_DEFAULT], True
    kinds = []
    for segment in _segments(route.path):
        if segment.startswith("{") and segment.endswith("+}"):
            kinds.append(_GREEDY)
        else:
            kinds.append(_PARAMETER if "{" in segment else _STATIC)
    return kinds, route.method == "ANY"


def _compile(path: str) -> tuple[re.Pattern[str], list[str]]:
    if path == "$default":
        return re.compile("/.*"), []
    names: list[str] = []
    pattern = ""
    for segment in _segments(path):
        pattern += "/"
        for part in re.split(r"(\{[^{}]*\})", segment):
            if part.startswith("{") and part.endswith("}") and len(part) > 2:
                greedy = part.endswith("+}")
                names.append(part[1:-2] if greedy else part[1:-1])
                pattern += "(.+)" if greedy else "([^/]+)"
            else:
                pattern += re.escape(part)
    return re.compile(pattern), names


def _segments(path: str) -> list[str]:
    return path.removeprefix("/").split("/")
