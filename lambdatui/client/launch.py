"""Starting an engine: beside a screen with a leash, in place of this process, or for one call.

The leash is a pipe whose write end this process holds: its end, however it comes, is a graceful stop of the engine.
"""

from __future__ import annotations

import os
import signal
import site
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, NoReturn

import msgspec

from lambdatui.errors import LambdaTuiError, NoEngine, OperationFailed, UsageError
from lambdatui.schema import EngineInfo

# An engine that has not ended so long after its grace is killed.
STOP_MARGIN = 10.0


class LaunchOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The host's command line; None and False leave its defaults. Delays and grace in seconds."""

    port: int | None = None
    http_port: int | None = None
    host: str | None = None
    allow_remote: bool = False
    retry_delays: tuple[float, ...] | None = None
    account_concurrency: int | None = None
    burst_model: str | None = None
    billing: str | None = None
    fresh: bool = False
    use_venv: bool = False
    aws: str | None = None
    max_environments: int | None = None
    env_vars: str | None = None
    data: str | None = None
    grace: float | None = None
    region: str | None = None
    allow_host: tuple[str, ...] = ()
    template: str | None = None
    parameters: tuple[str, ...] = ()  # "K=V", each

    def arguments(self) -> list[str]:
        """These options as the host reads them."""
        delays = None if self.retry_delays is None else ",".join(f"{delay:g}" for delay in self.retry_delays)
        valued: dict[str, object] = {
            "--port": self.port,
            "--http-port": self.http_port,
            "--host": self.host,
            "--retry-delays": delays,
            "--account-concurrency": self.account_concurrency,
            "--burst-model": self.burst_model,
            "--billing": self.billing,
            "--aws": self.aws,
            "--max-environments": self.max_environments,
            "--env-vars": self.env_vars,
            "--data": self.data,
            "--grace": self.grace,
            "--region": self.region,
            "--template": self.template,
        }
        arguments = [part for name, value in valued.items() if value is not None for part in (name, str(value))]
        arguments += [part for name in self.allow_host for part in ("--allow-host", name)]
        arguments += [f"--parameter={pair}" for pair in self.parameters]  # a value may begin with a dash
        switches = {"--allow-remote": self.allow_remote, "--fresh": self.fresh, "--use-venv": self.use_venv}
        return arguments + [name for name, given in switches.items() if given]


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


def start_engine(project: Path, options: LaunchOptions | None = None, *, one_shot: bool = False) -> StartedEngine:
    """Start an engine in a session of its own and wait until it is ready. Raises the error that it reports."""
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
    options = msgspec.structs.replace(options or LaunchOptions(), port=0, http_port=0)
    engine = start_engine(project, options, one_shot=True)
    try:
        yield engine
    except KeyboardInterrupt:
        engine.kill()  # nobody waits for the call any more
        raise
    finally:
        engine.close()


def exec_headless(project: Path, options: LaunchOptions) -> NoReturn:
    """Become the engine, in this terminal and session."""
    command = [*host_command(project, options), "--headless"]
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(command[0], command, host_environment())


def host_command(project: Path, options: LaunchOptions) -> list[str]:
    """The engine's command line. `-P`: a file of the user's in the working directory must not shadow a library."""
    return [sys.executable, "-P", "-m", "lambdatui.host", str(project.absolute()), *options.arguments()]


def host_environment() -> dict[str, str]:
    """This process's variables, with the way to this package where it is not installed."""
    environment = dict(os.environ)
    here = str(Path(__file__).resolve().parents[2])
    if here not in (*site.getsitepackages(), site.getusersitepackages()):
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, (here, environment.get("PYTHONPATH"))))
    return environment


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
