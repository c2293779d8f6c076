"""Which API and which of its routes a request belongs to. Pure; compiled once for a configuration.

A path is looked up bare, under its API's stage or a base path, under `/_api/ID` and `/_url/FUNCTION`, and under hosts
of their own. A function URL listens to every path: what no API takes goes to the first of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple
from urllib.parse import unquote

from lambdatui.api.listener_rules import Rules
from lambdatui.api.path_table import Found, PathTable
from lambdatui.config.addresses import API_PREFIX, DEFAULT_ROUTE, URL_PREFIX, ServedApi, served_apis
from lambdatui.config.model import ApiConfig, Project, RouteConfig

LOCAL_SUFFIX = ".localhost"


class Asked(NamedTuple):
    """What of a request decides about its route. `path` and `query` are percent-encoded, header names lower-case."""

    method: str
    path: str
    host: str = "localhost"
    headers: Sequence[tuple[bytes, bytes]] = ()
    query: str = ""


class Match(NamedTuple):
    """A route, its path parameters (decoded), and the path behind `prefix` as it came, not decoded.

    `prefix` is what stands before the path on AWS: stage or base path ("/Prod", "/v1", ""). `preflight`: the methods
    that the REST API's own answer to OPTIONS allows; None: the route's function is asked.
    """

    api: Api
    route: RouteConfig
    parameters: dict[str, str]
    path: str
    prefix: str
    based: bool = False  # the prefix is a base path, which functions see as part of the path
    preflight: tuple[str, ...] | None = None


class Miss(NamedTuple):
    """No route. `api`: whose the request would have been, where it says so."""

    api: Api | None


class Api:
    """One API and its compiled routes."""

    def __init__(self, served: ServedApi) -> None:
        self.config: ApiConfig = served.config
        self.declared = served.declared
        self.id = served.config.id
        self.kind = served.config.kind
        self.authorizers = {authorizer.name: authorizer for authorizer in served.config.authorizers}
        self._url = served.routes[0] if self.kind == "url" else None
        self._rules = Rules(served.routes) if self.kind == "alb" else None
        self._paths = PathTable(served.routes, self.config) if self.kind in ("rest", "http") else None
        staged = self._paths is not None and self.config.stage != DEFAULT_ROUTE
        self._stage = f"/{self.config.stage}" if staged else ""
        bases = ("/" + base.strip("/") for base in self.config.base_paths)
        self._prefixes = [(base, True) for base in bases if len(base) > 1 and self._paths is not None]
        if staged:
            self._prefixes.append((self._stage, False))

    def find(self, asked: Asked) -> Match | None:
        """The route, where the request is known to be this API's."""
        return self.literal(asked) or self.prefixed(asked) or self.bare(asked)

    def literal(self, asked: Asked) -> Match | None:
        """The bare path's route, if that begins with a fixed segment."""
        found = self._look_up(asked, asked.path)
        return self._match(found, asked.path) if found and found.literal else None

    def prefixed(self, asked: Asked) -> Match | None:
        """The route of what follows the stage or a base path."""
        path = asked.path
        for prefix, based in self._prefixes:
            if path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in ("/", ""):
                rest = path[len(prefix) :] or "/"
                found = self._look_up(asked, rest)
                if found:
                    return self._match(found, rest)._replace(prefix=prefix, based=based)
        return None

    def bare(self, asked: Asked) -> Match | None:
        """The bare path's route, whatever it is."""
        found = self._look_up(asked, asked.path)
        return self._match(found, asked.path) if found else None

    def _look_up(self, asked: Asked, path: str) -> Found | None:
        if self._url is not None:
            return Found(self._url, {}, False, None)
        if self._rules is not None:
            return self._rules.find(asked.method, path, asked.host, asked.headers, asked.query)
        return self._paths.find(asked.method, path) if self._paths is not None else None

    def _match(self, found: Found, path: str) -> Match:
        return Match(self, found.route, found.parameters, path, self._stage, preflight=found.preflight)


class RouteTable:
    """Every API of one configuration."""

    def __init__(self, project: Project) -> None:
        apis = [Api(served) for served in served_apis(project)]
        self._apis = [api for api in apis if api.kind != "url"]
        self._urls = [api for api in apis if api.kind == "url"]
        self._by_id = _by_id(self._apis)
        self._url_by_id = _by_id(self._urls)
        kinds = {api.kind for api in apis}
        self.kind = next(iter(kinds)) if len(kinds) == 1 else "http"  # whose words a request gets that is nobody's

    def find(self, asked: Asked) -> Match | Miss:
        """The route of a request."""
        named = self._named(asked)
        if named is not None:
            api, asked = named
            return api.find(asked) or Miss(api)
        for api in self._apis:
            if match := api.literal(asked):
                return match
        for api in self._apis:
            if match := api.prefixed(asked):
                return match
        for api in (*self._apis, *self._urls[:1]):
            if match := api.bare(asked):
                return match
        return Miss(None)

    def preflighted(self, asked: Asked) -> Api | None:
        """The API that answers a preflight by itself: `asked` has the method that the browser is going to use."""
        found = self.find(asked)
        api = found.api
        if api is None:  # an HTTP API answers preflights of paths, too, that it does not have
            api = next((one for one in self._apis if one.kind == "http" and one.config.cors), None)
        return api if api is not None and api.kind in ("http", "url") and api.config.cors else None

    def _named(self, asked: Asked) -> tuple[Api, Asked] | None:
        """The API that host or path name, and what it is asked."""
        path = asked.path
        if path.startswith("/_"):
            for prefix, known in ((URL_PREFIX, self._url_by_id), (API_PREFIX, self._by_id)):
                if path.startswith(prefix):
                    name, _, rest = path[len(prefix) :].partition("/")
                    api = known.get(unquote(name).lower())
                    if api is not None:
                        return api, asked._replace(path="/" + rest)
        host = asked.host.partition(":")[0].lower()
        if host.endswith(LOCAL_SUFFIX):
            name, _, service = host.removesuffix(LOCAL_SUFFIX).partition(".")
            known = self._url_by_id if service.startswith("lambda-url") else self._by_id
            api = known.get(name)
            if api is not None:
                return api, asked
        return None


def _by_id(apis: Iterable[Api]) -> dict[str, Api]:
    """Hosts know no case; of two ids that differ in it alone the first is meant."""
    found: dict[str, Api] = {}
    for api in apis:
        found.setdefault(api.id.lower(), api)
    return found
