"""An environment that is forked from a zygote is as a fresh one in all that code can see, and shares nothing."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import runtime_harness as harness
from runtime_harness import SpawnerProcess, Start, ZygoteProcess

from lambdatui import wire
from lambdatui.spawner import protocol, tree

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="zygotes are for Linux")

# What a process can tell of itself. `library` is in a site-packages folder and has been imported.
LOOK = """
import json, os, resource, signal, subprocess, sys
import library

def link(fd):
    return os.readlink("/proc/self/fd/%s" % fd).partition(":[")[0]

def status(*names):
    with open("/proc/self/status") as file:
        lines = dict(line.split(":", 1) for line in file)
    return {name: lines[name].strip() for name in names}

def streams(*streams):
    return [[s.encoding, s.errors, s.seekable(), s.isatty(), s.line_buffering, s.fileno(), type(s).__name__]
            for s in streams]

def handler(event, context):
    seen = {
        "modules": [name for name in sorted(sys.modules) if "_lambdatui" not in name],
        "threads": len(os.listdir("/proc/self/task")),
        "path": sys.path, "meta": [getattr(f, "__name__", type(f).__name__) for f in sys.meta_path],
        "hooks": len(sys.path_hooks), "flags": str(sys.flags), "argv": [sys.argv, getattr(sys, "orig_argv", 0)],
        "variables": sorted(os.environ.items()), "bytes": sorted(map(repr, os.environb.items())),
        "kinds": [type(os.environ).__name__, type(os.environb).__name__],
        "children": sorted(subprocess.run(["env"], stdout=subprocess.PIPE).stdout.decode().splitlines()),
        "fds": {fd: link(fd) for fd in os.listdir("/proc/self/fd") if os.path.lexists("/proc/self/fd/" + fd)},
        "limits": [resource.getrlimit(n) for n in range(16)], "nice": os.nice(0), "cwd": os.getcwd(),
        "leads": [os.getsid(0) == os.getpid(), os.getpgid(0) == os.getpid()], "parent": os.getppid(),
        "oom": open("/proc/self/oom_score_adj").read(), "command": open("/proc/self/cmdline").read(),
        "status": status("SigBlk", "SigIgn", "SigCgt", "Umask", "Threads", "NoNewPrivs", "Seccomp", "CapEff"),
        "handlers": [repr(signal.getsignal(n)).split(" at ")[0] for n in range(1, 65)],
        "streams": streams(sys.stdin, sys.stdout, sys.stderr), "main": sorted(vars(sys.modules["__main__"])),
        "timers": [signal.getitimer(n) for n in range(3)], "switch": sys.getswitchinterval(),
        "hook": [sys.excepthook is sys.__excepthook__, repr(sys.breakpointhook).split(" at ")[0]],
        "log": [[type(h).__name__ for h in library.logging.getLogger().handlers], library.logging.getLogger().level],
        "seed": library.random.Random.seed.__module__, "library": library.__file__,
    }
    import ctypes
    libc, number = ctypes.CDLL(None), ctypes.c_int()
    for name, option in (("dies with its parent", 2), ("subreaper", 37), ("dumpable", 3)):
        seen[name] = [libc.prctl(option, ctypes.byref(number)), number.value]
    libc.getenv.restype = ctypes.c_char_p
    seen["C"] = [str(libc.getenv(name)) for name in (b"PATH", b"AWS_LAMBDA_FUNCTION_NAME", b"ZYGOTES_OWN")]
    return seen
"""
LIBRARY = {"library.py": "import json, linecache, logging, random\nfrom collections import OrderedDict\n"}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder of installed packages with `library` in it."""
    return harness.write(tmp_path / "lib" / "site-packages", LIBRARY)


Prepare = Callable[..., ZygoteProcess]


@pytest.fixture
def prepare(spawner: SpawnerProcess, site: Path) -> Any:
    """Prepare a zygote with modules of `site`."""
    made = []

    def begin(*modules: str, **more: Any) -> ZygoteProcess:
        made.append(ZygoteProcess(spawner, list(modules), **{"packages": [str(site)], **more}))
        return made[-1]

    yield begin
    for each in made:
        each.kill()


@pytest.fixture
def fork(start: Start, site: Path) -> Any:
    """Fork an environment from a zygote, or start a fresh one where that is None."""

    def begin(zygote: ZygoteProcess | None, code: Any, **more: Any) -> harness.EnvironmentProcess:
        spawn = {**more.pop("spawn", {}), "zygote": None if zygote is None else zygote.id}
        return start(code, spawn=spawn, packages=[str(site)], **more)

    return begin


