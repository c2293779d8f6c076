"""The moto server that answers the AWS services which the engine does not: started at the first such call."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import socket
import sys

from lambdatui import wire
from lambdatui.engine.spawner import Exit, Spawner
from lambdatui.errors import OperationFailed

_START_PATIENCE = 30.0


class MotoServer:
    """A process of its own on a loopback port, below the spawner. What it holds is in memory and ends with it."""

    def __init__(self, account: str, mark: str, spawner: Spawner) -> None:
        self._account = account
        self._mark = mark
        self._spawner = spawner
        self._starting: asyncio.Task[str] | None = None
        self._ended = False
        self.url: str | None = None

    @staticmethod
    def available() -> bool:
        return importlib.util.find_spec("moto") is not None and importlib.util.find_spec("flask") is not None

    async def start(self) -> str:
        """The server's URL; starts it once, whoever asks first. OperationFailed where it does not come up."""
        if self._starting is None or self._ended:
            self._ended = False
            self._starting = asyncio.create_task(self._start())
        return await asyncio.shield(self._starting)

    async def _start(self) -> str:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        argv = [sys.executable, "-P", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        variables = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        variables |= {"MOTO_ACCOUNT_ID": self._account, wire.MARK_ENGINE: self._mark}
        nowhere = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        try:
            await self._spawner.spawn("moto", argv, variables, "/", (nowhere, nowhere), on_exit=self._on_exit)
        finally:
            os.close(nowhere)
        await self._listening(port)
        self.url = f"http://127.0.0.1:{port}"
        return self.url

    async def _listening(self, port: int) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + _START_PATIENCE
        while loop.time() < end and not self._ended:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
                continue
            writer.close()
            return
        raise OperationFailed("the moto server did not start; `python -m moto.server` shows why")

    def _on_exit(self, status: Exit) -> None:
        self._ended = True
        self.url = None
