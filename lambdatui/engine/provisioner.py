"""Keeps the environments of provisioned concurrency: started ahead, replaced when they end, moved with their alias."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING

import msgspec

from lambdatui.engine.log import InvocationLog
from lambdatui.engine.model import LATEST
from lambdatui.engine.pool import HostFull
from lambdatui.engine.provisioned import UNPUBLISHED
from lambdatui.errors import LambdaTuiError, UsageError

if TYPE_CHECKING:
    from lambdatui.clock import Clock
    from lambdatui.config.model import Project
    from lambdatui.engine.admission import Admission
    from lambdatui.engine.functions import Function
    from lambdatui.engine.pool import Pool
    from lambdatui.engine.provisioned import ProvisionedConfigs, Wanted
    from lambdatui.telemetry.telemetry import Telemetry

# Seconds; the function's timeout where that is longer.
# https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
INIT_LIMIT = 130.0
AT_ONCE = 4  # environments that start at the same time
RETRY_FIRST, RETRY_MOST = 1.0, 300.0  # seconds to wait after a start that failed, doubling
ROOM_RETRY = 5.0  # seconds after which the machine may have room
LONGEST_SLEEP = 60.0

EXECUTIONS, UTILIZATION = "ProvisionedConcurrentExecutions", "ProvisionedConcurrencyUtilization"


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How far one version's or alias' provisioned concurrency has come."""

    wanted: Wanted
    version: str  # the alias' own, without its additional one
    ready: int
    in_use: int
    status: str  # IN_PROGRESS | READY | FAILED
    reason: str | None


class _Share:
    """What serves one version of one version or alias."""

    def __init__(self, key: str, qualifier: str, function: Function) -> None:
        self.key = key  # in admission and pool
        self.qualifier = qualifier
        self.function = function
        self.target = 0
        self.ready = 0
        self.starting = 0
        self.reason: str | None = None  # why the last start failed
        self.failures = 0
        self.retry_at = 0.0  # monotonic seconds

    @property
    def missing(self) -> int:
        return self.target - self.ready - self.starting


