"""APIs behind the real server: what reaches functions, what comes back, and what is said about it."""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import string
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdatui.api.aws.call import Door
from lambdatui.api.front import Front
from lambdatui.config.model import ApiConfig, CorsConfig
from tests.api.api_support import Running
from tests.api.front_support import authorizer, project, route
from tests.api.test_guards import ask

CORS = CorsConfig(allow_origins=("https://shop.example",), allow_methods=("*",), allow_headers=("x-a",))
PUBLIC = CorsConfig(allow_origins=("*",))
GATE = authorizer("token", identity=("header.Authorization",))
APIS = [
    ApiConfig(
        id="Rest", kind="rest", stage="Prod", stage_variables={"tenant": "blue"}, cors=PUBLIC,
        binary_types=("image/*",), authorizers=(GATE,),
    ),
    ApiConfig(id="Http", kind="http", stage="dev", cors=CORS),
    ApiConfig(id="Alb", kind="alb"),
    ApiConfig(id="page", kind="url", cors=PUBLIC),
]  # fmt: skip
ROUTES = [
    route("ANY", "/rest/{id}", "rest", api="Rest"),
    route("GET", "/closed", "rest", api="Rest", authorizer="gate"),
    route("GET", "/mocked", "rest", api="Rest", function="", refused="a MOCK integration: not served"),
    route("GET", "/slow", "rest", api="Rest", function="slow"),
    route("GET", "/lost", "rest", api="Rest", function="gone"),
    route("ANY", "/http/{id}", api="Http"),
    route("GET", "/old", api="Http", payload="1.0"),
    route("ANY", "/alb/*", "alb", api="Alb", priority=1),
    route("ANY", "/many/*", "alb", api="Alb", priority=2, multi_value=True),
    route("ANY", "$default", "url", function="page"),
]


WEB: dict[str, Any] = {}


@pytest.fixture
def web() -> Iterator[dict[str, Any]]:
    """`web["answer"]` is what the function returns; without it, its event as a JSON body."""
    WEB.clear()
    yield WEB
    WEB.clear()


@pytest.fixture(scope="module")
def apis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    def web(event: Any) -> Any:
        return WEB["answer"] if "answer" in WEB else {"statusCode": 200, "body": json.dumps(event)}

    async def slow(event: Any) -> Any:
        await asyncio.sleep(0.2)
        return {"statusCode": 200}

    def gate(event: Any) -> Any:
        effect = "Allow" if event["authorizationToken"] == "yes" else "Deny"
        statement = {"Effect": effect, "Action": "execute-api:Invoke", "Resource": event["methodArn"]}
        return {"principalId": "ann", "policyDocument": {"Statement": [statement]}, "context": {"n": 1}}

    root: Path = tmp_path_factory.mktemp("apis")
    handlers: dict[str, Callable[[Any], Any]] = {"web": web, "page": web, "slow": slow, "gate": gate}
    running = Running(root / ".lambdatui", project(ROUTES, APIS, tuple(handlers)), handlers)
    yield running
    running.close()


def event_of(apis: Running, method: str, path: str, body: bytes = b"", **headers: str) -> dict[str, Any]:
    status, text, _ = ask(apis.http_port, method, path, body, **headers)
    assert status == 200, text
    return json.loads(text)


def told(apis: Running) -> list[str]:
    """What was said to the functions' logs, and what of it began a burst among what happened."""
    lines, _ = apis.telemetry.logs.after(0)
    return [line.message for line in lines] + [each.message for each in apis.telemetry.happenings_after(0)]


def test_a_rest_event_knows_its_stage_and_variables(apis: Running, web: dict[str, Any]) -> None:
    for path in ("/rest/1", "/Prod/rest/1", "/_api/Rest/rest/1"):
        event = event_of(apis, "GET", path, X_Api_Key="k")
        context = event["requestContext"]
        assert (event["path"], context["path"], context["stage"]) == ("/rest/1", "/Prod/rest/1", "Prod")
        assert (event["stageVariables"], context["apiId"]) == ({"tenant": "blue"}, "Rest")
        assert context["identity"]["apiKey"] == "k"
        assert event["headers"]["X-Forwarded-Proto"] == "http"
        assert event["headers"]["X-Amzn-Trace-Id"].startswith("Root=1-")


def test_a_functions_own_request_to_a_route_belongs_to_its_trace(apis: Running, web: dict[str, Any]) -> None:
    root = "1-65f0c0de-0123456789abcdef01234567"
    event = event_of(apis, "GET", "/rest/1", X_Amzn_Trace_Id=f"Root={root};Parent=0123456789abcdef;Sampled=0")
    assert event["headers"]["X-Amzn-Trace-Id"].startswith(f"Root={root};")
    assert apis.engine.requests[-1].trace_root == root
    made = event_of(apis, "GET", "/rest/1")["headers"]["X-Amzn-Trace-Id"]
    assert made == f"Root={apis.engine.requests[-1].trace_root}"


