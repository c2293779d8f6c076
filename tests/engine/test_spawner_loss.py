"""The spawner is killed while it owes an answer, or by the code that it runs."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import socket
import sys
from pathlib import Path

import psutil
import pytest

from lambdatui.clock import new_request_id
from lambdatui.engine import retry
from lambdatui.engine.engine import Engine
from lambdatui.engine.retry import MOST_SPARED
from lambdatui.engine.spawner import Exit, Spawner
from lambdatui.spawner import private_tmp, tree
from tests.engine.conftest import Start, call, eventually

ONE_TRY = (
    "[functions.job]\nhandler='job.handler'\ncode='fns'\nmaximum_retry_attempts=0\ndead_letter_queue='dead'\n"
    "[queues.dead]\n"
)


def dead(engine: Engine) -> int:
    return engine.store.queues.depth("dead").visible


async def test_a_process_that_the_killed_spawner_owed_is_started_by_its_successor(start: Start) -> None:
    files = {"fns/job.py": "def handler(event, context):\n    return 1\n", "lambdatui.toml": ONE_TRY}
    engine = await start(files, engine_mark=new_request_id())
    await engine.spawner.private_tmp()
    os.kill(engine.spawner.pid, signal.SIGSTOP)
    ended: list[Exit] = []
    ours, theirs = socket.socketpair()
    with ours, theirs:
        argv, fds = [sys.executable, "-I", "-S", "-c", "raise SystemExit(7)"], (theirs.fileno(), theirs.fileno())
        asked = asyncio.create_task(engine.spawner.spawn("it", argv, {}, "/", fds, on_exit=ended.append))
        await eventually(lambda: engine.spawner._starting)
        psutil.Process(engine.spawner.pid).kill()
        assert await asked > 0
    await eventually(lambda: ended)
    assert (ended[0].status, len(ended)) == (7, 1)


async def test_what_the_killed_spawner_would_have_said_of_tmp_its_successor_says() -> None:
    spawner = Spawner(lambda: None)
    await spawner.start()
    os.kill(spawner.pid, signal.SIGKILL)  # before its first word: its interpreter has only begun
    asked = asyncio.create_task(spawner.private_tmp())
    await eventually(lambda: not spawner.present)
    await asyncio.to_thread(spawner.reap)
    await spawner.start()
    assert await asked is private_tmp.possible()
    await spawner.close()


async def test_the_late_end_of_a_process_is_not_taken_for_that_of_the_next_one_of_its_sandbox() -> None:
    """On a busy machine the spawner's word comes later than the engine waits for it."""
    spawner = Spawner(lambda: None)
    await spawner.start()
    ends: dict[int, list[Exit]] = {1: [], 2: []}
    argv, pair = [sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"], socket.socketpair()
    fds = (pair[1].fileno(), pair[1].fileno())
    pids = [await spawner.spawn("it", argv, {}, "/", fds, on_exit=heard.append) for heard in ends.values()]
    os.kill(pids[0], signal.SIGKILL)
    await eventually(lambda: not psutil.pid_exists(pids[0]))
    after = await spawner.spawn("another", [*argv[:-1], ""], {}, "/", fds, on_exit=lambda _: None)
    assert after and ends == {1: [], 2: []}, "what the spawner said before has been read"
    spawner.kill("it")
    await eventually(lambda: ends[2])
    assert not psutil.pid_exists(pids[1])
    await spawner.close()
    for each in pair:
        each.close()


async def test_an_event_whose_spawner_is_killed_each_time_is_dead_lettered_after_all(start: Start) -> None:
    """It may be what kills it, where the system lets it."""
    code = "import time\ndef handler(event, context):\n    time.sleep(60)\n"
    toml = ONE_TRY.replace("code='fns'", "code='fns'\ntimeout=60")
    engine = await start({"fns/job.py": code, "lambdatui.toml": toml}, engine_mark=new_request_id())
    await engine.accept("job", b"{}")
    for _ in range(MOST_SPARED + 1):
        assert dead(engine) == 0
        await eventually(lambda: any(row.state == "busy" for row in engine.environment_rows()), 30)
        psutil.Process(engine.spawner.pid).kill()
        await eventually(lambda: not any(row.state == "busy" for row in engine.environment_rows()))
    await eventually(lambda: dead(engine) == 1)


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="limits of another process: Linux alone")
@pytest.mark.parametrize("broken", [False, True], ids=["a first process", "one that follows a failed init"])
async def test_an_event_for_which_the_spawner_has_no_descriptors_waits_and_spends_no_attempt(
    start: Start, broken: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "THROTTLE_BACKOFF_FIRST", 0.02)
    flag = tmp_path / "broken"
    flag.touch()
    code = (
        f"import os\nif os.path.exists({str(flag)!r}):\n    os._exit(3)\ndef handler(event, context):\n    return 1\n"
    )
    engine = await start({"fns/job.py": code, "lambdatui.toml": ONE_TRY}, engine_mark=new_request_id())
    await engine.spawner.private_tmp()
    if broken:  # its sandbox is kept, and started again inside of the next invocation
        assert (await call(engine, "job")).status == "error"
    flag.unlink()
    pid, kind = engine.spawner.pid, resource.RLIMIT_NOFILE
    soft, hard = resource.prlimit(pid, kind)
    resource.prlimit(pid, kind, (3, hard))
    await engine.accept("job", b"{}")

    async def refusals() -> int:
        await engine.store.history.flush()
        rows = engine.reader.invocations(function="job", status="error")
        return sum("no file descriptors are left" in (row.error_message or "") for row in rows)

    while await refusals() < 3:
        await asyncio.sleep(0.01)
    refused = await call(engine, "job")
    assert b"no file descriptors are left: close programs" in refused.payload
    resource.prlimit(pid, kind, (soft, hard))
    await eventually(lambda: engine.store.events.count() == 0)
    await engine.store.history.flush()
    rows = [row for row in engine.reader.invocations(function="job") if row.type == "Event"]
    assert rows[0].status == "ok"
    assert {row.attempt for row in rows} == {1}
    assert dead(engine) == 0


async def test_a_daemon_that_no_sweep_finds_does_not_outlive_the_spawner(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree, "sweep", lambda *mark: 0)  # as where it has no /tmp of its own
    code = (
        "import subprocess\n"
        "def handler(event, context):\n"
        "    return subprocess.Popen(['sleep', '300'], start_new_session=True, env={}).pid\n"
    )
    engine = await start({"fns/job.py": code, "lambdatui.toml": ONE_TRY}, engine_mark=new_request_id())
    daemon = psutil.Process(int((await call(engine, "job")).payload))
    psutil.Process(engine.spawner.pid).kill()
    await eventually(lambda: not daemon.is_running())
    assert (await call(engine, "job")).status == "ok"
