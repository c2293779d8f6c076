"""One execution environment: one process of one function, one invocation at a time.

Knows frames, the log pipe and the process tree; knows nothing of admission, retries or recording.
"""

from __future__ import annotations

import asyncio
import os
import socket
import uuid
from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

import msgspec

from lambdatui import wire
from lambdatui.engine.channel import Channel, LogPipe
from lambdatui.spawner import tree

if TYPE_CHECKING:
    from lambdatui.clock import Clock
    from lambdatui.engine.spawner import Exit, Spawner

_LINGER = 0.005  # seconds between an invocation's end and the freeze
_EXIT_PATIENCE = 2.0  # seconds to wait for the exit status once the channel has closed


class State(StrEnum):
    INIT = "init"
    BUSY = "busy"
    IDLE = "idle"
    FROZEN = "frozen"
    ENDING = "ending"


class Launch(msgspec.Struct, frozen=True, kw_only=True):
    """Everything an environment is made from. Two environments with the same `generation` are interchangeable."""

    id: str  # 32 hex digits, also in the log stream's name
    function: str
    version: str
    generation: str
    code_sha: str
    home: str  # the environment's own folder, TMPDIR
    log_stream: str
    argv: tuple[str, ...]
    variables: dict[str, str]
    cwd: str
    start: dict[str, object]  # the START frame's payload
    memory_mb: int


class Blueprint(Protocol):
    """A function as it is configured now: what a pool needs to find a warm environment or to start one."""

    @property
    def function(self) -> str: ...

    @property
    def generation(self) -> str: ...

    def build(self, environment_id: str) -> Launch:
        """Everything for one new environment, its own folder made."""
        ...


class Outcome(msgspec.Struct, kw_only=True):
    """What an init or an invocation came to. `kind`: result, error, timeout, exit, memory."""

    kind: str
    payload: bytes = b""
    error_type: str | None = None
    error_message: str | None = None
    duration_us: int = 0
    frames: bytes | None = None
    peak_mb: int = 0
    exit: Exit | None = None


class _Ready(msgspec.Struct):
    init_us: int = 0
    modules: dict[str, str | None] = {}
    files: list[str] = []


class _Done(msgspec.Struct):
    duration_us: int = 0
    error_type: str | None = None
    error_message: str | None = None


_ready = msgspec.json.Decoder(_Ready)
_done = msgspec.json.Decoder(_Done)


