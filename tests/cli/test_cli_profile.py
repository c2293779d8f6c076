"""profile: the calls on stdout, the flame graph in its file, and what a cold start imports."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec

from lambdatui import profiles
from tests.cli.conftest import Run
from tests.client.fake_engine import T0, FakeEngine
from tests.client.speedscope import check
from tests.client.test_profile import profile

COLD = profiles.ColdStart(
    function="orders", version="$LATEST", code_sha="a", at=T0, runtime_ms=50, libraries_ms=400, own_ms=50, init_ms=470,
    imports=profiles.ImportTree(
        modules=380,
        places=[profiles.ImportPlace("own", "/shop"), profiles.ImportPlace("sdk", "/sdk")],
        nodes=[
            profiles.ImportNode("orders", -1, 50_000, 450_000, 0),
            profiles.ImportNode("boto3", 0, 400_000, 400_000, 1),
        ],
    ),
    invocations=10, cold_starts=2, billed_share=0.25, usd_per_1000=0.00105,
)  # fmt: skip


def reply(**more: object) -> profiles.ProfileReply:
    values = {"request_id": "r-9", "status": "ok", "payload": b"1", "profiles": [profile()]}
    return profiles.ProfileReply(**{**values, **more})  # type: ignore[arg-type]


def test_calls_are_printed_and_the_flame_graph_is_written(engine: FakeEngine, run: Run, project: Path) -> None:
    engine.profiled = reply()
    result = run("profile", "orders:live", "-e", '{"id": 7}', "--rate", "500")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].startswith("handler  1.0 ms, 0.9 ms of them on the CPU; 1000 samples")
    assert "your code 75%, standard library 25%" in lines[1]
    assert any(line.split()[:4] == ["60.0", "60.0", "0.6", "├"] for line in lines)
    check(json.loads((project / "orders.speedscope.json").read_bytes()))
    assert "orders.speedscope.json" in result.stderr
    path, query, body = next(call[1:] for call in engine.calls if call[0] == "POST")
    assert path == "/_lambdatui/v1/functions/orders/profile"
    assert query == {"qualifier": ["live"], "rate": ["500"], "cold": ["0"]}
    assert body == b'{"id": 7}'


def test_json_is_the_document_and_writes_no_file(engine: FakeEngine, run: Run, project: Path) -> None:
    engine.profiled = reply()
    check(json.loads(run("profile", "orders", "--json").stdout))
    assert not list(project.glob("*.speedscope.json"))
    assert run("profile", "orders", "--json", "-o", "here.json").exit_code == 0
    check(json.loads((project / "here.json").read_bytes()))


def test_a_failed_invocation_is_told_and_exits_1(engine: FakeEngine, run: Run) -> None:
    engine.profiled = reply(status="error", error_type="KeyError", error_message="'price'")
    result = run("profile", "orders")
    assert result.exit_code == 1
    assert "failed: KeyError: 'price'" in result.stderr
    assert "handler" in result.stdout


def test_an_invocation_that_no_sample_met_says_what_to_do(engine: FakeEngine, run: Run) -> None:
    short = msgspec.structs.replace(profile(), wall_us=400, threads=[])
    engine.profiled = reply(profiles=[short])
    result = run("profile", "orders")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "0.40 ms" in result.stderr and "--rate" in result.stderr
    engine.profiled = reply(profiles=[])
    assert "before what was sampled could be sent" in run("profile", "orders").stderr


def test_a_file_that_cannot_be_written_is_named(engine: FakeEngine, run: Run) -> None:
    engine.profiled = reply()
    result = run("profile", "orders", "-o", "nowhere/x.json")
    assert result.exit_code == 1
    assert "nowhere/x.json cannot be written" in result.stderr


def test_imports_are_a_tree_with_the_share_of_the_bill(engine: FakeEngine, run: Run) -> None:
    engine.cold_start = COLD
    result = run("profile", "orders", "--imports")
    assert result.exit_code == 0
    for part in ("25.0% of what was billed", "$0.00105", "380 imports", "└ boto3", "SDK", "libraries"):
        assert part in result.stdout
    assert json.loads(run("profile", "orders", "--imports", "--json").stdout)["libraries_ms"] == 400
    assert not any(call[0] == "POST" for call in engine.calls)


def test_without_a_stored_init_it_says_how_to_make_one(engine: FakeEngine, run: Run) -> None:
    result = run("profile", "orders", "--imports")
    assert result.exit_code == 2
    assert "lambdatui profile orders --cold --imports" in result.stderr


def test_an_unknown_name_gets_its_near_misses(run: Run) -> None:
    result = run("profile", "ordrs", "--imports")
    assert result.exit_code == 2
    assert "did you mean orders?" in result.stderr
