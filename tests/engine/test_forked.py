"""Environments that are forked from a library zygote: like fresh ones in all that code can see, and sharing nothing."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from lambdatui.engine.engine import Engine
from lambdatui.engine.model import InvokeRequest
from tests.engine.conftest import Start, call, eventually

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="there are zygotes on Linux only")


@pytest.fixture
def start(start: Start) -> Start:
    return partial(start, fresh=False)


def zygote(engine: Engine) -> str:
    return next(row.zygote for row in engine.function_rows() if row.name == "app")


def starts(engine: Engine) -> list[str]:
    return [row.start for row in engine.environment_rows()]


async def anew(engine: Engine, event: object = None) -> Any:
    """What the next environment answers: those that are warm go first."""
    engine.pool.retire("app")
    await eventually(lambda: not len(engine.pool))
    result = await call(engine, "app", event)
    assert result.status == "ok", result.error_message
    return json.loads(result.payload)


async def prepared(engine: Engine) -> Any:
    """The answer of a fresh environment, when the next one can be forked."""
    found = await anew(engine)
    await eventually(lambda: zygote(engine).endswith("MB"))
    return found


async def saved(engine: Engine, file: Path, text: str) -> None:
    before = engine.function("app").code_sha
    file.write_text(text)
    await in_force(engine, before)


async def in_force(engine: Engine, before: str) -> None:
    """Returns when other code than `before` is served."""
    await eventually(lambda: engine.function("app").code_sha != before)


# --- nothing is shared

STATE = {
    "random": "import random\nSTATE['random'] = random.random()",
    "generator": "import random\nG = random.Random()\nSTATE['generator'] = G.random()",
    "uuid": "import uuid\nSTATE['uuid'] = uuid.uuid4().hex",
    "uuid1": "import uuid\nSTATE['uuid1'] = uuid.uuid1().hex",
    "urandom": "import os\nSTATE['urandom'] = os.urandom(8).hex()",
    "time": "import time\nSTATE['time'] = time.time_ns()",
    "pid": "import os\nSTATE['pid'] = os.getpid()",
    "secrets": "import secrets\nSTATE['secrets'] = secrets.token_hex()",
    "ssl": "import ssl\nSTATE['ssl'] = ssl.RAND_bytes(8).hex()",
    "tempfile": "import tempfile\nSTATE['tempfile'] = next(tempfile._get_candidate_names())",
    "thread": "import threading\nT = threading.Thread(target=threading.Event().wait, daemon=True)\nT.start()\n"
    "STATE['thread'] = T.native_id",
    "socket": "import os, socket\nPAIR = socket.socketpair()\nSTATE['socket'] = os.fstat(PAIR[0].fileno()).st_ino",
}
COUNTED = """
import pathlib, time

def handler(event, context):
    CALLS.append(1)
    if event:  # wait until so many run at once
        folder, count = pathlib.Path(event[0]), event[1]
        (folder / context.aws_request_id).touch()
        while len(list(folder.iterdir())) < count:
            time.sleep(0.01)
    return [STATE, len(CALLS)]
"""


async def test_what_a_module_makes_of_itself_is_never_shared_between_environments(
    start: Start, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Any choice of what modules do when they are imported, in any order: each environment does it for itself."""
    draw = random.Random(5)
    patient = "[functions.app]\nhandler = 'app.handler'\ntimeout = 60\n"
    engine = await start({"app.py": "STATE = {}\nCALLS = []\n" + COUNTED, "lambdatui.toml": patient})
    for _ in range(4):
        names = draw.sample(sorted(STATE), draw.randint(4, len(STATE)))
        source = "\n".join(["STATE = {}\nCALLS = []", *(STATE[name] for name in names), COUNTED])
        await saved(engine, tmp_path / "app.py", source)
        await prepared(engine)
        engine.pool.retire("app")
        together = str(tmp_path_factory.mktemp("together"))
        calls = [call(engine, "app", [together, 4]) for _ in range(4)]
        answers = [json.loads(one.payload) for one in await asyncio.gather(*calls)]
        assert starts(engine) == ["forked"] * 4
        assert [count for _, count in answers] == [1] * 4
        for (one, _), (other, _) in combinations(answers, 2):
            assert {name for name in names if one[name] == other[name]} == set()


# --- nothing is different

