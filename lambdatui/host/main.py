"""The life of an engine process: lock, sockets, rooms, ready, run, grace, end."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import hashlib
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from lambdatui import wire
from lambdatui.api.app import ApiSettings, build_front_app, build_lambda_app
from lambdatui.api.server import HttpServer
from lambdatui.clock import MICROS, SystemClock, span
from lambdatui.config import archives
from lambdatui.config.aws_profiles import is_profile
from lambdatui.config.loader import find_project, load_project
from lambdatui.config.model import LoadOptions
from lambdatui.config.pythons import virtual_environment
from lambdatui.engine.engine import Engine, EngineOptions
from lambdatui.errors import LambdaTuiError, OperationFailed, StoreError, UsageError
from lambdatui.host.arguments import DEFAULT_HTTP_PORT, DEFAULT_PORT, Arguments, parse, ready_pipe
from lambdatui.host.console import Console
from lambdatui.host.descriptors import LastDescriptor, raise_limit
from lambdatui.host.lock import EngineLock
from lambdatui.host.published import Published
from lambdatui.host.sockets import address, listen
from lambdatui.localaws.local import LocalAws
from lambdatui.localaws.server import MotoServer
from lambdatui.schema import EngineInfo
from lambdatui.sources.manager import SourceManager
from lambdatui.spawner import tree
from lambdatui.store.location import DATA_NAME, project_data, refuse_foreign
from lambdatui.store.refusals import remedy
from lambdatui.store.store import Store
from lambdatui.telemetry.telemetry import Telemetry

if TYPE_CHECKING:
    import socket

    from lambdatui.api.asgi import App
    from lambdatui.config.model import Project
    from lambdatui.host.credentials import Credentials

ACCOUNT = "000000000000"
INTERRUPTED = 130
LOOK_S = 1.0  # between two looks whether the data folder is still there


def main(argv: Sequence[str]) -> int:
    """Run one engine until it is told to end; the exit code. Errors are one sentence, on stderr or the ready pipe."""
    ready = ready_pipe(argv)
    try:
        arguments = parse(argv, dict(os.environ))
        return asyncio.run(Host(arguments).run())
    except LambdaTuiError as error:
        _tell_failure(error, ready)
        return error.exit_code
    except Exception as error:  # noqa: BLE001 (the process's edge: whoever waits gets a sentence, whatever it was)
        traceback.print_exc()
        failure = OperationFailed(f"the engine ended by an error of its own: {type(error).__name__}: {error}")
        _tell_failure(failure, ready)
        return failure.exit_code


def _tell_failure(error: LambdaTuiError, ready: int | None) -> None:
    if ready is None:
        print(f"lambdatui: {error}", file=sys.stderr)
        return
    with contextlib.suppress(OSError):
        os.write(ready, msgspec.json.encode({"error": str(error), "exit_code": error.exit_code}) + b"\n")


class Host:
    """Puts the rooms together and takes them down again."""

    def __init__(self, arguments: Arguments) -> None:
        self._arguments = arguments
        self._clock = SystemClock()
        self._ending = asyncio.Event()
        self._at_once = asyncio.Event()
        self._exit_code = 0
        self._grace = arguments.grace

    async def run(self) -> int:
        """From nothing to the end of the engine."""
        self._own_signals()
        raise_limit()
        arguments = self._arguments
        root = arguments.project.expanduser().absolute()
        data = project_data(root, arguments.data)
        load = LoadOptions(
            region=arguments.region,
            own_region=arguments.own_region,
            account=ACCOUNT,
            template=arguments.template,
            parameters=arguments.parameters,
            env_vars=arguments.env_vars,
        )
        find_project(root, load)  # a folder that is none is said before anything is made in it
        if arguments.use_venv and virtual_environment(root, os.environ.get("VIRTUAL_ENV")) is None:
            raise UsageError(f"--use-venv: no virtual environment is active and {root / '.venv'} is none; activate one")
        os.umask(0o077)  # all that is written into the data folder is this user's alone; environments have Lambda's
        refuse_foreign(data)
        _make_folder(data)
        lock = EngineLock(data)
        try:
            await self._run(root, data, load, lock)
        finally:
            lock.release()
        return self._exit_code

    async def _run(self, root: Path, data: Path, load: LoadOptions, lock: EngineLock) -> None:
        arguments = self._arguments
        mark = hashlib.sha256(os.fsencode(data.resolve())).hexdigest()[:16]
        swept = await asyncio.to_thread(tree.sweep, wire.MARK_ENGINE, mark)
        await _clear(data)
        sockets = (
            listen(arguments.host, arguments.port, DEFAULT_PORT, "--port"),
            listen(arguments.host, arguments.http_port, DEFAULT_HTTP_PORT, "--http-port"),
        )
        url, http_url = address(sockets[0]), address(sockets[1])
        load = msgspec.structs.replace(load, endpoint_url=url, http_url=http_url)
        project = load_project(root, load, data)
        load = msgspec.structs.replace(load, region=project.region, own_region=False)  # it stays until the end
        used = [folder for function in project.functions for folder in (function.code_root, *function.layers)]
        await asyncio.to_thread(archives.forget, data, used)

        credentials = await self._credentials()
        store, telemetry = await self._open(data, sockets)
        engine = self._engine(project, load, store, telemetry, mark=mark, credentials=credentials)
        sources = SourceManager(engine, paused_all=arguments.one_shot, http_url=http_url)
        engine.on_reload(sources.retry_now)  # what waits for a repaired function need not wait longer
        local_aws = LocalAws(engine, MotoServer(ACCOUNT, mark, engine.spawner))
        local_aws.on_end = sources.pushes.forget
        published = Published(engine, lock, local_aws, self._clock)
        lambda_app, front_app = self._apps(engine, sources, local_aws, published)
        servers = [HttpServer(lambda_app, sockets[0]), HttpServer(front_app, sockets[1])]
        console = Console(telemetry) if arguments.headless else None
        steps = [local_aws.stop, *self._ending_steps(engine, sources, servers, telemetry, store)]
        if console is not None:
            steps.append(console.stop)
        if credentials is not None:
            steps.insert(0, credentials.stop)
        try:
            await engine.start()
            for server in servers:
                await server.start()
            await sources.start()
            published.tell()
            self._say_start(engine, data, swept, store)
            self._say_ready(published.info)
            if console is not None:
                console.start(published.info)
            engine.settle_in()
            if credentials is not None:
                credentials.keep(engine.pool.retire_all, functools.partial(engine.telemetry.say, "notice", None))
            gc.freeze()  # what start-up made stays: later collections need not look at it
            gc.enable()
            await self._until_the_end(data, lock, telemetry)
        finally:
            engine.stopping = True
            failure = await _all_of([*steps, lambda: _clear(data)])
        if failure is not None:  # here only where nothing else went wrong before
            raise OperationFailed(f"the engine ended, but not as it should: {failure}") from failure

    async def _open(self, data: Path, sockets: Sequence[socket.socket]) -> tuple[Store, Telemetry]:
        """What is stored, and who tells of it; of the descriptors, too, that `sockets` need."""
        store = Store.open(data, self._clock)
        await store.start()
        telemetry = Telemetry(store.history, self._clock, self._arguments.billing)
        telemetry.watch(store.refusal, "nothing new is accepted", "events and messages are accepted again")
        telemetry.watch(
            self._set_back, "the computer's clock was set back", "times agree with the computer's clock again"
        )
        await telemetry.start()
        last = LastDescriptor([*sockets], functools.partial(telemetry.say, "error", None))
        last.install(asyncio.get_running_loop())
        return store, telemetry

    def _engine(
        self,
        project: Project,
        load: LoadOptions,
        store: Store,
        telemetry: Telemetry,
        *,
        mark: str,
        credentials: Credentials | None,
    ) -> Engine:
        """As it was asked for. `mark`: what its processes carry."""
        asked = self._arguments
        options = EngineOptions(
            url=load.endpoint_url,
            http_url=load.http_url,
            region=project.region,
            account=ACCOUNT,
            engine_mark=mark,
            account_concurrency=asked.account_concurrency,
            burst_model=asked.burst_model,
            max_environments=asked.max_environments,
            retry_delays=asked.retry_delays,
            use_venv=asked.use_venv,
            one_shot=asked.one_shot,
            fresh=asked.fresh,
            credentials=credentials.variables if credentials else None,
            real_aws=is_profile(asked.aws),
        )
        return Engine(project, store, telemetry, self._clock, options, load)

    def _apps(
        self, engine: Engine, sources: SourceManager, local_aws: LocalAws, published: Published
    ) -> tuple[App, App]:
        """What the two ports serve."""
        asked, available = self._arguments, MotoServer.available()
        if asked.aws == "auto" and available:
            sources.destinations.put_object = local_aws.put_object
        settings = ApiSettings(
            token=published.info.token,
            region=engine.options.region,
            account=ACCOUNT,
            allow_hosts=asked.allow_hosts,
            aws=asked.aws,
            on_stop=self._stop,
            info=published.now,
            start_aws=published.start_aws if available else None,
            aws_answered=local_aws.passed,
        )
        return build_lambda_app(engine, sources, settings), build_front_app(engine, sources, settings)

    async def _until_the_end(self, data: Path, lock: EngineLock, telemetry: Telemetry) -> None:
        """Wait to be ended; or for the loss of the data folder, after which nothing that is accepted could be kept."""
        losses = 0  # one look may meet a folder that is being put back
        while losses < 2 and not self._ending.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._ending.wait()
            losses = losses + 1 if lock.lost() else 0
        if losses and not self._ending.is_set():
            telemetry.say(
                "error",
                None,
                f"{data} was removed or moved while the engine ran: it ends, since what it accepts would be lost. "
                "Put the folder back if it holds what you need, and start the engine again",
            )
            self._exit_code = 1
            self._ending.set()

    def _ending_steps(
        self, engine: Engine, sources: SourceManager, servers: list[HttpServer], telemetry: Telemetry, store: Store
    ) -> list[Callable[[], Awaitable[object]]]:
        """New calls get 503, those in flight may end; then everything goes, from the top floor down."""
        return [
            lambda: self._while_patient(sources.stop(self._grace)),
            lambda: self._while_patient(engine.drain(self._grace)),
            *(functools.partial(server.close, 0.5) for server in servers),
            engine.stop,
            telemetry.close,
            store.close,
        ]

    async def _while_patient(self, work: Coroutine[Any, Any, object]) -> None:
        """Wait for `work`, but no longer than until somebody asks a second time."""
        task = asyncio.ensure_future(work)
        hurry = asyncio.ensure_future(self._at_once.wait())
        await asyncio.wait({task, hurry}, return_when=asyncio.FIRST_COMPLETED)
        for one in (task, hurry):
            if not one.done():
                one.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await one
        if not task.cancelled():
            task.result()

    async def _credentials(self) -> Credentials | None:
        """The user's own, where they said that functions may have them. Raises UsageError where there are none."""
        asked = self._arguments
        profile = asked.aws if is_profile(asked.aws) else None
        if profile is None and not asked.pass_credentials:
            return None
        from lambdatui.host.credentials import Credentials, source

        return await asyncio.to_thread(lambda: Credentials(source(profile, os.environ)))

    # --- signals and the leash

    def _own_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number, code in ((signal.SIGINT, INTERRUPTED), (signal.SIGTERM, 0), (signal.SIGHUP, 0)):
            loop.add_signal_handler(number, self._signalled, code)
        leash = self._arguments.leash
        if leash is not None:
            os.set_blocking(leash, False)
            loop.add_reader(leash, self._leash_ended, leash)

    def _signalled(self, code: int) -> None:
        if self._ending.is_set():
            self._at_once.set()
        self._exit_code = code
        self._ending.set()

    def _leash_ended(self, leash: int) -> None:
        if not os.read(leash, 1):
            asyncio.get_running_loop().remove_reader(leash)
            self._ending.set()

    def _stop(self, grace: float | None) -> None:
        """Asked through the control API."""
        if grace is not None:
            self._grace = grace
        self._ending.set()

    # --- words

    def _set_back(self) -> str | None:
        """What it means that our clock goes on where the computer's was set back."""
        ahead = self._clock.ahead_us()
        if ahead < MICROS:
            return None
        return (
            f"lambdatui's times go on, {span(ahead)} ahead of it, a tenth slower until both agree; start it again to "
            "have the computer's time at once"
        )

    def _say_start(self, engine: Engine, data: Path, swept: int, store: Store) -> None:
        say = engine.telemetry.say
        count = len(engine.functions())
        say("engine", None, f"engine started: {count} function{'' if count == 1 else 's'}")
        if not count and engine.project.problems:
            why = engine.project.problems[0]
            say("notice", None, f"{why.message}. {why.remedy}")
        say("engine", None, f"AWS endpoint {engine.options.url}, HTTP triggers {engine.options.http_url}")
        asked, options = self._arguments, engine.options
        for url, port, default in (
            (options.url, asked.port, DEFAULT_PORT),
            (options.http_url, asked.http_port, DEFAULT_HTTP_PORT),
        ):
            if port is None and not url.endswith(f":{default}"):
                say("notice", None, f"port {default} is taken: {url} serves instead")
        if data.name != DATA_NAME and self._arguments.data is None:
            say("notice", None, f"the project folder is read-only: state is kept in {data}")
        if engine.options.credentials is not None:
            where = (
                f"AWS itself answers what lambdatui does not (--aws {asked.aws})" if options.real_aws else "as asked"
            )
            say("notice", None, f"functions have your AWS credentials: {where}")
        if swept:
            say("notice", None, f"{swept} processes that an earlier engine left were ended")
        for sentence in store.damage:
            say("error", None, sentence)
        if store.set_back_us:
            back = span(store.set_back_us)
            say("notice", None, f"the computer's clock was set back by {back}: what waits for its time waits no longer")
        if store.fallback:
            say("notice", None, store.fallback)

    def _say_ready(self, info: EngineInfo) -> None:
        ready = self._arguments.ready
        if ready is not None:
            with contextlib.suppress(BrokenPipeError):  # who asked has gone: the leash tells it
                os.write(ready, msgspec.json.encode(info) + b"\n")
            os.close(ready)


async def _all_of(steps: Sequence[Callable[[], Awaitable[object]]]) -> Exception | None:
    """Take every step, whatever an earlier one came to; the first error."""
    first: Exception | None = None
    for step in steps:
        try:
            await step()
        except Exception as error:  # noqa: BLE001 (reported by the caller; the other steps count)
            first = first or error
    return first


async def _clear(data: Path) -> None:
    """Remove the environments' own folders, which none outlives."""
    await asyncio.to_thread(shutil.rmtree, data / "tmp", ignore_errors=True)


def _make_folder(data: Path) -> None:
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise StoreError(f"{data} cannot be made ({error.strerror}): {remedy(error)}") from error
