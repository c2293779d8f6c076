"""Whatever is asked of Lambda's API, the answer is one that the operation's model knows: never a 500."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import boto3
import pytest
from botocore.model import OperationModel, Shape
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lambdatui.api.aws.lambda_table import TABLE
from tests.api.model_check import check_answer, check_error
from tests.api.whole import Whole

MODEL = boto3.client("lambda", region_name="us-east-1").meta.service_model
SERVED = ["Invoke", "InvokeWithResponseStream", "InvokeAsync", *(route.name for route in TABLE)]
NAMES = [
    "echo",
    "fail",
    "nobody",
    "echo:1",
    "echo:$LATEST",
    "echo:live",
    "orders",
    "live",
    "1",
    "$LATEST",
    "a/b",
    "ü",
    "",
]
ARNS = [
    "arn:aws:lambda:us-east-1:000000000000:function:echo",
    "arn:aws:sqs:us-east-1:000000000000:orders",
    "arn:aws",
    "x",
]

texts = st.sampled_from([*NAMES, *ARNS]) | st.text(max_size=12)
anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


def of(shape: Shape, depth: int = 0) -> st.SearchStrategy[Any]:
    """Values that are often what the model asks for, and often not."""
    kind = shape.type_name
    if kind == "structure" and depth < 3:
        members = {name: of(member, depth + 1) for name, member in shape.members.items()}  # type: ignore[attr-defined]
        fitting: st.SearchStrategy[Any] = st.fixed_dictionaries({}, optional=members)
    elif kind == "list" and depth < 3:
        fitting = st.lists(of(shape.member, depth + 1), max_size=6)  # type: ignore[attr-defined]
    elif kind == "map":
        fitting = st.dictionaries(texts, texts, max_size=3)
    elif kind in ("integer", "long"):
        limits = shape.metadata
        low, high = limits.get("min", 0), limits.get("max", 10_000)
        fitting = st.integers(low, high) | st.sampled_from([low - 1, high + 1])
    elif kind == "boolean":
        fitting = st.booleans()
    else:
        enum = list(getattr(shape, "enum", ()) or ())
        fitting = (st.sampled_from(enum) | texts) if enum else texts
    return st.one_of(fitting, fitting, fitting, anything)


@st.composite
def requests(draw: st.DrawFn) -> tuple[OperationModel, str, str, dict[str, str], bytes]:
    """(operation, method, path with query, headers, body)"""
    operation = MODEL.operation_model(draw(st.sampled_from(SERVED)))
    shape = operation.input_shape
    members = shape.members if shape is not None else {}
    place = {name: member.serialization.get("location") for name, member in members.items()}
    path = re.sub(r"{\w+}", lambda _: quote(draw(texts.filter(bool)), safe=""), operation.http["requestUri"])
    query = {
        members[name].serialization.get("name", name): draw(texts | st.integers(-1, 20_000).map(str))
        for name in place
        if place[name] == "querystring" and draw(st.booleans())
    }
    headers = {
        members[name].serialization.get("name", name): draw(
            texts.filter(lambda text: text.isascii() and text.isprintable())
        )
        for name in place
        if place[name] == "header" and draw(st.integers(0, 3)) == 0
    }
    inside = {name: draw(of(members[name])) for name in place if place[name] is None and draw(st.integers(0, 2))}
    whole = json.dumps(inside).encode()
    body = draw(
        st.one_of(st.just(whole), st.just(whole), st.just(whole), st.binary(max_size=20), st.just(b"[" * 3_000))
    )
    return operation, operation.http["method"], f"{path}?{urlencode(query)}", headers, body


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[http.client.HTTPConnection]:
    """To a real engine, whose functions are there to be changed."""
    root = tmp_path_factory.mktemp("random")
    (root / "echo.py").write_text("def handler(event, context): return event\n")
    (root / "fail.py").write_text("def handler(event, context): raise KeyError(event)\n")
    (root / "lambdatui.toml").write_text(
        "[functions.echo]\nhandler='echo.handler'\n[functions.fail]\nhandler='fail.handler'\n"
        "[queues.orders]\n[streams.clicks]\n"
    )
    running = Whole(root)
    yield http.client.HTTPConnection("127.0.0.1", running.port, timeout=60)
    running.close()


@settings(suppress_health_check=list(HealthCheck))
@given(request=requests())
def test_every_answer_is_modelled(
    connection: http.client.HTTPConnection, request: tuple[OperationModel, str, str, dict[str, str], bytes]
) -> None:
    operation, method, path, headers, body = request
    scope = "Credential=k/20260101/us-east-1/lambda/aws4_request"
    connection.request(method, path, body, {**headers, "Authorization": f"AWS4-HMAC-SHA256 {scope}, Signature=0"})
    response = connection.getresponse()
    answer = response.read()
    if response.status < 300:
        if operation.name != "InvokeWithResponseStream":
            check_answer(operation, answer)
        return
    error = {"status_code": response.status, "headers": dict(response.getheaders()), "body": answer}
    if response.status == 501:  # the path is another operation's, or none's
        assert json.loads(answer)["message"].startswith("lambdatui does not serve")
        return
    assert response.status < 500, answer
    check_error(operation, error)
