"""The one door: admit, lease, run, record, release. Whatever the origin, every attempt to run a function passes here.

Retries, dead letters, batches and checkpoints are the caller's business.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from lambdatui.clock import MICROS, new_request_id
from lambdatui.engine import measured, recursion, results
from lambdatui.engine.admission import HOST, Refusal
from lambdatui.engine.environment import Environment, Outcome
from lambdatui.engine.installer import NotInstalled
from lambdatui.engine.limit import Alarm
from lambdatui.engine.log import InvocationLog
from lambdatui.engine.missing import import_problem
from lambdatui.engine.model import InvokeRequest, InvokeResult
from lambdatui.engine.pool import HostFull, Lease
from lambdatui.engine.tracing import Traces
from lambdatui.errors import FunctionGone, LambdaTuiError
from lambdatui.store.records import InvocationRecord
from lambdatui.store.refusals import passes
from lambdatui.telemetry import cost
from lambdatui.telemetry.report import Report

if TYPE_CHECKING:
    from lambdatui.clock import Clock
    from lambdatui.engine.admission import Admission
    from lambdatui.engine.functions import Function
    from lambdatui.engine.installer import Installer
    from lambdatui.engine.pool import Pool
    from lambdatui.engine.provisioner import Provisioner
    from lambdatui.engine.reload import Reloader
    from lambdatui.store.history import HistoryStore
    from lambdatui.telemetry.telemetry import Telemetry


_OWED_AT_MOST = 0.001  # seconds that what an answered invocation leaves behind waits for the next one


class _NotJson(Exception):
    """The payload is none, in AWS's words for the caller."""


class _NotStarted(Exception):
    """The machine refuses a process to start the sandbox again in."""

    def __init__(self, cause: OSError) -> None:
        super().__init__(str(cause))
        self.cause = cause


class _Run(msgspec.Struct, kw_only=True):
    """What is known of one attempt so far."""

    function: Function
    request: InvokeRequest
    request_id: str
    arrived_us: int
    started_us: int = 0
    init_us: int | None = None
    parts: measured.InitParts | None = None  # of the start that this invocation waited for
    profiles: list[bytes] = []
    cold: bool = False
    environment: Environment | None = None
    code_sha: str = ""
    trace: str = ""  # the header that the function sees
    provisioned_key: str | None = None  # of the provisioned concurrency that the call has a slot of
    spilled: bool = False  # all of it was in use
    lineage: str = ""  # a trace header's field: of the calls that led here, this one included


