"""Which API and which route a request belongs to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdatui.api.path_table import PathTable
from lambdatui.api.routes import Asked, Miss, RouteTable
from lambdatui.config.addresses import addresses, route_rows, served_apis
from lambdatui.config.model import ApiConfig, CorsConfig, RouteConfig
from tests.api.front_support import found, project, route


def path_of(made: object, method: str, path: str, **more: object) -> str | None:
    match = found(made, method, path, **more)  # type: ignore[arg-type]
    return None if match is None else f"{match.route.method} {match.route.path}"


def test_an_http_api_takes_a_full_match_then_greedy_then_default() -> None:
    """The example of AWS's own page on routes."""
    made = project(
        [
            route("ANY", "$default"),
            route("ANY", "/{proxy+}"),
            route("GET", "/pets/{proxy+}"),
            route("GET", "/{kind}/dog"),
            route("GET", "/pets/dog/1"),
            route("GET", "/pets/dog/{id}"),
        ]
    )
    assert path_of(made, "GET", "/pets/dog/1") == "GET /pets/dog/1"
    assert path_of(made, "GET", "/pets/dog/2") == "GET /pets/dog/{id}"
    assert path_of(made, "GET", "/pets/dog") == "GET /{kind}/dog"
    assert path_of(made, "GET", "/pets/cat/1") == "GET /pets/{proxy+}"
    assert path_of(made, "POST", "/pets/dog/1") == "ANY /{proxy+}"
    assert path_of(made, "POST", "/") == "ANY $default"


def test_a_rest_api_goes_segment_by_segment_and_forgives_a_slash() -> None:
    made = project(
        [
            route("GET", "/{kind}/dog", "rest"),
            route("GET", "/pets/{proxy+}", "rest"),
            route("OPTIONS", "/{proxy+}", "rest"),
            route("GET", "/Case", "rest"),
        ]
    )
    assert path_of(made, "GET", "/pets/dog") == "GET /pets/{proxy+}"
    assert path_of(made, "GET", "/cats/dog/") == "GET /{kind}/dog"
    assert path_of(made, "OPTIONS", "/pets/dog") == "OPTIONS /{proxy+}", "the path that has the method"
    assert path_of(made, "GET", "/case") is None
    assert path_of(project([route("GET", "/a")]), "GET", "/a/") is None, "an HTTP API does not"


def test_a_method_goes_before_any() -> None:
    made = project([route("ANY", "/a/{id}"), route("GET", "/a/{id}")])
    assert path_of(made, "GET", "/a/1") == "GET /a/{id}"
    assert path_of(made, "PUT", "/a/1") == "ANY /a/{id}"


APIS = [
    ApiConfig(id="Shop", kind="rest", stage="Prod", base_paths=("v1", "v1/shop")),
    ApiConfig(id="Admin", kind="http", stage="dev"),
]


@pytest.mark.parametrize(
    ("path", "host", "api", "prefix", "inner"),
    [
        ("/hello", "localhost", "Shop", "/Prod", "/hello"),
        ("/Prod/hello", "localhost", "Shop", "/Prod", "/hello"),
        ("/v1/hello", "localhost", "Shop", "/v1", "/hello"),
        ("/v1/shop/hello", "localhost", "Shop", "/v1/shop", "/hello"),
        ("/_api/Shop/hello", "localhost", "Shop", "/Prod", "/hello"),
        ("/_api/Shop/Prod/hello", "localhost", "Shop", "/Prod", "/hello"),
        ("/hello", "shop.localhost:3000", "Shop", "/Prod", "/hello"),
        ("/Prod/hello", "Shop.execute-api.localhost", "Shop", "/Prod", "/hello"),
        ("/dev/hello", "localhost", "Admin", "/dev", "/hello"),
        ("/_api/Admin/hello", "localhost", "Admin", "/dev", "/hello"),
        ("/hello", "admin.execute-api.us-east-1.localhost:3000", "Admin", "/dev", "/hello"),
        ("/dev", "localhost", "Admin", "/dev", "/"),
        ("/x/y", "localhost", "page", "", "/x/y"),
        ("/_url/page/hello", "localhost", "page", "", "/hello"),
        ("/hello", "page.lambda-url.localhost:3000", "page", "", "/hello"),
    ],
)
def test_every_api_has_its_stage_its_base_paths_and_addresses_of_its_own(
    path: str, host: str, api: str, prefix: str, inner: str
) -> None:
    routes = [
        route("GET", "/hello", "rest", api="Shop"),
        route("GET", "/hello", api="Admin"),
        route("GET", "/", api="Admin"),
        route("ANY", "$default", "url", function="page"),
    ]
    match = found(project(routes, APIS), "GET", path, host=host)
    assert match is not None
    assert (match.api.id, match.prefix, match.path) == (api, prefix, inner)


