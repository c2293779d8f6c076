"""The log pipe: every byte in order, in turns where they pour, and none while whoever takes them asks for a rest."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator

import pytest

from lambdatui.engine.channel import LogPipe

WAIT = 60


@pytest.fixture
def write_end() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    yield reader, writer
    os.close(writer)


async def until_ends_with(taken: bytearray, last: bytes) -> None:
    async with asyncio.timeout(WAIT):
        while not taken.endswith(last):
            await asyncio.sleep(0.001)


async def test_a_flood_comes_whole_and_in_pieces_that_a_loop_can_bear(write_end: tuple[int, int]) -> None:
    reader, writer = write_end
    lines = b"".join(b"line %d\n" % number for number in range(200_000))
    pieces: list[int] = []
    taken = bytearray()

    def sink(data: bytes) -> None:
        pieces.append(len(data))
        taken.extend(data)

    def pour() -> None:
        for start in range(0, len(lines), 1000):
            os.write(writer, lines[start : start + 1000])

    pipe = LogPipe(reader, sink)
    pouring = threading.Thread(target=pour)
    pouring.start()
    await until_ends_with(taken, b"line 199999\n")
    pouring.join()
    os.write(writer, b"after a rest\n")
    await until_ends_with(taken, b"after a rest\n")
    pipe.close()
    assert bytes(taken) == lines + b"after a rest\n"
    assert max(pieces) <= 65536


async def test_nothing_is_read_while_a_rest_is_wanted_but_at_an_invocations_end(write_end: tuple[int, int]) -> None:
    reader, writer = write_end
    taken = bytearray()
    rest = True
    pipe = LogPipe(reader, taken.extend, lambda: rest)
    os.write(writer, b"first ")
    await until_ends_with(taken, b"first ")  # it takes a look to learn that a rest is wanted
    os.write(writer, b"second ")
    await asyncio.sleep(0.05)
    assert taken == b"first "
    pipe.drain()
    assert taken == b"first second "
    os.write(writer, b"third")
    rest = False
    await until_ends_with(taken, b"third")
    pipe.close()
