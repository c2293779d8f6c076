"""How others find an engine: what engine.json says of it."""

from __future__ import annotations

import os
import secrets

import msgspec

from lambdatui import __version__
from lambdatui.clock import Clock, iso
from lambdatui.engine.engine import Engine
from lambdatui.host.lock import EngineLock
from lambdatui.localaws.local import LocalAws
from lambdatui.schema import EngineInfo


class Published:
    """An engine and its local AWS, in engine.json; one that ends with its call is found by nobody."""

    def __init__(self, engine: Engine, lock: EngineLock, local_aws: LocalAws, clock: Clock) -> None:
        self._lock = None if engine.options.one_shot else lock
        self._local_aws = local_aws
        self._told: str | None = None  # the local AWS's URL
        self.info = EngineInfo(
            pid=os.getpid(),
            url=engine.options.url,
            http_url=engine.options.http_url,
            aws_url=None,
            token=secrets.token_urlsafe(32),
            project=engine.project.root,
            version=__version__,
            started_at=iso(clock.now_us()),
        )

    def now(self) -> EngineInfo:
        """With where the local AWS is, if it runs."""
        return msgspec.structs.replace(self.info, aws_url=self._local_aws.running_at)

    def tell(self) -> None:
        """Let it be found."""
        if self._lock is not None:
            self._lock.publish(self.now())

    async def start_aws(self) -> str:
        """Start the local AWS once and tell where it is."""
        url = await self._local_aws.url()
        if url != self._told:
            self._told = url
            self.tell()
        return url
