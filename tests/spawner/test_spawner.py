"""The spawner starts processes as Lambda would see them, and none outlives what it belongs to."""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import runtime_harness as harness
from runtime_harness import SpawnerProcess, until

from lambdatui.spawner import child, protocol, tree

FLAGS = ["-I", "-S", "-c"]
# Double fork into a session of its own, with an environment of its own: nothing but the process tree knows it.
DAEMON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execve(sys.executable, [sys.executable, "-I", "-S", "-c",
            "import os, time; os.write(1, b'%d\\\\n' % os.getpid()); time.sleep(600)"], {})
    os._exit(0)
os.wait()
"""


def run(spawner: SpawnerProcess, code: str, env: dict[str, str] | None = None) -> tuple[str, int, socket.socket, int]:
    return spawner.spawn([sys.executable, *FLAGS, code], env or {})


def alive(pid: int) -> bool:
    return bool(tree._stat(pid)) and not tree._is_zombie(pid)


def test_an_environment_starts_with_what_was_asked_and_nothing_else(spawner: SpawnerProcess) -> None:
    code = """
import os, json, resource, signal
print(json.dumps({
    "fds": sorted(map(int, os.listdir("/proc/self/fd")))[:-1], "env": dict(os.environ), "nice": os.nice(0),
    "nofile": resource.getrlimit(resource.RLIMIT_NOFILE), "core": resource.getrlimit(resource.RLIMIT_CORE),
    "session": os.getsid(0) == os.getpid(), "stdin": os.readlink("/proc/self/fd/0"), "cwd": os.getcwd(),
    "ignored": [s for s in (1, 2, 15, 17) if signal.getsignal(s) == signal.SIG_IGN],
    "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
}))
"""
    id, _, _, log = run(spawner, code, {"ORDERS": "1", "LC_ALL": "C.UTF-8"})
    assert spawner.expect("exited", id)["status"] == 0
    seen = json.loads(os.read(log, 65536))
    assert seen == {
        "fds": [0, 1, 2, 3], "env": {"ORDERS": "1", "LC_ALL": "C.UTF-8"}, "nice": min(19, os.nice(0) + 10),
        "nofile": [1024, 1024], "core": [0, 0], "session": True, "stdin": "/dev/null", "cwd": "/", "ignored": [],
        "blocked": [],
    }  # fmt: skip


def test_exit_status_and_signal_are_told_apart(spawner: SpawnerProcess) -> None:
    id, pid, _, _ = run(spawner, "import os; os._exit(7)")
    told = spawner.expect("exited", id)
    assert (told["pid"], told["status"], told["signal"]) == (pid, 7, None)
    id, _, _, _ = run(spawner, "import os; os.kill(os.getpid(), 11)")
    told = spawner.expect("exited", id)
    assert (told["status"], told["signal"]) == (None, 11)


def test_what_cannot_be_started_fails_with_the_reason_and_the_next_one_starts(spawner: SpawnerProcess) -> None:
    _, theirs = socket.socketpair()
    for argv, cwd, limits, words in (
        (["/no/such/python"], "/", {}, "No such file"),
        ([sys.executable], "/no/such/folder", {}, "/no/such/folder"),
        ([sys.executable], "/", {"nonsense": 1}, "nonsense"),
    ):
        protocol.send(spawner.socket, protocol.spawn("x", argv, {}, cwd, limits=limits), [theirs.fileno()] * 2)
        assert words in spawner.expect("failed", "x")["error"]
    id, _, _, _ = run(spawner, "")
    assert spawner.expect("exited", id)["status"] == 0


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="limits of another process: Linux alone")
@pytest.mark.parametrize("free", [0, 1, 2, 3])
def test_what_the_machine_refuses_is_told_by_its_number_and_leaves_nothing(spawner: SpawnerProcess, free: int) -> None:
    """Of four descriptors two come with the request, two are for hearing of its failure."""
    _, theirs = socket.socketpair()
    pid, kind = spawner.process.pid, resource.RLIMIT_NOFILE
    id, _, _, _ = run(spawner, "")
    spawner.expect("exited", id)
    before = open_descriptors(pid)
    unused = [number for number in range(max(before) + 5) if number not in before]
    soft, hard = resource.prlimit(pid, kind)
    resource.prlimit(pid, kind, (unused[free], hard))
    protocol.send(spawner.socket, protocol.spawn("x", [sys.executable], {}, "/"), [theirs.fileno()] * 2)
    assert spawner.expect("failed", "x")["errno"] == errno.EMFILE
    resource.prlimit(pid, kind, (soft, hard))
    id, _, _, _ = run(spawner, "")
    assert spawner.expect("exited", id)["status"] == 0
    assert open_descriptors(pid) == before


def open_descriptors(pid: int) -> list[int]:
    return sorted(int(path.name) for path in Path(f"/proc/{pid}/fd").iterdir())


def test_a_fork_that_the_system_refuses_leaves_no_descriptor(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> int:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(child.os, "fork", refuse)
    before = open_descriptors(os.getpid())
    with pytest.raises(BlockingIOError):
        child.start({}, 0, 1)
    assert open_descriptors(os.getpid()) == before


def test_killing_an_environment_takes_daemons_in_sessions_of_their_own(spawner: SpawnerProcess) -> None:
    id, pid, _, log = run(spawner, DAEMON + "time.sleep(600)")
    daemon = int(os.read(log, 100))
    until(lambda: daemon in tree.children(pid))
    protocol.send(spawner.socket, protocol.kill(id))
    assert spawner.expect("exited", id)["signal"] == signal.SIGKILL
    assert not alive(daemon) and not alive(pid)


def test_an_environment_that_ends_by_itself_leaves_no_daemon(spawner: SpawnerProcess) -> None:
    id, _, channel, log = run(spawner, DAEMON + "os.read(3, 1)")
    daemon = int(os.read(log, 100))
    channel.close()
    assert spawner.expect("exited", id)["status"] == 0
    assert not alive(daemon)


def test_a_fork_bomb_is_stopped(spawner: SpawnerProcess) -> None:
    bomb = "import os\nfor _ in range(9):\n    os.fork()\nos.write(1, b'x')\nimport time; time.sleep(600)"
    id, pid, _, log = run(spawner, bomb)
    os.read(log, 1)
    protocol.send(spawner.socket, protocol.kill(id))
    spawner.expect("exited", id)
    until(lambda: not tree.children(spawner.process.pid))
    assert not alive(pid)


def test_the_end_of_the_engine_ends_everything(spawner: SpawnerProcess) -> None:
    pids = []
    for _ in range(3):
        _, pid, _, log = run(spawner, DAEMON + "import signal; signal.signal(15, signal.SIG_IGN); time.sleep(600)")
        pids += [pid, int(os.read(log, 100))]
    tree.freeze(pids[0])
    spawner.socket.close()
    assert spawner.process.wait(harness.LIMIT_S) == 0
    assert not any(map(alive, pids))


@pytest.mark.parametrize("kept_apart", [True, False])
def test_a_spawner_survives_what_an_environment_sends_its_parent(spawner: SpawnerProcess, kept_apart: bool) -> None:
    code = """
