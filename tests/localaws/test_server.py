"""The moto server's process."""

from __future__ import annotations

import asyncio
import contextlib

import psutil
import pytest

from lambdatui.engine.spawner import Spawner
from lambdatui.localaws.server import MotoServer


async def test_it_finds_none_of_the_users_aws_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    spawner = Spawner(lambda: None)
    await spawner.start()
    starting = asyncio.create_task(MotoServer("000000000000", "test", spawner).start())
    try:
        async with asyncio.timeout(60):
            while not (servers := _servers(spawner)) and not starting.done():
                await asyncio.sleep(0.01)
        [variables] = servers
    finally:
        starting.cancel()  # what it is given is there before it answers
        await spawner.close()
    assert "AWS_PROFILE" not in variables
    assert variables["AWS_CONFIG_FILE"] == variables["AWS_SHARED_CREDENTIALS_FILE"] == "/dev/null"


def _servers(spawner: Spawner) -> list[dict[str, str]]:
    """The variables of each moto server below the spawner."""
    found = []
    for process in psutil.Process(spawner.pid).children():
        with contextlib.suppress(psutil.Error):  # it is being started, or has just ended
            if "moto.server" in process.cmdline():
                found.append(process.environ())
    return found
