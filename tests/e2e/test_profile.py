"""`lambdatui profile` as a person types it: an engine of its own for the call, a real environment, real files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.client.speedscope import check

CODE = (
    "import csv\nimport time\n\n\ndef busy(seconds):\n    until = time.perf_counter() + seconds\n"
    "    while time.perf_counter() < until:\n        sum(range(100))\n\n\ndef wait():\n    time.sleep(0.1)\n\n\n"
    "busy(0.05)\n\n\ndef handler(event, context):\n    busy(0.2)\n    wait()\n    return event\n"
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "orders.py").write_text(CODE)
    return tmp_path


def lambdatui(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "lambdatui", *arguments],
        cwd=project, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_a_profile_with_its_init_then_its_imports_with_no_engine(project: Path) -> None:
    ran = lambdatui(project, "profile", "orders", "-e", '{"id": 7}', "--cold")
    assert ran.returncode == 0, ran.stderr
    init, _, handler = ran.stdout.partition("\nhandler  ")
    assert init.startswith("init  ")
    assert "busy" in init and "orders.py:5" in init
    assert "├ busy" in handler and "└ wait" in handler
    document = json.loads((project / "orders.speedscope.json").read_bytes())
    check(document)
    assert [each["name"] for each in document["profiles"]][:1] == ["orders init"]
    told = lambdatui(project, "profile", "orders", "--imports", "--json")
    cold = json.loads(told.stdout)
    assert cold["own_ms"] >= 50
    assert cold["imports"]["nodes"][0][0] == "orders"
    shown = lambdatui(project, "profile", "orders", "--imports").stdout
    assert "imports" in shown and "csv" in shown
    (row,) = json.loads(lambdatui(project, "invocations", "--json").stdout)
    assert row["source"] == "profile"
    assert row["init_own_ms"] >= 50
    assert row["overhead_ms"] is not None