def test_an_http_events_paths_have_the_stage(apis: Running, web: dict[str, Any]) -> None:
    event = event_of(apis, "GET", "/http/1?a=1&a=2", X_Forwarded_For="1.2.3.4")
    assert (event["rawPath"], event["requestContext"]["http"]["path"]) == ("/dev/http/1", "/dev/http/1")
    assert event["queryStringParameters"] == {"a": "1,2"}
    assert event["headers"]["x-forwarded-for"] == "1.2.3.4, 127.0.0.1"
    old = event_of(apis, "GET", "/old")
    assert (old["version"], old["resource"], old["path"]) == ("1.0", "/old", "/dev/old")
    assert old["requestContext"]["resourcePath"] == "GET /old"


def test_a_load_balancers_event_is_raw(apis: Running, web: dict[str, Any]) -> None:
    event = event_of(apis, "GET", "/alb/a%20b?x=%20&x=2")
    assert event["path"] == "/alb/a%20b"
    assert event["queryStringParameters"] == {"x": "2"}
    assert (event["body"], event["isBase64Encoded"]) == ("", False)
    assert event["headers"]["x-forwarded-proto"] == "http"
    assert ":targetgroup/web/" in event["requestContext"]["elb"]["targetGroupArn"]
    assert "pathParameters" not in event
    many = event_of(apis, "POST", "/many/x?x=%20&x=2", b"\xff", Content_Type="image/png")
    assert many["multiValueQueryStringParameters"] == {"x": ["%20", "2"]}
    assert many["multiValueHeaders"]["content-type"] == ["image/png"]
    assert (base64.b64decode(many["body"]), many["isBase64Encoded"]) == (b"\xff", True)


def test_a_load_balancer_reads_the_headers_that_its_target_group_asks_for(apis: Running, web: dict[str, Any]) -> None:
    web["answer"] = {"statusCode": 200, "headers": {"x-a": "1"}, "multiValueHeaders": {"x-b": ["2", "3"]}, "body": "x"}
    single = ask(apis.http_port, "GET", "/alb/1")[2]
    several = ask(apis.http_port, "GET", "/many/1")[2]
    assert (single["x-a"], single["x-b"]) == ("1", None)
    assert (several["x-a"], several.get_all("x-b")) == (None, ["2", "3"])


def test_rest_bodies_are_binary_where_the_api_says_so(apis: Running, web: dict[str, Any]) -> None:
    png = event_of(apis, "POST", "/rest/1", b"\x89PNG", Content_Type="image/png")
    assert (base64.b64decode(png["body"]), png["isBase64Encoded"]) == (b"\x89PNG", True)
    text = event_of(apis, "POST", "/rest/1", b"\xffx", Content_Type="application/pdf")
    assert (text["body"], text["isBase64Encoded"]) == ("\ufffdx", False)
    encoded = base64.b64encode(b"\x00\x01").decode()
    web["answer"] = {"statusCode": 200, "body": encoded, "isBase64Encoded": True}
    assert ask(apis.http_port, "GET", "/rest/1", Accept="image/png,*/*")[1] == b"\x00\x01"
    assert ask(apis.http_port, "GET", "/rest/1", Accept="text/html,image/png")[1] == encoded.encode()
    assert ask(apis.http_port, "GET", "/http/1")[1] == b"\x00\x01"


def test_preflights_and_the_headers_of_answers(apis: Running, web: dict[str, Any]) -> None:
    web["answer"] = {"statusCode": 200, "headers": {"Access-Control-Allow-Origin": "https://own"}, "body": ""}
    browser = {"Origin": "https://shop.example", "Access_Control_Request_Method": "PUT"}
    status, body, headers = ask(apis.http_port, "OPTIONS", "/http/1", **browser)
    assert (status, body, headers["access-control-allow-headers"]) == (204, b"", "x-a")
    assert ask(apis.http_port, "OPTIONS", "/nowhere", **browser)[2]["access-control-allow-origin"] == "*", "the URL's"
    assert ask(apis.http_port, "OPTIONS", "/_api/Http/nowhere", **browser)[0] == 204
    answered = ask(apis.http_port, "GET", "/http/1", Origin="https://shop.example")[2]
    assert answered["access-control-allow-origin"] == "https://shop.example"
    other = ask(apis.http_port, "GET", "/http/1", Origin="https://other.example")[2]
    assert other["access-control-allow-origin"] is None
    status, body, headers = ask(apis.http_port, "OPTIONS", "/closed")
    assert (status, body, headers["access-control-allow-methods"]) == (200, b"{}\n", "GET,OPTIONS")
    assert ask(apis.http_port, "GET", "/rest/1")[2]["access-control-allow-origin"] == "https://own"


