"""What all tests are run with, wherever they were started."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers

from lambdatui.store import database

TESTS = Path(__file__).parent

# The same examples in every run, so that a run tells of the change alone. A busy machine is no fault.
EXAMPLES = int(os.environ.get("LAMBDATUI_EXAMPLES", "0"))
settings.register_profile(
    "behaviour", deadline=None, max_examples=EXAMPLES or 60, derandomize=not EXAMPLES,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)  # fmt: skip
settings.load_profile("behaviour")
# Hypothesis mixes the constants of all loaded modules into what it draws: other examples after every change, and for
# each kind of text seconds to see which of them it may be. Only runs that try fresh examples have them.
if not EXAMPLES and not any(name.startswith("LAMBDATUI_FUZZ_") and value for name, value in os.environ.items()):
    providers._get_local_constants = lambda: providers._local_constants

# A shell starts what it puts behind (`make test &`) with Ctrl-C ignored, and every process below would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    with contextlib.suppress(ValueError):  # only a main thread may
        signal.signal(signal.SIGINT, signal.default_int_handler)

# At Python's own thresholds a third of a screen test's time is the collector's: a worker holds every test of the suite.
gc.set_threshold(50_000, 20, 50)


def pytest_configure(config: pytest.Config) -> None:
    """Let each worker begin its collection with another room: what one of them compiles, the others need not."""
    worker = getattr(config, "workerinput", None)
    if worker is None or [Path(place).absolute() for place in config.args] != [TESTS]:
        return
    places = sorted(str(path) for path in TESTS.iterdir() if path.is_dir() or path.name.startswith("test_"))
    places = [place for place in places if not place.endswith("__pycache__")]
    first = int(worker["workerid"].removeprefix("gw")) * len(places) // worker["workercount"]
    config.args[:] = places[first:] + places[:first]


# Rooms whose files are all quick come last: no worker is to begin a long one when the others are done.
QUICK = {"api", "benchmarks", "cli", "client", "config", "layers", "samples", "sources", "store", "telemetry"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The same order in every worker."""
    keys = {path: (path.relative_to(TESTS).parts[0] in QUICK, path) for path in {item.path for item in items}}
    items.sort(key=lambda item: keys[item.path])


def pytest_collection_finish() -> None:
    """What has been collected stays to the end: it is not looked through again."""
    gc.collect()
    gc.freeze()


_migrate = database._migrate
_made: dict[Sequence[Sequence[str]], sqlite3.Connection] = {}


def _copy_or_migrate(connection: sqlite3.Connection, migrations: Sequence[Sequence[str]]) -> None:
    """As `_migrate`, but new files are copies of one: to migrate them is two thirds of opening a store."""
    if connection.execute("PRAGMA user_version").fetchone()[0]:
        _migrate(connection, migrations)
        return
    if migrations not in _made:
        first = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        first.execute("PRAGMA auto_vacuum=INCREMENTAL")
        _migrate(first, migrations)
        _made[migrations] = first
    _made[migrations].backup(connection)


database._migrate = _copy_or_migrate


@pytest.fixture
def every_migration(monkeypatch: pytest.MonkeyPatch) -> None:
    """New files are made as the program makes them."""
    monkeypatch.setattr(database, "_migrate", _migrate)