class Invoker:
    """Carries out one attempt after the other; holds no state of its own beyond what runs."""

    def __init__(
        self,
        admission: Admission,
        pool: Pool,
        reloader: Reloader,
        installer: Installer,
        telemetry: Telemetry,
        history: HistoryStore,
        clock: Clock,
        provisioner: Provisioner,
    ) -> None:
        self._admission = admission
        self._pool = pool
        self._reloader = reloader
        self._installer = installer
        self._telemetry = telemetry
        self._history = history
        self._clock = clock
        self._provisioner = provisioner
        self.traces = Traces()
        self._running: dict[str, Environment] = {}  # by request id
        self._owed: deque[Callable[[], object]] = deque()  # accounts of invocations that are answered
        self._settling = Alarm(self.settle_accounts)

    async def invoke(self, function: Function, request: InvokeRequest) -> InvokeResult:
        """Run `function` once. What it does never raises here; a throttle is a status. Raises FunctionGone."""
        run = _Run(
            function=function,
            request=request,
            request_id=request.request_id or new_request_id(),
            arrived_us=request.queued_since_us or self._clock.now_us(),
        )
        run.started_us = self._clock.now_us()
        chain = recursion.lineage(request.trace_header)
        if function.latest.config.recursive_loop == "Terminate" and recursion.stops(chain, function.arn):
            return self._stopped(run)
        run.lineage = recursion.handed_on(chain, function.arn)
        key = self._provisioner.key(function, request.qualifier)
        slot = self._admission.admit(function.name, key, synchronous=request.type != "Event")
        if isinstance(slot, Refusal):
            return self._throttled(run, slot)
        run.provisioned_key, run.spilled = key if slot.provisioned else None, slot.spilled
        self._later(run, lambda: self._measure_concurrency(run, 1))
        try:
            if function.config.unserved:
                return self._failed_without_running(run, results.unserved(function.config.unserved))
            return await self._run(run)
        except HostFull:
            return self._throttled(run, HOST)
        finally:
            self._admission.release(slot)
            self._later(run, lambda: self._measure_concurrency(run, -1))

    @contextmanager
    def untimed(self, request_id: str | None) -> Iterator[None]:
        """What happens inside does not count toward the timeout of that invocation, if it runs."""
        environment = self._running.get(request_id) if request_id else None
        if environment is None or environment.limit is None:
            yield
            return
        with environment.limit.held():
            yield

    async def prepared(self, function: Function) -> None:
        """Returns when the function's code has been read and its packages are there; raises where they cannot be."""
        await self._reloader.ready(function)
        while await self._installer.ready(function):  # a save may have come while packages were installed
            await self._reloader.ready(function)

    async def _run(self, run: _Run) -> InvokeResult:
        function = run.function
        log = InvocationLog(self._telemetry, self._clock, function.name, run.request_id, function.config.logging)
        if not self._pool.has_idle(run.provisioned_key or function.key):
            self.settle_accounts()  # a start writes lines of its own
            if run.request.check is not None:
                problem = await run.request.check(run.request.payload)  # none is made for what is no JSON
                if problem is not None:
                    return self._not_json(run, problem)
        try:
            await self.prepared(function)
            lease = await self._lease(run, log)
        except FunctionGone:
            raise  # whoever called by its name may find another one
        except NotInstalled as error:
            failure = results.not_installed(function.config.handler, error)
            log.runtime_error(failure.error_message)
            return self._failed_without_running(run, failure)
        except (OSError, LambdaTuiError) as error:
            return self._not_started(run, log, error)
        if run.request.begins is not None and not run.request.begins():
            self._pool.release(lease)
            return InvokeResult(request_id=run.request_id, status="withdrawn", payload=b"")
        environment = run.environment = lease.environment
        if run.spilled:
            self._telemetry.metrics.count(
                function.name,
                "ProvisionedConcurrencySpilloverInvocations",
                qualifier=run.request.qualifier,
                version=function.version,
            )
        run.code_sha = environment.launch.code_sha
        run.started_us = self._clock.now_us()
        self._running[run.request_id] = environment
        try:
            outcome = await self._invoke(run, lease, log)
        except _NotJson as error:
            return self._not_json(run, str(error))
        except _NotStarted as error:
            return self._not_started(run, log, error.cause)
        finally:
            self.traces.end(run.request_id)
            self._running.pop(run.request_id, None)
            self._pool.release(lease)
        return self._finish(run, log, outcome)

    async def _lease(self, run: _Run, log: InvocationLog) -> Lease:
        """An environment, warm or started; where its init failed, its sandbox, to be started inside the invocation."""
        function, request = run.function, run.request
        wait = None if request.patient else function.config.timeout
        profiling = request.profiling
        rate_hz = profiling.rate_hz if profiling is not None and profiling.cold else None
        lease = await self._pool.lease(function, log, wait=wait, provisioned=run.provisioned_key, profile_hz=rate_hz)
        self._note_init(run, lease.environment, lease.init)
        if lease.init is not None and lease.init.kind != "result":
            self._pool.release(lease)
            lease = await self._pool.lease(function, log, wait=wait, provisioned=run.provisioned_key)
            self._note_init(run, lease.environment, lease.init)
        if lease.init is not None:
            run.init_us, run.parts = lease.init.duration_us, measured.init_parts(lease.init)
        return lease

    async def _invoke(self, run: _Run, lease: Lease, log: InvocationLog) -> Outcome:
        """The handler's outcome, or that of an init which keeps it from running."""
        environment, timeout = lease.environment, run.function.config.timeout
        init, spent_us = lease.init, 0
        if lease.again:  # https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#suppressed-init
            log.phase = "invoke"
            try:
                init = await self._pool.start_again(lease, timeout)
            except OSError as error:
                raise _NotStarted(error) from error
            self._note_init(run, environment, init)
            spent_us = init.duration_us
        meta = self._meta(run)
        if init is not None and init.kind != "result":
            log.started(run.function.arn, run.function.version)
            init.duration_us, init.of_init = spent_us, True
            return init
        payload, left = run.request.payload, max(0.0, timeout - spent_us / MICROS)
        if run.request.check is not None:
            parsed = await self._parsed(run, environment, left)
            if parsed.kind != "result":
                log.started(run.function.arn, run.function.version)
                parsed.duration_us += spent_us
                return parsed
            if parsed.payload:
                payload, meta["checked"] = b"", True
                left = max(0.0, left - parsed.duration_us / MICROS)
        running = environment.invoke(run.request_id, payload, meta, left)
        self.settle_accounts()  # this and the next while the handler runs already
        log.started(run.function.arn, run.function.version)
        outcome = await running
        outcome.duration_us += spent_us
        if run.request.profiling is not None:
            run.profiles += measured.profile(outcome)
        return outcome

    async def _parsed(self, run: _Run, environment: Environment, left: float) -> Outcome:
        """What came of having the event parsed where it will run. Raises _NotJson."""
        assert run.request.check is not None
        outcome = await environment.check(run.request_id, run.request.payload, left)
        if outcome.kind == "result" and not outcome.payload:
            problem = await run.request.check(run.request.payload)
            if problem is not None:
                raise _NotJson(problem)
        return outcome

    def _note_init(self, run: _Run, environment: Environment, init: Outcome | None) -> None:
        """What a start came to, for the function's problems and the files to watch."""
        if init is None:
            return
        run.cold = True
        if run.request.profiling is not None:
            run.profiles += measured.profile(init)
        record = measured.init_record(run.function.name, environment, init)
        if record is not None:
            self._history.add(inits=[record])
        if init.kind == "result":
            run.function.init_problem = None
            self._reloader.imported(run.function, environment.project_files)
        else:
            run.function.init_problem = import_problem(run.function, init)

    def _meta(self, run: _Run) -> dict[str, object]:
        qualifier = run.request.qualifier
        arn = f"{run.function.arn}:{qualifier}" if qualifier else run.function.arn
        run.trace = self.traces.begin(run.request_id, run.request.trace_root, run.started_us, run.lineage)
        meta: dict[str, object] = {"arn": arn, "trace_id": run.trace}
        if run.request.client_context:
            meta["client_context"] = run.request.client_context
        if run.request.tenant_id:
            meta["tenant_id"] = run.request.tenant_id
        if run.request.profiling is not None:
            meta["profile"] = run.request.profiling.rate_hz
        return meta

    # --- recording

    def _finish(self, run: _Run, log: InvocationLog, outcome: Outcome) -> InvokeResult:
        failure = results.of(run.request_id, outcome, run.function.config.timeout, self._clock.now_us())
        if run.request.prompt:
            self._later(run, lambda: self._account(run, log, outcome, failure))
            return self._result(run, failure, outcome)
        self.settle_accounts()
        record = self._account(run, log, outcome, failure)
        return self._result(run, failure, outcome, record, log.tail())

    def _later(self, run: _Run, account: Callable[[], object]) -> None:
        """Have `account` done when the next handler runs, or now where the caller reads what comes of it."""
        self._owed.append(account)
        if run.request.prompt:
            self._settling.set(_OWED_AT_MOST)
        else:
            self.settle_accounts()

    def settle_accounts(self) -> None:
        """Write down what has been answered already.

        The next invocation does it in the time that its handler takes anyway. Whoever writes or reads what happened
        asks for it before.
        """
        while self._owed:
            account = self._owed.popleft()
            try:
                account()
            except Exception as error:  # noqa: BLE001 - whose it is was answered: who comes by must not fail for it
                self._telemetry.say("notice", None, f"an invocation could not be written down: {error}")

    def _account(
        self, run: _Run, log: InvocationLog, outcome: Outcome, failure: results.Failure | None
    ) -> InvocationRecord:
        """What an invocation leaves behind: the end of its log, its row, its figures, its function's health."""
        function, duration_us = run.function, _duration_us(run, outcome)
        billed = cost.billed_ms(duration_us, run.init_us, self._telemetry.billing)
        if failure is not None and failure.log_line:
            log.runtime_error(failure.log_line)
        log.ended(
            Report(
                request_id=run.request_id, duration_us=duration_us, billed_ms=billed, memory_mb=function.config.memory,
                max_memory_mb=outcome.peak_mb, init_us=run.init_us,
                status=None if failure is None or failure.report_type is None else failure.status,
                error_type=failure.report_type if failure else None, produced_bytes=len(outcome.payload),
                trace=run.trace,
            )
        )  # fmt: skip
        record = self._record(
            run,
            status=failure.status if failure else "ok",
            failure=failure,
            duration_us=duration_us,
            billed_ms=billed,
            max_memory_mb=outcome.peak_mb or None,
            result=outcome.payload if failure is None else failure.payload,
            frames=outcome.frames,
        )
        self._note_health(function, record)
        return record

    def _not_started(self, run: _Run, log: InvocationLog, error: OSError | LambdaTuiError) -> InvokeResult:
        failure = results.not_started(run.request_id, error)
        log.runtime_error(failure.error_message)
        return self._failed_without_running(run, failure, refused=passes(error))

    def _failed_without_running(self, run: _Run, failure: results.Failure, *, refused: bool = False) -> InvokeResult:
        self.settle_accounts()
        record = self._record(run, status="error", failure=failure, result=failure.payload)
        return self._result(run, failure, None, record, refused=refused)

    def _result(
        self,
        run: _Run,
        failure: results.Failure | None,
        outcome: Outcome | None,
        record: InvocationRecord | None = None,
        tail: bytes = b"",
        *,
        refused: bool = False,
    ) -> InvokeResult:
        """One of `failure` and `outcome` is there; `outcome` None: nothing has run."""
        payload = failure.payload if failure is not None else outcome.payload if outcome is not None else b""
        return InvokeResult(
            request_id=run.request_id,
            status=failure.status if failure else "ok",
            payload=payload,
            error_type=failure.error_type if failure else None,
            error_message=failure.error_message if failure else None,
            function_error="Unhandled" if failure else None,
            executed_version=run.function.version,
            log_tail=tail,
            duration_ms=None if outcome is None else _duration_us(run, outcome) / 1000,
            record=record,
            profiles=run.profiles,
            refused=refused,
            lost=failure is not None and outcome is not None and outcome.exit is not None and outcome.exit.lost,
        )

    def _stopped(self, run: _Run) -> InvokeResult:
        """Not an invocation: neither counted as one nor kept as one."""
        function = run.function
        self._telemetry.metrics.count(
            function.name, "RecursiveInvocationsDropped", qualifier=run.request.qualifier, version=function.version
        )
        text = f"stopped: it has run {recursion.LIMIT} times in one chain of calls (RecursiveLoop: Allow lets it)"
        self._telemetry.say("error", function.name, text)
        return InvokeResult(
            request_id=run.request_id,
            status="error",
            payload=b"",
            error_type="RecursiveInvocationException",
            error_message=recursion.MESSAGE,
            recursive=True,
        )

    def _not_json(self, run: _Run, problem: str) -> InvokeResult:
        """Not an invocation either."""
        return InvokeResult(
            request_id=run.request_id,
            status="error",
            payload=b"",
            error_type="InvalidRequestContentException",
            error_message=problem,
            problem=problem,
        )

    def _throttled(self, run: _Run, refusal: Refusal) -> InvokeResult:
        self.settle_accounts()
        run.function.latest.throttled_at = self._clock.monotonic()
        record = self._record(
            run, status="throttled", error_type="TooManyRequestsException", error_message=refusal.reason
        )
        self._telemetry.say("throttle", run.function.name, f"throttled ({refusal.words})")
        return InvokeResult(
            request_id=run.request_id,
            status="throttled",
            payload=b"",
            error_type="TooManyRequestsException",
            error_message="Rate Exceeded.",
            throttle_reason=refusal.reason,
            record=record,
        )

    def _record(
        self,
        run: _Run,
        *,
        status: str,
        failure: results.Failure | None = None,
        error_type: str | None = None,
        error_message: str | None = None,
        duration_us: int | None = None,
        billed_ms: int | None = None,
        max_memory_mb: int | None = None,
        result: bytes | None = None,
        frames: bytes | None = None,
    ) -> InvocationRecord:
        request, environment, config = run.request, run.environment, run.function.config
        provisioned, usd = environment is not None and environment.provisioned is not None, None
        if billed_ms is not None:
            usd = cost.dollars(
                billed_ms,
                config.memory,
                config.architecture,
                provisioned=provisioned,
                storage_mb=config.ephemeral_storage,
            )
        parts, overhead_us = run.parts, None
        started_in_us = parts.start_us if parts is not None else run.init_us or 0
        if duration_us is not None:
            overhead_us = max(0, self._clock.now_us() - run.started_us - duration_us)
        record = InvocationRecord(
            id=self._history.next_invocation_id(),
            request_id=run.request_id,
            function=run.function.name,
            version=run.function.version,
            type=request.type,
            source=request.source,
            status=status,
            error_type=failure.error_type if failure else error_type,
            error_message=failure.error_message if failure else error_message,
            started_us=run.started_us,
            queued_us=max(0, run.started_us - run.arrived_us - started_in_us),
            init_us=run.init_us,
            duration_us=duration_us,
            billed_ms=billed_ms,
            gb_seconds=cost.gb_seconds(billed_ms or 0, config.memory),
            cost_usd=usd,
            max_memory_mb=max_memory_mb,
            attempt=request.attempt,
            qualifier=request.qualifier,
            provisioned=provisioned,
            cold=run.cold,
            environment=environment.id if environment else None,
            code_sha=run.code_sha or run.function.code_sha,
            parent_id=request.parent_id,
            replay_of=request.replay_of,
            event=request.payload,
            result=result,
            error=results.error_text(failure) if failure else None,
            frames=frames,
            runtime_us=parts.runtime_us if parts else None,
            libraries_us=parts.libraries_us if parts else None,
            own_us=parts.own_us if parts else None,
            overhead_us=overhead_us,
            forked=run.cold and environment is not None and environment.forked,
        )
        self._telemetry.invocation(record)
        return record

    def _note_health(self, function: Function, record: InvocationRecord) -> None:
        """Say the turning points: an error that this code had not shown yet, and that new code has mended it."""
        function = function.latest  # its row tells of its versions, too
        failed = record.status != "ok"
        if failed:
            function.last_error = f"{record.error_type}: {record.error_message}"
            error = record.code_sha, record.error_type or ""
            if error not in function.seen_errors:
                function.seen_errors.add(error)
                function.failed_sha = record.code_sha
                self._telemetry.say("error", function.name, f"{record.error_type}: {_first_line(record.error_message)}")
        elif function.failed_sha not in ("", record.code_sha):
            function.failed_sha = ""
            self._telemetry.say("ok", function.name, "succeeds with the new code")
        function.failing = failed

    def _measure_concurrency(self, run: _Run, change: int) -> None:
        """State what runs now that `run` has begun (1) or ended (-1)."""
        admission, name = self._admission, run.function.name
        self._telemetry.metrics.running(
            name,
            change,
            used=admission.used(name),
            unreserved=admission.unreserved_in_use(),
            claimed=admission.claimed(),
            qualifier=run.request.qualifier,
            version=run.function.version,
        )
        if run.provisioned_key is not None:
            self._provisioner.measure(run.provisioned_key)


def _duration_us(run: _Run, outcome: Outcome) -> int:
    return round(run.function.config.timeout * 1e6) if outcome.kind == "timeout" else outcome.duration_us


def _first_line(text: str | None) -> str:
    return (text or "").splitlines()[0][:120] if text else ""
