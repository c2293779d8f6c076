"""An environment's /tmp is its own, of limited size, and outlives the process that it was made for."""

from __future__ import annotations

import os
import socket
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest
from runtime_harness import LIMIT_S, SpawnerProcess, until

from lambdatui import wire
from lambdatui.spawner import private_tmp, protocol, tree

pytestmark = pytest.mark.skipif(not private_tmp.possible(), reason="this system allows no mount namespaces")
BELOW_TMP = tuple(path for path in (sys.prefix, sys.base_prefix, str(Path(tree.__file__).parents[2])) if "/tmp" in path)


def run(
    spawner: SpawnerProcess,
    code: str,
    id: str | None = None,
    *,
    mb: int = 4,
    keep: tuple[str, ...] = (),
    env: dict[str, str] | None = None,
) -> str:
    """What `code` prints in an environment with a /tmp of its own."""
    id = id or uuid.uuid4().hex
    tmp: dict[str, Any] = {"mb": mb, "keep": [*BELOW_TMP, *keep]}
    ours, theirs = socket.socketpair()
    reader, writer = os.pipe()
    request = protocol.spawn(id, [sys.executable, "-I", "-S", "-c", code], env or {}, "/", tmp=tmp)
    protocol.send(spawner.socket, request, [theirs.fileno(), writer])
    theirs.close()
    os.close(writer)
    spawner.expect("started", id)
    with ours, os.fdopen(reader) as output:
        text = output.read()
    assert spawner.expect("exited", id)["status"] == 0, text
    return text.strip()


def test_the_spawner_says_at_first_that_it_can(spawner: SpawnerProcess) -> None:
    assert spawner.expect("hello", "")["private_tmp"] is True


def test_what_an_environment_writes_to_tmp_is_seen_by_nobody_else(spawner: SpawnerProcess) -> None:
    name = f"/tmp/{uuid.uuid4().hex}"
    code = f"import os; print(os.path.exists({name!r})); open({name!r}, 'w').close()"
    assert [run(spawner, code), run(spawner, code), str(Path(name).exists())] == ["False", "False", "False"]


def test_tmp_is_full_at_its_size_as_a_disk_is(spawner: SpawnerProcess) -> None:
    code = """
try:
    with open("/tmp/large", "wb") as file:
        for _ in range(5):
            file.write(b"x" * 1_048_576)
except OSError as error:
    print(error)
"""
    assert run(spawner, code, mb=4) == "[Errno 28] No space left on device"


def test_the_next_process_of_the_same_id_finds_what_was_left_until_it_is_forgotten(spawner: SpawnerProcess) -> None:
    id, look = uuid.uuid4().hex, "import os; print(os.path.exists('/tmp/left'))"
    run(spawner, "open('/tmp/left', 'w').close()", id)
    assert run(spawner, look, id) == "True"
    protocol.send(spawner.socket, protocol.forget(id))
    assert run(spawner, look, id) == "False"


def test_the_project_stays_where_it_is_though_it_lies_in_tmp(spawner: SpawnerProcess, tmp_path: Path) -> None:
    source, single = tmp_path / "project" / "app.py", tmp_path / "single.pem"
    source.parent.mkdir()
    source.write_text("here")
    single.write_text("also")
    code = f"print(open({str(source)!r}).read(), open({str(single)!r}).read()); open({str(source)!r}, 'w').write('new')"
    assert run(spawner, code, keep=(str(source.parent), str(single))) == "here also"
    assert source.read_text() == "new"


def test_the_use_of_an_environments_tmp_is_told_from_outside(spawner: SpawnerProcess) -> None:
    id = uuid.uuid4().hex
    ours, theirs = socket.socketpair()
    reader, writer = os.pipe()
    code = "import os, time; open('/tmp/some', 'wb').write(b'x' * 2_000_000); os.write(1, b'written'); time.sleep(60)"
    request = protocol.spawn(id, [sys.executable, "-I", "-S", "-c", code], {}, "/", tmp={"mb": 4, "keep": BELOW_TMP})
    protocol.send(spawner.socket, request, [theirs.fileno(), writer])
    pid = spawner.expect("started", id)["pid"]
    with theirs, ours, os.fdopen(reader, "rb", buffering=0) as output:
        os.close(writer)
        assert output.read(7) == b"written"
        used = private_tmp.used_bytes(pid)
    assert used is not None
    assert 2_000_000 <= used < 2_200_000


def test_a_tmp_that_is_a_link_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = tmp_path / "tmp"
    link.symlink_to(tmp_path)
    monkeypatch.setattr(private_tmp, "_TMP", str(link))
    assert not private_tmp.possible()


@pytest.mark.skipif(os.geteuid() != 0, reason="the other tests are of a user who is not root")
def test_a_user_who_is_not_root_gets_one_too_and_keeps_the_user_id() -> None:
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            tree.libc.prctl(4, 1, 0, 0, 0)  # type: ignore[union-attr]  # dumpable again, as after an exec
            private_tmp.make(1, ())
            Path("/tmp/own").touch()
            os.write(writer, f"{os.getuid()} {os.getgid()} {os.listdir('/tmp')}".encode())  # noqa: PTH208
        except OSError as error:
            os.write(writer, str(error).encode())
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(pid, 0)
    with os.fdopen(reader) as told:
        said = told.read()
    if "unshare" in said:
        pytest.skip(f"users who are not root may not: {said}")
    assert said == "65534 65534 ['own']"


def test_a_daemon_that_dropped_its_variables_is_found_by_its_tmp(spawner: SpawnerProcess) -> None:
    """What a double kill left: its environment has died with the spawner, and no variable tells whose it was."""
    value = f"test-{uuid.uuid4().hex}"
    code = (
        "import subprocess, time\n"
        "print(subprocess.Popen(['sleep', '300'], start_new_session=True, env={}).pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    tmp: dict[str, Any] = {"mb": 4, "keep": BELOW_TMP}
    argv = [sys.executable, "-I", "-S", "-c", code]
    _, pid, channel, log = spawner.spawn(argv, {wire.MARK_ENGINE: value}, tmp=tmp)
    daemon = int(os.read(log, 100))
    spawner.process.kill()
    spawner.process.wait(LIMIT_S)
    until(lambda: tree._is_zombie(pid))
    assert not tree._is_zombie(daemon)
    assert tree.sweep(wire.MARK_ENGINE, "another") == 0
    assert tree.sweep(wire.MARK_ENGINE, value) == 1
    until(lambda: tree._is_zombie(daemon))
    channel.close()
    os.close(log)
