"""The engine: functions, invocations, asynchronous events and reloads of one project, behind a few methods.

Knows no screen, no HTTP and no source; those call it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable, Collection, Coroutine, Hashable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import msgspec

from lambdatui import schema, wire
from lambdatui.clock import Clock
from lambdatui.config.changes import describe_change
from lambdatui.config.dead_letters import dlq_names
from lambdatui.config.loader import load_project
from lambdatui.config.made import Kind, Made, with_made
from lambdatui.config.model import LoadOptions, Problem, Project
from lambdatui.engine.admission import Admission
from lambdatui.engine.destinations import Deliver, Delivery
from lambdatui.engine.event_invoke import EventInvokeConfigs
from lambdatui.engine.events import EventQueue
from lambdatui.engine.following import Follower
from lambdatui.engine.functions import Function
from lambdatui.engine.installer import Installer
from lambdatui.engine.invoker import Invoker
from lambdatui.engine.model import InvokeRequest, InvokeResult
from lambdatui.engine.pool import Pool
from lambdatui.engine.project_watch import ProjectWatch
from lambdatui.engine.provisioned import ProvisionedConfigs
from lambdatui.engine.provisioner import Provisioner
from lambdatui.engine.registry import RESERVED, Registry
from lambdatui.engine.reload import Reloader
from lambdatui.engine.scaling import BurstModel
from lambdatui.engine.spawner import Spawner
from lambdatui.engine.spending import charge_provisioned
from lambdatui.engine.tracing import Caller
from lambdatui.engine.variables import STAND_INS, Surroundings
from lambdatui.engine.versions import Versions
from lambdatui.engine.views import Views
from lambdatui.engine.zygotes import Zygotes, memory_cap, unavailable
from lambdatui.errors import FunctionGone, LambdaTuiError, NotFound, OperationFailed, UsageError
from lambdatui.spawner import tree
from lambdatui.store.reader import Reader
from lambdatui.store.store import Store
from lambdatui.telemetry.telemetry import Telemetry

SHARED_TMP = (
    "functions share this machine's /tmp, as it allows them no mount namespaces: TMPDIR and HOME name a folder of each"
    " environment's own, whose size is not limited; `lambdatui doctor` says why"
)
_RESPAWN_PAUSE = 1.0  # seconds between tries to start a spawner


class EngineOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How the engine was started."""

    url: str
    http_url: str
    region: str
    account: str
    engine_mark: str  # value of the marker variable in every environment of this data directory
    account_concurrency: int = 1000
    burst_model: BurstModel = "current"
    max_environments: int = 256
    retry_delays: tuple[float, ...] = (60.0, 120.0)
    use_venv: bool = False  # the virtual environment that is there serves instead of installed packages
    one_shot: bool = False  # for a single call: events are accepted, none is dispatched, nothing is watched
    fresh: bool = False  # no environment is forked from a library zygote
    credentials: Mapping[str, str] | None = None  # the user's own, where functions may have them; may change
    real_aws: bool = False  # functions' calls to what is not the engine's go to AWS itself


