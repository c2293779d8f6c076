"""A real environment of ours, through a real spawner, told the same as AWS's client is."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

from lambdatui import wire
from lambdatui.spawner import protocol
from tests.differential.runtime_api import Call
from tests.differential.seen import Seen, records
from tests.runtime import runtime_harness as harness

_KINDS = {wire.READY: "ready", wire.INIT_ERROR: "init error", wire.RESULT: "result", wire.ERROR: "error"}


class Environment:
    """One process of ours; the same methods as `runtime_api.Client`."""

    def __init__(
        self, spawner: harness.SpawnerProcess, root: Path, handler: str, variables: dict[str, str],
        zygote: harness.ZygoteProcess | None = None, **start: Any,
    ) -> None:  # fmt: skip
        """`zygote`: what it is forked from; None: a fresh process."""
        spawn = {"zygote": zygote.id} if zygote else {}
        self._process = harness.EnvironmentProcess(spawner, root, handler, env=variables, spawn=spawn, **start)

    def ready(self) -> Seen:
        """How the init went."""
        return self._answer()

    def invoke(self, call: Call) -> Seen:
        """What one invocation came to."""
        process = self._process
        process.request_id = uuid.UUID(call.request_id)
        meta = json.dumps(call.meta).encode()
        deadline = call.deadline_ms * 1000
        packed = wire.pack(wire.INVOKE, meta, call.payload, process.request_id.bytes, deadline)
        process.channel.sendall(packed + call.payload)
        return self._answer()

    def _answer(self) -> Seen:
        try:
            answer = self._process.ready()
        except harness.GoneError as gone:
            status = self._status()
            return Seen("exit", b"", records(gone.output + self._process.output()), status)
        ends = answer.kind == wire.INIT_ERROR or answer.meta.get("error_type") == "Function.ResponseSizeTooLarge"
        status = self._status() if ends else None
        return Seen(_KINDS[answer.kind], answer.payload, records(answer.output + self._process.output()), status)

    def _status(self) -> int:
        ended = self._process.exited()
        return -ended["signal"] if ended["signal"] else ended["status"]

    def close(self) -> None:
        protocol.send(self._process.spawner.socket, protocol.kill(self._process.id))
        self._process.close()