import os
for number in (1, 2, 3, 10, 12, 13, 14, 15):
    try:
        os.kill(os.getppid(), number)
    except PermissionError:
        pass
"""
    id, _, _, _ = spawner.spawn([sys.executable, *FLAGS, code], {}, apart=kept_apart)
    assert spawner.expect("exited", id)["status"] == 0
    id, _, _, _ = run(spawner, "")
    assert spawner.expect("exited", id)["status"] == 0


def test_environments_die_with_a_killed_spawner(spawner: SpawnerProcess) -> None:
    _, pid, _, _ = run(spawner, "import time; time.sleep(600)")
    spawner.process.kill()
    spawner.process.wait(harness.LIMIT_S)
    until(lambda: not alive(pid))


def test_a_sweep_finds_what_a_double_kill_left_by_its_marker(tmp_path: Path) -> None:
    env = {"LAMBDATUI_ENGINE": f"test-{os.getpid()}"}
    code = "import os, time; child = os.fork(); child and print(child, flush=True); os.setsid(); time.sleep(600)"
    process = subprocess.Popen([sys.executable, *FLAGS, code], env=env, stdout=subprocess.PIPE)
    assert process.stdout is not None
    child = int(process.stdout.readline())
    assert tree.sweep("LAMBDATUI_ENGINE", "another") == 0
    assert tree.sweep("LAMBDATUI_ENGINE", env["LAMBDATUI_ENGINE"]) >= 1
    assert process.wait(harness.LIMIT_S) == -signal.SIGKILL
    until(lambda: not alive(child))
    process.stdout.close()


def state(pid: int) -> str:
    return tree._stat(pid)[0].decode()


def test_freezing_stops_a_whole_tree_and_thawing_lets_it_run(spawner: SpawnerProcess) -> None:
    id, pid, _, log = run(spawner, DAEMON + "time.sleep(600)")
    daemon = int(os.read(log, 100))
    assert tree.freeze(pid)
    until(lambda: state(pid) == state(daemon) == "T")
    tree.thaw(pid)
    until(lambda: state(pid) != "T" and state(daemon) != "T")
    tree.freeze(pid)
    protocol.send(spawner.socket, protocol.kill(id))
    spawner.expect("exited", id)
    assert not tree.freeze(pid)
    assert not alive(daemon)


def test_memory_is_read(spawner: SpawnerProcess) -> None:
    code = "import os\nx = bytearray(60_000_000)\nos.write(1, b'a')\nos.read(3, 1)"
    _, pid, channel, log = run(spawner, code)
    size = tree.ResidentSize(pid)
    assert os.read(log, 1) == b"a" and size.current() > 60_000_000
    alone = size.with_tree(9)
    assert (alone.resident, alone.tasks, alone.below) == (size.current(), 1, [])
    channel.close()
    until(lambda: not alive(pid))
    assert size.current() == 0
    size.close()


def test_messages_are_put_together_from_any_pieces() -> None:
    ours, theirs = socket.socketpair()
    reader, writer = os.pipe()
    receiver = protocol.Receiver(theirs)
    protocol.send(ours, {"do": "one", "text": "x" * 100_000})
    protocol.send(ours, {"do": "two"}, [reader, writer])
    protocol.send(ours, {"do": "three"}, [reader])
    ours.close()
    messages: list[protocol.Message] = []
    while (some := receiver.receive()) is not None:
        messages += some
    assert [(m.body["do"], len(m.fds)) for m in messages] == [("one", 0), ("two", 2), ("three", 1)]
    os.write(messages[1].fds[1], b"through")
    assert os.read(messages[2].fds[0], 100) == b"through"
    assert not os.get_inheritable(messages[2].fds[0])
    for fd in (reader, writer, *messages[1].fds, *messages[2].fds):
        os.close(fd)
    theirs.close()


def test_a_stopped_spawner_runs_on_to_end_everything_when_the_engine_goes() -> None:
    """The engine's thread that started it ends, as it does by SIGKILL, too."""
    code = "import json, os, sys, time\nfrom lambdatui.spawner import launch, protocol\n"
    code += "process, sock = launch.start()\nreader, writer = os.pipe()\n"
    code += "protocol.send(sock, protocol.spawn('x', [sys.executable, '-c', 'import time; time.sleep(600)'], {}, '/'),"
    code += " [writer, writer])\nreceiver, said = protocol.Receiver(sock), []\n"
    code += "while 'started' not in [body['say'] for body in said]: said += [m.body for m in receiver.receive()]\n"
    code += "print(process.pid, said[-1]['pid'], flush=True)\ntime.sleep(600)"
    engine = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert engine.stdout is not None
    pids = [int(each) for each in engine.stdout.readline().split()]
    os.kill(pids[0], signal.SIGSTOP)
    until(lambda: state(pids[0]) == "T")
    engine.kill()
    engine.wait(harness.LIMIT_S)
    engine.stdout.close()
    until(lambda: not any(map(alive, pids)))


def test_who_sends_to_a_peer_that_does_not_read_wakes_it_until_it_does() -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    woken: list[int] = []

    def wake() -> None:
        woken.append(1)
        if len(woken) == 2:
            while len(theirs.recv(65536)) == 65536:
                pass

    text = "x" * 100_000
    for _ in range(100):
        protocol.send(ours, {"do": "it", "text": text}, wake=wake)
        if woken:
            break
    assert len(woken) >= 2
    ours.close()
    theirs.close()
