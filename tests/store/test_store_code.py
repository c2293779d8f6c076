"""Code snapshots: exact, shared, never half-written, collected when nothing names them."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from lambdatui.clock import ManualClock, new_request_id
from lambdatui.errors import StoreError
from lambdatui.store import history_rows
from lambdatui.store.database import open_writable
from lambdatui.store.limits import SNAPSHOTS_KEPT
from lambdatui.store.records import InvocationRecord
from lambdatui.store.store import Store
from lambdatui.store.tables import HISTORY


async def test_a_snapshot_is_read_back_exactly_by_path_too(store: Store) -> None:
    files = {"app.py": b"x = 1\r\n", "pkg/data.bin": bytes(range(256)), "empty.py": b""}
    manifest = {name: f"blob{n}" for n, name in enumerate(files)}
    await store.code.put("f", "sha1", manifest, {manifest[name]: data for name, data in files.items()}, 1)
    assert store.code.read("sha1") == files
    path = store.code.manifest_path("sha1")
    assert json.loads(path.read_bytes()) == manifest
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert store.code.blob_path("blob1").read_bytes() == files["pkg/data.bin"]


async def test_blobs_are_given_once(store: Store) -> None:
    await store.code.put("f", "sha1", {"a.py": "b1"}, {"b1": b"1"}, 1)
    assert store.code.has_blob("b1")
    await store.code.put("f", "sha2", {"a.py": "b1", "c.py": "b2"}, {"b2": b"2"}, 2)
    assert store.code.read("sha2") == {"a.py": b"1", "c.py": b"2"}
    with pytest.raises(StoreError, match="incomplete"):
        await store.code.put("f", "sha3", {"a.py": "b9"}, {}, 3)
    assert store.code.read("sha3") == {}


@pytest.mark.parametrize("name", ["../x", "", "a/b", "x" * 200])
async def test_names_never_leave_the_folder(store: Store, name: str) -> None:
    with pytest.raises(StoreError):
        store.code.manifest_path(name)
    assert store.code.read(name) == {}


async def test_what_nothing_names_is_collected(store: Store) -> None:
    total = SNAPSHOTS_KEPT + 4
    for n in range(total):
        await store.code.put("f", f"sha{n}", {"a.py": f"b{n}"}, {f"b{n}": b"%d" % n}, n)
    named = InvocationRecord(
        id=1,
        request_id=new_request_id(),
        function="f",
        version="$LATEST",
        type="Event",
        source="api",
        status="ok",
        started_us=1,
        code_sha="sha1",
    )
    store.history.add(invocations=[named])
    await store.history.flush()
    store.code.in_use = lambda: ["sha3"]
    assert await store.code.collect() == 0, "what was put since the last collection stays"
    assert await store.code.collect(keep=["sha2"]) == 1
    kept = {f"sha{n}" for n in range(total) if store.code.read(f"sha{n}")}
    assert kept == {"sha1", "sha2", "sha3", *(f"sha{n}" for n in range(4, total))}
    assert not store.code.has_blob("b0")
    assert store.code.has_blob("b1")


async def test_a_snapshot_is_named_as_long_as_an_invocation_of_it_is_kept(
    data: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also by invocations that were stored before uses were kept."""
    data.mkdir()
    connection, _ = open_writable(data / "history.db", HISTORY[:4], full=False)
    connection.execute("INSERT INTO payload VALUES (1, x'00', 3, x'7b7d')")
    connection.executemany(
        "INSERT INTO invocation(id, request_id, function, version, type, source, status, started_us, queued_us,"
        " attempt, cold, code_sha, event) VALUES (?, x'', 'f', '1', 'Event', 'api', 'ok', ?, 0, 1, 0, ?, 1)",
        [(1, clock.now_us(), "old"), (2, clock.now_us(), "both"), (3, clock.now_us(), "late")],
    )
    connection.close()
    store = Store.open(data, clock)
    await store.start()
    record = InvocationRecord(
        id=4, request_id=new_request_id(), function="f", version="$LATEST", type="Event", source="api", status="ok",
        started_us=clock.now_us(), code_sha="both",
    )  # fmt: skip
    store.history.add(invocations=[record])
    await store.history.flush()
    assert await store.history.code_named(5) == {"old", "both", "late"}
    for most, left in ((3, {"both", "late"}), (1, {"both"})):
        monkeypatch.setattr(history_rows, "_TABLES", (history_rows._INVOCATIONS._replace(most=most),))
        await store.history.trim()
        assert await store.history.code_named(5) == left
    await store.close()