def test_an_authorizer_stands_before_its_route(apis: Running, web: dict[str, Any]) -> None:
    assert ask(apis.http_port, "GET", "/closed")[:2] == (401, b'{"message":"Unauthorized"}')
    status, body, headers = ask(apis.http_port, "GET", "/closed", Authorization="no")
    assert status == 403
    assert b"with an explicit deny" in body
    assert headers["x-amzn-errortype"] == "AccessDeniedException"
    event = event_of(apis, "GET", "/closed", Authorization="yes")
    assert event["requestContext"]["authorizer"].items() >= {"principalId": "ann", "n": "1"}.items()
    sources = {asked.source for asked in apis.engine.requests if asked.function == "gate"}
    assert sources == {"http"}


def test_what_was_wrong_with_a_result_is_said_beside_awss_answer(apis: Running, web: dict[str, Any]) -> None:
    web["answer"] = {"body": "x"}
    status, body, headers = ask(apis.http_port, "GET", "/rest/9")
    assert (status, body) == (502, b'{"message": "Internal server error"}')
    assert headers["x-amzn-errortype"] == "InternalServerErrorException"
    sentence = 'GET /rest/9: the result has no statusCode: a REST API needs {"statusCode": 200, "body": "text"}'
    assert any(message.startswith(f"{sentence}; answered 502") for message in told(apis))
    assert ask(apis.http_port, "GET", "/alb/1")[0] == 502
    assert ask(apis.http_port, "GET", "/old")[0] == 500, "payload 1.0 needs a statusCode on HTTP APIs, too"
    assert ask(apis.http_port, "GET", "/http/1")[:2] == (200, b'{"body": "x"}')


def test_a_refused_route_says_why(apis: Running) -> None:
    status, body, headers = ask(apis.http_port, "GET", "/mocked")
    assert (status, body) == (500, b'{"message": "Internal server error"}')
    assert headers["x-lambdatui"] == "a MOCK integration: not served"
    assert "GET /mocked: a MOCK integration: not served; answered 500" in told(apis)
    assert ask(apis.http_port, "GET", "/lost")[0] == 502


def test_unknown_routes_have_awss_words_and_a_hint(apis: Running) -> None:
    for path, status, body in (
        ("/_api/Rest/no", 403, b'{"message":"Missing Authentication Token"}'),
        ("/_api/Http/no", 404, b'{"message":"Not Found"}'),
        ("/_api/Alb/no", 404, b"Not Found"),
    ):
        answer = ask(apis.http_port, "GET", path)
        assert answer[:2] == (status, body)
        assert answer[2]["x-lambdatui"] == f"no route GET {path}; `lambdatui routes` lists them"


def test_request_ids_are_where_aws_has_them(apis: Running, web: dict[str, Any]) -> None:
    rest, http_, url = (ask(apis.http_port, "GET", path)[2] for path in ("/rest/1", "/http/1", "/_url/page/"))
    assert rest["x-amzn-requestid"]
    assert rest["x-amz-apigw-id"]
    assert http_["apigw-requestid"]
    assert url["x-amzn-requestid"]
    web["answer"] = {"statusCode": 401, "headers": {"WWW-Authenticate": "Basic", "Server": "mine"}}
    rest = ask(apis.http_port, "GET", "/rest/1")[2]
    assert (rest["x-amzn-remapped-www-authenticate"], rest["www-authenticate"]) == ("Basic", None)
    assert ask(apis.http_port, "GET", "/http/1")[2]["www-authenticate"] == "Basic"


async def _asked(apis: Running, path: bytes, limit_s: float) -> list[Any]:
    """What the front with this limit on integrations sends for a GET."""
    door = Door(apis.engine, apis.sources, apis.servers[0]._config.app._door.settings)  # type: ignore[union-attr]
    front = Front(door, limits_s={"rest": limit_s, "http": limit_s, "url": None, "alb": None})
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "raw_path": path, "query_string": b"", "headers": []}
    await front.serve(scope, receive, send)
    return sent


def test_an_api_waits_only_so_long(apis: Running) -> None:
    """The integration's limit, shortened; the invocation itself goes on."""
    sent = apis.run(_asked(apis, b"/slow", 0.01))
    assert (sent[0]["status"], sent[1]["body"]) == (504, b'{"message": "Endpoint request timed out"}')
    assert any("longer than the 0.01 s" in message for message in told(apis))


