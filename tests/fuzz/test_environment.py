"""The protocol between engine and environments. Code that finds the channel writes anything to it: the invocation ends
as one of Lambda's would, its row can be stored and shown, and the engine goes on as if nothing had been."""

from __future__ import annotations

import base64
import json
import logging
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from lambdatui import wire
from lambdatui.clock import new_request_id
from lambdatui.engine.model import InvokeRequest
from lambdatui.runtime.channel import Channel, ChannelClosedError
from tests.api.whole import Whole
from tests.fuzz.fuzzing import fuzzed
from tests.fuzz.values import AWKWARD, json_values

HANDLER = """
import base64, struct, os

def handler(event, context):
    own = bytes.fromhex(context.aws_request_id.replace("-", ""))
    for each in event:
        if "raw" in each:
            os.write(1000, base64.b64decode(each["raw"]))
            continue
        meta, payload = base64.b64decode(each["meta"]), base64.b64decode(each["payload"])
        head = struct.pack("<BBHII16sq", each["version"], each["kind"], 0, len(meta), len(payload),
                           own if each["own"] else bytes(16), each["deadline"])
        os.write(1000, head + meta + payload)
    return "done"
"""
KINDS = [
    wire.RESULT,
    wire.ERROR,
    wire.READY,
    wire.INIT_ERROR,
    wire.DIAGNOSTICS,
    wire.IMPORTS,
    wire.PROFILE,
    wire.CHECKED,
]
NUMBERS = st.sampled_from([0, 1, -1, 2**53, 2**63, 2**64, 10**30, 1.5, "5", None, True])
TEXTS = st.none() | st.sampled_from([*AWKWARD, "Runtime.ExitError", wire.RESPONSE_TOO_LARGE, "a" * 5_000])
METAS = st.one_of(
    st.fixed_dictionaries({}, optional={
        "duration_us": NUMBERS, "init_us": NUMBERS, "libraries_us": NUMBERS, "own_us": NUMBERS, "error_type": TEXTS,
        "error_message": TEXTS,
        "libraries": st.lists(st.tuples(TEXTS, TEXTS), max_size=2), "files": st.lists(TEXTS, max_size=2),
    }).map(lambda value: json.dumps(value).encode()),
    st.just(b""), st.just(b"{}"), st.binary(max_size=10), st.just(b"[" * 3_000),
    json_values.map(lambda value: json.dumps(value).encode()),
)  # fmt: skip
PAYLOADS = st.one_of(
    json_values.map(lambda value: json.dumps(value).encode()),
    st.sampled_from([
        b"", b"\xff", b'"x', b"[" * 3_000, b'{"errorType": 5}', b'{"frames": [{"file": 1}]}', b'{"frames": []}',
        b'{"modules": -1, "places": [], "nodes": [["a", 5, 1, 1, 9]]}',
        b'{"phase": "handler", "wall_us": 1e400, "cpu_us": 1, "sampler_us": 1, "frames": [], "nodes": [0]}',
    ]),
    st.binary(max_size=10),
)  # fmt: skip
ENCODED = st.builds(lambda data: base64.b64encode(data).decode(), METAS)
WRITES = st.lists(
    st.one_of(
        *[st.fixed_dictionaries({
            "version": st.sampled_from([1, 1, 1, 1, 1, 2]), "kind": st.sampled_from(KINDS) | st.integers(0, 255),
            "own": st.booleans(),
            "deadline": st.just(0), "meta": ENCODED,
            "payload": st.builds(lambda data: base64.b64encode(data).decode(), PAYLOADS),
        })] * 4,
        st.fixed_dictionaries({"raw": st.builds(lambda data: base64.b64encode(data).decode(),
        st.binary(max_size=60))}),
    ),
    max_size=4,
)  # fmt: skip


class Engine(Whole):
    """And what it says has gone wrong inside."""

    def __init__(self, root: Path) -> None:
        self.faults: list[str] = []
        super().__init__(root)
        self._loop.set_exception_handler(lambda _, context: self.faults.append(repr(context)))


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    root = tmp_path_factory.mktemp("channel")
    (root / "writes.py").write_text(HANDLER)
    (root / "echo.py").write_text("def handler(event, context): return event\n")
    (root / "lambdatui.toml").write_text(
        "[functions.writes]\nhandler='writes.handler'\ntimeout=1\n[functions.echo]\nhandler='echo.handler'\n"
    )
    running = Engine(root)
    yield running
    running.close()


@fuzzed(15, writes=WRITES)
def test_whatever_is_written_to_the_channel(
    engine: Engine, caplog: pytest.LogCaptureFixture, writes: list[Any]
) -> None:
    request_id = new_request_id()
    with caplog.at_level(logging.ERROR):
        result = engine.run(
            engine.engine.invoke(
                InvokeRequest(function="writes", payload=json.dumps(writes).encode(), request_id=request_id)
            )
        )
        assert result.status in ("ok", "error", "timeout")
        engine.run(engine.store.history.flush())
        shown = engine.engine.reader.invocation(request_id)
        assert shown is not None
        assert shown.row.status == result.status
        engine.engine.function_rows()
        neighbour = engine.run(engine.engine.invoke(InvokeRequest(function="echo", payload=b'"there"')))
        assert neighbour.payload == b'"there"'
    assert not engine.faults
    assert not [record for record in caplog.records if record.name.startswith("lambdatui")]


@fuzzed(
    20, frames=st.lists(st.tuples(st.integers(0, 255), st.dictionaries(st.text(max_size=5), json_values,
    max_size=3), st.binary(max_size=40_000)), max_size=4),
    cut=st.integers(1, 5_000), tail=st.binary(max_size=40),
)  # fmt: skip
def test_frames_for_an_environment(frames: list[tuple[int, dict[str, Any], bytes]], cut: int, tail: bytes) -> None:
    """However they are cut, they come out whole; what is no frame ends the reading."""
    ours, theirs = socket.socketpair()
    data = b"".join(wire.pack(kind, json.dumps(meta).encode(), payload) + payload for kind, meta, payload in frames)
    data += tail if tail[:1] != b"\x01" else b"\x02"

    def write() -> None:
        for at in range(0, len(data), cut):
            ours.sendall(data[at : at + cut])
        ours.close()

    writer = threading.Thread(target=write)
    writer.start()
    channel = Channel(theirs.detach())
    try:
        for kind, meta, payload in frames:
            frame = channel.read()
            assert (frame.kind, frame.meta, bytes(frame.payload)) == (kind, meta, payload)
        with pytest.raises((ChannelClosedError, ValueError)):
            channel.read()
    finally:
        writer.join()
        socket.socket(fileno=channel.detach()).close()
