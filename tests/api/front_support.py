"""Projects with APIs, and requests to them that need no socket."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lambdatui.api.proxy_events import Request
from lambdatui.api.routes import Asked, Match, RouteTable
from lambdatui.config.model import ApiConfig, AuthorizerConfig, FunctionConfig, Project, RouteConfig
from tests.api.api_support import ACCOUNT

NOW_US = 1_790_000_000_000_000


def project(
    routes: list[RouteConfig], apis: list[ApiConfig] | None = None, functions: tuple[str, ...] = ("web",)
) -> Project:
    """A project of these routes; its functions have no code."""
    return Project(
        root="/p", name="shop", kind="sam", region="us-east-1", account=ACCOUNT, apis=tuple(apis or ()),
        routes=tuple(routes),
        functions=tuple(
            FunctionConfig(name=name, logical_id=name, handler="a.b", code_root=str(Path("/p"))) for name in functions
        ),
    )  # fmt: skip


def route(method: str, path: str, kind: Any = "http", **more: Any) -> RouteConfig:
    """A route to `web`, called as its method and path."""
    return RouteConfig(**{"id": f"{method} {path}", "function": "web", **more}, kind=kind, method=method, path=path)


def found(made: Project, method: str, path: str, **more: Any) -> Match | None:
    """The route of a request, None where there is none."""
    match = RouteTable(made).find(Asked(method, path, **more))
    return match if isinstance(match, Match) else None


def request(method: str = "GET", query: str = "", body: bytes = b"", **headers: str) -> Request:
    """A request with these headers; `_` in their names is `-`."""
    pairs = [(name.replace("_", "-").lower(), value) for name, value in {"host": "localhost:3000", **headers}.items()]
    return Request(
        method=method, query=query, headers=pairs, body=body, source_ip="127.0.0.1", protocol="HTTP/1.1",
        now_us=NOW_US, request_id="c6af9ac6-7b61-11e6-9a41-93e8deadbeef", account=ACCOUNT, region="us-east-1",
    )  # fmt: skip


def authorizer(kind: Any = "request", **more: Any) -> AuthorizerConfig:
    """`gate`, which asks the function `gate`."""
    return AuthorizerConfig(**{"name": "gate", "function": "gate", **more}, kind=kind)