def learned(fork: Any, code: Any) -> list[str]:
    """The names of the libraries that a fresh init of this code imports."""
    environment = fork(None, code)
    ready = environment.ready()
    assert ready.kind == wire.READY, ready.payload
    return [name for name, _ in ready.meta["libraries"]]


@pytest.mark.parametrize("python", harness.pythons())
@pytest.mark.parametrize("format", ["Text", "JSON"])
def test_code_sees_the_same_in_a_forked_environment_as_in_a_fresh_one(
    spawner: SpawnerProcess, prepare: Prepare, fork: Any, python: str, format: str
) -> None:
    more = {"python": python, "env": {"AWS_LAMBDA_LOG_FORMAT": format, "AWS_LAMBDA_LOG_LEVEL": "INFO", "ORDERS": "é"}}
    fresh = fork(None, LOOK, **more)
    ready = fresh.ready()
    assert ready.kind == wire.READY, ready.payload
    names = [name for name, _ in ready.meta["libraries"]]
    zygote = prepare(*names, python=python, env={"ZYGOTES_OWN": "1"})
    assert zygote.pid
    forked = fork(zygote, LOOK, **more)
    again = forked.ready()
    assert again.kind == wire.READY, again.payload
    ours, theirs = fresh.invoke().json, forked.invoke().json
    assert set(theirs["modules"]) ^ set(ours["modules"]) == set()
    assert {name: (value, ours[name]) for name, value in theirs.items() if value != ours[name]} == {}
    assert again.meta["libraries"] == []
    assert again.meta["files"] == ready.meta["files"]


NOT_ALONE = {
    "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()": "runs 2 threads",
    "import socket\nkept = socket.socket()": "holds a socket",
    "import os\nkept = os.pipe()": "holds a pipe",
    "import select\nkept = select.epoll()": "holds an open eventpoll",
    "kept = open(__file__)": "library.py open",
    "import subprocess\nkept = subprocess.Popen(['sleep', '60'])": "has started a process",
    "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        time.sleep(60)\n"
    "    os._exit(0)\nos.wait()": "has started a process",
    "import signal\nsignal.signal(signal.SIGUSR1, print)": "changes how signals are handled",
    "import faulthandler\nfaulthandler.enable(open('/dev/null'))": "changes how signals are handled",
    "import signal\nsignal.setitimer(signal.ITIMER_REAL, 600)": "starts a timer",
    "import os\nos.chdir('/usr')": "changes the working directory",
    "import os\nos.umask(0o77)": "changes the umask",
    "import sys\nsys.path.append('/usr')": "changes sys.path",
    "import sys\nsys.path_hooks.append(print)": "changes sys.path_hooks",
    "import io, sys\nsys.stdout = io.StringIO()": "changes sys.stdin, sys.stdout or sys.stderr",
    "import os\nos.environ['TOKEN'] = '1'": "sets the variable TOKEN",
    "import os\ndel os.environ['PATH']": "sets the variable PATH",
    "import mmap\nkept = mmap.mmap(-1, 4096)": "shares memory: /dev/zero",
    "import logging\nlogging.warning('shown')": "logs while it is imported",
    "import warnings\nwarnings.warn('old', stacklevel=2)": "warns whoever imports it",
    "print('x' * 5_000)": "writes more than 4 KB",
    "import missing_module": "fails: ModuleNotFoundError: No module named 'missing_module'",
    "raise SystemExit(3)": "fails: SystemExit: 3",
    "import os\nos._exit(3)": "ends with status 3",
    "import os\nos.kill(os.getpid(), 9)": "ends with signal 9",
    "import sys\nsys.path_importer_cache.clear()\nimport lambdatui": "is no library",
}


@pytest.mark.parametrize("source", NOT_ALONE)
def test_what_forks_would_share_keeps_a_process_from_being_a_zygote(
    spawner: SpawnerProcess, prepare: Prepare, site: Path, source: str
) -> None:
    (site / "library.py").write_text(source)
    own = harness.write(site.parent, {"lambdatui.py": ""}) if "lambdatui" in source else None
    said = prepare("library", sys_path=[str(own)] if own else []).said
    assert (said["say"], NOT_ALONE[source] in said.get("error", "")) == ("unprepared", True), said


def test_a_process_that_is_no_zygote_is_gone(spawner: SpawnerProcess, prepare: Prepare, site: Path) -> None:
    mark = site.parent / "pid"
    (site / "library.py").write_text(f"import os\nopen({str(mark)!r}, 'w').write(str(os.getpid()))\nkept = os.pipe()")
    assert prepare("library").said["say"] == "unprepared"
    harness.until(lambda: not Path(f"/proc/{mark.read_text()}").exists())


