"""Lambda authorizers: what they are asked, how their answers are read, and how long those are kept."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdatui.api import authorizers
from lambdatui.api.authorize import KEPT, Gatekeeper, Passed, Refused
from lambdatui.api.authorizers import AuthorizerError, decide, identity, question, verdict
from lambdatui.config.model import ApiConfig, AuthorizerConfig
from lambdatui.engine.model import InvokeRequest, InvokeResult
from tests.api.api_support import ACCOUNT
from tests.api.front_support import authorizer, found, project, request, route

TOKEN = authorizer("token", identity=("header.Authorization",))
ARN = f"arn:aws:execute-api:us-east-1:{ACCOUNT}:A/Prod/GET/pets/1"


def matched(config: AuthorizerConfig, kind: Any = "rest", stage: str = "Prod") -> Any:
    api = ApiConfig(
        id="A", kind=kind, stage=stage, stage_variables={"tenant": "blue"}, authorizers=(config,)
    )  # fmt: skip
    return found(project([route("GET", "/pets/{id}", kind, api="A", authorizer="gate")], [api]), "GET", "/pets/1")


def policy(effect: str = "Allow", resource: Any = "*", action: Any = "execute-api:Invoke") -> dict[str, Any]:
    statement = {"Effect": effect, "Action": action, "Resource": resource}
    return {"principalId": "me", "policyDocument": {"Version": "2012-10-17", "Statement": [statement]}}


def read(answer: Any, config: AuthorizerConfig = TOKEN, kind: Any = "rest") -> authorizers.Verdict:
    return verdict(config, kind, json.dumps(answer).encode())


def test_identity_comes_from_headers_query_stage_variables_and_context() -> None:
    sources = ("header.X-User", "querystring.t", "stageVariables.tenant", "context.identity.sourceIp")
    config = authorizer(identity=sources)
    match = matched(config)
    assert identity(config, request(query="t=1", x_user="ann"), match) == ["ann", "1", "blue", "127.0.0.1"]
    assert identity(config, request(query="t=1"), match) is None
    assert identity(config, request(query="t=", x_user="ann"), match) is None
    config_2 = authorizer(identity=("context.http.method",))
    assert identity(config_2, request(), matched(config_2, "http")) == ["GET"]


def test_a_token_has_to_have_the_form_that_the_api_asks_for() -> None:
    config = msgspec.structs.replace(TOKEN, validation="Bearer [a-z]+")
    assert identity(config, request(authorization="Bearer abc"), matched(config)) == ["Bearer abc"]
    assert identity(config, request(authorization="Bearer abc1"), matched(config)) is None


def test_a_token_authorizer_gets_the_token_alone() -> None:
    made = question(TOKEN, request(authorization="t"), matched(TOKEN), ["t"])
    assert made == {"type": "TOKEN", "methodArn": ARN, "authorizationToken": "t"}


def test_a_request_authorizer_gets_the_request_without_its_body() -> None:
    config = authorizer(identity=("header.A",))
    made = question(config, request(a="1", query="q=1"), matched(config), ["1"])
    assert (made["type"], made["methodArn"], made["path"], made["resource"]) == (
        "REQUEST",
        ARN,
        "/pets/1",
        "/pets/{id}",
    )
    assert made["multiValueQueryStringParameters"] == {"q": ["1"]}
    assert not {"body", "isBase64Encoded", "version", "identitySource"} & made.keys()
    old = question(config, request(a="1"), matched(config, "http", "$default"), ["1", "2"])
    assert (old["version"], old["identitySource"], old["authorizationToken"]) == ("1.0", "1,2", "1,2")
    new_config = msgspec.structs.replace(config, payload="2.0")
    new = question(new_config, request(a="1"), matched(new_config, "http", "$default"), ["1"])
    assert (new["version"], new["type"], new["identitySource"]) == ("2.0", "REQUEST", ["1"])
    assert new["routeArn"] == f"arn:aws:execute-api:us-east-1:{ACCOUNT}:A/$default/GET/pets/1"
    assert new["routeKey"] == "GET /pets/{id}"
    assert "body" not in new


@pytest.mark.parametrize(
    ("answer", "refusal"),
    [
        (policy(), None),
        (policy(resource=ARN), None),
        (policy(resource=[f"{ARN}0", "arn:aws:execute-api:*:*:A/Prod/GET/pets/?"]), None),
        (policy(action="execute-api:*"), None),
        (policy(resource=ARN.replace("GET", "PUT")), authorizers.IMPLICIT_DENY),
        (policy(action="execute-api:ManageConnections"), authorizers.IMPLICIT_DENY),
        (policy("Deny"), authorizers.EXPLICIT_DENY),
        (policy("Deny", resource=f"{ARN}/no"), authorizers.IMPLICIT_DENY),
    ],
)
def test_a_policy_is_compared_with_each_request(answer: Any, refusal: Any) -> None:
    assert decide("rest", read(answer), ARN) == refusal
    assert decide("http", read(answer), ARN) == (refusal and authorizers.FORBIDDEN)


def test_an_explicit_deny_wins() -> None:
    answer = policy()
    answer["policyDocument"]["Statement"] += policy("Deny", f"{ARN[:-1]}*")["policyDocument"]["Statement"]
    assert decide("rest", read(answer), ARN) == authorizers.EXPLICIT_DENY


def test_context_is_handed_on_as_text() -> None:
    got = read(policy() | {"context": {"n": 1, "b": True, "s": "x", "none": None}, "usageIdentifierKey": "key"})
    assert got.context == {"principalId": "me", "n": "1", "b": "true", "s": "x", "none": None}
    assert got.usage_key == "key"
    with pytest.raises(AuthorizerError, match=r"context\.deep"):
        read(policy() | {"context": {"deep": {}}})


def test_simple_responses() -> None:
    config = authorizer(payload="2.0", simple_responses=True)
    got = read({"isAuthorized": True, "context": {"deep": {"a": [1]}}}, config, "http")
    assert decide("http", got, ARN) is None
    assert got.context == {"lambda": {"deep": {"a": [1]}}}
    assert decide("http", read({"isAuthorized": False}, config, "http"), ARN) == authorizers.FORBIDDEN
    with pytest.raises(AuthorizerError, match="isAuthorized"):
        read(policy(), config, "http")


@pytest.mark.parametrize(
    "answer",
    [
        *("text", None, [], {}, {"principalId": "me"}, {"principalId": "", "policyDocument": {"Statement": []}}),
        policy("allow"),
        policy(resource={}),
        policy(action=[1]),
        policy() | {"context": []},
        {"principalId": "me", "policyDocument": {"Statement": ["x"]}},
    ],
    ids=range(11),
)
def test_answers_that_cannot_be_used(answer: Any) -> None:
    with pytest.raises(AuthorizerError):
        read(answer)


TEXT = st.text(alphabet="ab", max_size=6)


@given(st.text(alphabet="ab*?", max_size=6), TEXT)
def test_wildcards_match_as_globs_do(pattern: str, text: str) -> None:
    import re

    expected = re.fullmatch(pattern.replace("*", ".*").replace("?", "."), text) is not None
    assert authorizers._like(pattern, text) is expected


def test_a_token_that_nobody_checks_shows_its_claims() -> None:
    body = base64.urlsafe_b64encode(b'{"sub":"ann","n":1,"ok":true,"groups":["a","b"]}').decode().rstrip("=")
    claims = {"sub": "ann", "n": "1", "ok": "true", "groups": "[a b]"}
    jwt, cognito = authorizer("jwt", function=None), authorizer("cognito", function=None)
    asked = request(authorization=f"Bearer h.{body}.s")
    assert authorizers.unasked(jwt, "http", asked) == {"jwt": {"claims": claims, "scopes": None}}
    assert authorizers.unasked(cognito, "rest", asked) == {"claims": claims}
    for header in ("", "Basic h.e30.s", "Bearer x", "Bearer a.%%%.c", "Bearer a.MQ.c"):
        assert authorizers.unasked(jwt, "http", request(authorization=header)) is None


# --- asked, and remembered

DENIED = b"User is not authorized to access this resource"


class Clock:
    def __init__(self) -> None:
        self.us = 1_000_000

    def now_us(self) -> int:
        return self.us


class Door:
    """An engine with one function, whose answers are `self.answer`."""

    def __init__(self, answer: Any) -> None:
        self.engine = self
        self.answer = answer
        self.asked: list[Any] = []
        self.config = type("Config", (), {"name": "gate"})
        self.code_sha = "one"

    def function(self, name: str) -> Door:
        return self

    async def invoke(self, asked: InvokeRequest) -> InvokeResult:
        self.asked.append(json.loads(asked.payload))
        assert asked.source == "http"
        if isinstance(self.answer, Exception):
            payload = json.dumps({"errorMessage": str(self.answer), "errorType": "Exception"}).encode()
            return InvokeResult(request_id="r", status="error", payload=payload, function_error="Unhandled")
        return InvokeResult(request_id="r", status="ok", payload=json.dumps(self.answer).encode())


class Gate:
    def __init__(self, answer: Any, config: AuthorizerConfig = TOKEN, kind: Any = "rest") -> None:
        self.door, self.clock = Door(answer), Clock()
        self.keeper = Gatekeeper(self.door, self.clock)  # type: ignore[arg-type]
        self.match = matched(config, kind)

    def ask(self, **headers: str) -> Passed | Refused:
        return asyncio.run(self.keeper.ask(request(**headers), self.match))


def test_without_identity_nobody_is_asked() -> None:
    gate = Gate(policy())
    assert gate.ask() == Refused(authorizers.UNAUTHORIZED)
    assert gate.door.asked == []


def test_an_answer_is_kept_for_its_identity_its_time_and_its_code() -> None:
    gate = Gate(policy())
    for _ in range(3):
        assert isinstance(gate.ask(authorization="a"), Passed)
    assert len(gate.door.asked) == 1
    gate.ask(authorization="b")
    assert len(gate.door.asked) == 2
    gate.clock.us += 300_000_000
    gate.ask(authorization="a")
    assert len(gate.door.asked) == 3
    gate.door.code_sha = "two"
    gate.ask(authorization="a")
    assert len(gate.door.asked) == 4
    gate.keeper.forget()
    gate.ask(authorization="a")
    assert len(gate.door.asked) == 5


def test_what_is_kept_has_a_bound() -> None:
    gate = Gate(policy())

    async def all_of_them() -> None:
        for n in range(KEPT + 10):
            await gate.keeper.ask(request(authorization=str(n)), gate.match)

    asyncio.run(all_of_them())
    assert len(gate.keeper._kept) == KEPT


def test_a_ttl_of_zero_asks_each_time() -> None:
    gate = Gate(policy(), msgspec.structs.replace(TOKEN, ttl=0))
    gate.ask(authorization="a")
    gate.ask(authorization="a")
    assert len(gate.door.asked) == 2


def test_what_passes_carries_the_context() -> None:
    passed = Gate(policy() | {"context": {"k": "v"}}).ask(authorization="a")
    assert passed == Passed({"principalId": "me", "k": "v", "integrationLatency": 0})
    simple = authorizer(payload="2.0", simple_responses=True, identity=("header.Authorization",))
    assert Gate({"isAuthorized": True}, simple, "http").ask(authorization="a") == Passed({"lambda": None})


@pytest.mark.parametrize(
    ("answer", "kind", "status", "body"),
    [
        (policy("Deny"), "rest", 403, b'{"Message":"%b with an explicit deny"}' % DENIED),
        (Exception("Unauthorized"), "rest", 401, b'{"message":"Unauthorized"}'),
        (Exception("boom"), "rest", 500, b'{"message":null}'),
        ({"no": "policy"}, "rest", 500, b'{"message":null}'),
        (policy("Deny"), "http", 403, b'{"message":"Forbidden"}'),
        (Exception("boom"), "http", 500, b'{"message":"Internal Server Error"}'),
    ],
)  # fmt: skip
def test_refusals_have_awss_words_and_are_not_kept_where_they_are_faults(
    answer: Any, kind: str, status: int, body: bytes
) -> None:
    gate = Gate(answer, kind=kind)
    for _ in range(2):
        refused = gate.ask(authorization="a")
        assert isinstance(refused, Refused)
        assert (refused.reply.status, refused.reply.body) == (status, body)
    assert len(gate.door.asked) == (1 if status == 403 else 2)
    assert bool(refused.problem) == (status == 500)
