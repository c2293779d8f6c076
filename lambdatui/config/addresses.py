"""Which APIs a project has, and under which paths their routes answer. Pure: the front and every list agree by it."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote

from lambdatui.config.model import ApiConfig, Project, RouteConfig
from lambdatui.schema import RouteRow

API_PREFIX = "/_api/"
URL_PREFIX = "/_url/"
DEFAULT_ROUTE = "$default"
REST_STAGE = "Prod"


class ServedApi(NamedTuple):
    """An API with its routes. `declared`: the project says its settings; else they are defaults."""

    config: ApiConfig
    declared: bool
    routes: tuple[RouteConfig, ...]


def served_apis(project: Project) -> list[ServedApi]:
    """The APIs that have routes, in the order of their declaration; those without settings follow.

    Routes that name no API share one for each kind; each function URL is an API of its own.
    """
    configs: dict[tuple[str, str], ApiConfig] = {(api.kind, api.id): api for api in project.apis}
    grouped: dict[tuple[str, str], list[RouteConfig]] = {key: [] for key in configs}
    for route in project.routes:
        grouped.setdefault((route.kind, api_id(route)), []).append(route)
    found = []
    for key, routes in grouped.items():
        if routes:
            config = configs.get(key) or _undeclared(routes[0])
            found.append(ServedApi(config, key in configs, tuple(routes)))
    return found


def api_id(route: RouteConfig) -> str:
    """The id of the API that a route belongs to: a URL's is its function, that of routes without an API their kind."""
    return route.function if route.kind == "url" else route.api or route.kind


def _undeclared(route: RouteConfig) -> ApiConfig:
    stage = REST_STAGE if route.kind == "rest" else DEFAULT_ROUTE
    return ApiConfig(id=api_id(route), kind=route.kind, stage=stage)


def addresses(apis: list[ServedApi]) -> list[tuple[ServedApi, RouteConfig, str]]:
    """Every route once, with the path that always reaches it: the bare one, unless an API before it has that too."""
    taken: dict[tuple[str, str], str] = {}
    found = []
    for api in apis:
        if api.config.kind == "url":
            found.append((api, api.routes[0], f"{URL_PREFIX}{quote(api.config.id)}/"))
            continue
        for route in api.routes:
            path = "/" if route.path == DEFAULT_ROUTE else route.path
            first = taken.setdefault((route.method, route.path), api.config.id)
            if first != api.config.id:
                path = f"{API_PREFIX}{quote(api.config.id)}{path}"
            found.append((api, route, path))
    return found


def route_rows(project: Project, http_url: str) -> list[RouteRow]:
    """The routes as rows without traffic. `http_url`: where they answer, without a final slash."""
    return [
        RouteRow(
            id=route.id,
            function=route.function,
            api=route.kind,
            method=route.method,
            path=route.path,
            api_id=api.config.id,
            stage=api.config.stage if route.kind in ("rest", "http") else "",
            url=http_url.rstrip("/") + path,
            authorizer=route.authorizer,
        )
        for api, route, path in addresses(served_apis(project))
    ]
