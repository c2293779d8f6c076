"""All execution environments of the engine: which are warm, which may be started, which must go."""

from __future__ import annotations

import asyncio
import shutil
import uuid
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from lambdatui.clock import MICROS
from lambdatui.engine.environment import Blueprint, Environment, Launch, Outcome, Output, State
from lambdatui.engine.sandboxes import Sandboxes
from lambdatui.engine.variables import INITIALIZATION

if TYPE_CHECKING:
    from lambdatui.clock import Clock
    from lambdatui.engine.spawner import Spawner
    from lambdatui.engine.zygotes import Zygotes

INIT_LIMIT = 10.0  # seconds; https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
IDLE_LIFE = 600.0  # seconds an idle environment is kept; AWS names no figure, observers report 5 to 15 minutes
_SWEEP_EVERY = 30.0
_LOOK_EVERY = 0.02
_CLOSE_PATIENCE = 10.0  # seconds; what is left then ends with the spawner


class HostFull(Exception):
    """No process could be had on this machine within the time given."""


class Lease:
    """A right to use one environment. `init` is the outcome of its start where this lease started it.

    `again`: it is to be started inside of the invocation (`Pool.start_again`), in a sandbox whose process has failed.
    """

    def __init__(self, environment: Environment, init: Outcome | None, *, again: bool = False) -> None:
        self.environment = environment
        self.init = init
        self.again = again