def test_an_api_does_not_count_the_time_that_packages_take(apis: Running) -> None:
    """On AWS they are there: a first request that came during an installation would be a 504 for nothing."""

    async def scenario() -> list[Any]:
        apis.engine.installing = asyncio.Event()
        asyncio.get_running_loop().call_later(0.6, apis.engine.installing.set)
        try:
            return await _asked(apis, b"/rest/1", 0.5)
        finally:
            apis.engine.installing = None

    assert apis.run(scenario())[0]["status"] == 200


def test_rows_have_address_traffic_and_last_status(apis: Running, web: dict[str, Any]) -> None:
    def row() -> Any:
        return next(row for row in apis.sources.snapshot().routes if row.path == "/http/{id}")

    before = row()
    ask(apis.http_port, "GET", "/http/1")
    web["answer"] = {"statusCode": 503}
    ask(apis.http_port, "GET", "/http/1")
    after = row()
    assert (after.requests - before.requests, after.errors - before.errors, after.last_status) == (2, 1, 503)
    assert (after.api_id, after.stage) == ("Http", "dev")
    assert after.url.endswith("/http/{id}")


PIECES = st.sampled_from(
    ["rest", "http", "alb", "_api", "_url", "Rest", "Prod", "page", "%", "%2F", "%ff", "..", "{id}", ""]
)
TOKENS = st.text(alphabet=string.ascii_letters + string.digits + "-_.*?[%=&;,\"' ", max_size=12)


@given(
    st.sampled_from(["GET", "OPTIONS", "POST", "HEAD", "DELETE"]),
    st.lists(PIECES, max_size=4).map(lambda parts: "/" + "/".join(parts)),
    st.text(alphabet="ab=&%+;[]", max_size=12),
    st.dictionaries(
        st.sampled_from(["Origin", "Access-Control-Request-Method", "Cookie", "Content-Type", "Accept", "Host",
                         "Authorization", "X-Forwarded-For"]), TOKENS, max_size=4,
    ),
    st.binary(max_size=40),
)  # fmt: skip
def test_every_request_gets_an_answer_that_http_can_carry(
    apis: Running, method: str, path: str, query: str, headers: dict[str, str], body: bytes
) -> None:
    WEB.clear()
    if not headers.get("Host", "").endswith(".localhost"):
        headers = {**headers, "Host": "localhost"}
    connection = http.client.HTTPConnection("127.0.0.1", apis.http_port, timeout=60)
    connection.request(method, f"{path}?{query}" if query else path, body, headers)
    answer = connection.getresponse()
    assert 200 <= answer.status < 500 or answer.status == 502
    answer.read()
    connection.close()


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["statusCode", "headers", "body", "cookies", "multiValueHeaders", "isBase64Encoded", "ü"]
                ),
                inner,
                max_size=5,
            )
        ),
        max_leaves=8,
    )
)
def test_every_result_becomes_an_answer(apis: Running, answer: Any) -> None:
    WEB["answer"] = answer
    for path in ("/rest/1", "/http/1", "/old", "/alb/1", "/many/1", "/_url/page/"):
        assert 200 <= ask(apis.http_port, "GET", path)[0] <= 599
    WEB.clear()


def test_a_load_balancer_takes_and_gives_one_megabyte(apis: Running, web: dict[str, Any]) -> None:
    assert ask(apis.http_port, "POST", "/alb/1", b"x" * (1024 * 1024 + 1))[0] == 413
    web["answer"] = {"statusCode": 200, "body": "x" * (1024 * 1024 + 1)}
    assert ask(apis.http_port, "GET", "/alb/1")[0] == 502
    assert any("a load balancer takes at most 1 MB" in message for message in told(apis))
    assert ask(apis.http_port, "GET", "/rest/1")[0] == 200


def test_a_changed_configuration_forgets_what_authorizers_said(apis: Running, web: dict[str, Any]) -> None:
    def asked() -> int:
        return sum(each.function == "gate" for each in apis.engine.requests)

    event_of(apis, "GET", "/closed", Authorization="yes")
    before = asked()
    event_of(apis, "GET", "/closed", Authorization="yes")
    assert asked() == before
    apis.engine.project = project(ROUTES, APIS, ("web", "page", "slow", "gate"))
    event_of(apis, "GET", "/closed", Authorization="yes")
    assert asked() == before + 1


def test_a_route_invokes_the_alias_that_it_names(apis: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, find = apis.engine.project, apis.engine.function
    asked: list[str | None] = []
    monkeypatch.setattr(apis.engine, "function", lambda name, qualifier=None: asked.append(qualifier) or find(name))
    aliased = route("GET", "/live", "rest", api="Rest", qualifier="live")
    monkeypatch.setattr(apis.engine, "project", msgspec.structs.replace(whole, routes=(aliased,)))
    assert ask(apis.http_port, "GET", "/live")[0] == 200
    assert (asked[-1], apis.engine.requests[-1].qualifier) == ("live", "live")
