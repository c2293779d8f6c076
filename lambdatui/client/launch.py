"""Starting an engine: beside a screen with a leash, or for one call. (`host_command` becomes one.)

The leash is a pipe whose write end this process holds: its end, however it comes, is a graceful stop of the engine.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import msgspec

from lambdatui.client.host_command import LaunchOptions, host_command, host_environment
from lambdatui.errors import LambdaTuiError, NoEngine, OperationFailed, UsageError
from lambdatui.schema import EngineInfo

# An engine that has not ended so long after its grace is killed.
STOP_MARGIN = 10.0


class StartedEngine:
    """An engine that this process started. `close` (or the end of this process) lets it stop gracefully."""

    def __init__(self, info: EngineInfo, process: subprocess.Popen[bytes], leash: int, grace: float) -> None:
        self.info = info
        self.process = process
        self._leash = leash
        self._grace = grace

    def close(self, *, on_wait: Callable[[], None] | None = None, patience: float = 0.5) -> int:
        """Stop the engine and wait for its end; its exit code. `on_wait` is called once after `patience` seconds."""
        if self._leash >= 0:
            os.close(self._leash)
            self._leash = -1
        self.process.send_signal(signal.SIGCONT)  # one that is stopped could not end by itself
        try:
            try:
                return self.process.wait(patience)
            except subprocess.TimeoutExpired:
                if on_wait is not None:
                    on_wait()
            return self.process.wait(self._grace + STOP_MARGIN)
        except KeyboardInterrupt:
            self.kill()
            raise
        except subprocess.TimeoutExpired:
            self.kill()
            return self.process.wait()

    def kill(self) -> None:
        """End the engine without grace: two signals do; one that hangs is killed."""
        with suppress(ProcessLookupError):
            for number in (signal.SIGTERM, signal.SIGINT):  # two of one kind may arrive as one
                self.process.send_signal(number)
        try:
            self.process.wait(2)
        except subprocess.TimeoutExpired:
            self.process.kill()


def start_engine(
    project: Path,
    options: LaunchOptions | None = None,
    *,
    one_shot: bool = False,
    meanwhile: Callable[[], object] = lambda: None,
) -> StartedEngine:
    """Start an engine in a session of its own and wait until it is ready. Raises the error that it reports.

    `meanwhile` is called while the engine starts.
    """
    options = options or LaunchOptions()
    leash_read, leash_write = os.pipe()
    ready_read, ready_write = os.pipe()
    command = host_command(project, options)
    command += ["--leash", str(leash_read), "--ready", str(ready_write)] + ["--one-shot"] * one_shot
    said = tempfile.TemporaryFile()  # noqa: SIM115 (the engine keeps it; the screen's terminal must stay untouched)
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            env=host_environment(),
            start_new_session=True,
            pass_fds=(leash_read, ready_write),
        )
    except OSError as error:
        os.close(leash_write)
        os.close(ready_read)
        said.close()
        raise OperationFailed(f"the engine could not be started: {error}") from error
    finally:
        os.close(leash_read)
        os.close(ready_write)
    try:
        with os.fdopen(ready_read, "rb") as ready, said:
            meanwhile()
            info = _ready(ready.readline(), process, said)
    except BaseException:
        os.close(leash_write)
        with suppress(ProcessLookupError):
            process.terminate()
        process.wait()
        raise
    return StartedEngine(info, process, leash_write, 10.0 if options.grace is None else options.grace)


@contextmanager
def one_shot(project: Path, options: LaunchOptions | None = None) -> Iterator[StartedEngine]:
    """An engine for one call: free ports, sources, schedules and backlog off; gone at the end of the block."""
    options = (options or LaunchOptions())._replace(port=0, http_port=0)
    engine = start_engine(project, options, one_shot=True)
    try:
        yield engine
    except KeyboardInterrupt:
        engine.kill()  # nobody waits for the call any more
        raise
    finally:
        engine.close()


def _ready(line: bytes, process: subprocess.Popen[bytes], said: IO[bytes]) -> EngineInfo:
    """What the engine's one ready line says. Raises the error that it reports, or what it printed before it died."""
    if not line:
        code = process.wait()
        said.seek(0)
        last = said.read().decode(errors="replace").strip().splitlines()
        reason = f": {last[-1]}" if last else ""
        raise OperationFailed(f"the engine ended while starting (exit {code}){reason}")
    try:
        answer = msgspec.json.decode(line)
        if "error" in answer:
            raise _error_of(answer)
        return msgspec.convert(answer, EngineInfo)
    except (msgspec.DecodeError, TypeError) as error:
        raise OperationFailed(f"the engine's ready line is not understood: {line[:200]!r}") from error


def _error_of(answer: dict[str, object]) -> LambdaTuiError:
    kinds: dict[object, type[LambdaTuiError]] = {2: UsageError, 3: NoEngine}
    return kinds.get(answer.get("exit_code"), OperationFailed)(str(answer["error"]))