class Environment:
    """A started process. After an `Outcome` that is not result or error it is over and must not be used again."""

    def __init__(self, launch: Launch, spawner: Spawner, clock: Clock, on_log: Callable[[bytes], None]) -> None:
        self.launch = launch
        self.id = launch.id
        self.state = State.INIT
        self.pid = 0
        self.started_us = clock.now_us()
        self.idle_since_us: int | None = None
        self.invocations = 0
        self.init_us: int | None = None
        self.project_files: list[str] = []
        self.retired = False  # its code or configuration is no longer the function's
        self.request_id: str | None = None
        self.on_log = on_log
        self._spawner = spawner
        self._clock = clock
        self._channel: Channel | None = None
        self._pipe: LogPipe | None = None
        self._answer: asyncio.Future[Outcome] | None = None
        self._frames: bytes | None = None
        self._freezing: asyncio.TimerHandle | None = None
        self._memory: tree.ResidentSize | None = None
        self._exited: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()

    # --- life

    async def start(self, limit_s: float) -> Outcome:
        """Start the process and import the handler; `limit_s` covers both. A failed environment has ended on return."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        log_read, log_write = os.pipe()
        answer = self._expect()
        self._channel = Channel(ours, self._on_frame, self._on_close)
        self._pipe = LogPipe(log_read, self._on_output)
        try:
            self.pid = await self._spawner.spawn(
                self.id, self.launch.argv, self.launch.variables, self.launch.cwd, (theirs.fileno(), log_write),
                on_exit=self._on_exit,
            )  # fmt: skip
        except OSError as error:
            self._close()
            return Outcome(kind="exit", error_type="Runtime.InvalidEntrypoint", error_message=str(error))
        finally:
            theirs.close()
            os.close(log_write)
        self._memory = tree.ResidentSize(self.pid)
        self._channel.send(wire.START, b"", msgspec.json.encode(self.launch.start), wire.NO_REQUEST, 0)
        outcome = await self._await(answer, limit_s)
        if outcome.kind == "result":
            self.init_us = outcome.duration_us
            self.state = State.IDLE
        else:
            await self.end()
        return outcome

    async def invoke(self, request_id: str, payload: bytes, meta: dict[str, object], timeout_s: float) -> Outcome:
        """Run the handler once. `timeout_s` is enforced here: at its end the whole process tree is killed."""
        assert self._channel is not None and self._pipe is not None
        self.thaw()
        self.state = State.BUSY
        self.idle_since_us = None
        self._pipe.drain()  # what children or threads wrote since is not this request's
        self.request_id = request_id
        self._frames = None
        if self._memory is not None:
            self._memory.reset_peak()
        answer = self._expect()
        started = self._clock.monotonic()
        deadline_us = self._clock.now_us() + round(timeout_s * 1_000_000)
        self.invocations += 1
        self._channel.send(wire.INVOKE, msgspec.json.encode(meta), payload, uuid.UUID(request_id).bytes, deadline_us)
        outcome = await self._await(answer, timeout_s)
        self._pipe.drain()
        if not outcome.duration_us:
            outcome.duration_us = round((self._clock.monotonic() - started) * 1_000_000)
        outcome.frames = self._frames
        outcome.peak_mb = max(outcome.peak_mb, self.peak_mb())
        if outcome.kind in ("result", "error"):
            self.state = State.IDLE
            self.idle_since_us = self._clock.now_us()
        else:
            await self.end()
        return outcome

    async def end(self) -> None:
        """Kill the process with all its descendants and wait until they are gone. Safe to call again."""
        self.state = State.ENDING
        if self.pid and not self._exited.done():
            self._spawner.kill(self.id)
            await asyncio.shield(self._exited)
        if self._pipe is not None:
            self._pipe.drain()
        self._close()

    def _close(self) -> None:
        if self._channel is not None:
            self._channel.close()
        if self._pipe is not None:
            self._pipe.close()
        if self._memory is not None:
            self._memory.close()
            self._memory = None

    # --- freezing

    def freeze_soon(self) -> None:
        """Freeze, unless the next invocation comes at once: under load that saves two signals a call (150 µs)."""
        self._freezing = asyncio.get_running_loop().call_later(_LINGER, self.freeze)

    def freeze(self) -> None:
        """Stop the whole process tree: between invocations no code runs."""
        if self.state is State.IDLE:
            tree.freeze(self.pid)
            self.state = State.FROZEN

    def thaw(self) -> None:
        if self._freezing is not None:
            self._freezing.cancel()
            self._freezing = None
        if self.state is State.FROZEN:
            tree.thaw(self.pid)
            self.state = State.IDLE

    # --- memory

    def resident_mb(self) -> float:
        return 0.0 if self._memory is None else self._memory.current_tree() / 1_048_576

    def peak_mb(self) -> int:
        """Largest resident size since the invocation began, in whole MB, rounded up."""
        return 0 if self._memory is None else -(-self._memory.peak() // 1_048_576)

    def check_memory(self) -> None:
        """End the running invocation if the process is over its limit."""
        resident = self.resident_mb()
        if self.state is State.BUSY and resident > self.launch.memory_mb:
            self._resolve(Outcome(kind="memory", peak_mb=self.launch.memory_mb))

    # --- answers

    def _expect(self) -> asyncio.Future[Outcome]:
        self._answer = asyncio.get_running_loop().create_future()
        return self._answer

    async def _await(self, answer: asyncio.Future[Outcome], limit_s: float) -> Outcome:
        timer = asyncio.get_running_loop().call_later(limit_s, self._resolve, Outcome(kind="timeout"))
        try:
            outcome = await answer
        finally:
            timer.cancel()
            self._answer = None
        if outcome.kind == "exit" and outcome.exit is None:
            outcome.exit = await self._exit_status()
        return outcome

    async def _exit_status(self) -> Exit | None:
        try:
            async with asyncio.timeout(_EXIT_PATIENCE):
                return await asyncio.shield(self._exited)
        except TimeoutError:  # it closed its channel and lives on
            return None

    def _resolve(self, outcome: Outcome) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(outcome)

    def _on_frame(self, header: wire.Header, meta: bytes, payload: bytes) -> None:
        try:
            if header.kind == wire.DIAGNOSTICS:
                self._frames = payload
            elif header.kind == wire.READY:
                ready = _ready.decode(meta)
                self.project_files = ready.files
                self._resolve(Outcome(kind="result", duration_us=ready.init_us))
            elif header.kind == wire.INIT_ERROR:
                ready = _ready.decode(meta)
                self._resolve(_failed(payload, ready.init_us))
            elif header.request_id.hex() == (self.request_id or "").replace("-", ""):
                self._finish(header.kind, meta, payload)
        except msgspec.DecodeError:  # written by user code that found the channel: not an answer
            return

    def _finish(self, kind: int, meta: bytes, payload: bytes) -> None:
        done = _done.decode(meta)
        if kind == wire.RESULT:
            self._resolve(Outcome(kind="result", payload=payload, duration_us=done.duration_us))
        elif kind == wire.ERROR:
            outcome = _failed(payload, done.duration_us)
            outcome.error_type = done.error_type or outcome.error_type
            outcome.error_message = done.error_message or outcome.error_message
            self._resolve(outcome)

    def _on_output(self, data: bytes) -> None:
        self.on_log(data)

    def _on_close(self) -> None:
        self._resolve(Outcome(kind="exit"))

    def _on_exit(self, status: Exit) -> None:
        if not self._exited.done():
            self._exited.set_result(status)
        self._resolve(Outcome(kind="exit", exit=status))

    @property
    def gone(self) -> bool:
        """Whether its process and all that it started have ended."""
        return self._exited.done()

    @property
    def alive(self) -> bool:
        return not self._exited.done() and self.state is not State.ENDING


class _ErrorBody(msgspec.Struct):
    errorMessage: str | None = None  # noqa: N815 (AWS's key)
    errorType: str | None = None  # noqa: N815


def _failed(payload: bytes, duration_us: int) -> Outcome:
    body = msgspec.json.decode(payload, type=_ErrorBody)
    return Outcome(
        kind="error",
        payload=payload,
        error_type=body.errorType,
        error_message=body.errorMessage,
        duration_us=duration_us,
    )