def test_threads_that_end_at_a_fork_and_what_a_fork_keeps_are_no_hindrance(
    prepare: Prepare, fork: Any, site: Path
) -> None:
    (site / "library.py").write_text("""
import atexit, gc, os, sys, threading
stop = threading.Event()
def begin():
    global thread
    stop.clear()
    thread = threading.Thread(target=stop.wait)
    thread.start()
def end():
    stop.set()
    thread.join()
os.register_at_fork(before=end)  # as OpenBLAS does
begin()
gc.set_threshold(500, 5, 5)
sys.excepthook = lambda *error: None
""")
    code = "import gc, library, sys\ndef handler(event, context):\n"
    code += "    return [gc.get_threshold(), sys.excepthook.__module__]"
    zygote = prepare("library")
    environment = fork(zygote, code)
    environment.ready()
    assert environment.invoke().json == [[500, 5, 5], "library"]


def test_what_imports_wrote_is_written_in_every_fork(prepare: Prepare, fork: Any, site: Path) -> None:
    (site / "library.py").write_text("import os, sys\nprint('out')\nprint('err', file=sys.stderr)\nos.write(1, b'raw')")
    code = "import library\nprint('own')\ndef handler(event, context):\n    print('later')"
    zygote = prepare("library")
    for source in (zygote, None, zygote):
        environment = fork(source, code)
        assert environment.ready().output == b"out\nerr\nrawown\n"
        assert environment.invoke().output == b"later\n"


RANDOM = """
import os, random, secrets, tempfile, time, uuid
import library
BORN = time.perf_counter()
NAMES = [next(tempfile._get_candidate_names()), random.random(), library.generator.random(), library.secret.token_hex(),
         str(uuid.uuid4()), str(uuid.uuid1()), os.urandom(4).hex(), library.seeded.random() and 0]
try:
    import ssl
    NAMES.append(ssl.RAND_bytes(8).hex())
except ImportError:
    pass
try:
    import numpy
    NAMES.append(numpy.random.random())
except ImportError:
    pass
from multiprocessing import current_process
NAMES.append(current_process().authkey.hex())
library.touched = getattr(library, "touched", 0) + 1
def handler(event, context):
    return [NAMES, BORN, library.touched, library.seeded.random()]
"""


def test_forks_share_no_randomness_time_or_state_of_the_code(prepare: Prepare, fork: Any, site: Path) -> None:
    (site / "library.py").write_text("""
import multiprocessing, random, secrets as secret, ssl, tempfile, uuid
generator, seeded = random.Random(), random.Random(7)
generator.random(), tempfile._get_candidate_names()
""")
    zygote = prepare("library", "ssl", "uuid", "tempfile", "multiprocessing")
    answers = []
    for _ in range(3):
        environment = fork(zygote, RANDOM)
        ready = environment.ready()
        assert ready.kind == wire.READY, ready.payload
        answers.append(environment.invoke().json)
    names = [name for answer in answers for name in answer[0] if name != 0]
    assert len(set(names)) == len(names)
    assert len({answer[1] for answer in answers}) == 3
    assert [answer[2] for answer in answers] == [1, 1, 1]
    assert len({answer[3] for answer in answers}) == 1, "what was seeded goes on as it was seeded"


def test_threads_sockets_and_globals_of_one_environment_are_not_in_another(prepare: Prepare, fork: Any) -> None:
    code = """
import library, os, socket, threading
library.json.mark = os.getpid()
kept = socket.socket()
lock = threading.Lock()
lock.acquire()
threading.Thread(target=lock.acquire, daemon=True).start()
def handler(event, context):
    return [library.json.mark == os.getpid(), threading.active_count(), len(os.listdir("/proc/self/fd")) - 1]
"""
    zygote = prepare("library", "json", "threading", "socket")
    several = [fork(zygote, code) for _ in range(3)]
    for each in several:
        ready = each.ready()
        assert ready.kind == wire.READY, ready.payload
    assert {json.dumps(each.invoke().json) for each in several} == {"[true, 2, 6]"}
    assert len(list(Path(f"/proc/{zygote.pid}/task").iterdir())) == 1


