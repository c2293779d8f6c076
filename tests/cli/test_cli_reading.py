"""list, check, invocations, show, stats, logs, dlq list, queues, peek, event."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from lambdatui import samples, schema
from lambdatui.cli.output import since, usd, width
from lambdatui.clock import SystemClock
from lambdatui.errors import UsageError
from tests.cli.conftest import Run
from tests.client.fake_engine import T0, FakeEngine, dead, function, line, row

FUNCTION_KEYS = {"name", "handler", "runtime", "memory", "timeout", "reserved_concurrency", "state", "problems"}
INVOCATION_KEYS = [
    *("request_id", "function", "version", "type", "source", "status", "error_type", "started_at", "duration_ms"),
    *("init_ms", "billed_ms", "max_memory_mb", "attempt", "cold", "environment"),
]


def test_list_json_has_interfaces_keys(run: Run, engine: FakeEngine) -> None:
    [found] = json.loads(run("list", "--json").stdout)
    assert found.keys() >= FUNCTION_KEYS


def test_list_works_without_an_engine(run: Run) -> None:
    result = run("list", "--json")
    [found] = json.loads(result.stdout)
    assert (found["name"], found["state"]) == ("orders", "not running")


def test_list_json_has_no_values_of_secrets(run: Run, project: Path) -> None:
    (project / "lambdatui.toml").write_text(
        '[functions.orders]\nhandler = "orders.handler"\nenvironment = { API_TOKEN = "hunter2", STAGE = "dev" }\n'
    )
    [found] = json.loads(run("list", "--json").stdout)
    assert found["environment"] == {"API_TOKEN": "********", "STAGE": "dev"}


def test_list_fits_80_columns_on_a_terminal(run: Run, engine: FakeEngine, terminal: None) -> None:
    problem = schema.ProblemRow(severity="error", file="a.py", line=1, message="long words " * 20, remedy="x")
    engine.functions = [function("a-rather-long-name", problems=[problem, problem])]
    lines = run("list").stdout.splitlines()
    assert max(map(width, lines)) <= 80
    assert lines[1].endswith("…")


def test_list_has_a_column_for_versions_where_there_are_some(run: Run, engine: FakeEngine) -> None:
    assert "VERSIONS" not in run("list").stdout
    first = schema.VersionRow(version="1", code_sha="a", created_at=T0)
    live = schema.AliasRow(name="live", version="3", weights={"2": 0.1})
    engine.functions = [
        function("a", versions=[first], version_aliases=[live, schema.AliasRow(name="beta", version="1")]),
        function("b", versions=[first]),
    ]
    head, a, b = run("list").stdout.splitlines()
    at = head.index("VERSIONS")
    assert a[at:].startswith("live→3 (10% to 2), beta→1 ")
    assert b[at:].split()[0] == "1"


def test_check_is_0_when_fine_and_1_with_a_problem(run: Run, project: Path) -> None:
    assert run("check").exit_code == 0
    (project / "orders.py").write_text("def handler(event, context:\n")
    (project / "lambdatui.toml").write_text('[functions.orders]\nhandler = "orders.handler"\n')
    result = run("check", "--json")
    found = json.loads(result.stdout)
    assert result.exit_code == 1
    problem = found["problems"][0]
    assert list(problem) == ["function", "severity", "file", "line", "message", "remedy"]
    assert (problem["function"], problem["file"], problem["line"]) == ("orders", "orders.py", 1)
    human = run("check", ".")
    assert human.exit_code == 1
    assert "orders.py:1: error: orders:" in human.stdout


def test_check_says_once_what_is_true_of_several_functions(run: Run, project: Path) -> None:
    (project / "app.py").write_text("def handler(event, context): ...\n")
    functions = "".join(f"  f{number}: {{handler: app.handler}}\n" for number in range(6))
    (project / "serverless.yml").write_text(
        "service: s\nprovider:\n  name: aws\n  runtime: python3.11\n  environment: {KEY: '${file(none.yml):a}'}\n"
        f"functions:\n{functions}"
    )
    said = run("check", ".")
    text = "serverless.yml:5: warning: f0, f1, f2, f3 and 2 more: the variable KEY is left out"
    assert said.stdout.count("the variable KEY") == 1 and text in said.stdout
    assert len(json.loads(run("check", "--json").stdout)["problems"]) >= 6, "programs get each"


def test_check_of_a_folder_that_is_not_there(run: Run) -> None:
    assert run("check", "nowhere").exit_code == 2


def test_invocations_json(run: Run, engine: FakeEngine) -> None:
    engine.invocations = [row(str(i)) for i in range(120)]
    result = run("invocations", "orders", "--json", "--status", "ok", "--since", "5m")
    found = json.loads(result.stdout)
    assert len(found) == 120
    assert list(found[0])[: len(INVOCATION_KEYS)] == INVOCATION_KEYS
    query = engine.calls[-1][2]
    assert query["function"] == ["orders"]
    assert abs(int(query["since_us"][0]) - SystemClock().now_us() + 300_000_000) < 60_000_000
    assert len(json.loads(run("invocations", "--json", "-n", "3").stdout)) == 3


def test_a_terminal_gets_a_screenful_of_invocations(run: Run, engine: FakeEngine, terminal: None) -> None:
    engine.invocations = [row(str(i), status="error", error_type="KeyError") for i in range(120)]
    result = run("invocations")
    assert len(result.stdout.splitlines()) == 51
    assert "-n N" in result.stderr


def test_empty_states_say_the_next_step(run: Run, engine: FakeEngine) -> None:
    engine.invocations, engine.logs, engine.dlq, engine.peeked = [], [], [], []
    engine.sources = schema.Sources()
    assert "lambdatui invoke" in run("invocations").stderr
    assert "lambdatui invoke" in run("logs").stderr
    assert run("dlq", "list").stderr == "no dead letters\n"
    assert "lambdatui send" in run("peek", "orders-q").stderr
    assert "declares them" in run("queues").stderr
    assert run("dlq", "list", "--json").stdout == "[]\n"


def test_an_unknown_function_gets_the_nearest_name(run: Run, engine: FakeEngine) -> None:
    engine.invocations = []
    for command in ("invocations", "stats", "logs"):
        result = run(command, "order")
        assert result.exit_code == 2
        assert "did you mean orders?" in result.stderr


def test_a_function_goes_by_logical_id_and_arn_too(run: Run, engine: FakeEngine) -> None:
    run("stats", "Orders")
    assert engine.calls[-1][2]["function"] == ["orders"]
    run("stats", "arn:aws:lambda:us-east-1:000000000000:function:orders:live")
    assert engine.calls[-1][2]["function"] == ["orders"]


def test_show_json_adds_event_result_log_and_error_to_the_row(run: Run, engine: FakeEngine) -> None:
    found = json.loads(run("show", "r-1", "--json").stdout)
    assert set(INVOCATION_KEYS) <= found.keys()
    assert (found["event"], found["result"], found["error"]) == ('{"a": 1}', '{"ok":true}', None)
    assert found["log"][0]["message"] == "hello"
    assert found["attempts"][0]["request_id"] == "r-1"


def test_show_gives_bytes_that_are_no_text_as_base64(run: Run, engine: FakeEngine) -> None:
    engine.detail = msgspec.structs.replace(engine.detail, event=b"\xff\x00")
    found = json.loads(run("show", "r-1", "--json").stdout)
    assert (found["event"], found["event_encoding"]) == ("/wA=", "base64")
    assert "2 bytes that are no text" in run("show", "r-1").stdout


def test_show_of_an_unknown_id_is_2(run: Run, engine: FakeEngine) -> None:
    result = run("show", "r-2")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "lambdatui invocations" in result.stderr


def test_show_tells_it_all(run: Run, engine: FakeEngine) -> None:
    engine.detail = msgspec.structs.replace(
        engine.detail, error="Traceback …\nKeyError", attempts=[row(), row(attempt=2, status="error")]
    )
    text = run("show", "r-1").stdout
    for words in ("orders  ok", "12.25 ms, billed 53 ms", "1 ok, 2 error", "KeyError", '{"ok":true}', "hello"):
        assert words in text


def test_show_tells_which_alias_was_called_and_what_ran(run: Run, engine: FakeEngine) -> None:
    called = row(qualifier="live", version="3", provisioned=True, cost_usd=2.3e-7)
    engine.detail = msgspec.structs.replace(engine.detail, row=called)
    text = run("show", "r-1").stdout
    for words in ("from api, live, version 3, attempt 1", "e-1 (cold start, provisioned)", "($0.0000002)"):
        assert words in text


def test_invocations_stand_in_the_order_of_their_starts(run: Run, engine: FakeEngine) -> None:
    engine.invocations = [
        row("ended-last", started_at="2026-01-01T00:00:01Z"),
        row("began-last", started_at="2026-01-01T00:00:02Z"),
    ]
    text = run("invocations").stdout
    assert text.index("began-last") < text.index("ended-last")


def test_show_names_the_invocation_that_called_it(run: Run, engine: FakeEngine) -> None:
    called = msgspec.structs.replace(engine.detail.row, parent_id="r-0")
    engine.detail = msgspec.structs.replace(engine.detail, row=called)
    assert "called by   r-0" in run("show", "r-1").stdout


def test_stats(run: Run, engine: FakeEngine) -> None:
    found = json.loads(run("stats", "--json").stdout)
    assert list(found) == ["orders", "_account"]
    assert list(found["orders"]) == list(schema.Stats.__struct_fields__)
    assert found["orders"]["Duration"] == {"p50": None, "p95": None, "p99": None, "max": None, "last": None}
    assert run("stats").stdout.splitlines()[-1].split()[:2] == ["(account)", "3"]
    assert "AsyncEventsReceived" in run("stats", "orders").stdout


def test_logs_json_is_one_object_a_line(run: Run, engine: FakeEngine) -> None:
    lines = [json.loads(text) for text in run("logs", "--json").stdout.splitlines()]
    assert [entry["message"] for entry in lines] == ["hello", "world"]
    assert list(lines[0])[:5] == ["time", "function", "request_id", "level", "message"]


def test_logs_pass_their_narrowing_on(run: Run, engine: FakeEngine) -> None:
    run("logs", "orders", "--filter", "a|b", "--level", "warn", "--request", "r-1", "--since", "1h", "-n", "7")
    query = engine.calls[-1][2]
    assert (query["function"], query["pattern"], query["min_level"]) == (["orders"], ["a|b"], ["WARNING"])
    assert (query["request_id"], query["limit"]) == (["r-1"], ["7"])
    for wrong in (("--filter", "("), ("--level", "LOUD"), ("--since", "soon")):
        assert run("logs", *wrong).exit_code == 2


def test_logs_keep_a_record_together(run: Run, engine: FakeEngine) -> None:
    engine.logs = [line(1, "[ERROR] KeyError\rTraceback\r  File\r")]
    first, second, third = run("logs").stdout.splitlines()
    assert first.endswith("orders  [ERROR] KeyError")
    assert second.index("Traceback") == first.index("[ERROR]")
    assert third.strip() == "File"


def test_escape_sequences_reach_files_raw_and_terminals_never(
    run: Run, engine: FakeEngine, request: pytest.FixtureRequest
) -> None:
    engine.logs = [line(1, "\x1b[2Jboo\x07 \u202etxt")]
    engine.dlq = [dead(event="\x1b]0;title\x07")]
    assert "\x1b[2Jboo\x07" in run("logs").stdout
    request.getfixturevalue("terminal")
    assert "\\x1b[2Jboo\\x07 \\u202etxt" in run("logs").stdout
    assert "\x1b" not in run("dlq", "show", "d-1").stdout
    assert "\x1b" not in run("logs", "--json").stdout


def test_dlq_list_and_show_json(run: Run, engine: FakeEngine) -> None:
    keys = [
        "id",
        "queue",
        "function",
        "request_id",
        "error_code",
        "error_message",
        "attempts",
        "first_at",
        "last_at",
        "event",
    ]
    [found] = json.loads(run("dlq", "list", "--json", "--queue", "orders-dlq").stdout)
    assert list(found)[: len(keys)] == keys
    assert {tuple(call[2]["queue"]) for call in engine.calls} == {("orders-dlq",)}
    engine.dlq = [dead(), dead()]
    assert len(json.loads(run("dlq", "list", "-n", "1", "--json").stdout)) == 1
    assert json.loads(run("dlq", "show", "d-1", "--json").stdout)["event"] == '{"id": 7}'
    assert run("dlq", "show", "d-9").exit_code == 2
    assert "KeyError: 'price'" in run("dlq", "list").stdout


def test_queues_and_peek(run: Run, engine: FakeEngine) -> None:
    shards = [schema.ShardRow(id="shardId-000000000001", backlog=4, blocked=True, attempts=3)]
    engine.sources = schema.Sources(
        queues=[schema.QueueRow(name="q", logical_id="Q", visible=2, dlq=True)],
        streams=[schema.StreamRow(name="clicks", logical_id="C", shards=shards)],
    )
    text = run("queues").stdout
    assert "dead letters" in text
    assert "blocked, 3 tries" in text
    assert [entry["kind"] for entry in json.loads(run("queues", "--json").stdout)] == ["queue", "stream"]
    assert json.loads(run("peek", "orders-q", "--json", "-n", "2").stdout)[0]["body"] == "hi"
    assert engine.calls[-1][2] == {"source": ["orders-q"], "limit": ["2"]}


def test_event_lists_and_prints(run: Run) -> None:
    assert "apigateway" in run("event").stdout
    assert run("event", "apigateway").stdout.split() == samples.names()["apigateway"]
    assert json.loads(run("event", "SNS").stdout)["Records"][0]["EventSource"] == "aws:sns"
    assert "did you mean sqs?" in run("event", "sqss").stderr
    assert run("event", "sqs", "nothing").exit_code == 2


def test_every_sample_is_json() -> None:
    for service, kinds in samples.names().items():
        for kind in kinds:
            json.loads(samples.text(service, kind))
    assert {"sqs", "kinesis", "apigateway", "schedule", "s3", "sns", "dynamodb", "alb", "cognito"} <= set(
        samples.names()
    )


def test_durations() -> None:
    now = SystemClock().now_us()
    for text, seconds in (("30s", 30), ("5m", 300), ("2h", 7200), ("1d", 86_400), ("1h30m", 5400), ("500ms", 0.5)):
        found = since(text)
        assert found is not None
        assert abs(now - found - seconds * 1e6) < 60e6
    assert since(T0) == 1_795_271_469_434_000
    for wrong in ("5", "m", "5 parsecs", ""):
        with pytest.raises(UsageError):
            since(wrong)


def test_cost_is_by_function_and_takes_the_free_tier_off_the_whole(run: Run, engine: FakeEngine) -> None:
    engine.functions = [msgspec.structs.replace(one, monthly_usd=2.0) for one in engine.functions[:1]]
    found = json.loads(run("cost", "--json").stdout)
    assert found["functions"] == {
        "orders": {"requests": 3, "billed_ms": 0, "gb_seconds": 0, "cost_usd": 0, "monthly_usd": 2.0}
    }
    assert found["total"]["monthly_usd"] is None
    engine.header = schema.Header(project="shop", root="/shop", monthly_usd=0.5)
    found = json.loads(run("cost", "--json").stdout)
    assert found["total"]["monthly_usd"] == 0.5
    assert found["free_tier"] == {"requests": 1_000_000, "gb_seconds": 400_000, "monthly_usd": 1.5}
    text = run("cost", "orders").stdout
    assert text.splitlines()[1].split() == ["orders", "3", "0", "0.000", "0.00", "2.00"]
    assert "$1.50 taken off" in text


def test_small_prices_keep_their_places() -> None:
    assert [usd(value) for value in (None, 0, 0.0000002, 2.0834e-9, 0.0123, 1234.5)] == [
        None, "0.00", "0.0000002", "0.0000000021", "0.01", "1,234.50",
    ]  # fmt: skip
