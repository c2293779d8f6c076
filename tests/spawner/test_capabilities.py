"""Environments have none of root's special powers, also where root starts them and what they start in turn."""

from __future__ import annotations

import json
import os
import sys

import pytest
from runtime_harness import SpawnerProcess

from lambdatui.spawner import tree

pytestmark = pytest.mark.skipif(not tree.LINUX, reason="capabilities are Linux's")

CODE = """
import json, os, subprocess, sys
def held():
    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    return [int(status[name], 16) for name in ("CapPrm", "CapEff")]
if len(sys.argv) == 1:
    child = subprocess.run([sys.executable, "-I", "-S", "-c", sys.orig_argv[-1], "x"], capture_output=True, text=True)
    print(json.dumps([held(), json.loads(child.stdout)]))
else:
    print(json.dumps(held()))
"""
FILES_AND_USERS = 0x4FB  # CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID, NET_BIND_SERVICE


def held(spawner: SpawnerProcess, **more: bool) -> list[list[int]]:
    id, _, _, log = spawner.spawn([sys.executable, "-I", "-S", "-c", CODE], {}, **more)
    assert spawner.expect("exited", id)["status"] == 0
    return json.loads(os.read(log, 65536))  # type: ignore[no-any-return]


def test_an_environment_keeps_what_concerns_files_and_users_at_most(spawner: SpawnerProcess) -> None:
    allowed = FILES_AND_USERS if os.geteuid() == 0 else 0
    assert not [mine for process in held(spawner) for mine in process if mine & ~allowed]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has any")
def test_what_is_no_environment_keeps_them(spawner: SpawnerProcess) -> None:
    assert all(mine & ~FILES_AND_USERS for process in held(spawner, apart=False) for mine in process)
