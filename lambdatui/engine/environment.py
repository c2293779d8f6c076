"""One execution environment: one process of one function, one invocation at a time.

Knows frames, the log pipe and the process tree; knows nothing of admission, retries or recording.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Callable, Coroutine
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from lambdatui import wire
from lambdatui.engine.channel import Channel, LogPipe
from lambdatui.engine.footprint import MEMORY, Footprint
from lambdatui.engine.libraries import Parts
from lambdatui.engine.limit import Alarm, Limit
from lambdatui.engine.measured import Duration, Frames
from lambdatui.engine.model import LATEST
from lambdatui.engine.spawner import Exit, SpawnerLost
from lambdatui.spawner import tree
from lambdatui.spawner.protocol import MAX_PROCESSES
from lambdatui.store.refusals import passes

if TYPE_CHECKING:
    from lambdatui.clock import Clock
    from lambdatui.engine.spawner import Spawner
    from lambdatui.engine.zygotes import Fork, Zygotes
    from lambdatui.store.records import LogStream

_LINGER = 0.005  # seconds between an invocation's end and the freeze
_SILENCE = 1.0  # seconds without a word from the spawner: a handler may have stopped it, it is told to run on
# Of one answer: IMPORTS, DIAGNOSTICS and two of PROFILE may come before it. More is user code that found the channel.
_MAX_FRAMES = 16
_TOO_MANY = f"Runtime exited with error: signal: killed (more than {MAX_PROCESSES:,} processes and threads)"
_UNREADABLE = "The answer of the runtime could not be read: it is no valid JSON in UTF-8"


class State(StrEnum):
    INIT = "init"
    BUSY = "busy"
    IDLE = "idle"
    FROZEN = "frozen"
    ENDING = "ending"


class Tmp(msgspec.Struct, frozen=True, kw_only=True):
    """A /tmp of an environment's own (see `spawner.private_tmp`)."""

    mb: int
    keep: tuple[str, ...] = ()  # what stays where it is, though it lies below /tmp
    view: tuple[tuple[str, str], ...] = ()  # of other files (see `spawner.view`)


class Launch(msgspec.Struct, frozen=True, kw_only=True):
    """Everything an environment is made from. Two with the same `key` and `generation` are interchangeable."""

    id: str  # 32 hex digits, also in the log stream's name
    function: str
    version: str
    generation: str
    code_sha: str
    home: str | None  # a folder of its own, TMPDIR; None where it needs none
    log_stream: LogStream
    runtime: str  # as INIT_START names it: "python:3.13.v0"
    runtime_arn: str
    argv: tuple[str, ...]
    variables: dict[str, str]
    cwd: str
    start: dict[str, object]  # the START frame's payload
    memory_mb: int
    tmp: Tmp | None = None  # a /tmp of its own; None: TMPDIR has to do
    parts: Parts | None = None  # what of it others share; None: it is a fresh process in any case

    @property
    def key(self) -> str:
        """Whose warm environments it belongs to: `Blueprint.key`."""
        return self.function if self.version == LATEST else f"{self.function}:{self.version}"


class Blueprint(Protocol):
    """A function as it is configured now, or a version of it: what a pool needs to find or start an environment."""

    @property
    def key(self) -> str:
        """ "NAME" for $LATEST, "NAME:3" for a published version."""
        ...

    @property
    def generation(self) -> str: ...

    def build(self, environment_id: str, *, private_tmp: bool) -> Launch:
        """Everything for one new environment, its own folder made. `private_tmp`: it can have a /tmp of its own."""
        ...


class Output(Protocol):
    """Who takes what an environment writes: at first for its init, then for one invocation after the other."""

    def starting(self, launch: Launch) -> None:
        """The environment's init begins."""
        ...

    def initialised(self, outcome: Outcome) -> None:
        """Its init has ended, well or not, and what it wrote has been read."""
        ...

    def joined(self, launch: Launch) -> None:
        """What comes from now on is written by this environment, which is warm."""
        ...

    def feed(self, data: bytes) -> None:
        """Bytes of fds 1 and 2, cut anywhere."""
        ...

    def wants_rest(self) -> bool:
        """Whether it is to be fed no more for now."""
        ...


