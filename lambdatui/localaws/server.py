"""The moto server that answers the AWS services which the engine does not: started at the first such call."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import socket
import sys
from collections.abc import Callable

from lambdatui import wire
from lambdatui.engine.spawner import Spawner
from lambdatui.engine.variables import NO_AWS_FILES
from lambdatui.errors import OperationFailed

_START_PATIENCE = 30.0


class MotoServer:
    """A process of its own on a loopback port, below the spawner. What it holds is in memory and ends with it."""

    def __init__(self, account: str, mark: str, spawner: Spawner) -> None:
        self.on_end: Callable[[], None] = lambda: None  # called when a server that was up has ended
        self._account = account
        self._mark = mark
        self._spawner = spawner
        self._starting: asyncio.Task[str] | None = None
        self._ended = False
        self._count = 0
        self.url: str | None = None

    @staticmethod
    def available() -> bool:
        return importlib.util.find_spec("moto") is not None and importlib.util.find_spec("flask") is not None

    async def start(self) -> str:
        """The server's URL; starts it once, whoever asks first. OperationFailed where it does not come up."""
        if self._starting is None or self._ended or _failed(self._starting):
            self._ended = False
            self._count += 1
            self._starting = asyncio.create_task(self._start(f"moto-{self._count}"))
        return await asyncio.shield(self._starting)

    async def _start(self, name: str) -> str:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        argv = [sys.executable, "-P", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        variables = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        variables |= NO_AWS_FILES | {"MOTO_ACCOUNT_ID": self._account, wire.MARK_ENGINE: self._mark}
        nowhere = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        try:
            await self._spawner.spawn(
                name, argv, variables, "/", (nowhere, nowhere), on_exit=lambda _: self._on_exit(name)
            )
        except OSError as error:
            raise OperationFailed(f"the moto server could not be started: {error}") from error
        finally:
            os.close(nowhere)
        try:
            await self._listening(port)
        except BaseException:
            self._spawner.kill(name)  # the next call tries a new one
            raise
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

    def _on_exit(self, name: str) -> None:
        if name == f"moto-{self._count}":  # not one of an earlier try
            self._ended = True
            if self.url is not None:
                self.url = None
                self.on_end()


def _failed(task: asyncio.Task[str]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)