SEEN = """
import json, logging, os, sys
import boto3.session
from decimal import Decimal
import helper
OWN = {'AWS_LAMBDA_LOG_STREAM_NAME', 'LAMBDATUI_ENVIRONMENT', '_X_AMZN_TRACE_ID'}
AT_INIT = sorted(name for name in sys.modules if '_lambdatui' not in name)

def importable(name):
    try:
        __import__(name)
    except ImportError as error:
        return str(error)
    return 'yes'

def handler(event, context):
    if event == 'raise':
        helper.fail()
    print('printed')
    logging.getLogger().warning('logged')
    logging.getLogger('botocore').error('by another logger')
    return {
        'modules': AT_INIT, 'path': sys.path, 'argv': sys.argv, 'flags': list(sys.flags), 'executable': sys.executable,
        'variables': {name: value for name, value in os.environ.items() if name not in OWN},
        'importable': {name: importable(name) for name in ('simplejson', 'yaml', 'textual', 'xml.dom', 'lambdatui')},
        'cwd': os.getcwd(), 'files': [boto3.__file__, json.__file__, helper.__file__], 'nice': os.nice(0),
        'meta': [type(each).__name__ for each in sys.meta_path], 'stdout': [str(type(sys.stdout)), sys.stdout.encoding],
        'open': sorted(os.listdir('/proc/self/fd')), 'tmp': sorted(os.listdir('/tmp')), 'package': handler.__module__,
    }
"""
HELPER = "def fail():\n    raise KeyError('missing')\n"


async def test_a_forked_environment_is_as_a_fresh_one(start: Start) -> None:
    pytest.importorskip("boto3")
    engine = await start({"app.py": SEEN, "helper.py": HELPER})
    fresh = await prepared(engine)
    raised = [await call(engine, "app", "raise")]
    assert starts(engine) == ["fresh"]
    forked = await anew(engine)
    raised.append(await call(engine, "app", "raise"))
    assert starts(engine) == ["forked"]
    assert forked == fresh
    errors = [json.loads(one.payload) | {"requestId": ""} for one in raised]
    assert errors[0] == errors[1] and errors[0]["stackTrace"]
    logs = [[line.partition("\t")[2].split("\t")[-1] for line in _lines(engine, one.request_id)] for one in raised]
    assert logs[0] == logs[1] != []


def _lines(engine: Engine, request_id: str) -> list[str]:
    return [one.message for one in engine.telemetry.logs.after(0)[0] if one.request_id == request_id]


async def test_sandboxes_are_started_again_and_versions_and_provisioned_environments_started_by_forks(
    start: Start,
) -> None:
    source = (
        "import json, os\ndef handler(event, context):\n    if event == 'end':\n        os._exit(1)\n    return 1\n"
    )
    engine = await start({"app.py": source})
    await prepared(engine)
    assert (await call(engine, "app", "end")).status == "error"
    assert json.loads((await call(engine, "app")).payload) == 1
    assert starts(engine) == ["forked"]
    version = (await engine.publish("app")).version
    ask = InvokeRequest(function="app", payload=b"{}", qualifier=version)
    assert (await engine.invoke(ask)).payload == b"1"
    await eventually(lambda: engine.zygotes.text(f"app:{version}").endswith("MB"))
    engine.pool.retire(f"app:{version}")
    await eventually(lambda: starts(engine) == ["forked"])
    assert (await engine.invoke(ask)).payload == b"1" and starts(engine) == ["forked", "forked"]
    for count in (1, 2):  # the first one is fresh: its kind of init may import something else
        await engine.provisioner.put("app", version, count)
        await eventually(lambda count=count: starts(engine).count("provisioned") == count)
        await eventually(lambda: engine.zygotes.text(f"app:{version} provisioned-concurrency").endswith("MB"))
    assert sorted(one.forked for one in engine.pool if one.provisioned) == [False, True]


# --- only where it is right


async def test_the_users_own_module_wins_over_a_library_from_its_save_on(start: Start, tmp_path: Path) -> None:
    engine = await start({"app.py": "import colorsys\ndef handler(e, c): return colorsys.__file__\n"})
    assert "lib/python" in await prepared(engine)
    await saved(engine, tmp_path / "colorsys.py", "")
    assert await anew(engine) == str(tmp_path / "colorsys.py")
    assert starts(engine) == ["fresh"]
    before = engine.function("app").code_sha
    (tmp_path / "colorsys.py").unlink()
    await in_force(engine, before)
    assert "lib/python" in await anew(engine)


LOADED = "import sys\ndef handler(e, c): return 'colorsys' in sys.modules\n"


async def test_an_import_that_is_gone_is_not_left_in_memory_and_one_that_comes_is_prepared(
    start: Start, tmp_path: Path
) -> None:
    engine = await start({"app.py": LOADED})
    assert await prepared(engine) is False
    await saved(engine, tmp_path / "app.py", "import colorsys\n" + LOADED)
    assert await anew(engine) is True and starts(engine) == ["forked"]
    await eventually(lambda: len(engine.zygotes.pids()) == 2)
    await saved(engine, tmp_path / "app.py", LOADED)
    assert await anew(engine) is False and starts(engine) == ["fresh"]
    await eventually(lambda: zygote(engine).endswith("MB"))
    assert await anew(engine) is False and starts(engine) == ["forked"]


