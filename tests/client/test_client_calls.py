"""Every call against real HTTP, and what refusals become."""

from __future__ import annotations

import base64
import socket

import pytest

from lambdatui.client.client import Client, OutgoingMessage
from lambdatui.client.http import Throttled, Unavailable
from lambdatui.errors import NoEngine, NotFound, OperationFailed, UsageError
from lambdatui.schema import ReplayResult
from tests.client.fake_engine import TOKEN, FakeEngine, row, tail


@pytest.fixture
def client(engine: FakeEngine) -> Client:
    return Client(engine.url, TOKEN)


def test_reading_calls_decode_the_rows(engine: FakeEngine, client: Client) -> None:
    assert client.functions() == engine.functions
    assert client.invocations(function="orders", status="ok", limit=5) == [row()]
    assert engine.calls[-1][2] == {"function": ["orders"], "status": ["ok"], "limit": ["5"]}
    assert client.invocation("r-1") == engine.detail
    assert client.invocation("r-2") is None
    assert client.stats()["_account"].Invocations == 3
    assert client.dlq() == engine.dlq
    assert client.dlq_entry("d-2") is None
    assert client.sources() == engine.sources
    assert client.peek("orders-q") == engine.peeked
    assert client.environments() == []
    assert client.header().project == "shop"
    assert client.code_change("orders", "a") is None


def test_several_functions_are_repeated_in_the_query(engine: FakeEngine, client: Client) -> None:
    assert [entry.id for entry in client.logs(functions=["a", "b"], pattern="x y+", after_id=1)] == [2]
    assert engine.calls[-1][2] == {"function": ["a", "b"], "pattern": ["x y+"], "after_id": ["1"]}


def test_info_comes_without_a_token(engine: FakeEngine, client: Client) -> None:
    info = client.info()
    assert (info.url, info.token) == (engine.url, "")


def test_the_bytes_of_a_last_event_are_exact(engine: FakeEngine, client: Client) -> None:
    assert client.last_event("orders") is None
    engine.last = {"request_id": "r-1", "event": base64.b64encode(b'{"a" :1}\n').decode()}
    found = client.last_event("orders", failed=True)
    assert found is not None
    assert found.event == b'{"a" :1}\n'
    assert engine.calls[-1][2]["failed"] == ["1"]


def test_invoke_signs_its_request_so_that_it_is_read_as_awss(engine: FakeEngine, client: Client) -> None:
    engine.reply = (
        200,
        {
            "x-amzn-RequestId": "r-9",
            "X-Amz-Function-Error": "Unhandled",
            "X-Amz-Executed-Version": "3",
            "X-Amz-Log-Result": tail("END\n"),
        },
        b"{}",
    )
    reply = client.invoke("orders:live", b'{"a":1}', qualifier="live", log=True)
    assert (reply.request_id, reply.function_error, reply.executed_version) == ("r-9", "Unhandled", "3")
    assert reply.log_tail == b"END\n"
    method, path, query, body = engine.calls[-1]
    assert (method, path) == ("POST", "/2015-03-31/functions/orders:live/invocations")
    assert (query, body) == ({"Qualifier": ["live"]}, b'{"a":1}')
    assert "/lambda/aws4_request" in engine.headers[-1]["authorization"]
    assert engine.headers[-1]["x-amz-log-type"] == "Tail"


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (404, b'{"Message":"Function not found: arn","Type":"User"}', NotFound, "Function not found"),
        (429, b'{"Reason":"ReservedLimit","Type":"User","message":"Rate Exceeded."}', Throttled, "ReservedLimit"),
        (400, b'{"message":"Could not parse"}', UsageError, "Could not parse"),
        (503, b'{"message":"stopping"}', Unavailable, "stopping"),
        (500, b"<html>", OperationFailed, "HTTP 500"),
    ],
)
def test_aws_errors_become_ours(
    engine: FakeEngine, client: Client, status: int, body: bytes, kind: type[Exception], words: str
) -> None:
    engine.reply = (status, {"x-amzn-ErrorType": "SomeException"}, body)
    with pytest.raises(kind, match=words):
        client.invoke("orders")


def test_reserved_concurrency_goes_through_the_aws_operations(engine: FakeEngine, client: Client) -> None:
    client.put_reserved_concurrency("orders", 0)
    assert engine.calls[-1][0:2] == ("PUT", "/2017-10-31/functions/orders/concurrency")
    assert engine.calls[-1][3] == b'{"ReservedConcurrentExecutions":0}'
    engine.reply = (204, {}, b"")
    client.delete_reserved_concurrency("orders")
    assert engine.calls[-1][0] == "DELETE"


def test_acting_calls(engine: FakeEngine, client: Client) -> None:
    engine.replays = {"d-1": [ReplayResult(id="d-1", status="ok", payload=b"1")], "r-1": []}
    assert client.replay_entry("d-1", b"edited").payload == b"1"
    assert engine.calls[-1][3] == b"edited"
    with pytest.raises(NotFound, match="r-1"):
        client.replay_invocation("r-1")
    assert client.purge(["a", "b"]) == 2
    assert client.send("q", [OutgoingMessage(body="x")], partition_key="k") == ["m-0"]
    client.pause("id/with slash")
    assert engine.calls[-1][1] == "/_lambdatui/v1/sources/id/with slash/pause"
    client.resume("q")
    client.reset_override("orders", "memory")
    assert engine.calls[-1][2] == {"function": ["orders"], "property": ["memory"]}


def test_a_wrong_token_is_said(engine: FakeEngine) -> None:
    with pytest.raises(UsageError, match="LAMBDATUI_TOKEN"):
        Client(engine.url, "wrong").functions()


def test_nobody_there_is_no_engine() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(NoEngine, match="lambdatui run"):
            Client(url).functions()


def test_silence_ends_in_no_engine() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"http://127.0.0.1:{mute.getsockname()[1]}"
        with pytest.raises(NoEngine, match=r"within 0\.05 s"):
            Client(url, timeout=0.05).functions()


@pytest.mark.parametrize("url", ["ftp://x", "http://", "http://h:99999999"])
def test_what_is_no_address_is_said(url: str) -> None:
    with pytest.raises(UsageError, match="address"):
        Client(url)


def test_an_answer_of_another_version_is_said(engine: FakeEngine, client: Client) -> None:
    engine.functions = [{"unexpected": 1}]  # type: ignore[list-item]
    with pytest.raises(OperationFailed, match="another version"):
        client.functions()
