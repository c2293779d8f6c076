"""What the facts of a system mean, and that the table of the documentation says the same."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from lambdatui.client.doctor import Facts, guarantees, probe

LINUX = Facts(
    system="linux", release="6.18", private_tmp=True, process_limit=True, apart=True, subreaper=True, freeze=True
)
SYSTEMS = {
    "Linux": LINUX,
    "Linux, root": msgspec.structs.replace(LINUX, root=True, process_limit=False),
    "Linux before 6.12": msgspec.structs.replace(LINUX, apart=False),
    "Linux without user namespaces": msgspec.structs.replace(
        LINUX, private_tmp=False, process_limit=False, reason="[Errno 1] unshare: Operation not permitted"
    ),
    "in a container": msgspec.structs.replace(
        LINUX, root=True, container=True, private_tmp=False, process_limit=False, reason="[Errno 1] unshare: no"
    ),
    "macOS": Facts(system="darwin", release="24.1"),
}
DOCS = Path(__file__).parents[2] / "docs" / "isolation.md"


def rows() -> dict[str, list[str]]:
    """The table of the documentation: its head, then cells by guarantee."""
    lines = [line for line in DOCS.read_text().splitlines() if line.startswith("|") and not line.startswith("|--")]
    cells = [[cell.strip().strip("*") for cell in line.strip("|").split("|")] for line in lines]
    return {name: rest for name, *rest in cells}


def test_the_documentation_has_one_table_that_says_what_doctor_says() -> None:
    table = rows()
    head = table.pop("guarantee")
    assert head == list(SYSTEMS)
    told = {name: [] for name in table}  # type: dict[str, list[str]]
    for facts in SYSTEMS.values():
        for one in guarantees(facts):
            told[one.name].append(one.state)
    assert {name: [re.split(r"\W", cell)[0] for cell in cells] for name, cells in table.items()} == told


@pytest.mark.parametrize(
    ("facts", "remedy"),
    [
        ({"denied_by": ("/proc/sys/kernel/apparmor_restrict_unprivileged_userns",)},
         "allow user namespaces: `sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0`"),
        ({"denied_by": ("/proc/sys/user/max_user_namespaces", "/proc/sys/kernel/unprivileged_userns_clone")},
         "allow user namespaces: `sudo sysctl user.max_user_namespaces=10000 kernel.unprivileged_userns_clone=1`"),
        ({"reason": "/tmp is a link"}, "let /tmp be a folder"),
        ({"container": True}, "start the container with `--security-opt seccomp=unconfined --security-opt "
         "apparmor=unconfined`, as a user who is not root"),
    ],
)  # fmt: skip
def test_what_is_missing_comes_with_the_next_step(facts: dict[str, object], remedy: str) -> None:
    base = msgspec.to_builtins(msgspec.structs.replace(LINUX, private_tmp=False, process_limit=False))
    found = {one.name: one for one in guarantees(msgspec.convert({**base, **facts}, Facts))}
    assert found["read-only code"].remedy == remedy
    assert found["read-only code"].state == "no"


def test_root_is_told_what_another_user_would_have() -> None:
    found = {one.name: one for one in guarantees(SYSTEMS["Linux, root"])}
    assert found["process limit"].remedy == "run lambdatui as a user who is not root"


def test_an_older_kernel_is_named() -> None:
    found = {one.name: one for one in guarantees(SYSTEMS["Linux before 6.12"])}
    assert found["other processes"].remedy == "use Linux 6.12 or newer, with Landlock (this is 6.18)"


def test_this_system_is_probed_in_a_process_like_the_spawner() -> None:
    facts = probe()
    assert facts.system == sys.platform
    assert facts.reason == "" or not facts.private_tmp


def test_the_command_prints_the_same_as_a_table_and_as_json() -> None:
    command = [sys.executable, "-m", "lambdatui", "doctor"]
    printed = json.loads(subprocess.run([*command, "--json"], capture_output=True, check=True).stdout)
    assert printed == msgspec.to_builtins(guarantees(probe()))
    text = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    assert all(f"{one['name']} " in text and one["text"] in text for one in printed)