def test_fixed_paths_win_over_stages_and_stages_over_catch_alls() -> None:
    routes = [
        route("ANY", "/{proxy+}", "rest", api="Shop"),
        route("GET", "/dev/tools", "rest", api="Shop"),
        route("GET", "/hello", api="Admin"),
        route("GET", "/tools", api="Admin"),
    ]
    made = project(routes, APIS)
    assert found(made, "GET", "/dev/tools").api.id == "Shop"  # type: ignore[union-attr]
    assert found(made, "GET", "/dev/hello").api.id == "Admin"  # type: ignore[union-attr]
    assert found(made, "GET", "/hello").api.id == "Admin"  # type: ignore[union-attr]
    assert found(made, "GET", "/else").api.id == "Shop"  # type: ignore[union-attr]
    assert found(made, "GET", "/developer").api.id == "Shop"  # type: ignore[union-attr]


def test_a_request_at_an_apis_own_address_is_nobody_elses() -> None:
    routes = [route("GET", "/a", "rest", api="Shop"), route("GET", "/b", api="Admin")]
    table = RouteTable(project(routes, APIS))
    missed = table.find(Asked("GET", "/_api/Shop/b"))
    assert isinstance(missed, Miss)
    assert missed.api is not None
    assert missed.api.kind == "rest"
    assert table.find(Asked("GET", "/_api/Nobody/b")) == Miss(None)


def test_sams_preflights_are_routes_of_their_own_on_each_path() -> None:
    api = ApiConfig(id="Shop", kind="rest", stage="Prod", cors=CorsConfig(allow_origins=("*",)))
    made = project(
        [
            route("GET", "/a", "rest", api="Shop"),
            route("POST", "/a", "rest", api="Shop"),
            route("ANY", "/any/{proxy+}", "rest", api="Shop"),
            route("OPTIONS", "/own", "rest", api="Shop"),
        ],
        [api],
    )
    assert found(made, "OPTIONS", "/a").preflight == ("GET", "OPTIONS", "POST")  # type: ignore[union-attr]
    assert "PATCH" in (found(made, "OPTIONS", "/any/x").preflight or ())  # type: ignore[union-attr]
    assert found(made, "OPTIONS", "/own").preflight is None  # type: ignore[union-attr]
    assert found(made, "GET", "/any/x").preflight is None  # type: ignore[union-attr]


def test_listener_rules_go_by_priority_and_all_their_conditions() -> None:
    made = project(
        [
            route("ANY", "*", "alb", id="rest", priority=50),
            route("ANY", "/img/*.p?g", "alb", id="images", priority=3),
            route("POST", "/img/*", "alb", id="upload", priority=2),
            route("ANY", "/x", "alb", id="beta", priority=1, headers={"X-Beta": ("on", "y*")}),
            route("ANY", "/x", "alb", id="asked", priority=4, query=(("v", "2*"), ("", "any"))),
            route("ANY", "/x", "alb", id="host", priority=5, hosts=("*.shop.example",)),
        ]
    )

    def rule(method: str, path: str, **more: object) -> str | None:
        match = found(made, method, path, **more)
        return match.route.id if match else None

    assert rule("GET", "/img/a/b.png") == "images"
    assert rule("GET", "/img/a.jpeg") == "rest"
    assert rule("POST", "/img/a.png") == "upload"
    assert rule("GET", "/x", headers=[(b"x-beta", b"YES")]) == "beta"
    assert rule("GET", "/x", query="v=21") == "asked"
    assert rule("GET", "/x", query="q=any") == "asked"
    assert rule("GET", "/x", host="api.shop.example:80") == "host"
    assert rule("GET", "/x", host="shop.example") == "rest"
    assert rule("GET", "/x") == "host", "nobody has the real host on this machine"


