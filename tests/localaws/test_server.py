"""The moto server's process."""

from __future__ import annotations

import psutil
import pytest

from lambdatui.engine.spawner import Spawner
from lambdatui.localaws.server import MotoServer


async def test_it_finds_none_of_the_users_aws_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    spawner = Spawner(lambda: None)
    await spawner.start()
    try:
        await MotoServer("000000000000", "test", spawner).start()
        [moto] = [one for one in psutil.Process().children(recursive=True) if "moto.server" in one.cmdline()]
        variables = moto.environ()
    finally:
        await spawner.close()
    assert "AWS_PROFILE" not in variables
    assert variables["AWS_CONFIG_FILE"] == variables["AWS_SHARED_CREDENTIALS_FILE"] == "/dev/null"