class Outcome(msgspec.Struct, kw_only=True):
    """What an init or an invocation came to. `kind`: result, error, timeout, exit, memory."""

    kind: str
    payload: bytes = b""
    error_type: str | None = None
    error_message: str | None = None
    duration_us: int = 0
    frames: bytes | None = None
    peak_mb: int = 0  # the most memory of its process so far
    exit: Exit | None = None
    start_us: int = 0  # of an init: from the order to start to its answer
    measured: Frames = {}
    of_init: bool = False  # an invocation's that an init kept from its handler


class _Ready(msgspec.Struct):
    init_us: Duration = 0
    libraries: list[tuple[str, str | None]] = []
    files: list[str] = []


class _Done(msgspec.Struct):
    duration_us: Duration = 0
    peak_kb: Duration = 0
    error_type: str | None = None
    error_message: str | None = None

    @property
    def peak_mb(self) -> int:
        return -(-self.peak_kb // 1024)


_ready = msgspec.json.Decoder(_Ready)
_done = msgspec.json.Decoder(_Done)


class Environment:
    """A started process. After an `Outcome` that is not result or error it is over and must not be used again."""

    def __init__(self, launch: Launch, spawner: Spawner, zygotes: Zygotes, clock: Clock, output: Output) -> None:
        self.launch = launch
        self.id = launch.id
        self.state = State.INIT
        self.pid = 0
        self.started_us = clock.now_us()
        self.idle_since_us: int | None = None
        self.invocations = 0
        self.init_us: int | None = None
        self.forked = False  # from a library zygote, otherwise it is a fresh process
        self.project_files: list[str] = []
        self.failed = False  # it ended otherwise than by being told to: its sandbox is used again
        self.retired = False  # not to be used again: its code or configuration is no longer the function's
        self.provisioned: str | None = None  # key of the provisioned concurrency that it was started for
        self.request_id: str | None = None
        self._asked = wire.NO_REQUEST  # the same as the frames have it
        self._output = output
        self._spawner = spawner
        self._zygotes = zygotes
        self._clock = clock
        self._channel: Channel | None = None
        self._pipe: LogPipe | None = None
        self.limit: Limit | None = None  # of the init or the invocation under way
        self._answer: asyncio.Future[Outcome] | None = None
        self._frames: bytes | None = None
        self._heard = 0  # frames since an answer was last asked for
        self._libraries: list[tuple[str, str | None]] = []
        self._measured: Frames = {}
        self._freezing = Alarm(self.freeze)
        self._timeout = Alarm(self._timed_out)
        self._footprint: Footprint | None = None
        self._exited: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()

    # --- life

    async def start(self, limit_s: float, *, again: bool = False) -> Outcome:
        """Start the process and import the handler; `limit_s` covers both. A failed environment has ended on return.
        OSError where the machine has no process for it.

        `again`: inside of an invocation, in a sandbox whose process has failed.
        """
        until = self._clock.monotonic() + limit_s
        fork = await self._zygotes.choose(self.launch)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        log_read, log_write = os.pipe()
        answer = self._expect()
        self._channel = Channel(ours, self._on_frame, self._on_close)
        self._pipe = LogPipe(log_read, self._on_output, self._wants_rest)
        if again:
            self._output.joined(self.launch)
        else:
            self._output.starting(self.launch)
        # It lies there when the process looks for it, so that neither waits for the spawner's word.
        self._channel.send(wire.START, b"", msgspec.json.encode(self.launch.start), wire.NO_REQUEST, 0)
        try:
            fork = await self._start_process((theirs.fileno(), log_write), until, fork)
        except OSError as error:
            self._close()
            if passes(error):
                raise
            self.failed = True
            return Outcome(
                kind="exit",
                error_type="Runtime.InvalidEntrypoint",
                error_message=f"the process could not be started: {error}",
                exit=Exit(lost=True) if isinstance(error, SpawnerLost) else None,
            )
        finally:
            theirs.close()
            os.close(log_write)
        self.forked = fork is not None
        self._footprint = Footprint(self.pid, self._clock)
        outcome = await self._await(answer, max(0.0, until - self._clock.monotonic()))
        outcome.start_us = round((self._clock.monotonic() - until + limit_s) * 1_000_000)
        outcome.measured, self._measured = self._measured, {}
        if outcome.kind == "result":
            self.init_us = outcome.duration_us
            self.state = State.IDLE
            self._pipe.drain()
            self._zygotes.learn(self.launch, self._libraries, fork)
        else:
            outcome.duration_us = outcome.duration_us or outcome.start_us
            await self._fail(outcome)
        self._output.initialised(outcome)
        return outcome

    async def _start_process(self, fds: tuple[int, int], until: float, fork: Fork | None) -> Fork | None:
        """By a fork, or afresh where there is none or it fails; what it was forked from."""
        if fork is not None:
            try:
                async with fork.turns:
                    self.pid = await self._spawn(fds, max(0.0, until - self._clock.monotonic()), fork)
                return fork
            except OSError as error:
                if passes(error):
                    raise
                self._zygotes.lost(fork)
        self.pid = await self._spawn(fds, max(0.0, until - self._clock.monotonic()))
        return None

    async def _spawn(self, fds: tuple[int, int], limit_s: float, fork: Fork | None = None) -> int:
        tmp = self.launch.tmp
        nudge = asyncio.get_running_loop().call_later(_SILENCE, self._spawner.let_run)
        try:
            async with asyncio.timeout(limit_s):
                return await self._spawner.spawn(
                    self.id,
                    self.launch.argv,
                    self.launch.variables,
                    self.launch.cwd,
                    fds,
                    tmp=None if tmp is None else {"mb": tmp.mb, "keep": tmp.keep, "view": tmp.view},
                    zygote=None if fork is None else fork.zygote,
                    on_exit=self._on_exit,
                )
        except TimeoutError:
            self._spawner.kill(self.id)  # what is started after all is not wanted any more
            raise OSError(f"the spawner did not answer within {limit_s:g} seconds") from None
        except asyncio.CancelledError:
            self._spawner.kill(self.id)
            raise
        finally:
            nudge.cancel()

    def when_gone(self, heard: Callable[[], None]) -> None:
        """Be told once when its process has ended, however it came about."""
        self._exited.add_done_callback(lambda _: heard())

    def write_to(self, output: Output) -> None:
        """Give what it writes from now on to `output`."""
        self._output = output
        output.joined(self.launch)

    def invoke(
        self, request_id: str, payload: bytes, meta: dict[str, object], timeout_s: float
    ) -> Coroutine[Any, Any, Outcome]:
        """Let the handler run once: it begins now, and what is to be awaited next is how it ended.

        `timeout_s` is enforced here: at its end the whole process tree is killed.
        """
        self.invocations += 1
        return self._ask(wire.INVOKE, request_id, payload, meta, timeout_s)

    def check(self, request_id: str, payload: bytes, timeout_s: float) -> Coroutine[Any, Any, Outcome]:
        """As `invoke`, to have an event parsed before: the result's payload is empty where that could not be done.

        Otherwise `invoke` is to be called next, with `checked` in its meta and no payload.
        """
        return self._ask(wire.CHECK, request_id, payload, {}, timeout_s)

    def _ask(
        self, kind: int, request_id: str, payload: bytes, meta: dict[str, object], timeout_s: float
    ) -> Coroutine[Any, Any, Outcome]:
        assert self._channel is not None and self._pipe is not None
        self.thaw()
        self.state = State.BUSY
        self.idle_since_us = None
        self._pipe.drain()  # what children or threads wrote since is not this request's
        self.request_id = request_id
        self._asked = bytes.fromhex(request_id.replace("-", ""))
        self._frames = None
        answer = self._expect()
        started = self._clock.monotonic()
        deadline_us = self._clock.wall_us() + round(timeout_s * 1_000_000)
        self._channel.send(kind, msgspec.json.encode(meta), payload, self._asked, deadline_us)
        if self._channel.closed:
            self._resolve(Outcome(kind="exit"))
        return self._answered(answer, started, timeout_s)

    async def _answered(self, answer: asyncio.Future[Outcome], started: float, timeout_s: float) -> Outcome:
        assert self._pipe is not None
        outcome = await self._await(answer, timeout_s)
        self._pipe.drain()
        if not outcome.duration_us:
            outcome.duration_us = round((self._clock.monotonic() - started) * 1_000_000)
        outcome.frames = self._frames
        if self._measured:
            outcome.measured, self._measured = self._measured, {}
        if outcome.kind in ("result", "error"):
            self.state = State.IDLE
            self.idle_since_us = self._clock.now_us()
        else:
            await self._fail(outcome)
        return outcome

    async def _fail(self, outcome: Outcome) -> None:
        """End a process that is of no use any more; its peak is known then."""
        self.failed = True
        await self.end()
        if self._exited.done():
            outcome.peak_mb = max(outcome.peak_mb, self._exited.result().peak_mb)

    async def end(self) -> None:
        """Kill the process with all its descendants and wait until they are gone. Safe to call again."""
        self.state = State.ENDING
        if self.pid and not self._exited.done():
            self._spawner.kill(self.id)
            await self._until_gone()
        if self._pipe is not None:
            self._pipe.drain()
        self._close()

    async def _until_gone(self) -> None:
        """Wait for the spawner's word; where it does not come, kill from here. Never waits for ever."""
        if await self._gone_within(_SILENCE):
            return
        self._spawner.let_run()
        if await self._gone_within(_SILENCE):
            return
        await asyncio.to_thread(tree.kill_tree, self.pid)
        if not await self._gone_within(_SILENCE) and not self._exited.done():
            self._exited.set_result(Exit(signal=signal.SIGKILL))

    async def _gone_within(self, seconds: float) -> bool:
        await asyncio.wait([self._exited], timeout=seconds)
        return self._exited.done()

    def _close(self) -> None:
        self._freezing.close()
        self._timeout.close()
        if self._channel is not None:
            self._channel.close()
        if self._pipe is not None:
            self._pipe.close()
        if self._footprint is not None:
            self._footprint.close()
            self._footprint = None

    # --- freezing

    def freeze_soon(self) -> None:
        """Freeze, unless the next invocation comes at once: under load that saves two signals a call (150 µs)."""
        self._freezing.set(_LINGER)

    def freeze(self) -> None:
        """Stop the whole process tree: between invocations no code runs."""
        if self.state is State.IDLE:
            tree.freeze(self.pid)
            self.state = State.FROZEN

    def thaw(self) -> None:
        self._freezing.clear()
        if self.state is State.FROZEN:
            tree.thaw(self.pid)
            self.state = State.IDLE

    # --- memory and processes

    def resident_mb(self) -> float:
        return 0.0 if self._footprint is None else self._footprint.resident_mb()

    def check_limits(self) -> None:
        """End the running init or invocation if its processes have more memory, or are more, than it may."""
        if self._footprint is not None and self.state in (State.INIT, State.BUSY):
            self._footprint.look(self.launch.memory_mb, self._exceeded)

    def _exceeded(self, what: str) -> None:
        if what == MEMORY:
            self._resolve(Outcome(kind="memory", peak_mb=self.launch.memory_mb))
        else:
            self._resolve(Outcome(kind="exit", error_type="Runtime.ExitError", error_message=_TOO_MANY))

    # --- answers

    def _expect(self) -> asyncio.Future[Outcome]:
        self._heard = 0
        self._answer = asyncio.get_running_loop().create_future()
        return self._answer

    async def _await(self, answer: asyncio.Future[Outcome], limit_s: float) -> Outcome:
        limit = self.limit = Limit(self._timeout, limit_s)
        try:
            return await answer
        finally:
            limit.end()
            self.limit = self._answer = None

    def _timed_out(self) -> None:
        self._resolve(Outcome(kind="timeout"))

    def _resolve(self, outcome: Outcome) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(outcome)

    def _on_frame(self, header: wire.Header, meta: bytes, payload: bytes) -> None:
        """Take one frame. Raises ValueError where there are more than the runtime sends."""
        self._heard += 1
        if self._heard > _MAX_FRAMES:
            raise ValueError("more frames than an answer has")
        try:
            if header.kind == wire.DIAGNOSTICS:
                self._frames = payload
            elif header.kind in (wire.IMPORTS, wire.PROFILE):
                self._measured[header.kind] = meta, payload
            elif not self._is_answer(header):
                return
            elif header.kind == wire.READY:
                ready = _ready.decode(meta)
                self.project_files = ready.files
                self._libraries = ready.libraries
                self._resolve(Outcome(kind="result", duration_us=ready.init_us))
            elif header.kind == wire.INIT_ERROR:
                ready = _ready.decode(meta)
                self._resolve(_failed(payload, ready.init_us, _done.decode(meta)))
            else:
                self._finish(header.kind, meta, payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            if self._is_answer(header):  # what else cannot be read was written by user code that found the channel
                self.retired = True
                self._resolve(_unreadable())

    def _is_answer(self, header: wire.Header) -> bool:
        """Whether the frame says how the init or the invocation under way ended."""
        if self.state is State.INIT:
            return header.kind in (wire.READY, wire.INIT_ERROR)
        return header.kind in (wire.RESULT, wire.ERROR, wire.CHECKED) and header.request_id == self._asked

    def _finish(self, kind: int, meta: bytes, payload: bytes) -> None:
        done = _done.decode(meta)
        if kind in (wire.RESULT, wire.CHECKED):
            self._resolve(Outcome(kind="result", payload=payload, duration_us=done.duration_us, peak_mb=done.peak_mb))
        elif kind == wire.ERROR:
            self.retired |= done.error_type == wire.RESPONSE_TOO_LARGE  # its process ends with it
            self._resolve(_failed(payload, done.duration_us, done))

    def _on_output(self, data: bytes) -> None:
        self._output.feed(data)

    def _wants_rest(self) -> bool:
        return self._output.wants_rest()

    def _on_close(self) -> None:
        """No answer can come. How its process ends, or that it does not, is what its invocation comes to."""
        if self._answer is not None:
            asyncio.get_running_loop().call_later(_SILENCE, self._spawner.let_run)  # whose word is what ends the wait

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
        """Whether it can be asked again; one that closed its channel cannot, though its process may live on."""
        closed = self._channel is not None and self._channel.closed
        return not self._exited.done() and self.state is not State.ENDING and not closed


class _ErrorBody(msgspec.Struct):
    errorMessage: str | None = None  # noqa: N815 (AWS's key)
    errorType: str | None = None  # noqa: N815


def _unreadable() -> Outcome:
    payload = msgspec.json.encode({"errorType": "Runtime.ExitError", "errorMessage": _UNREADABLE})
    return _failed(payload, 0, _Done())


def _failed(payload: bytes, duration_us: int, done: _Done) -> Outcome:
    """`payload` is read only where the frame's meta does not say the error: it may hold what msgspec does not take."""
    if done.error_type is None:
        body = msgspec.json.decode(payload, type=_ErrorBody)
        done.error_type, done.error_message = body.errorType, body.errorMessage
    return Outcome(
        kind="error",
        payload=payload,
        error_type=done.error_type,
        error_message=done.error_message,
        duration_us=duration_us,
        peak_mb=done.peak_mb,
    )
