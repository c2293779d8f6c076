"""What this system guarantees: the spawner's own probe, run by path, and what its facts mean. `docs/isolation.md`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Literal

import msgspec

import lambdatui
from lambdatui.errors import OperationFailed, StoreError
from lambdatui.store.location import DATA_NAME, refuse_foreign

_PROBE = Path(lambdatui.__file__).parent / "spawner" / "main.py"
_PATIENCE = 20.0
# Docker's default profiles forbid to unshare and to mount. https://docs.docker.com/engine/security/seccomp/
_UNCONFINED = "`--security-opt seccomp=unconfined --security-opt apparmor=unconfined`"
_FEWEST_DESCRIPTORS = 1024

State = Literal["yes", "partly", "no"]


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """As `spawner.probe` tells them."""

    system: str
    release: str = ""
    root: bool = False
    container: bool = False
    private_tmp: bool = False
    reason: str = ""
    process_limit: bool = False
    apart: bool = False
    descriptors: int = -1
    subreaper: bool = False
    freeze: bool = False
    file_events: bool = True
    denied_by: tuple[str, ...] = ()


class Guarantee(msgspec.Struct, frozen=True, kw_only=True):
    """One promise, and what holds of it here; `remedy` is empty where nothing can be done, or need be."""

    name: str
    state: State
    text: str
    remedy: str = ""


def probe() -> Facts:
    """Ask this system, in the process that would be the spawner. Raises OperationFailed."""
    command = [sys.executable, "-I", "-S", str(_PROBE), "--probe"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_PATIENCE, check=True)
        return msgspec.json.decode(done.stdout, type=Facts)
    except (OSError, subprocess.SubprocessError, msgspec.DecodeError) as error:
        raise OperationFailed(f"this system could not be probed: {error}") from error


def guarantees(facts: Facts) -> list[Guarantee]:
    """What the facts mean, in the order of the table in the documentation. Pure."""
    linux = facts.system.startswith("linux")
    remedy = _remedy(facts, linux)
    why = f" ({facts.reason})" if facts.reason else ""
    return [
        Guarantee(name="own variables", state="yes", text="no other function's, no credentials or token of yours"),
        _one(
            "own /tmp", facts.private_tmp, "no",
            "of the function's EphemeralStorage, seen by no other environment",
            f"TMPDIR and HOME name a folder of its own; /tmp is shared and not limited{why}", remedy,
        ),
        _one(
            "read-only code", facts.private_tmp, "no", "writing fails with EROFS, as on Lambda",
            "functions can write to their code folder", remedy,
        ),
        _one(
            "hidden state", facts.private_tmp, "no", "no function can read the token, other events or ~/.aws",
            "functions can read the data folder and ~/.aws as you can", remedy,
        ),
        _other_processes(facts, linux),
        _process_limit(facts, linux),
        _one(
            "descriptors", facts.descriptors < 0 or facts.descriptors >= _FEWEST_DESCRIPTORS, "partly",
            "1,024 for each process, then EMFILE, as on Lambda",
            f"{facts.descriptors} for each process, not Lambda's 1,024", "raise the hard limit: `ulimit -Hn 1024`",
        ),
        _one(
            "memory limit", linux, "partly", "watched 50 times a second; above it the environment is ended",
            "watched 50 times a second for its first process",
        ),
        _one(
            "no process left", facts.subreaper, "partly", "also of daemons in sessions of their own, and after SIGKILL",
            "by process group: a daemon in a session of its own stays",
        ),
        _one(
            "frozen when idle", facts.freeze, "no", "no code runs between invocations, as on Lambda",
            "threads run on between invocations",
        ),
        Guarantee(name="niced", state="yes", text="functions give way to the engine and your editor (nice 10)"),
        _one(
            "file events", facts.file_events, "partly", "a save is seen at once", "files are looked at twice a second",
            "free an inotify instance, or raise it: `sysctl fs.inotify.max_user_instances=512`",
        ),
    ]  # fmt: skip


def data_folder(project: Path, data: Path) -> Guarantee:
    """Whether the project's state can lie in `data`, and is where it says."""
    name = "data folder"
    instead = "leave --data away, or name an empty folder beside the project"
    if project.resolve().is_relative_to(data.resolve()):
        return Guarantee(name=name, state="no", text=f"{data} holds the project itself", remedy=instead)
    if data.is_symlink():
        refused, folder = data.name == DATA_NAME, f"name that folder itself: `--data {data.resolve()}`"
        return Guarantee(
            name=name,
            state="no" if refused else "partly",
            text=f"{data} is a link to {data.resolve()}",
            remedy=f"remove the link, or {folder}" if refused else folder,
        )
    try:
        refuse_foreign(data)
    except StoreError as error:
        reason, _, remedy = str(error).rpartition(": ")
        return Guarantee(name=name, state="no", text=reason, remedy=remedy)
    return Guarantee(name=name, state="yes", text=f"{data}, for you alone")


def _one(name: str, holds: bool, otherwise: State, text: str, instead: str, remedy: str = "") -> Guarantee:
    if holds:
        return Guarantee(name=name, state="yes", text=text)
    return Guarantee(name=name, state=otherwise, text=instead, remedy=remedy)


def _other_processes(facts: Facts, linux: bool) -> Guarantee:
    """Landlock keeps signals in and variables away; a user namespace the latter alone."""
    name = "other processes"
    if facts.apart:
        return Guarantee(name=name, state="yes", text="functions neither signal them nor read their variables")
    remedy = f"use Linux 6.12 or newer, with Landlock (this is {facts.release})" if linux else ""
    if facts.private_tmp and not facts.root:
        return Guarantee(name=name, state="partly", text="functions can signal them, as you can", remedy=remedy)
    text = "functions can signal them and read their variables, as you can"
    return Guarantee(name=name, state="no", text=text, remedy=remedy)


def _process_limit(facts: Facts, linux: bool) -> Guarantee:
    name = "process limit"
    if facts.process_limit:
        return Guarantee(name=name, state="yes", text="1,024 processes and threads, then EAGAIN, as on Lambda")
    if linux:
        text = "counted 50 times a second; an environment with more than 1,024 is ended"
        return Guarantee(name=name, state="partly", text=text, remedy=_as_user(facts))
    return Guarantee(name=name, state="no", text="only your own limit holds (`ulimit -u`)")


def _as_user(facts: Facts) -> str:
    if facts.root and facts.private_tmp:
        return "run lambdatui as a user who is not root"
    return _remedy(facts, linux=True)


def _remedy(facts: Facts, linux: bool) -> str:
    """What would allow the namespaces that are missing."""
    if facts.private_tmp or not linux:
        return ""
    if facts.denied_by:
        wanted = {"max_user_namespaces": "10000", "unprivileged_userns_clone": "1"}
        names = [path.removeprefix("/proc/sys/").replace("/", ".") for path in facts.denied_by]
        return "allow user namespaces: `" + " ".join(
            ["sudo sysctl", *(f"{name}={wanted.get(name.rpartition('.')[2], '0')}" for name in names)]
        ) + "`"  # fmt: skip
    if facts.reason == "/tmp is a link":
        return "let /tmp be a folder of its own: functions would not find what lies where it leads to"
    if facts.container:
        return f"start the container with {_UNCONFINED}, as a user who is not root"
    return ""