def test_the_code_is_never_in_the_zygote(prepare: Prepare, fork: Any, tmp_path: Path) -> None:
    """A second module of the code with a library's optional dependency's name is found by forks alone."""
    zygote = prepare("library")
    assert all("task" not in (file or "") for file in zygote.said["modules"].values())
    environment = fork(zygote, {"app.py": "import helper, library\nhandler = helper.handler", "helper.py": RETURN})
    assert "library" not in dict(environment.ready().meta["libraries"])
    assert environment.invoke().json == str(tmp_path / "task" / "helper.py")
    source = environment.root / "helper.py"
    source.write_text(RETURN.replace("__file__", "'changed'"))
    changed = fork(zygote, {"app.py": "import helper, library\nhandler = helper.handler"})
    changed.ready()
    assert changed.invoke().json == "changed"


RETURN = "def handler(event, context):\n    return __file__\n"


def test_it_says_what_it_holds_what_it_missed_and_what_it_read(prepare: Prepare, site: Path) -> None:
    (site / "library.py").write_text("""
import os
try:
    import fast_json.speedups
except ImportError:
    pass
FLAG = os.getenv("LIBRARY_FLAG"), os.environ.get("LIBRARY_MODE"), "LIBRARY_SET" in os.environ, os.environb.get(b"RAW")
""")
    said = prepare("library").said
    assert said["modules"]["library"] == str(site / "library.py")
    assert said["modules"]["sys"] is None
    assert "ctypes" not in said["modules"]
    assert said["missed"] == ["fast_json"]
    assert said["reads"] == ["LIBRARY_FLAG", "LIBRARY_MODE", "LIBRARY_SET", "RAW"]
    assert 1000 < said["rss_kb"] < 200_000
    (site / "library.py").write_text("import os\nALL = dict(os.environ)\n")
    assert "*" in prepare("library").said["reads"]


def test_libraries_that_import_each_other_come_in_the_order_in_which_they_began(
    prepare: Prepare, fork: Any, site: Path
) -> None:
    """`sys.modules` has `second` first, and that cannot be imported first."""
    (site / "first.py").write_text("import second\nNAME = second.NAME\n")
    (site / "second.py").write_text("import first\nNAME = 1 if 'NAME' not in vars(first) else 1 / 0\n")
    names = learned(fork, "import first\n" + RETURN)
    assert names.index("first") < names.index("second")
    assert prepare(*names).pid


def test_a_fork_fails_where_its_zygote_has_gone_and_where_it_does_not_answer(
    spawner: SpawnerProcess, prepare: Prepare
) -> None:
    argv = harness.command(harness.PYTHON)
    for end in (signal.SIGKILL, signal.SIGSTOP):
        zygote = prepare("library")
        os.kill(zygote.pid, end)
        asked = [spawner.ask(argv, harness.SHARED, zygote=zygote.id) for _ in range(7)]
        said = [spawner.hear("started", "failed", id=id) for id, _, _ in asked]
        failed = [body["error"] for body in said if body["say"] == "failed"]
        assert len(failed) >= 3, "those that the forks which wait already do not take"
        assert all("its zygote has" in error for error in failed)
        assert spawner.expect("exited", zygote.id)["signal"] == signal.SIGKILL
        again = spawner.ask(argv, harness.SHARED, zygote=zygote.id)[0]
        assert spawner.hear("failed", id=again)["error"] == "its zygote has gone"


def test_a_zygote_ends_where_a_fork_that_waits_is_killed(site: Path) -> None:
    """Which request ended with it nobody can tell."""
    spawner = SpawnerProcess()
    zygote = ZygoteProcess(spawner, ["library"], packages=[str(site)])
    harness.until(lambda: len(tree.children(spawner.process.pid)) > 1)
    (waiting,) = set(tree.children(spawner.process.pid)) - {zygote.pid}
    os.kill(waiting, signal.SIGKILL)
    spawner.expect("exited", zygote.id)
    spawner.close()


def test_the_spawner_starts_others_while_a_zygote_is_made_and_while_one_is_silent(
    spawner: SpawnerProcess, prepare: Prepare, fork: Any, site: Path
) -> None:
    (site / "slow.py").write_text("import time\ntime.sleep(600)\n")
    request = protocol.zygote("slow", harness.command(harness.PYTHON), harness.SHARED, "/", {
        "packages": [str(site)], "sys_path": [], "fallback": None, "modules": ["slow"],
    })  # fmt: skip
    protocol.send(spawner.socket, request)
    stopped = prepare("library")
    os.kill(stopped.pid, signal.SIGSTOP)
    argv = harness.command(harness.PYTHON)
    ids = [spawner.ask(argv, harness.SHARED, zygote=stopped.id)[0] for _ in range(5)]
    environment = fork(None, RETURN)
    assert environment.ready().kind == wire.READY
    assert not any(body["id"] in (ids[-1], "slow") for body in spawner._heard)
    protocol.send(spawner.socket, protocol.kill("slow"))
    assert spawner.expect("unprepared", "slow")["error"] == "ends with signal 9"
    assert spawner.hear("failed", id=ids[-1])


