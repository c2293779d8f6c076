"""The routes of a REST or HTTP API by method and path. Pure.

Both take the most specific path that has the method (observed for REST as well: a resource without the method gives way
to `{proxy+}`). REST compares segment by segment; an HTTP API prefers any full match to a greedy one, and has $default.
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import unquote

from lambdatui.config.addresses import DEFAULT_ROUTE
from lambdatui.config.model import ApiConfig, RouteConfig

_STATIC, _PARAMETER, _GREEDY = 0, 1, 2
# Of `ANY` in SAM's preflight answers, in its order.
_EVERY_METHOD = ("OPTIONS", "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH")


class Found(NamedTuple):
    """A route, its path parameters (decoded) and whether its path begins with a fixed segment."""

    route: RouteConfig
    parameters: dict[str, str]
    literal: bool
    preflight: tuple[str, ...] | None


class _Entry(NamedTuple):
    route: RouteConfig
    method: str
    pattern: re.Pattern[str]
    names: list[str]
    literal: bool
    preflight: tuple[str, ...] | None = None


class PathTable:
    """Fixed paths in a dictionary, the others in the order in which they are tried."""

    def __init__(self, routes: tuple[RouteConfig, ...], api: ApiConfig) -> None:
        self._rest = api.kind == "rest"
        entries = [_entry(route) for route in routes if route.path != DEFAULT_ROUTE]
        if self._rest and api.cors is not None:
            entries += _preflights(entries)
        self._default = next((route for route in routes if route.path == DEFAULT_ROUTE), None)
        self._fixed: dict[str, dict[str, _Entry]] = {}
        for entry in entries:
            if "{" not in entry.route.path:
                self._fixed.setdefault(entry.route.path, {}).setdefault(entry.method, entry)
        self._patterns = sorted((entry for entry in entries if "{" in entry.route.path), key=self._rank)

    def find(self, method: str, path: str) -> Found | None:
        """The most specific route. REST APIs forgive a trailing slash."""
        found = self._find(method, path)
        if found is None and self._rest and len(path) > 1 and path.endswith("/"):
            found = self._find(method, path[:-1])
        if found is None and self._default is not None:
            return Found(self._default, {}, False, None)
        return found

    def _find(self, method: str, path: str) -> Found | None:
        methods = self._fixed.get(path)
        if methods is not None:
            entry = methods.get(method) or methods.get("ANY")
            if entry is not None:
                return Found(entry.route, {}, entry.literal, entry.preflight)
        for entry in self._patterns:
            if entry.method in (method, "ANY"):
                match = entry.pattern.fullmatch(path)
                if match is not None:
                    values = map(unquote, match.groups())
                    parameters = dict(zip(entry.names, values, strict=True))
                    return Found(entry.route, parameters, entry.literal, entry.preflight)
        return None

    def _rank(self, entry: _Entry) -> tuple[bool, list[int], bool]:
        kinds = [_kind(segment) for segment in _segments(entry.route.path)]
        return not self._rest and _GREEDY in kinds, kinds, entry.method == "ANY"


def _preflights(entries: Iterable[_Entry]) -> list[_Entry]:
    """SAM gives each path of a REST API with CORS an OPTIONS method of its own, unless one is declared."""
    methods: dict[str, list[_Entry]] = {}
    for entry in entries:
        methods.setdefault(entry.route.path, []).append(entry)
    found = []
    for of_path in methods.values():
        names = {entry.method for entry in of_path}
        if "OPTIONS" not in names:
            allowed = _EVERY_METHOD if "ANY" in names else tuple(sorted(names | {"OPTIONS"}))
            found.append(of_path[0]._replace(method="OPTIONS", preflight=allowed))
    return found


def _entry(route: RouteConfig) -> _Entry:
    names: list[str] = []
    pattern = ""
    segments = _segments(route.path)
    for index, segment in enumerate(segments):
        pattern += "/"
        for part in re.split(r"(\{[^{}]*\})", segment):
            if part.startswith("{") and part.endswith("}") and len(part) > 2:
                greedy = part.endswith("+}")
                names.append(part[1:-2] if greedy else part[1:-1])
                # only the last segment can be greedy, on AWS as well
                pattern += "(.+)" if greedy and index == len(segments) - 1 else "([^/]+)"
            else:
                pattern += re.escape(part)
    return _Entry(route, route.method, re.compile(pattern, re.DOTALL), names, _kind(segments[0]) == _STATIC)


def _kind(segment: str) -> int:
    if segment.startswith("{") and segment.endswith("+}"):
        return _GREEDY
    return _PARAMETER if "{" in segment else _STATIC


def _segments(path: str) -> list[str]:
    return path.removeprefix("/").split("/")
