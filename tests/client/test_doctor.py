"""What the facts of a system mean, and that the table of the documentation says the same."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from lambdatui.client.doctor import Facts, data_folder, guarantees, probe

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
        ({"reason": "/tmp is a link"},
         "let /tmp be a folder of its own: functions would not find what lies where it leads to"),
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
    assert printed[:-1] == msgspec.to_builtins(guarantees(probe()))
    text = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    assert all(f"{one['name']} " in text and one["text"] in text for one in printed)


def folders(tmp_path: Path) -> tuple[Path, Path]:
    """A project, and a folder elsewhere."""
    project, elsewhere = tmp_path / "work" / "shop", tmp_path / "elsewhere"
    project.mkdir(parents=True)
    elsewhere.mkdir()
    return project, elsewhere


def test_a_data_folder_is_well_where_an_engine_would_make_it_or_has_made_it(tmp_path: Path) -> None:
    project, elsewhere = folders(tmp_path)
    for data in (project / ".lambdatui", elsewhere, tmp_path / "not-there-yet"):
        assert data_folder(project, data).state == "yes"


def test_a_link_is_told_with_where_it_leads(tmp_path: Path) -> None:
    project, elsewhere = folders(tmp_path)
    (project / ".lambdatui").symlink_to(elsewhere)
    told = data_folder(project, project / ".lambdatui")
    assert (told.state, told.text) == ("no", f"{project / '.lambdatui'} is a link to {elsewhere}")
    assert told.remedy == f"remove the link, or name that folder itself: `--data {elsewhere}`"
    (tmp_path / "state").symlink_to(elsewhere)
    told = data_folder(project, tmp_path / "state")
    assert (told.state, told.remedy) == ("partly", f"name that folder itself: `--data {elsewhere}`")


@pytest.mark.parametrize("name", ["", "shop", "shop/."])
def test_a_data_folder_that_holds_the_project_is_told(tmp_path: Path, name: str) -> None:
    project, _ = folders(tmp_path)
    data = tmp_path / "work" / name
    told = data_folder(project, data)
    assert (told.state, told.text) == ("no", f"{data} holds the project itself")
    assert "beside the project" in told.remedy


def test_a_folder_of_somebody_else_is_told_in_the_words_of_run(tmp_path: Path) -> None:
    project, elsewhere = folders(tmp_path)
    (elsewhere / "thesis.txt").touch()
    told = data_folder(project, elsewhere)
    assert (told.state, told.text) == ("no", f"{elsewhere} holds other files")
    assert told.remedy == "name an empty folder, or one that is not there yet, with --data"


def test_the_command_says_it_of_its_options(tmp_path: Path) -> None:
    project, elsewhere = folders(tmp_path)
    (tmp_path / "state").symlink_to(elsewhere)
    command = [
        sys.executable,
        "-m",
        "lambdatui",
        "doctor",
        "--project",
        str(project),
        "--data",
        str(tmp_path / "state"),
    ]
    said = subprocess.run([*command, "--json"], check=True, capture_output=True, text=True).stdout
    assert json.loads(said)[-1]["name"] == "data folder"
    assert json.loads(said)[-1]["state"] == "partly"
    assert (
        f"name that folder itself: `--data {elsewhere}`"
        in subprocess.run(command, check=True, capture_output=True, text=True).stdout
    )
