"""An engine on a machine whose clock is set back and right again while it runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.host.conftest import StartProcess, wait_for

HOUR = 3_600
# The machine's clock itself is not the tests' to set: the engine reads it with an offset that stands in a file.
ENGINE = """
import os, sys, time
ours, real = open(os.environ["OFFSET"]), time.time_ns
def offset():
    ours.seek(0)
    return int(ours.read() or 0)
time.time_ns = lambda: real() + offset() * 1_000_000_000
from lambdatui.host.main import main
sys.exit(main(sys.argv[1:]))
"""


def test_what_waits_is_not_delayed_by_a_clock_that_is_set_back_and_that_is_said(
    tmp_path: Path, start_process: StartProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "app.py").write_text(
        "import os\nseen = set()\ndef handler(event, context):\n"
        "    n = event.get('n')\n    if n and n not in seen:\n        seen.add(n)\n        raise ValueError('again')\n"
        "    with open(os.environ['DONE'], 'a') as done:\n        done.write(str(event)[:30] + '\\n')\n"
    )
    done, offset = tmp_path / "done", tmp_path / "offset"
    done.touch()
    offset.write_text("0")
    (folder / "lambdatui.toml").write_text(
        f"[queues.work]\n[functions.app]\nhandler='app.handler'\nenvironment={{DONE='{done}'}}\n"
        "[[functions.app.events]]\ntype='queue'\nqueue='work'\n"
    )
    monkeypatch.setenv("OFFSET", str(offset))
    engine = start_process(folder, "--headless", "--retry-delays", "0.5,0.5", module=("-c", ENGINE))
    functions, queues = engine.client("lambda"), engine.client("sqs")

    functions.invoke(FunctionName="app", InvocationType="Event", Payload=b'{"n": 1}')
    queues.send_message(QueueUrl="work", MessageBody="later", DelaySeconds=1)
    offset.write_text(str(-HOUR))
    wait_for(lambda: "the computer's clock was set back: lambdatui's times go on" in engine.output.read_text())
    wait_for(lambda: "'n': 1" in done.read_text() and "Records" in done.read_text())
    functions.invoke(FunctionName="app", InvocationType="Event", Payload=b'{"n": 2}')
    wait_for(lambda: "'n': 2" in done.read_text())
    offset.write_text("0")
    wait_for(lambda: "times agree with the computer's clock again" in engine.output.read_text())

    offset.write_text(str(-HOUR))  # and again, so that the next engine finds times of an hour ahead
    queues.send_message(QueueUrl="work", MessageBody="for the next one", DelaySeconds=1)
    engine.kill()
    (tmp_path / "done").write_text("")
    engine = start_process(folder, "--headless", module=("-c", ENGINE))
    wait_for(lambda: "Records" in done.read_text())
    assert "clock was set back by " in engine.output.read_text()
    assert engine.end() == 0