class Engine:
    """Everything that happens. Create, `start`, use, `stop`."""

    def __init__(
        self,
        project: Project,
        store: Store,
        telemetry: Telemetry,
        clock: Clock,
        options: EngineOptions,
        load: LoadOptions,
    ) -> None:
        self.declared = project  # what the files say; `project` is what is in force
        self.project = with_made(project, store.made.all())
        self.store = store
        self.telemetry = telemetry
        self.clock = clock
        self.options = options
        self.reader = Reader(store.data)
        self.stopping = False
        self.started_us = clock.now_us()
        self._load = load
        self._problems: tuple[Project | None, dict[str | None, list[Problem]]] = (None, {})  # by function, of a project
        self._broken: tuple[Problem, ...] = ()  # of a template that stopped parsing: what was loaded stays in force
        self._listeners: list[Callable[[Project], Awaitable[None]]] = []
        self._admission = Admission(
            options.account_concurrency,
            clock=clock.monotonic,
            burst_model=options.burst_model,
            region=options.region,
        )
        self.spawner = Spawner(self._spawner_died)
        self.zygotes = Zygotes(
            self.spawner, clock, cap=memory_cap(), off=unavailable(fresh=options.fresh or options.one_shot)
        )
        self.pool = Pool(self.spawner, self.zygotes, clock, options.max_environments)
        around = Surroundings(
            endpoint_url=options.url,
            region=options.region,
            account=options.account,
            engine_mark=options.engine_mark,
            root=project.root,
            shell=dict(os.environ),
            credentials=STAND_INS if options.credentials is None else options.credentials,
            real_aws=options.real_aws,
        )
        self.credentials = around.credentials
        self._registry = Registry(store.overrides, around, store.data, self._status_of)
        self._installer = Installer(
            Path(project.root),
            store.data,
            self.spawner,
            telemetry,
            clock,
            shell=around.shell,
            mark=options.engine_mark,
            use_venv=options.use_venv,
            eager=not options.one_shot,
        )
        self._reloader = Reloader(Path(project.root), store, self.pool, self._installer, telemetry, clock)
        store.code.in_use = lambda: {function.code_sha for function in self._registry}
        self.versions = Versions(
            store.made, self._reloader, telemetry, clock, around, store.data, self._status_of, self._made_changed
        )  # fmt: skip
        self.follower = Follower(self.versions, self._reloader, telemetry, self._uses)
        self.provisioner = Provisioner(
            ProvisionedConfigs(store.made, self.versions, clock),
            self._admission,
            self.pool,
            self.functions,
            self.function,
            self.versions.resolve,
            self._prepared,
            telemetry,
            clock,
        )
        self._invoker = Invoker(
            self._admission,
            self.pool,
            self._reloader,
            self._installer,
            telemetry,
            store.history,
            clock,
            self.provisioner,
        )
        self.event_invoke = EventInvokeConfigs(store.made, clock)
        self.deliver: Deliver = _nowhere  # the sources put theirs in its place
        self._events = EventQueue(self, options.retry_delays, held=options.one_shot)
        self._views = Views(self)
        self._watch = ProjectWatch(
            lambda: self.project, self._reloader.touched, self.reload_project, telemetry, lambda: self.stopping
        )
        self._on_reload: Callable[[str], None] = lambda function: None
        self._reloader.on_reload = self._reloaded
        self._background: set[asyncio.Task[None]] = set()
        self._telling = asyncio.Lock()

    # --- life

    async def start(self) -> None:
        """Start the spawner and dispatch what an earlier engine had accepted. Calls may come; `settle_in` is next."""
        await self.spawner.start()
        await self._installer.start()
        self._installer.on_settled = self._installed
        await self.versions.tidy()
        await self._take_over(self.project)
        if not self.options.one_shot:
            self._reloader.on_outside = self._watch.outside
            self._reloader.catch_up = self._watch.catch_up
            self._installer.before_first = self._watch.renew  # so that no watch covers the thousands of files to come
            self.on_project(self.provisioner.project_changed)
            self._begin(self.provisioner.run())
            self._begin(charge_provisioned(self))
            self._begin(self._say_shared_tmp())
        self._begin(self.pool.recycle())
        self._events.start()

    def settle_in(self) -> asyncio.Task[None]:
        """Watch the files and read all code beside the first calls, which read what they need themselves.

        The task ends when the files are watched.
        """
        return self._begin(self._settle_in())

    async def _settle_in(self) -> None:
        if not self.options.one_shot:
            await self._watch.renew()
            self._reloader.recheck()
        self._begin(self._load_all())

    async def _say_shared_tmp(self) -> None:
        if not await self.spawner.private_tmp():
            self.telemetry.say("notice", None, SHARED_TMP)

    async def drain(self, grace: float) -> bool:
        """Refuse new work and wait up to `grace` seconds for what runs; whether all of it ended."""
        self.stopping = True
        await self._events.hold()
        end = self.clock.monotonic() + grace
        while self.in_flight() and self.clock.monotonic() < end:
            await asyncio.sleep(0.02)
        return not self.in_flight()

    async def stop(self) -> None:
        """End every environment and the spawner. Events that were not finished stay on disk."""
        self.stopping = True
        await self._watch.close()
        tasks = list(self._background)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._events.hold()
        await self._installer.close()
        await self.zygotes.close()
        await self.pool.close()
        await self._events.finished()
        self.settle_accounts()
        await self.spawner.close()
        self.reader.close()

    def _uses(self, key: str) -> bool:
        """Whether a version, by its `Blueprint.key`, has environments or is what a mapping invokes."""
        named = any(f"{one.function}:{one.qualifier}" == key for one in self.project.mappings)
        return named or any(one.launch.key == key for one in self.pool)

    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something beside the rest; a fault in it is said, not lost."""
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._background.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.telemetry.say("notice", None, f"work in the background ended: {error}")

    def _spawner_died(self) -> None:
        self.telemetry.say("engine", None, "the spawner was killed, and every environment with it: it is started again")
        self._begin(self._respawn())

    async def _respawn(self) -> None:
        """What escaped the spawner's end has become ours (we are a subreaper): sweep it, then begin anew."""
        await asyncio.to_thread(tree.sweep, wire.MARK_ENGINE, self.options.engine_mark)
        await asyncio.to_thread(self.spawner.reap)
        said = False
        while True:
            try:
                await self.spawner.start()
                return
            except OSError as error:  # no descriptors, no process: what waits for a spawner is told, and tries again
                if not said:
                    said = True
                    self.telemetry.say("notice", None, f"the spawner could not be started: {error}; trying again")
            await asyncio.sleep(_RESPAWN_PAUSE)

    # --- the door

    async def invoke(self, request: InvokeRequest) -> InvokeResult:
        """One attempt, synchronously. What the function does never raises; a throttle is a status."""
        function, qualifier = self._registry.find(request.function, request.qualifier)
        if qualifier is not None:
            function = await self.follower.serving(function, qualifier)
        if qualifier != request.qualifier:
            request = msgspec.structs.replace(request, qualifier=qualifier)
        try:
            return await self._invoker.invoke(function, request)
        except FunctionGone:  # while it waited for a save: that of its name which came back is the same to a caller
            if self._registry.find(function.name)[0] is function:
                raise
            return await self.invoke(request)
        finally:
            self._events.slot_freed(function.name)

    async def accept(
        self,
        function: str,
        payload: bytes,
        *,
        source: str = "api",
        client_context: str | None = None,
        parent_id: str | None = None,
        qualifier: str | None = None,
    ) -> str:
        """An asynchronous event: on disk when this returns its request id."""
        found, qualifier = self._registry.find(function, qualifier)
        return await self._events.accept(
            found,
            payload,
            source=source,
            client_context=client_context,
            parent_id=parent_id,
            qualifier=qualifier,
        )

    def settle_accounts(self) -> None:
        """Write down what has been answered in the last millisecond: for whoever reads what happened."""
        self._invoker.settle_accounts()

    def caller(self, trace_header: str | None) -> Caller:
        """The invocation that a call with this `X-Amzn-Trace-Id` comes from, as far as it runs here."""
        return self._invoker.traces.caller(trace_header)

    def untimed(self, trace_header: str | None) -> AbstractContextManager[None]:
        """What happens inside does not count toward the timeout of the invocation that such a call comes from."""
        return self._invoker.untimed(self.caller(trace_header).request_id)

    async def provisioned(self, name: str) -> None:
        """Returns when the function's packages are there, or cannot be: then its invocations say so."""
        function, _ = self._registry.find(name)
        with contextlib.suppress(OSError, LambdaTuiError):
            await self._prepared(function)

    async def described(self, name: str | None) -> None:
        """Returns when the code of a function (None: of every one) has been read once and the aliases that its files
        declare follow it. A running engine does both by itself, but is open for calls before. Raises NotFound.
        """
        for function in self.functions() if name is None else [self.function(name)]:
            if function.config.published_aliases:
                await self.follower.follow(function)
            elif not function.loaded and not function.config.unserved:
                with contextlib.suppress(OSError, LambdaTuiError):  # what cannot be read is shown without its code
                    await self._reloader.ready(function)

    async def _prepared(self, function: Function) -> None:
        await self._invoker.prepared(function)

    # --- functions

    def function(self, name_or_arn: str, qualifier: str | None = None) -> Function:
        """By name, logical id, partial or full ARN, with or without a qualifier: $LATEST, or the version that a version
        or alias stands for at this moment. Raises NotFound.
        """
        return self.versions.resolve(*self._registry.find(name_or_arn, qualifier))

    def functions(self) -> list[Function]:
        return list(self._registry)

    # --- versions

    async def publish(
        self,
        function: str,
        *,
        description: str | None = None,
        expects: Callable[[Function], None] = lambda _: None,
    ) -> Function:
        """A version of the function as it is now. Raises NotFound, StoreError, OSError, and what `expects` raises."""
        version, _ = await self.versions.publish(self.function(function), description=description, expects=expects)
        return version

    async def delete_version(self, function: str, number: str) -> None:
        """Raises NotFound, VersionInUse."""
        version = await self.versions.delete(self.function(function), number)
        self.pool.retire(version.key)

    # --- problems

    def problems_of(self, function: Function) -> list[Problem]:
        declared = self._declared_problems().get(function.name)
        found = function.problems()
        if declared is None:
            return found
        texts = {(problem.file, problem.line, problem.message) for problem in found}
        return found + [one for one in declared if (one.file, one.line, one.message) not in texts]

    def _declared_problems(self) -> dict[str | None, list[Problem]]:
        """Of the project in force, by function; looked through once, however many functions ask."""
        if self._problems[0] is not self.project:
            found: dict[str | None, list[Problem]] = {}
            for problem in self.project.problems:
                found.setdefault(problem.function, []).append(problem)
            self._problems = (self.project, found)
        return self._problems[1]

    def project_problems(self) -> list[Problem]:
        """Problems that concern no single function, those of the data directory first."""
        of_data = [*self.store.damage, *self.store.problems()]
        told = [Problem(severity="warning", file=None, line=None, message=each, remedy="") for each in of_data]
        return list(dict.fromkeys([*told, *self._broken, *self._declared_problems().get(None, [])]))

    def dlq_names(self) -> list[str]:
        """Queues that are a function's dead-letter queue, a redrive target or an OnFailure destination."""
        return dlq_names(self.project)

    # --- concurrency

    async def set_reserved_concurrency(self, function: str, value: int | None) -> None:
        """Change or remove a reserve, as an override that outlives a restart. UsageError with AWS's sentence."""
        found = self.function(function)
        if value is not None:
            refusal = (
                "reserved concurrency must be 0 or more" if value < 0 else self._admission.refusal(found.name, value)
            )
            if refusal is not None:
                raise UsageError(refusal)
        await self._registry.override(found, RESERVED, value)
        self._admission.set_reserved(found.name, value)
        self._events.slot_freed(found.name)

    async def reset_override(self, function: str, property: str) -> None:
        """What the files say is in force again. Raises NotFound."""
        found = self.function(function)
        if property in self.event_invoke.override(found):
            await self.event_invoke.reset(found)
            return
        await self._registry.reset(found, property)
        await self._reconfigured(found)

    async def update_configuration(self, function: str, changes: Mapping[str, object]) -> None:
        """Lay changes of FunctionConfig's fields over what the files say; they outlive a restart."""
        found = self.function(function)
        for name, value in changes.items():
            await self._registry.override(found, name, value)
        await self._reconfigured(found)

    async def _reconfigured(self, function: Function) -> None:
        """What API or screen changed of a function is in force everywhere when this returns."""
        function.changed_us = self.clock.now_us()
        self._admission.set_reserved(function.name, function.config.reserved_concurrency)
        self._events.slot_freed(function.name)
        await self._reloader.configured(function)
        await self._made_changed()
        self._begin(self._follow([function.name]))

    def reserved_concurrency(self, function: str) -> int | None:
        return self._admission.reserved(self.function(function).name)

    def account_concurrency(self) -> tuple[int, int]:
        """The account's limit and what of it is unreserved."""
        return self._admission.account_limit, self._admission.unreserved_limit()

    def headroom(self, function: str, qualifier: str | None = None) -> int:
        """How many more asynchronous invocations by that qualifier would be admitted now."""
        return self._admission.headroom(function, self.provisioner.key_of(function, qualifier))

    def in_flight(self, function: str | None = None) -> int:
        return self._admission.total() if function is None else self._admission.used(function)

    # --- rows

    def function_rows(self, names: Collection[str] | None = None) -> list[schema.FunctionRow]:
        return self._views.functions(names)

    def function_marks(self) -> dict[str, Hashable]:
        """See `Views.marks`."""
        return self._views.marks()

    def environment_rows(self) -> list[schema.EnvironmentRow]:
        return self._views.environments()

    def concurrency_rows(self) -> list[schema.ConcurrencyRow]:
        return self._views.concurrency()

    def header(self) -> schema.Header:
        return self._views.header()

    def _status_of(self, function: Function) -> str:
        return function.status(
            in_flight=self._admission.used(function.name),
            reserve=self._admission.reserved(function.name),
            now=self.clock.monotonic(),
        )

    # --- configuration

    def on_project(self, listener: Callable[[Project], Awaitable[None]]) -> None:
        """Be told of every reloaded configuration."""
        self._listeners.append(listener)

    def on_reload(self, listener: Callable[[str], None]) -> None:
        """Be told the name of every function whose new code, or whose packages, are in force."""
        self._on_reload = listener

    def _reloaded(self, function: str) -> None:
        self._on_reload(function)
        self._begin(self._follow([function]))

    def _installed(self, function: str) -> None:
        self._events.wake()
        self._on_reload(function)

    def installing(self, function: str) -> bool:
        """Whether events of this function wait because its packages are being installed."""
        try:
            return self.function(function).installing
        except NotFound:
            return False

    async def _take_over(self, project: Project) -> None:
        removed = self._registry.load(project)
        edited = self._registry.apply_overrides()
        for function in removed:
            self._admission.set_reserved(function.name, None)
            for one in (function, *self.versions.of(function)):
                self.pool.retire(one.key)
        self.versions.load(self._registry)
        for function in self._registry:
            self._admission.set_reserved(function.name, function.config.reserved_concurrency)
            self.pool.retire(function.name, keep=function.generation)
        self.project = self._in_force()
        self._reloader.serve(self._registry)
        for sentence in await self._registry.give_way(edited):  # last: a call in between finds all of it in force
            self.telemetry.say("config", None, sentence)

    async def _load_all(self) -> None:
        await self._reloader.load_all()
        await self._follow([function.name for function in self._registry])

    async def _follow(self, functions: list[str]) -> None:
        """Let declared aliases follow what was saved."""
        for name in functions:
            with contextlib.suppress(NotFound):
                await self.follower.follow(self.function(name))

    async def reload_project(self) -> None:
        """Read the configuration again; one that cannot be read changes nothing but the problem that is shown."""
        project = await asyncio.to_thread(load_project, Path(self.project.root), self._load, self.store.data)
        if project.broken:
            if project.problems != self._broken:
                first = project.problems[0]
                where = f"{first.file}:{first.line} " if first.file else ""
                self.telemetry.say("config", None, f"{where}{first.message}; what was loaded stays in force")
            self._broken = project.problems
            return
        self._broken = ()
        if project == self.declared:
            return
        difference = describe_change(self.declared, project)
        self.declared = project
        self.project = with_made(project, self.store.made.all())
        await self._take_over(self.project)
        self._begin(self._load_all())
        await self._tell_project()
        self.telemetry.say("config", None, difference)

    async def make(self, row: Made) -> None:
        """Keep a queue or stream that the API made or changed; in force everywhere when this returns."""
        await self.store.made.put(row)
        await self._made_changed()

    async def unmake(self, kind: Kind, name: str) -> None:
        """Forget what the API made of a queue or stream; its messages or records are the caller's business."""
        await self.store.made.delete(kind, name)
        await self._made_changed()

    async def _made_changed(self) -> None:
        self.project = self._in_force()
        await self._tell_project()

    def _in_force(self) -> Project:
        """What the files say, with what API and screen have made and changed laid over it."""
        project = with_made(self.declared, self.store.made.all())
        changed = {function.name: function.config for function in self._registry if function.overrides}
        functions = tuple(changed.get(one.name, one) for one in project.functions)
        return msgspec.structs.replace(project, functions=functions) if changed else project

    async def _tell_project(self) -> None:
        async with self._telling:  # one after the other: the last word is the newest project
            for listener in self._listeners:
                try:
                    await listener(self.project)
                except Exception as error:  # noqa: BLE001 (the others must hear of it all the same)
                    self.telemetry.say("config", None, f"the configuration could not be taken over: {error}")


async def _nowhere(delivery: Delivery) -> None:
    raise OperationFailed(f"nothing here delivers to the {delivery.destination.kind} {delivery.destination.name}")
