"""Where the kernel can, an environment's signals and debuggers reach what is below it and nothing else."""

from __future__ import annotations

import json
import os
import sys

import pytest
from runtime_harness import SpawnerProcess

from lambdatui.spawner import apart

pytestmark = pytest.mark.skipif(not apart.possible(), reason="this kernel has no Landlock with scopes (Linux 6.12)")

CODE = """
import ctypes, json, os, signal, time
child = os.fork()
if child == 0:
    time.sleep(600)
def tried(what, *arguments):
    try:
        what(*arguments)
        return "allowed"
    except PermissionError:
        return "refused"
parent = os.getppid()
print(json.dumps({
    "stops its parent": tried(os.kill, parent, signal.SIGSTOP),
    "kills its parent": tried(os.kill, parent, signal.SIGKILL),
    "signals another": tried(os.kill, OTHER, 0),
    "traces its parent": ctypes.CDLL(None).ptrace(16, parent, 0, 0),
    "kills its child": tried(os.kill, child, signal.SIGKILL),
    "kills itself": tried(os.kill, os.getpid(), 0),
}))
"""


def test_it_can_signal_and_trace_its_own_processes_only(spawner: SpawnerProcess) -> None:
    code = CODE.replace("OTHER", str(os.getpid()))
    id, _, _, log = spawner.spawn([sys.executable, "-I", "-S", "-c", code], {})
    assert spawner.expect("exited", id)["status"] == 0
    assert json.loads(os.read(log, 65536)) == {
        "stops its parent": "refused", "kills its parent": "refused", "signals another": "refused",
        "traces its parent": -1, "kills its child": "allowed", "kills itself": "allowed",
    }  # fmt: skip
