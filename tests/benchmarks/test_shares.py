"""The parts that a warm invocation's time is counted to."""

from __future__ import annotations

import cProfile
import json
from pathlib import Path

import pytest

import lambdatui
from benchmarks import shares
from lambdatui import wire

PACKAGE = Path(lambdatui.__file__).parent


def test_every_part_names_files_that_are_there():
    files = [str(file) for file in PACKAGE.parent.glob("lambdatui/**/*.py")]
    for known in shares._PARTS.keys() - {"asyncio/", "selectors.py"}:
        assert any(f"/{known}" in file for file in files), known


@pytest.mark.parametrize(
    ("file", "part"),
    [
        ("/x/lambdatui/engine/channel.py", shares._PROCESS),
        ("/x/lambdatui/telemetry/metrics.py", shares._METRICS),
        ("/x/lambdatui/engine/provisioner.py", shares._PLACE),
        ("/x/lambdatui/engine/invoker.py", shares._REST),
        ("/usr/lib/python3/asyncio/events.py", shares._LOOP),
    ],
)
def test_a_file_belongs_to_a_part(file: str, part: str):
    assert shares.part(file) == part


def test_what_a_c_function_takes_is_counted_to_who_calls_it():
    profile = cProfile.Profile(lambda: next(ticks), 1.0)  # a second for every look at the clock
    ticks = iter(range(1_000))
    profile.enable()
    wire.pack(wire.RESULT, b"{}", b"")
    json.dumps({})
    profile.disable()
    found = shares.seconds_by_part(profile)
    assert found[shares._PROCESS] >= 2  # `pack`, and the Struct's own
    assert found[shares._REST] >= 1
