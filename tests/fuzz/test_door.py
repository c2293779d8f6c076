"""Whatever is asked at the door: an answer that the operation's model knows, or an error that it knows. Never a 500."""

from __future__ import annotations

import http.client
import json
import logging
import random
import socket
from collections.abc import Iterator
from urllib.parse import urlencode
from xml.etree import ElementTree

import msgspec
import pytest
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from lambdatui.api.aws.lambda_table import TABLE
from lambdatui.schema import FEED_VERSION, Subscription, Update
from tests.api.api_support import TOKEN
from tests.api.model_check import check_answer, check_error
from tests.api.whole import Whole
from tests.fuzz.fuzzing import fuzzed
from tests.fuzz.requests import NAMES, Service
from tests.fuzz.values import AWKWARD, damaged, json_values, of_type

LAMBDA = ["Invoke", "InvokeWithResponseStream", "InvokeAsync", *(route.name for route in TABLE)]
SEEDS = st.integers(0, 2**48)
WEB = "import json\ndef handler(event, context):\n    return json.loads(event.get('body') or 'null')\n"
TOML = (
    "[functions.echo]\nhandler='echo.handler'\n[functions.fail]\nhandler='fail.handler'\n[functions.web]\nhandler='web.handler'\n"
    + "".join(
        f"[[functions.web.events]]\ntype='http'\npath='/{kind}/{{p+}}'\napi='{kind}'\n" for kind in ("rest", "http")
    )
    + "[queues.orders]\n[queues.letters]\n[queues.'lane.fifo']\nfifo=true\n[streams.clicks]\nshards=2\n"
)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """A real one, whose functions, queues and streams are there to be changed."""
    root = tmp_path_factory.mktemp("random")
    (root / "echo.py").write_text("def handler(event, context): return event\n")
    (root / "fail.py").write_text("def handler(event, context): raise KeyError(event)\n")
    (root / "web.py").write_text(WEB)
    (root / "lambdatui.toml").write_text(TOML)
    running = Whole(root)
    yield running
    running.close()


@pytest.fixture(scope="module")
def url(engine: Whole) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", engine.port, timeout=60)


@pytest.fixture(scope="module", params=["lambda", "sqs", "kinesis", "logs", "cloudwatch"])
def service(request: pytest.FixtureRequest) -> Service:
    return Service(request.param, LAMBDA if request.param == "lambda" else None)


@pytest.fixture(scope="module")
def forms() -> list[Service]:
    return [Service("sqs"), Service("cloudwatch")]