class Provisioner:
    """Brings what is there to what is wanted, in rounds."""

    def __init__(
        self,
        configs: ProvisionedConfigs,
        admission: Admission,
        pool: Pool,
        functions: Callable[[], Iterable[Function]],
        find: Callable[[str], Function],
        resolve: Callable[[Function, str], Function],
        prepared: Callable[[Function], Awaitable[None]],
        telemetry: Telemetry,
        clock: Clock,
    ) -> None:
        """`resolve`: the version of that number. `prepared`: returns when its code and packages are there."""
        self.configs = configs
        self._admission = admission
        self._pool = pool
        self._functions = functions
        self._find = find
        self._resolve = resolve
        self._prepared = prepared
        self._telemetry = telemetry
        self._clock = clock
        self.wanted: list[Wanted] = []  # by every version and alias, as of the last round
        self._shares: dict[str, _Share] = {}
        self._refused: dict[str, str] = {}  # Wanted.name -> AWS's sentence
        self._wake = asyncio.Event()
        self._changing = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        pool.on_provisioned_end = self._ended

    # --- what invocations ask

    def key(self, function: Function, qualifier: str | None) -> str | None:
        """The provisioned concurrency that a call of this version by this qualifier may use."""
        if qualifier is None or function.version == LATEST or not self._shares:
            return None
        for each in (qualifier, function.version):
            key = _key(function, each)
            if key in self._shares:
                return key
        return None

    def key_of(self, function: str, qualifier: str | None) -> str | None:
        """The one that every call by this qualifier may use; None where there is none, or one for each version."""
        found = self._of(function, qualifier) if qualifier is not None else []
        return found[0].key if len(found) == 1 else None

    def measure(self, key: str) -> None:
        """State the gauges of one provisioned concurrency and of its function."""
        share = self._shares.get(key)
        if share is not None:
            self._measure(share)

    def _measure(self, share: _Share) -> None:
        function, used = share.function, self._admission.provisioned_used(share.key)
        level = self._telemetry.metrics.level
        level(function.name, EXECUTIONS, used, qualifier=share.qualifier, version=function.version)
        utilization = min(1.0, used / share.ready) if share.ready else 0.0
        level(function.name, UTILIZATION, utilization, qualifier=share.qualifier, version=function.version)
        same = [one.key for one in self._shares.values() if one.function.name == function.name]
        level(function.name, EXECUTIONS, sum(map(self._admission.provisioned_used, same)))

    # --- what the API asks

    async def put(self, name: str, qualifier: str, requested: int) -> Standing:
        """Takes effect at once; its environments come in the background.

        Raises NotFound; UsageError with AWS's sentence where it is too much.
        """
        function = self._find(name)
        async with self._changing:
            refusal = self._admission.provisioned_refusal(
                function.name, requested, self._claimed(function.name, qualifier)
            )
            if refusal is not None:
                raise UsageError(refusal)
            await self.configs.put(function, qualifier, requested)
        for share in self._of(function.name, qualifier):
            share.reason, share.failures, share.retry_at = None, 0, 0.0
        self._apply()
        standing = self.standing(name, qualifier)
        assert standing is not None
        return msgspec.structs.replace(standing, status="IN_PROGRESS", reason=None)

    async def delete(self, name: str, qualifier: str) -> None:
        """Nothing happens where there is none."""
        function = self._find(name)
        if self.configs.get(function, qualifier) is not None:
            async with self._changing:
                await self.configs.put(function, qualifier, None)
            self._apply()

    def standing(self, name: str, qualifier: str) -> Standing | None:
        function = self._find(name)
        wanted = self.configs.get(function, qualifier)
        return None if wanted is None else self._standing(function, wanted)

    def standings(self, name: str) -> list[Standing]:
        """By qualifier."""
        function = self._find(name)
        return [self._standing(function, wanted) for wanted in self.configs.of(function)]

    def _standing(self, function: Function, wanted: Wanted) -> Standing:
        found = self._of(function.name, wanted.qualifier)
        ready = sum(share.ready for share in found)
        reason = self._refused.get(wanted.name) or next((one.reason for one in found if one.reason), None)
        failed = reason is not None and not any(share.starting for share in found)
        status = "READY" if ready >= wanted.requested else "FAILED" if failed else "IN_PROGRESS"
        return Standing(
            wanted=wanted,
            version=next(iter(self.configs.targets(wanted, function)), wanted.qualifier),
            ready=ready,
            in_use=sum(self._admission.provisioned_used(share.key) for share in found),
            status=status,
            reason=reason if status == "FAILED" else None,
        )

    def _of(self, function: str, qualifier: str) -> list[_Share]:
        return [one for one in self._shares.values() if (one.function.name, one.qualifier) == (function, qualifier)]

    def _claimed(self, function: str, qualifier: str) -> int:
        return sum(share.target for share in self._of(function, qualifier))

    # --- rounds

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                self._wake.clear()
                with contextlib.suppress(LambdaTuiError):  # a disk that refuses: the next round tries again
                    await self.configs.forget_gone(self._functions())
                self._apply()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._begin()):
                        await self._wake.wait()
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def project_changed(self, _: Project) -> None:
        """Versions, aliases or what is declared may be other ones."""
        self._wake.set()

    def _apply(self) -> None:
        """Claim what is wanted, give back what is not."""
        wanted = {}
        refused = {}
        self.wanted = []
        for function in self._functions():
            for one in self.configs.of(function):
                self.wanted.append(one)
                claimed = self._claimed(function.name, one.qualifier)
                refusal = self._admission.provisioned_refusal(function.name, one.requested, claimed)
                targets = self.configs.targets(one, function)
                if not targets or (refusal is not None and one.requested > claimed):
                    refused[one.name] = refusal or UNPUBLISHED
                    continue
                for version, count in targets.items():
                    version_of = self._resolve(function, version)
                    wanted[_key(version_of, one.qualifier)] = (one.qualifier, version_of, count)
        for name in refused.keys() - self._refused.keys():
            self._telemetry.say("config", name.partition(":")[0], f"no provisioned concurrency: {refused[name]}")
        self._refused = refused
        for key in self._shares.keys() - wanted.keys():
            share = self._shares.pop(key)
            share.target = 0
            self._settle(share)
        for key, (qualifier, function, count) in wanted.items():
            share = self._shares.get(key) or _Share(key, qualifier, function)
            share.target, share.function = count, function
            self._shares[key] = share
            self._settle(share)
        self._wake.set()

    def _settle(self, share: _Share) -> None:
        """Let go what is too much, and tell the admission what is there."""
        self._pool.trim(share.key, share.target)
        share.ready = self._pool.provisioned(share.key)
        if share.ready >= share.target:
            share.reason = None
        self._admission.set_provisioned(share.function.name, share.key, share.target, share.ready)
        self._measure(share)

    def _begin(self) -> float:
        """Start what is missing, as many at once as may; seconds until there may be more to do."""
        self._wake.clear()  # what `_apply` said of itself
        now = self._clock.monotonic()
        sleep = LONGEST_SLEEP
        for share in self._shares.values():
            if share.missing > 0 and share.retry_at > now:
                sleep = min(sleep, share.retry_at - now)
                continue
            while share.missing > 0 and len(self._tasks) < AT_ONCE:
                share.starting += 1
                task = asyncio.get_running_loop().create_task(self._start(share))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
                if share.failures:  # one at a time until one has worked
                    break
        return sleep

    async def _start(self, share: _Share) -> None:
        function = share.function
        try:
            await self._prepared(function)
            log = InvocationLog(
                self._telemetry,
                self._clock,
                function.name,
                None,
                function.config.logging,
                provisioned=True,
            )
            outcome = await self._pool.provision(
                function,
                log,
                share.key,
                init_limit=max(INIT_LIMIT, function.config.timeout),
            )
            if outcome.kind == "result":
                share.failures = 0
            else:
                self._failed(share, f"FUNCTION_ERROR_INIT_FAILURE: {outcome.error_message or outcome.kind}")
        except HostFull:
            limit, most = self._pool.limit, self._pool.most_provisioned
            text = (
                f"this machine runs at most {limit} environments at once (--max-environments), {most} provisioned ones"
            )
            self._failed(share, text, wait=ROOM_RETRY)
        except (OSError, LambdaTuiError) as error:
            self._failed(share, str(error))
        finally:
            share.starting -= 1
            self._settle(share)
            self._wake.set()

    def _failed(self, share: _Share, reason: str, wait: float | None = None) -> None:
        if share.reason != reason:
            text = f"provisioned concurrency of {share.qualifier} cannot be allocated: {reason}"
            self._telemetry.say("error", share.function.name, text)
        share.reason = reason
        share.failures += 1
        pause = min(RETRY_MOST, RETRY_FIRST * 2.0 ** min(share.failures - 1, 16)) if wait is None else wait
        share.retry_at = self._clock.monotonic() + pause

    def _ended(self, key: str) -> None:
        share = self._shares.get(key)
        if share is not None:
            self._settle(share)
            self._wake.set()


def _key(version: Function, qualifier: str) -> str:
    return f"{version.name}:{qualifier}:{version.version}"