def test_a_fork_that_cannot_be_set_up_fails_alone(spawner: SpawnerProcess, prepare: Prepare, fork: Any) -> None:
    zygote = prepare("library")
    argv = harness.command(harness.PYTHON)
    id = spawner.ask(argv, harness.SHARED, "/no/such/folder", zygote=zygote.id)[0]
    assert "/no/such/folder" in spawner.hear("failed", id=id)["error"]
    id = spawner.ask(argv, {**harness.SHARED, "LC_ALL": "C"}, zygote=zygote.id)[0]
    assert "another value of LC_ALL" in spawner.hear("failed", id=id)["error"]
    assert fork(zygote, RETURN).ready().kind == wire.READY


def test_environments_outlive_their_zygote_and_their_end_is_reported(
    spawner: SpawnerProcess, prepare: Prepare, fork: Any
) -> None:
    code = "import os\ndef handler(event, context):\n    return os._exit(event) if event else os.getppid()\n"
    zygote = prepare("library")
    environment, other = fork(zygote, code), fork(zygote, code)
    environment.ready(), other.ready()
    zygote.kill()
    assert spawner.expect("exited", zygote.id)["signal"] == signal.SIGKILL
    assert environment.invoke(0).json == spawner.process.pid
    with pytest.raises(harness.GoneError):
        environment.invoke(7)
    exited = environment.exited()
    assert (exited["status"], exited["pid"]) == (7, environment.pid)
    assert other.kill()["signal"] == signal.SIGKILL


def test_the_largest_size_of_a_fork_is_its_own(prepare: Prepare, fork: Any, site: Path) -> None:
    (site / "library.py").write_text(
        "large = bytearray(200_000_000)\nsmall = bytearray(large[:30_000_000])\ndel large\n"
    )
    zygote = prepare("library")
    environment = fork(zygote, "import library\ndef handler(event, context):\n    return None\n")
    environment.ready()
    assert 30_000 < environment.kill()["max_rss_kb"] < 100_000


def test_many_are_forked_at_once(
    prepare: Prepare, fork: Any, spawner: SpawnerProcess, tmp_path: Path, site: Path
) -> None:
    zygote = prepare("library")
    root = harness.write(tmp_path / "task", {"app.py": RETURN})
    manifest = str(harness.store(root))
    env = {**harness.SHARED, "LARGE": "x" * 30_000}
    asked = [spawner.ask(harness.command(harness.PYTHON), env, str(root), zygote=zygote.id) for _ in range(20)]
    settings = {"handler": "app.handler", "code_root": str(root), "manifest": manifest, "packages": [str(site)]}
    frame = json.dumps({**settings, "bytecode": None}).encode()
    for _, channel, _ in asked:
        channel.sendall(wire.pack(wire.START, b"", frame) + frame)
    pids = {spawner.expect("started", id)["pid"] for id, _, _ in asked}
    assert len(pids) == 20
    for _, channel, _ in asked:
        assert wire.unpack_header(channel.recv(wire.HEADER.size, 0x100)).kind in (wire.IMPORTS, wire.READY)
    for id, channel, log in asked:
        protocol.send(spawner.socket, protocol.kill(id))
        spawner.expect("exited", id)
        channel.close()
        os.close(log)


@pytest.mark.parametrize("end", ["engine", "spawner"])
def test_nothing_is_left_when_engine_or_spawner_end(site: Path, end: str) -> None:
    spawner = SpawnerProcess()
    zygote = ZygoteProcess(spawner, ["library"], packages=[str(site)])
    code = "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(600)\n" + RETURN
    root = harness.write(site.parent / "task", {"app.py": code})
    environment = harness.EnvironmentProcess(spawner, root, spawn={"zygote": zygote.id}, packages=[str(site)])
    environment.ready()
    daemons = tree.children(environment.pid)
    assert len(daemons) == 1
    if end == "engine":
        spawner.close()
        assert not any(Path(f"/proc/{pid}").exists() for pid in (zygote.pid, environment.pid, *daemons))
    else:
        spawner.process.kill()
        spawner.process.wait(harness.LIMIT_S)
        harness.until(lambda: not any(_runs(pid) for pid in (zygote.pid, environment.pid)))
        os.kill(daemons[0], signal.SIGKILL)  # the engine, a subreaper too, would have swept it
        spawner.socket.close()
    environment.close()


def _runs(pid: int) -> bool:
    return bool(tree._stat(pid)) and not tree._is_zombie(pid)