class Pool:
    """Hands out warm environments, starts new ones up to `limit` processes, ends the idle and the outdated."""

    def __init__(
        self, spawner: Spawner, zygotes: Zygotes, clock: Clock, limit: int, *, idle_life: float = IDLE_LIFE
    ) -> None:
        self._spawner = spawner
        self._zygotes = zygotes
        self._clock = clock
        self.limit = limit
        self._idle_life = idle_life
        self._all: dict[str, Environment] = {}
        self._idle: defaultdict[str, list[Environment]] = defaultdict(list)
        self._busy: set[Environment] = set()
        self._sandboxes = Sandboxes()
        self._waiters: list[asyncio.Future[None]] = []
        self._tasks: set[asyncio.Task[Any]] = set()
        self._watching = False
        self._closed = False
        self.on_provisioned_end: Callable[[str], None] = lambda key: None  # one of that provisioned concurrency ended

    # --- leasing

    async def lease(
        self,
        blueprint: Blueprint,
        output: Output,
        *,
        init_limit: float = INIT_LIMIT,
        wait: float | None = None,
        provisioned: str | None = None,
        profile_hz: int | None = None,
    ) -> Lease:
        """A warm environment of that generation, else a new one; `wait` seconds for the machine, None: forever.

        `provisioned` names the provisioned concurrency whose environments come first. `profile_hz`: a fresh one in any
        case, whose init is sampled.
        Raises HostFull. A lease whose `init` failed carries an environment that has already ended.
        """
        until = None if wait is None else self._clock.monotonic() + wait
        private_tmp: bool | None = None
        while True:
            if self._closed:
                raise HostFull
            warm = None
            if profile_hz is None:
                warm = self._warm(blueprint, provisioned) if provisioned is not None else None
                warm = warm or self._warm(blueprint, blueprint.key)
            if warm is not None:
                warm.write_to(output)
                self._take(warm)
                return Lease(warm, None)
            if private_tmp is None:  # it may be a while: then there may be a warm one
                private_tmp = await self._spawner.private_tmp()
            elif self._has_room():
                break
            else:
                await self._wait(until)
        left = None if profile_hz is not None else self._sandboxes.take(blueprint.key, blueprint.generation)
        id = left or uuid.uuid4().hex
        environment = self._make(blueprint, output, id, private_tmp=private_tmp, profile_hz=profile_hz)
        if left is not None:
            return Lease(environment, None, again=True)
        return Lease(environment, await self._start(environment, init_limit))

    async def start_again(self, lease: Lease, limit: float) -> Outcome:
        """Start what the lease holds, where it is to be started inside of the invocation: in `limit` seconds."""
        lease.again = False
        return await self._start(lease.environment, limit, again=True)

    async def provision(self, blueprint: Blueprint, output: Output, key: str, *, init_limit: float) -> Outcome:
        """Start an environment for the provisioned concurrency `key` and keep it, however long it is idle.

        Raises HostFull; nothing is kept where the init failed.
        """
        private_tmp = await self._spawner.private_tmp()
        provisioned = sum(one.provisioned is not None for one in self._all.values())
        if self._closed or provisioned >= self.most_provisioned or not self._has_room():
            raise HostFull
        environment = self._make(blueprint, output, uuid.uuid4().hex, private_tmp=private_tmp, provisioned=key)
        init = await self._start(environment, init_limit)
        environment.when_gone(lambda: self._provisioned_gone(environment, key))
        self.release(Lease(environment, init))
        return init

    def _provisioned_gone(self, environment: Environment, key: str) -> None:
        """Its process has ended: its successor needs its room, so that it is not left to the next sweep."""
        self._end_if_idle(environment)
        self.on_provisioned_end(key)

    @property
    def most_provisioned(self) -> int:
        """The rest of the machine's limit is for calls on demand: they would wait for environments that never end."""
        return self.limit - max(1, self.limit // 4)

    def _has_room(self) -> bool:
        return len(self._all) < self.limit or self._evict()

    def _make(
        self,
        blueprint: Blueprint,
        output: Output,
        id: str,
        *,
        private_tmp: bool,
        provisioned: str | None = None,
        profile_hz: int | None = None,
    ) -> Environment:
        """A new environment that takes its room, and is not started yet."""
        try:
            launch = blueprint.build(id, private_tmp=private_tmp)
        except BaseException:
            self._wake()  # the room that was made is another's
            raise
        if provisioned is not None:
            variables = launch.variables | {INITIALIZATION: "provisioned-concurrency"}
            launch = msgspec.structs.replace(launch, variables=variables)
        if profile_hz is not None:  # without parts that others share it is a fresh process
            launch = msgspec.structs.replace(launch, start=launch.start | {"profile": profile_hz}, parts=None)
        environment = Environment(launch, self._spawner, self._zygotes, self._clock, output)
        environment.provisioned = provisioned
        self._all[environment.id] = environment
        self._take(environment)
        return environment

    async def _start(self, environment: Environment, limit: float, *, again: bool = False) -> Outcome:
        try:
            return await environment.start(limit, again=again)
        except BaseException:
            self._discard(environment)
            raise

    def release(self, lease: Lease) -> None:
        """Give an environment back: kept warm and frozen, or ended where it is over or outdated."""
        environment = lease.environment
        self._busy.discard(environment)
        if environment.retired or not environment.alive or environment.state is not State.IDLE:
            self._discard(environment)
        else:
            self._idle[_place(environment)].append(environment)
            if self._waiters and environment.provisioned is None:
                self._wake()
            else:
                environment.freeze_soon()

    def has_idle(self, place: str) -> bool:
        """Whether an environment waits there: by a function's or a provisioned concurrency's key."""
        return bool(self._idle.get(place))

    def _warm(self, blueprint: Blueprint, place: str) -> Environment | None:
        idle = self._idle[place]
        while idle:
            environment = idle.pop()
            if environment.alive and environment.launch.generation == blueprint.generation:
                return environment
            self._discard(environment)
        return None

    def _take(self, environment: Environment) -> None:
        self._busy.add(environment)
        if not self._watching:
            self._watching = True
            asyncio.get_running_loop().call_later(_LOOK_EVERY, self._watch_limits)

    def _watch_limits(self) -> None:
        for environment in self._busy:
            environment.check_limits()
        self._watching = bool(self._busy)
        if self._watching:
            asyncio.get_running_loop().call_later(_LOOK_EVERY, self._watch_limits)

    # --- the machine's limit

    @property
    def waiting(self) -> int:
        """Requests that wait for a process on this machine ("host wait")."""
        return len(self._waiters)

    def _evict(self) -> bool:
        """End the environment that has been idle longest, to make room; False where none is idle."""
        idle = [one for stack in self._idle.values() for one in stack if one.provisioned is None]
        if not idle:
            return False
        oldest = min(idle, key=lambda environment: environment.idle_since_us or 0)
        self._idle[oldest.launch.key].remove(oldest)
        self._discard(oldest)
        return True

    async def _wait(self, until: float | None) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        left = None if until is None else until - self._clock.monotonic()
        try:
            async with asyncio.timeout(left):
                await waiter
        except BaseException as error:
            if waiter.done() and not waiter.cancelled():
                self._wake()  # woken in the moment of giving up: the next one can use the room
            if isinstance(error, TimeoutError):
                raise HostFull from None
            raise
        finally:
            if waiter in self._waiters:
                self._waiters.remove(waiter)

    def _wake(self) -> None:
        while self._waiters:
            waiter = self._waiters.pop(0)
            if not waiter.done():
                waiter.set_result(None)
                return

    # --- endings

    def retire(self, key: str, keep: str | None = None) -> int:
        """Let every environment of `key` but generation `keep` go: idle ones now, busy ones at their end."""
        count = 0
        for environment in list(self._all.values()):
            if environment.launch.key == key and environment.launch.generation != keep:
                environment.retired = True
                count += 1
                self._end_if_idle(environment)
        for launch in self._sandboxes.outdated(key, keep):
            self._spawn(self._remove(launch))
        return count

    def retire_all(self) -> None:
        """Let every environment go, as `retire` does."""
        for key in {environment.launch.key for environment in self._all.values()}:
            self.retire(key)

    def provisioned(self, key: str) -> int:
        """The environments of a provisioned concurrency that are ready, those in use among them."""
        return sum(one.provisioned == key and _is_ready(one) for one in self._all.values())

    def trim(self, key: str, count: int) -> None:
        """Let environments of a provisioned concurrency go until `count` are left: idle ones first, and at once."""
        ready = [one for one in self._all.values() if one.provisioned == key and _is_ready(one)]
        ready.sort(key=lambda one: one in self._busy)
        surplus = ready[: max(0, len(ready) - count)]
        for environment in surplus:
            environment.retired = True
        for environment in surplus:
            self._end_if_idle(environment)

    def _end_if_idle(self, environment: Environment) -> None:
        idle = self._idle[_place(environment)]
        if environment in idle:
            idle.remove(environment)
            self._discard(environment)

    def _discard(self, environment: Environment) -> None:
        self._busy.discard(environment)
        used_again = environment.failed and not environment.retired and environment.provisioned is None
        environment.retired = True
        if environment.provisioned is not None:
            self.on_provisioned_end(environment.provisioned)
        if used_again and environment.gone and not self._closed:  # at once: the next invocation may come right behind
            self._all.pop(environment.id, None)
            self._sandboxes.keep(environment.launch, self._clock.now_us())
            self._wake()
        else:
            self._spawn(self._end(environment))

    async def _end(self, environment: Environment) -> None:
        await environment.end()
        self._all.pop(environment.id, None)
        self._wake()
        await self._remove(environment.launch)

    async def _remove(self, launch: Launch) -> None:
        self._spawner.forget(launch.id)
        if launch.home is not None:
            await asyncio.to_thread(shutil.rmtree, launch.home, ignore_errors=True)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def recycle(self) -> None:
        """Runs until cancelled: ends environments that have been idle for long, and forgets those that died."""
        while True:
            await asyncio.sleep(_SWEEP_EVERY)
            before = self._clock.now_us() - round(self._idle_life * MICROS)
            for stack in self._idle.values():
                for environment in [one for one in stack if not one.alive or _is_old(one, before)]:
                    stack.remove(environment)
                    self._discard(environment)
            for launch in self._sandboxes.older(before):
                self._spawn(self._remove(launch))

    async def close(self) -> None:
        """End every environment, running ones included, and give out no more; their folders are gone on return."""
        self._closed = True
        while self._waiters:
            self._wake()
        self._spawner.let_run()  # what is stopped hears of no end
        for environment in list(self._all.values()):
            self._discard(environment)
        for launch in self._sandboxes.all():
            self._spawn(self._remove(launch))
        end = self._clock.monotonic() + _CLOSE_PATIENCE
        while self._tasks and self._clock.monotonic() < end:  # running calls give their environments back meanwhile
            await asyncio.wait(self._tasks, timeout=end - self._clock.monotonic())
        self._all.clear()
        self._idle.clear()

    # --- what there is

    def __iter__(self) -> Iterator[Environment]:
        return iter([environment for environment in self._all.values() if environment.pid and not environment.gone])

    def __len__(self) -> int:
        return len(self._all)


def _place(environment: Environment) -> str:
    """Where it is kept while it is idle."""
    return environment.provisioned or environment.launch.key


def _is_ready(environment: Environment) -> bool:
    return environment.alive and not environment.retired and environment.state is not State.INIT


def _is_old(environment: Environment, before_us: int) -> bool:
    return environment.provisioned is None and (environment.idle_since_us or 0) < before_us
