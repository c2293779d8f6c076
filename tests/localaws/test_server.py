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
        below = psutil.Process().children(recursive=True)
        living = [one.as_dict(["cmdline", "environ"]) for one in below if one.status() != psutil.STATUS_ZOMBIE]
        [variables] = [one["environ"] for one in living if "moto.server" in (one["cmdline"] or ())]
    finally:
        await spawner.close()
    assert "AWS_PROFILE" not in variables
    assert variables["AWS_CONFIG_FILE"] == variables["AWS_SHARED_CREDENTIALS_FILE"] == "/dev/null"
