"""The control calls, asked by the project's own client against the real store."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lambdatui.api.profiling import _read
from lambdatui.client.client import Client, OutgoingMessage
from lambdatui.engine.model import Profiling
from lambdatui.errors import NotFound, UsageError
from tests.api.api_support import TOKEN, Running
from tests.api.test_guards import ask
from tests.api.whole import Whole
from tests.client.test_profile import profile as sampled
from tests.store.test_inits import TREE, init


@pytest.fixture
def control(door: Running) -> Client:
    return Client(door.url, TOKEN)


def flush(door: Running) -> None:
    door.run(door.store.history.flush())


def test_what_is_read(control: Client, door: Running) -> None:
    reply = control.invoke("echo", b'{"n": 7}', log=True)
    assert (reply.status_code, reply.payload) == (200, b'{"n": 7}')
    control.invoke("fail", b'{"bad": 1}')
    assert {row.name for row in control.functions()} >= {"echo", "fail"}
    assert control.header().project == "shop"
    assert {row.name for row in control.sources().queues} >= {"orders", "letters"}
    assert control.environments() == []
    newest = control.invocations(function="fail", status="error", limit=1)[0]
    detail = control.invocation(newest.request_id)
    assert detail is not None
    assert (detail.event, detail.row.error_type) == (b'{"bad": 1}', "KeyError")
    lines = control.logs(functions=["echo"], pattern="hello.*echo", min_level="info", limit=1)
    assert [line.function for line in lines] == ["echo"]
    assert control.logs(functions=["echo"], after_id=lines[-1].id, request_id=newest.request_id) == []
    assert control.stats(function="fail")["fail"].Errors >= 1
    assert "_account" in control.stats()
    event = control.last_event("fail", failed=True)
    assert event is not None
    assert json.loads(event.event)
    assert control.last_event("page", failed=True) is None
    assert control.info().url == door.url
    assert control.info().token == ""


def test_what_was_answered_can_be_read_at_once(tmp_path: Path) -> None:
    """It waits neither for the next write of history nor for the engine to come to writing it down."""
    (tmp_path / "hello.py").write_text("def handler(event, context):\n    print('hello')\n")
    with contextlib.closing(Whole(tmp_path)) as door:
        control = Client(door.url, TOKEN)

        def invoked() -> str:
            return control.invoke("hello", b"{}").request_id

        assert control.invocation(invoked()) is not None
        for run in range(2, 5):
            request_id = invoked()
            assert control.invocations(limit=1)[0].request_id == request_id
            assert "hello" in [line.message for line in control.logs(request_id=request_id)]
            assert control.stats()["hello"].Invocations == run
        assert control.replay_invocation(invoked()).status == "ok"
        invoked()
        assert control.functions()[0].invocations == 7


def test_messages_are_sent_peeked_and_dead_letters_purged(control: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = control.send("letters", [OutgoingMessage(body="one"), OutgoingMessage(body="two")])
    assert len(ids) == 2
    assert {message.body for message in control.peek("letters")} >= {"one", "two"}
    assert {entry.id for entry in control.dlq("letters")} >= set(ids)
    assert {entry.id for entry in control.dlq()} >= set(ids)
    whole = control.dlq("letters")
    monkeypatch.setattr("lambdatui.client.client.DLQ_PORTION", 1)
    assert control.dlq("letters") == whole, "asked for one by one"
    assert control.dlq("letters", 1) == whole[:1]
    entry = control.dlq_entry(ids[0])
    assert entry is not None
    assert entry.event == "one"
    assert control.purge(ids) == 2
    assert control.dlq_entry(ids[0]) is None
    sequence = control.send("clicks", [OutgoingMessage(body="click")], partition_key="k")
    assert [message.body for message in control.peek("clicks")][-1:] == ["click"]
    assert len(sequence[0]) == 56


def test_an_invocation_is_replayed_with_its_event_or_another(control: Client, door: Running) -> None:
    request_id = control.invoke("echo", b'{"first": 1}').request_id
    assert control.replay_invocation(request_id).status == "ok"
    assert door.engine.requests[-1].payload == b'{"first": 1}'
    control.replay_invocation(request_id, b'{"edited": 1}')
    assert door.engine.requests[-1].payload == b'{"edited": 1}'
    assert door.engine.requests[-1].replay_of == request_id


def test_mistakes_are_sentences_with_an_exit_code(control: Client) -> None:
    with pytest.raises(NotFound, match="no invocation"):
        _raise_none(control.invocation("00000000-0000-4000-8000-000000000000"))
    for mistake in (
        lambda: control.logs(min_level="LOUD"),
        lambda: control.logs(pattern="("),
        lambda: control.send("orders", []),
        lambda: control.invocations(limit=-1),
        lambda: control.stop(-1),
    ):
        with pytest.raises(UsageError):
            mistake()
    with pytest.raises(NotFound, match="There is no queue or stream called nothing-of-that-name"):
        control.peek("nothing-of-that-name")
    with pytest.raises(NotFound):
        control.reset_override("nobody", "reserved_concurrency")


def _raise_none(found: Any) -> None:
    if found is None:
        raise NotFound("no invocation")


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "nothing", b"", 404),
        ("DELETE", "functions", b"", 400),
        ("POST", "send", b"not json", 400),
        ("POST", "send", b'{"source": 1, "messages": []}', 400),
        ("POST", "dlq/purge", b"[" * 100_000, 400),
        ("GET", "invocations?limit=many", b"", 400),
        ("GET", "invocations/..%2F..%2Fetc%2Fpasswd", b"", 404),
        ("GET", "dlq/not-a-uuid", b"", 404),
        ("GET", "peek", b"", 400),
        ("POST", "dlq/purge", b"x" * (16 * 1024 * 1024 + 1), 413),
    ],
    ids=range(10),
)
def test_wrong_calls_are_4xx(door: Running, method: str, path: str, body: bytes, status: int) -> None:
    got, text, _ = ask(door.port, method, f"/_lambdatui/v1/{path}", body, Authorization=f"Bearer {TOKEN}")
    answer = json.loads(text)
    assert got == status, answer
    assert answer["error"]
    assert answer["exit_code"] == 2


def test_overrides_are_forgotten_and_stop_is_heard(fresh: Callable[..., Running]) -> None:
    own = fresh()
    client = Client(own.url, TOKEN)
    client.put_reserved_concurrency("echo", 5)
    assert own.engine.reserves == {"echo": 5}
    client.reset_override("echo", "reserved_concurrency")
    assert own.engine.reserves == {}
    client.stop(2.5)
    end = time.monotonic() + 60
    while not own.stops and time.monotonic() < end:
        client.info()
    assert own.stops == [2.5]


def test_a_profile_is_one_invocation_that_asks_for_samples(control: Client, door: Running) -> None:
    reply = control.profile("echo", b'{"n": 7}', rate_hz=250, cold=True)
    assert (reply.status, reply.payload, reply.profiles) == ("ok", b'{"n": 7}', [])
    request = door.engine.requests[-1]
    assert (request.source, request.profiling) == ("profile", Profiling(250, cold=True))
    assert control.profile("fail").error_type == "KeyError"
    with pytest.raises(UsageError, match="samples a second"):
        control.profile("echo", rate_hz=100_000)
    with pytest.raises(UsageError, match="not JSON"):
        control.profile("echo", b"{")
    with pytest.raises(NotFound):
        control.profile("gone")


def test_what_was_sampled_comes_typed_and_what_is_forged_does_not_come(door: Running) -> None:
    sound = msgspec.json.encode(sampled())
    forged = msgspec.json.encode(msgspec.structs.replace(sampled(), nodes=[-1, -1, 5, 0]))
    assert _read([sound, forged, b"\xff", b"{}"]) == [sampled()]


def test_the_last_cold_start_is_read_with_its_price(control: Client, door: Running) -> None:
    assert control.cold_start("echo") is None

    async def keep() -> None:
        door.store.history.add(inits=[init("echo")])

    door.run(keep())
    flush(door)
    found = control.cold_start("echo")
    assert found is not None
    assert found.imports == TREE
    assert found.usd_per_1000 is not None and found.usd_per_1000 > 0