def test_routes_have_the_address_that_always_reaches_them() -> None:
    routes = [
        route("GET", "/hello", "rest", api="Shop", authorizer="gate"),
        route("GET", "/hello", api="Admin"),
        route("ANY", "$default", api="Admin"),
        route("ANY", "$default", "url", function="my page"),
        route("GET", "/free"),
    ]
    made = project(routes, APIS)
    rows = {(row.api_id, row.path): row for row in route_rows(made, "http://h:1/")}
    assert rows["Shop", "/hello"].url == "http://h:1/hello"
    assert (rows["Shop", "/hello"].stage, rows["Shop", "/hello"].authorizer) == ("Prod", "gate")
    assert rows["Admin", "/hello"].url == "http://h:1/_api/Admin/hello"
    assert rows["Admin", "$default"].url == "http://h:1/"
    assert rows["my page", "$default"].url == "http://h:1/_url/my%20page/"
    assert rows["http", "/free"].url == "http://h:1/free"
    for api, one, path in addresses(served_apis(made)):
        match = found(made, "GET" if one.method == "ANY" else one.method, path)
        assert match is not None
        assert (match.api.id, match.route) == (api.config.id, one)


# --- against the rules as they are written, tried one after the other

SEGMENTS = st.sampled_from(["a", "b", "{x}", "{y}"])
ENDS = st.sampled_from(["", "/{rest+}"])
PATHS = st.builds(lambda parts, end: ("/" + "/".join(parts)) + end, st.lists(SEGMENTS, min_size=1, max_size=3), ENDS)
ROUTES = st.lists(st.tuples(st.sampled_from(["GET", "POST", "ANY"]), PATHS), min_size=1, max_size=8)
ASKED = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))


def holds(one: RouteConfig, method: str, path: str) -> bool:
    """Whether a route takes a request, segment by segment."""
    if one.method not in ("ANY", method):
        return False
    wanted, given_ = one.path[1:].split("/"), path[1:].split("/")
    if wanted[-1] == "{rest+}":
        wanted = wanted[:-1]
        if len(given_) <= len(wanted):
            return False
        given_ = given_[: len(wanted)]
    return len(wanted) == len(given_) and all(w.startswith("{") or w == g for w, g in zip(wanted, given_, strict=True))


def better(kind: str, one: RouteConfig, other: RouteConfig) -> bool:
    """Whether AWS prefers `one`, both of which take the request."""

    def score(r: RouteConfig) -> tuple[int, list[int], int]:
        kinds = [2 if part.endswith("+}") else int(part.startswith("{")) for part in r.path[1:].split("/")]
        return (int(kind == "http" and 2 in kinds), kinds, int(r.method == "ANY"))

    return score(one) < score(other)


@given(ROUTES, st.sampled_from(["GET", "POST", "PUT"]), ASKED, st.sampled_from(["rest", "http"]))
def test_the_table_finds_what_trying_all_routes_finds(
    declared: list[tuple[str, str]], method: str, path: str, kind: str
) -> None:
    routes = tuple(route(m, p, kind, id=str(i)) for i, (m, p) in enumerate(declared))
    best: RouteConfig | None = None
    for one in routes:
        if holds(one, method, path) and (best is None or better(kind, one, best)):
            best = one
    table = PathTable(routes, ApiConfig(id="x", kind=kind))  # type: ignore[arg-type]
    hit = table.find(method, path)
    assert (hit.route if hit else None) == best


def test_a_listener_rule_of_many_stars_comes_to_an_end() -> None:
    made = project([route("ANY", "/" + "*a" * 30 + "*b", "alb", id="stars", priority=1)])
    assert found(made, "GET", "/" + "a" * 3_000) is None
    assert found(made, "GET", "/" + "xa" * 40 + "b") is not None
