"""Reading a real project and its real stored state with no engine running."""

from __future__ import annotations

from pathlib import Path

import pytest

from lambdatui.client.offline import Offline
from lambdatui.clock import ManualClock, new_request_id
from lambdatui.errors import NotFound, UsageError
from lambdatui.schema import LEVEL_CODES
from lambdatui.store.records import InvocationRecord, LogRecords, NewMessage
from lambdatui.store.store import Store

TOML = """
[functions.orders]
handler = "app.handler"
dead_letter_queue = "orders-dlq"
reserved_concurrency = 1
[queues.orders-dlq]
[queues.work]
[streams.clicks]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text("def handler(event, context):\n    return event\n")
    (tmp_path / "lambdatui.toml").write_text(TOML)
    return tmp_path


@pytest.fixture
def offline(project: Path) -> Offline:
    return Offline(project, project / ".lambdatui")


def test_functions_come_from_the_files_and_nothing_is_written(offline: Offline, project: Path) -> None:
    [row] = offline.functions()
    assert (row.name, row.state, row.reserved_concurrency, row.problems) == ("orders", "not running", 1, [])
    assert row.dead_letter_queue == "orders-dlq"
    assert sorted(path.name for path in project.iterdir()) == ["app.py", "lambdatui.toml"]


def test_a_handler_that_is_not_there_is_a_problem_of_its_function(offline: Offline, project: Path) -> None:
    (project / "app.py").write_text("def handle(event, context): ...\n")
    [row] = offline.functions()
    assert row.problems[0].severity == "error"
    assert "handler" in row.problems[0].message


def test_without_stored_state_every_history_is_empty(offline: Offline) -> None:
    assert offline.invocations() == []
    assert offline.invocation("none") is None
    assert offline.logs() == []
    assert offline.dlq() == []
    assert offline.dlq_entry("none") is None
    assert offline.peek("work") == []
    assert [queue.name for queue in offline.sources().queues] == ["orders-dlq", "work"]
    assert offline.sources().queues[0].dlq
    offline.close()


async def test_what_an_engine_stored_is_read(offline: Offline, project: Path) -> None:
    clock = ManualClock()
    store = Store.open(offline.data, clock)
    await store.start()
    request = new_request_id()
    log = LogRecords(
        id=store.history.next_log_id(),
        time_us=clock.now_us(),
        function="orders",
        request_id=request,
        levels=bytes([LEVEL_CODES["ERROR"]]),
        messages=["[ERROR] KeyError"],
    )
    store.history.add(
        invocations=[
            InvocationRecord(
                id=store.history.next_invocation_id(),
                request_id=request,
                function="orders",
                version="$LATEST",
                type="RequestResponse",
                source="api",
                status="error",
                error_type="KeyError",
                error_message="'price'",
                started_us=clock.now_us(),
                queued_us=0,
                init_us=None,
                duration_us=1500,
                billed_ms=2,
                max_memory_mb=30,
                attempt=1,
                cold=False,
                environment="e",
                code_sha="",
                parent_id=None,
                replay_of=None,
                event=b'{"a" :1}',
                result=None,
                error="Traceback",
                frames=None,
            )
        ],
        logs=[log],
    )
    queues = {queue.name: queue for queue in offline.project.queues}
    await store.queues.send(
        queues["orders-dlq"], [NewMessage(body='{"a" :1}', function="orders", error_code="KeyError")]
    )
    await store.close()

    [row] = offline.invocations(function="orders", status="error")
    assert (row.request_id, row.error_type) == (request, "KeyError")
    detail = offline.invocation(request)
    assert detail is not None
    assert (detail.event, detail.log[0].message) == (b'{"a" :1}', "[ERROR] KeyError")
    assert [entry.level for entry in offline.logs(pattern="Key", min_level="ERROR")] == ["ERROR"]
    [entry] = offline.dlq("orders-dlq")
    assert entry.event == '{"a" :1}'
    assert offline.dlq_entry(entry.id) == entry
    assert offline.functions()[0].dlq_depth == 1
    assert offline.peek("orders-dlq")[0].body == '{"a" :1}'
    offline.close()


def test_names_that_do_not_exist_say_which_do(offline: Offline) -> None:
    with pytest.raises(NotFound, match="work"):
        offline.peek("wrok")
    with pytest.raises(NotFound, match="orders-dlq"):
        offline.dlq("work")


def test_arns_and_urls_name_a_queue(offline: Offline) -> None:
    assert offline.peek("arn:aws:sqs:us-east-1:000000000000:work") == []
    assert offline.peek("http://127.0.0.1:3001/000000000000/work") == []
    assert offline.peek("arn:aws:kinesis:us-east-1:000000000000:stream/clicks") == []


def test_a_pattern_that_is_no_regular_expression_is_said(offline: Offline) -> None:
    for pattern in ("(", "a{99999999999999}", "(" * 5_000):
        with pytest.raises(UsageError, match="regular expression"):
            offline.logs(pattern=pattern)


def test_the_region_is_the_one_that_an_engine_would_take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-north-1")
    assert Offline(tmp_path, tmp_path / ".lambdatui").project.region == "eu-north-1"