async def test_a_library_that_was_changed_or_installed_is_the_one_that_runs(start: Start, tmp_path: Path) -> None:
    done = await asyncio.create_subprocess_exec(sys.executable, "-m", "venv", "--without-pip", str(tmp_path / ".venv"))
    assert await done.wait() == 0
    site = next((tmp_path / ".venv" / "lib").glob("python*/site-packages"))
    (site / "library.py").write_text("VALUE = 1\n")
    engine = await start({"app.py": "import library\ndef handler(e, c): return library.VALUE\n"})
    assert await prepared(engine) == 1
    assert await anew(engine) == 1 and starts(engine) == ["forked"]
    await asyncio.sleep(1.1)  # files are looked at once a second at most
    (site / "library.py").write_text("VALUE = 22\n")
    assert await anew(engine) == 22 and starts(engine) == ["fresh"]
    await eventually(lambda: zygote(engine).endswith("MB"))
    assert await anew(engine) == 22 and starts(engine) == ["forked"]
    await asyncio.sleep(1.1)
    (site / "another.py").write_text("VALUE = 33\n")
    await saved(engine, tmp_path / "app.py", "import library, another\ndef handler(e, c): return another.VALUE\n")
    assert await anew(engine) == 33


async def test_with_fresh_every_environment_is_a_fresh_process(start: Start) -> None:
    engine = await start({"app.py": "def handler(e, c): return 1\n"}, fresh=True)
    for _ in range(2):
        assert await anew(engine) == 1 and starts(engine) == ["fresh"]
    assert zygote(engine) == "off (--fresh)" and engine.zygotes.pids() == []


# --- whatever becomes of a zygote


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_zygote_that_is_killed_or_stopped_costs_a_fresh_start(start: Start, number: int) -> None:
    """As a handler can do it where no kernel keeps it apart."""
    engine = await start({"app.py": "import os\ndef handler(event, context):\n    return 1\n"})
    await prepared(engine)
    (pid,) = engine.zygotes.pids()
    os.kill(pid, number)
    if number == signal.SIGSTOP:
        assert await anew(engine) == 1  # the fork that waited already
    assert await anew(engine) == 1 and starts(engine) == ["fresh"]
    await eventually(lambda: engine.zygotes.pids() not in ([], [pid]))
    assert await anew(engine) == 1 and starts(engine) == ["forked"]


async def test_the_end_of_the_spawner_takes_the_zygotes_along_and_new_ones_come(start: Start) -> None:
    engine = await start({"app.py": "def handler(e, c): return 1\n"})
    await prepared(engine)
    os.kill(engine.spawner.pid, signal.SIGKILL)
    await eventually(lambda: not engine.zygotes.pids() and engine.spawner.present)
    assert await prepared(engine) == 1
    assert await anew(engine) == 1 and starts(engine) == ["forked"]


async def test_a_zygote_is_no_environment(start: Start) -> None:
    engine = await start({"app.py": "def handler(e, c): return 1\n"})
    await prepared(engine)
    assert len(engine.zygotes.pids()) == 1
    assert [row.pid for row in engine.environment_rows()] == [one.pid for one in engine.pool]
    assert engine.zygotes.pids()[0] not in [row.pid for row in engine.environment_rows()]


POWERS = """
import ctypes, os, resource
def tried(do):
    try:
        return do()
    except OSError as error:
        return os.strerror(error.errno)
def handler(event, context):
    libc, root = ctypes.CDLL(None, use_errno=True), os.environ["LAMBDA_TASK_ROOT"]
    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    return {
        "capabilities": [int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")],
        "no new ones": status["NoNewPrivs"].strip(),
        "write": tried(lambda: open(root + "/new", "w").close()),
        "state": tried(lambda: os.listdir(root + "/.lambdatui")),
        "unmount": [libc.umount2(path.encode(), 2) for path in (root, root + "/.lambdatui", "/tmp")],
        "unshare": libc.unshare(0x20000),
        "nice": os.nice(0),
        "less nice": tried(lambda: os.nice(-1)),
        "limits": [resource.getrlimit(getattr(resource, name)) for name in dir(resource) if name.startswith("RLIMIT_")],
        "parent": tried(lambda: open(f"/proc/{os.getppid()}/environ").read()),
    }
"""


async def test_a_fork_has_no_more_powers_than_a_fresh_process_and_sees_no_more(start: Start) -> None:
    engine = await start({"app.py": POWERS})
    fresh = await prepared(engine)
    assert await anew(engine) == fresh and starts(engine) == ["forked"]
    assert fresh["unshare"] == -1 and fresh["unmount"] == [-1, -1, -1]
    assert fresh["less nice"] == "Operation not permitted"
    administer = 1 << 21
    assert not any(each & administer for each in fresh["capabilities"])
