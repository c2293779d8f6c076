"""What an environment sees of the files outside of its /tmp, and how many processes it may have, in real namespaces."""

from __future__ import annotations

import json
import os
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lambdatui.spawner import private_tmp, tree
from lambdatui.spawner.view import HIDE, READ_ONLY, WRITABLE

pytestmark = pytest.mark.skipif(not private_tmp.possible(), reason="this system allows no mount namespaces")


def within(view: list[tuple[str, str]], look: Callable[[], object], *, keep: str, user: int | None = None) -> Any:
    """What `look` returns in a process that has the view; `user`: the user id that it takes before."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            if user is not None:
                os.setgroups([])
                os.setgid(user)
                os.setuid(user)
                tree.libc.prctl(4, 1, 0, 0, 0)  # type: ignore[union-attr]  # dumpable again, as after an exec
            private_tmp.make(1, [keep], view)
            os.write(writer, json.dumps(look()).encode())
        except BaseException as error:  # noqa: BLE001 (the test reads it)
            os.write(writer, json.dumps(f"{type(error).__name__}: {error}").encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as told:
        said = told.read()
    os.waitpid(pid, 0)
    return json.loads(said)


def write(path: Path) -> str:
    try:
        path.write_text("changed")
    except OSError as error:
        return os.strerror(error.errno or 0)
    return "written"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """app.py, deps/lib.py, and a state folder .state with a token and a part that environments need."""
    for name in ("app.py", "deps/lib.py", ".state/token", ".state/code/blob", ".state/code/bytecode/one"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("as it was")
    return tmp_path


def top(path: Path) -> str:
    """What of it lies directly in /tmp, or itself."""
    return "/".join(str(path).split("/")[:3]) if str(path).startswith("/tmp/") else str(path)


def test_read_only_code_cannot_be_changed_removed_or_added_to(project: Path) -> None:
    def look() -> object:
        found = [write(project / "app.py"), write(project / "new.py")]
        try:
            (project / "app.py").unlink()
        except OSError as error:
            found.append(os.strerror(error.errno or 0))
        return [*found, (project / "app.py").read_text()]

    read_only = "Read-only file system"
    found = within([(READ_ONLY, str(project))], look, keep=top(project))
    assert found == [read_only, read_only, read_only, "as it was"]
    assert write(project / "app.py") == "written"  # outside nothing has changed


def test_a_folder_below_stays_writable_where_the_view_says_so(project: Path) -> None:
    view = [(WRITABLE, str(project / "deps")), (READ_ONLY, str(project))]  # depth counts, not the order
    found = within(view, lambda: [write(project / "deps/lib.py"), write(project / "app.py")], keep=top(project))
    assert found == ["written", "Read-only file system"]
    assert (project / "deps/lib.py").read_text() == "changed"


def test_a_hidden_folder_shows_the_parts_that_are_named_and_takes_nothing(project: Path) -> None:
    state = project / ".state"
    view = [
        (READ_ONLY, str(project)), (HIDE, str(state)), (READ_ONLY, str(state / "code")),
        (WRITABLE, str(state / "code/bytecode")), (WRITABLE, str(state / "no such")),
    ]  # fmt: skip

    def look() -> object:
        writes = [write(state / name) for name in ("token", "code/blob", "code/bytecode/one")]
        return [os.listdir(state), (state / "token").exists(), (state / "code/blob").read_text(), writes]  # noqa: PTH208

    read_only = "Read-only file system"
    assert within(view, look, keep=top(project)) == [
        ["code"], False, "as it was", [read_only, read_only, "written"],
    ]  # fmt: skip
    assert (state / "token").read_text() == "as it was"


def test_the_view_is_the_same_for_a_user_who_is_not_root(project: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("the other tests are of that user")
    view = [(READ_ONLY, str(project)), (HIDE, str(project / ".state"))]
    os.chmod(project, 0o777)  # noqa: PTH101
    for folder in project.parents:
        if folder.stat().st_uid == os.geteuid() and str(folder).startswith("/tmp/"):
            folder.chmod(0o755)
    look = lambda: [write(project / "new.py"), os.listdir(project / ".state")]  # noqa: E731, PTH208
    found = within(view, look, keep=top(project), user=65534)
    if "unshare" in found:
        pytest.skip(f"users who are not root may not: {found}")
    assert found == ["Read-only file system", []]


def start_processes(limit: int) -> object:
    """How many processes there may be beside this one under that limit, and what the next one fails with."""
    resource.setrlimit(resource.RLIMIT_NPROC, (limit, limit))
    reader, writer = os.pipe()
    for count in range(limit + 5):
        try:
            if os.fork() == 0:
                os.close(writer)
                os.read(reader, 1)
                os._exit(0)
        except OSError as error:
            return [count, os.strerror(error.errno or 0)]
    return None


def test_the_kernel_counts_the_processes_of_each_environment_by_itself_where_the_probe_says_so(project: Path) -> None:
    user = 65534 if os.geteuid() == 0 else None

    def look() -> object:
        return start_processes(20)

    found = within([], lambda: vars(private_tmp.probe()), keep=top(project), user=user)
    if isinstance(found, str) or not found["process_limit"]:
        pytest.skip(f"this system does not: {found}")
    assert within([], look, keep=top(project), user=user) == [19, "Resource temporarily unavailable"]


@pytest.mark.skipif(os.geteuid() != 0, reason="the kernel limits everybody but root")
def test_root_is_told_that_the_kernel_counts_nothing() -> None:
    found = private_tmp.probe()
    assert (found.possible, found.process_limit) == (True, False)