@pytest.fixture
def faults(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """What the engine itself says has gone wrong: nothing may."""
    caplog.set_level(logging.ERROR)
    return caplog.records


@fuzzed(30, seed=SEEDS)
def test_operations(
    url: http.client.HTTPConnection, service: Service, faults: list[logging.LogRecord], seed: int
) -> None:
    request = service.request(random.Random(seed))
    url.request(request.method, request.path, request.body, request.headers)
    response = url.getresponse()
    answer = response.read()
    assert not faults, (request.operation.name, request.path, request.body, faults[0].exc_text)
    if response.status < 300:
        if request.operation.name != "InvokeWithResponseStream":
            check_answer(request.operation, answer)
            service.learn(answer if response.getheader("content-type", "").endswith(("json", "1.0", "1.1")) else b"")
    elif response.status == 501:  # the path is another operation's or none's, or nobody here serves it
        assert json.loads(answer)
    else:
        assert response.status < 500, answer
        check_error(
            request.operation, {"status_code": response.status, "headers": dict(response.getheaders()), "body": answer}
        )


@fuzzed(25, seed=SEEDS)
def test_query_protocol(
    url: http.client.HTTPConnection, forms: list[Service], faults: list[logging.LogRecord], seed: int
) -> None:
    """SQS and CloudWatch as older SDKs and the AWS CLI's forms ask them: the answer is XML in any case."""
    chance = random.Random(seed)
    request = chance.choice(forms).request(chance)
    pairs = [("Action", request.operation.name), *_flat("", request.members)]
    body = urlencode(pairs, errors="replace")
    headers = {"Authorization": request.headers["Authorization"], "Content-Type": "application/x-www-form-urlencoded"}
    url.request(
        "POST", "/", (damaged(body, chance) if chance.random() < 0.2 else body).encode("utf-8", "replace"), headers
    )
    response = url.getresponse()
    answer = response.read()
    assert not faults, (body, faults[0].exc_text)
    assert response.status < 500 or response.status == 501, answer
    if response.status != 501:
        ElementTree.fromstring(answer)


def _flat(name: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _flat(f"{name}.{key}" if name else key, each)
    elif isinstance(value, list):
        for number, each in enumerate(value, 1):
            yield from _flat(f"{name}.member.{number}" if number % 2 else f"{name}.{number}", each)
    else:
        yield name or "x", str(value)


CONTROL = (
    "GET functions", "GET functions/echo/cold_start", "POST functions/echo/profile", "GET sources", "GET header",
    "GET environments",
    "GET invocations", "GET invocations/{}", "POST invocations/{}/replay", "GET logs", "GET stats", "GET dlq",
    "POST dlq/purge",
    "GET dlq/{}", "POST dlq/{}/replay", "POST send", "GET peek", "POST sources/{}/pause", "POST sources/{}/resume",
    "GET code_change",
    "GET last_event", "DELETE overrides", "GET info", "PUT x",
)  # fmt: skip
QUERY = ("function", "source", "limit", "after_id", "since_us", "pattern", "min_level", "request_id", "status",
"queue", "cursor", "failed", "old_sha",
         "new_sha", "property", "functions", "hz", "rate")  # fmt: skip
BODIES = json_values | st.fixed_dictionaries({}, optional={
    "source": st.sampled_from([*NAMES, *AWKWARD]), "ids": st.lists(st.sampled_from(AWKWARD), max_size=2),
    "messages": st.lists(st.fixed_dictionaries({"body": st.sampled_from(AWKWARD)}, optional={
        "group_id": st.sampled_from(AWKWARD), "dedup_id": st.sampled_from(AWKWARD),
        "attributes": st.just({"a": {"DataType": "String", "StringValue": "\x00"}}) | json_values,
    }), max_size=3), "partition_key": st.sampled_from(AWKWARD), "event": json_values,
    "function": st.sampled_from(NAMES),
})  # fmt: skip


@fuzzed(30, seed=SEEDS, inside=BODIES)
def test_control(url: http.client.HTTPConnection, faults: list[logging.LogRecord], seed: int, inside: object) -> None:
    chance = random.Random(seed)
    method, path = chance.choice(CONTROL).split(" ")
    words = (*NAMES, *AWKWARD, "-1", "9" * 30, "(", "a{99999999999999}", "(" * 3_000, "INFO", "ok")
    path = path.replace("{}", urlencode({"": chance.choice(words)}, errors="replace")[1:] or "x")
    query = urlencode(
        {chance.choice(QUERY): chance.choice(words) for _ in range(chance.randrange(4))}, errors="replace"
    )
    body = json.dumps(inside).encode() if chance.random() < 0.9 else chance.choice([b"[" * 3_000, b"\xff", b"{"])
    url.request(method, f"/_lambdatui/v1/{path}?{query}", body, {"Authorization": f"Bearer {TOKEN}"})
    response = url.getresponse()
    answer = response.read()
    assert not faults, (method, path, query, body, faults[0].exc_text)
    assert response.status < 500, answer
    if response.status >= 400:
        assert json.loads(answer)["error"]


RESULTS = json_values | st.fixed_dictionaries({}, optional={
    "statusCode": st.integers(-1, 1_000) | json_values, "body": st.sampled_from([*AWKWARD, "/9j/"]) | json_values,
    "headers": st.dictionaries(st.sampled_from(["Content-Type", "a b", "x\r\ny", "", "Content-Length",
    "Transfer-Encoding", "ü"]),
                               st.sampled_from(AWKWARD) | json_values, max_size=3) | json_values,
    "multiValueHeaders": st.dictionaries(st.sampled_from(["A", "Set-Cookie"]),
    st.lists(st.sampled_from(AWKWARD)) | json_values, max_size=2),
    "cookies": st.lists(st.sampled_from(AWKWARD), max_size=2) | json_values,
    "isBase64Encoded": st.booleans() | json_values,
})  # fmt: skip


@fuzzed(20, seed=SEEDS, result=RESULTS)
def test_http_triggers(engine: Whole, faults: list[logging.LogRecord], seed: int, result: object) -> None:
    """Whatever is asked and whatever the function answers: a response that a client can read."""
    chance = random.Random(seed)
    path = urlencode({"": chance.choice(AWKWARD)}, errors="replace")[1:]
    query = urlencode(
        [(chance.choice(AWKWARD), chance.choice(AWKWARD)) for _ in range(chance.randrange(3))], errors="replace"
    )
    front = http.client.HTTPConnection("127.0.0.1", engine.http_port, timeout=60)
    method = chance.choice(["GET", "POST", "PUT", "OPTIONS", "HEAD"])
    front.request(
        method, f"/{chance.choice(['rest', 'http', ''])}/{path}?{query}",
        json.dumps(result), {"Content-Type": chance.choice(["application/json", "x", "image/png"]), "X-Odd": "\xff"},
    )  # fmt: skip
    response = front.getresponse()
    answer = response.read()
    front.close()
    assert not faults, (path, query, result, faults[0].exc_text)
    # As on AWS: what a function answered that is no response is a 502, or a 500 in these words.
    wrong = response.status == 502 or method == "HEAD" or b"Internal Server Error" in answer
    assert response.status < 500 or wrong, (answer, result)


RAW = (
    "POST /2015-03-31/functions/echo/invocations HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}",
    "POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: AmazonSQS.ListQueues\r\nTransfer-Encoding: chunked\r\n\r\n"
    "2\r\n{}\r\n0\r\n\r\n",
    "GET /feed HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\nAuthorization: Bearer "
    + TOKEN + "\r\n\r\n\x82\x85abcdxyzuv",
    "GET /healthz HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n\r\nGET /metrics HTTP/1.0\r\n\r\n",
    "PUT /bucket/key?X-Amz-Credential=a/b/c/s3/aws4_request HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx",
)  # fmt: skip


@fuzzed(30, seed=SEEDS, port=st.sampled_from(["port", "http_port"]))
def test_bytes_on_the_socket(engine: Whole, faults: list[logging.LogRecord], seed: int, port: str) -> None:
    chance = random.Random(seed)
    data = chance.choice(RAW)
    data = damaged(
        data, chance, (*AWKWARD, "\r\n", "\r\n\r\n", "Host: x\r\n", "Content-Length: 99\r\n", "\x00" * 9, "HTTP/9.9")
    )
    with socket.create_connection(("127.0.0.1", getattr(engine, port)), timeout=60) as peer:
        peer.sendall(data.encode("utf-8", "surrogatepass"))
        peer.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := peer.recv(65_536):
            answer += piece
            if len(answer) > 1_000_000 or (answer.startswith(b"HTTP/1.1 101") and len(answer) > 1_000):
                break
    assert not faults, (data, faults[0].exc_text)
    assert not answer or answer.startswith(b"HTTP/1."), answer[:100]
    assert not answer.startswith(b"HTTP/1.1 500"), answer


SAID = of_type(Subscription).map(msgspec.msgpack.encode) | st.binary(max_size=30) | st.just(b"\x91" * 3_000)


@fuzzed(
    5, frames=st.lists(SAID, min_size=1, max_size=4)
)  # fmt: skip
def test_feed(engine: Whole, faults: list[logging.LogRecord], frames: list[bytes]) -> None:
    """A screen that says anything is answered or hung up on, and the next one is told everything."""
    address = f"ws://127.0.0.1:{engine.port}/feed"
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with connect(address, additional_headers=headers, proxy=None) as screen:
        try:
            for frame in frames:
                screen.send(frame)
            msgspec.msgpack.decode(bytes(screen.recv(timeout=60)), type=Update)  # type: ignore[arg-type]
        except ConnectionClosed as closed:
            assert closed.rcvd is not None
            assert closed.rcvd.code == 1007
    with connect(address, additional_headers=headers, proxy=None) as screen:
        hello = msgspec.msgpack.decode(bytes(screen.recv(timeout=60)), type=Update)  # type: ignore[arg-type]
        assert hello.version == FEED_VERSION
        assert hello.header is not None
    assert not faults, (frames, faults[0].exc_text)
