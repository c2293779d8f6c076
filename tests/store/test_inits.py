"""The last fresh init of each function, and the parts of an invocation's time."""

from __future__ import annotations

import msgspec
import pytest

from lambdatui.clock import ManualClock
from lambdatui.profiles import ImportNode, ImportPlace, ImportTree
from lambdatui.store import limits
from lambdatui.store.database import open_writable
from lambdatui.store.inits import Spending
from lambdatui.store.reader import Reader
from lambdatui.store.records import InitRecord
from lambdatui.store.store import Store
from lambdatui.store.tables import HISTORY
from tests.store.test_store_history import invocation

TREE = ImportTree(
    modules=2,
    places=[ImportPlace("own", "/shop"), ImportPlace("sdk", "/sdk")],
    nodes=[ImportNode("app", -1, 10, 110, 0), ImportNode("boto3", 0, 100, 100, 1)],
)


def init(function: str = "f", at_us: int = 1, tree: bytes | None = None) -> InitRecord:
    return InitRecord(
        function=function, version="$LATEST", code_sha="a", at_us=at_us, init_us=150, runtime_us=50, libraries_us=100,
        own_us=10, tree=msgspec.json.encode(TREE) if tree is None else tree,
    )  # fmt: skip


async def test_the_last_one_of_each_function_is_there_after_a_restart(store: Store, clock: ManualClock) -> None:
    store.history.add(inits=[init(at_us=1), init("g", 2)])
    await store.history.flush()
    store.history.add(inits=[init(at_us=3), init(at_us=4)])
    await store.history.flush()
    reader = Reader(store.data)
    kept = {name: reader.last_init(name) for name in ("f", "g", "h")}
    assert kept["h"] is None
    assert kept["f"] is not None and kept["g"] is not None
    assert (kept["f"][0].at_us, kept["g"][0].at_us) == (4, 2)
    assert kept["f"][1] == TREE


async def test_spending_counts_what_was_billed(store: Store) -> None:
    rows = [invocation(1, init_us=300_000, billed_ms=400), invocation(2, billed_ms=100), invocation(3)]
    store.history.add(invocations=rows, inits=[init()])
    await store.history.flush()
    found = Reader(store.data).last_init("f")
    assert found is not None
    assert found[2] == Spending(invocations=2, cold_starts=1, init_us=300_000, billed_ms=500)


@pytest.mark.parametrize(
    "tree",
    [b"no json", b"[]", b'{"nodes": [["a", 5, 1, 1, 0]], "places": [["own", ""]]}', b'{"nodes":[["a",-1,1,1,3]]}'],
)
async def test_a_tree_that_user_code_forged_reads_as_empty(store: Store, tree: bytes) -> None:
    store.history.add(inits=[init(tree=tree)])
    await store.history.flush()
    found = Reader(store.data).last_init("f")
    assert found is not None
    assert found[1] == ImportTree()


async def test_they_go_with_the_rest_of_history(store: Store, clock: ManualClock) -> None:
    store.history.add(inits=[init(at_us=clock.now_us())])
    await store.history.flush()
    clock.advance(limits.HISTORY_AGE_US / 1e6 + 1)
    await store.history.trim()
    assert Reader(store.data).last_init("f") is None


async def test_parts_of_an_invocations_time_come_back(store: Store) -> None:
    row = invocation(1, runtime_us=1500, libraries_us=2000, own_us=0, overhead_us=250, forked=True)
    store.history.add(invocations=[row])
    await store.history.flush()
    (found,) = Reader(store.data).invocations()
    parts = found.init_runtime_ms, found.init_libraries_ms, found.init_own_ms, found.overhead_ms, found.forked
    assert parts == (1.5, 2.0, 0.0, 0.25, True)


def test_a_file_of_an_older_lambdatui_has_neither(tmp_path: object) -> None:
    from pathlib import Path

    folder = Path(str(tmp_path))
    old, _ = open_writable(folder / "history.db", HISTORY[:3], full=False)
    reader = Reader(folder)
    assert reader.last_init("f") is None
    assert reader.invocations() == []
    reader.close()
    old.close()
