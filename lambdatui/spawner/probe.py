"""What this system allows a spawner, tried and told: facts for `lambdatui doctor`, as one JSON object on stdout.

{"system": "linux"|"darwin"|…, "release": str, "root": bool, "container": bool,
 "private_tmp": bool, "reason": str (why not), "process_limit": bool, "apart": bool,
 "descriptors": int (the largest limit, -1: none), "subreaper": bool, "freeze": bool,
 "file_events": bool, "denied_by": [str] (files of the system that forbid user namespaces)}
"""

from __future__ import annotations

import json
import os
import resource
import sys

from . import apart, private_tmp, tree

# The file, and what it holds where users who are not root may make no user namespaces.
_SWITCHES = (
    ("/proc/sys/kernel/unprivileged_userns_clone", "0"),
    ("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1"),
    ("/proc/sys/user/max_user_namespaces", "0"),
)
_OF_CONTAINERS = ("/.dockerenv", "/run/.containerenv")


def facts() -> dict[str, object]:
    """As above."""
    found = private_tmp.probe()
    return {
        "system": sys.platform,
        "release": os.uname().release,
        "root": os.geteuid() == 0,
        "container": any(map(os.path.exists, _OF_CONTAINERS)),
        "private_tmp": found.possible,
        "reason": found.reason,
        "process_limit": found.process_limit,
        "apart": apart.possible(),
        "descriptors": resource.getrlimit(resource.RLIMIT_NOFILE)[1],
        "subreaper": tree.become_subreaper(),
        "freeze": tree.LINUX,
        "file_events": not tree.LINUX or _inotify(),
        "denied_by": [path for path, value in _SWITCHES if _holds(path, value)],
    }


def _inotify() -> bool:
    fd = tree.libc.inotify_init1(0) if tree.libc is not None else -1
    if fd >= 0:
        os.close(fd)
    return bool(fd >= 0)


def _holds(path: str, value: str) -> bool:
    try:
        with open(path) as file:
            return file.read().strip() == value
    except OSError:
        return False


def main() -> None:
    print(json.dumps(facts()))
