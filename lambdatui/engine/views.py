"""The engine as rows: what the feed, the API and the metrics endpoint show of it. Reads, changes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from lambdatui import __version__, schema
from lambdatui.clock import MICROS, iso
from lambdatui.config import stand_ins
from lambdatui.config.dead_letters import dlqs_by_function
from lambdatui.config.destinations import shown
from lambdatui.config.function_facts import function_facts
from lambdatui.config.model import FunctionConfig, Problem, Project, kept_texts
from lambdatui.config.triggers import triggers
from lambdatui.engine.environment import Environment
from lambdatui.engine.model import LATEST
from lambdatui.engine.spending import month_of, monthly_usd
from lambdatui.spawner import private_tmp

if TYPE_CHECKING:
    import psutil

    from lambdatui.engine.engine import Engine
    from lambdatui.engine.functions import Function
    from lambdatui.engine.provisioner import Standing
    from lambdatui.telemetry.cost import Usage
    from lambdatui.telemetry.seconds import Spent


class _Gathered:
    """What is gathered once for the rows of all functions: what was counted in the engine's life, and whose
    asynchronous settings the API has `changed`."""

    def __init__(self, changed: set[str]) -> None:
        self.changed = changed
        self.ran: Counter[str] = Counter()  # by version ("NAME:3"), called by its number or by an alias
        self.spilled: Counter[str] = Counter()  # by NAME:QUALIFIER
        self.looped: Counter[str] = Counter()  # by function


class _Base(NamedTuple):
    """A row of what configuration alone says, and the configuration in force and in the files that it was made of;
    `changed`: the API has put asynchronous settings, which come and go without a change of these."""

    config: FunctionConfig
    declared: FunctionConfig
    changed: bool
    row: schema.FunctionRow


class Views:
    """Builds schema rows from the engine's present state."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._processes: dict[str, psutil.Process] = {}
        self._project: Project | None = None  # whose are:
        self._triggers: dict[str, list[str]] = {}
        self._queues: dict[str, list[str]] = {}  # by function, those in which its dead letters lie
        self._bases: dict[str, _Base] = {}

    def functions(self, names: Collection[str] | None = None) -> list[schema.FunctionRow]:
        """Of the named functions, or of all."""
        if self._project is not self._engine.project:
            self._project = self._engine.project
            self._bases.clear()
            self._triggers = triggers(self._project)
            self._queues = dlqs_by_function(self._project)
        gathered = self._gathered()
        functions = self._engine.functions()
        return [self._function(one, gathered) for one in functions if names is None or one.name in names]

    def marks(self) -> dict[str, Hashable]:
        """For each function what is another value once anything of its row has changed that changes with every call:
        what it costs to ask is a small part of what a row costs.
        """
        in_flight, counted = self._engine.in_flight, self._engine.telemetry.metrics.counted
        return {
            one.name: (
                one.config,
                one.code_sha,
                one.settled.is_set(),
                one.last_error,
                one.failing,
                in_flight(one.name),
                counted(one.name),
            )
            for one in self._engine.functions()
        }

    def _gathered(self) -> _Gathered:
        found = _Gathered(self._engine.event_invoke.changed())
        for life in self._engine.telemetry.metrics.lives():
            function, resource, version, mapping = life.dimensions
            if mapping:
                continue
            key = f"{function}:{version}" if version else resource
            found.ran[key] += round(life.counts.get("Invocations", 0))
            found.spilled[resource] += round(life.counts.get("ProvisionedConcurrencySpilloverInvocations", 0))
            found.looped[function] += round(life.counts.get("RecursiveInvocationsDropped", 0))
        return found

    def _function(self, function: Function, gathered: _Gathered) -> schema.FunctionRow:
        engine, changed = self._engine, function.name in gathered.changed
        base = self._base(function, changed=changed)
        figures = engine.telemetry.metrics.figures(function.name)
        depths = [engine.store.queues.depth(name) for name in self._queues.get(function.name, ())]
        standings = engine.provisioner.standings(function.name)
        return msgspec.structs.replace(
            base,
            state=function.state,
            problems=[problem_row(one) for one in engine.problems_of(function)],
            code_sha=function.code_sha,
            version=function.version,
            overrides=function.overrides | engine.event_invoke.override(function) if changed else function.overrides,
            packages=function.packages,
            zygote=engine.zygotes.text(function.key),
            interpreter=function.interpreter.path if function.interpreter else "",
            invocations=figures.invocations,
            errors=figures.errors,
            throttles=figures.throttles,
            p50_ms=figures.p50_ms,
            p95_ms=figures.p95_ms,
            concurrency=engine.in_flight(function.name),
            iterator_age_ms=figures.iterator_age_ms,
            dlq_depth=sum(depth.visible + depth.in_flight for depth in depths),
            rate=figures.rate,
            line60=figures.line60,
            errors60=figures.errors60,
            throttles60=figures.throttles60,
            last_error=function.last_error,
            billed_ms=figures.billed_ms,
            cost_usd=figures.cost_usd,
            versions=[
                schema.VersionRow(
                    version=one.version,
                    code_sha=one.code_sha,
                    created_at=iso(one.created_us),
                    description=one.config.description,
                    invocations=gathered.ran[one.key],
                )
                for one in engine.versions.of(function)
            ],
            version_aliases=[
                schema.AliasRow(
                    name=one.name,
                    version=one.version,
                    weights=one.weights,
                    description=one.description,
                    declared=one.declared,
                )
                for one in engine.versions.aliases(function)
            ],
            monthly_usd=monthly_usd([_month(function, figures.spent, standings)], free_tier=False),
            recursive_dropped=gathered.looped[function.name],
            asynchronous=self._asynchronous(function, changed=True) if changed else base.asynchronous,
            provisioned=[
                schema.ProvisionedRow(
                    qualifier=one.wanted.qualifier,
                    version=one.version,
                    requested=one.wanted.requested,
                    allocated=one.ready,
                    in_use=one.in_use,
                    status=one.status,
                    reason=one.reason,
                    spillover=gathered.spilled[f"{function.name}:{one.wanted.qualifier}"],
                )
                for one in standings
            ],
        )

    def _base(self, function: Function, *, changed: bool) -> schema.FunctionRow:
        """What configuration alone says, built when it changes: a screen asks five times a second."""
        config, declared = function.config, function.declared
        kept = self._bases.get(function.name)
        if kept is not None and kept.config is config and kept.declared is declared and kept.changed is changed:
            return kept.row
        row = schema.FunctionRow(
            name=function.name,
            handler=config.handler,
            runtime=config.runtime,
            memory=config.memory,
            timeout=config.timeout,
            reserved_concurrency=config.reserved_concurrency,
            state="",
            problems=[],
            logical_id=config.logical_id,
            arn=function.arn,
            description=config.description,
            code_root=config.code_root,
            file=config.file,
            line=config.line,
            environment=config.environment,
            triggers=self._triggers.get(function.name, []),
            dead_letter_queue=config.dead_letter_queue,
            aliases=list(config.aliases),
            layers=[stand_ins.shown(layer) for layer in config.layers],
            kept=kept_texts(config),
            asynchronous=self._asynchronous(function, changed=changed),
            **function_facts(config),
        )
        self._bases[function.name] = _Base(config, declared, changed, row)
        return row

    def _asynchronous(self, function: Function, *, changed: bool) -> list[schema.AsyncRow]:
        """$LATEST's settings, and those of what has others: by the files one qualifier, by the API (`changed`) any."""
        engine = self._engine
        latest = engine.event_invoke.of(function, None)
        declared_of = function.declared.event_invoke_qualifier
        names = [declared_of] if declared_of not in (None, LATEST) else []
        if changed:
            names = [one.name for one in engine.versions.aliases(function)]
            names += [one.version for one in engine.versions.of(function)]
        found = [(name, engine.event_invoke.of(function, name)) for name in names]
        return [
            schema.AsyncRow(
                qualifier=qualifier,
                maximum_retry_attempts=settings.retries,
                maximum_event_age=settings.age,
                on_success=shown(settings.on_success),
                on_failure=shown(settings.on_failure),
            )
            for qualifier, settings in [(LATEST, latest), *found]
            if qualifier == LATEST or settings != latest
        ]

    def environments(self) -> list[schema.EnvironmentRow]:
        now = self._engine.clock.now_us()
        rows = [self._environment(one, now) for one in self._engine.pool]
        for gone in self._processes.keys() - {row.id for row in rows}:
            del self._processes[gone]
        return rows

    def _environment(self, one: Environment, now: int) -> schema.EnvironmentRow:
        return schema.EnvironmentRow(
            id=one.id,
            function=one.launch.function,
            pid=one.pid,
            state=one.state.value,
            start="provisioned" if one.provisioned else "forked" if one.forked else "fresh",
            version=one.launch.version,
            code_sha=one.launch.code_sha,
            memory_mb=round(one.resident_mb(), 1),
            memory_limit_mb=one.launch.memory_mb,
            cpu_percent=self._cpu(one),
            invocations=one.invocations,
            age_s=(now - one.started_us) // MICROS,
            tmp_mb=_tmp_mb(one),
            tmp_limit_mb=one.launch.tmp.mb if one.launch.tmp else None,
            idle_s=None if one.idle_since_us is None else (now - one.idle_since_us) // MICROS,
        )

    def _cpu(self, one: Environment) -> float:
        """Percent of one core since the last call."""
        import psutil  # for screens and lists of environments alone

        try:
            process = self._processes.get(one.id)
            if process is None:
                process = self._processes[one.id] = psutil.Process(one.pid)
            return round(process.cpu_percent(None), 1)
        except psutil.Error:
            return 0.0

    def concurrency(self) -> list[schema.ConcurrencyRow]:
        return [
            schema.ConcurrencyRow(
                function=function.name,
                used=self._engine.in_flight(function.name),
                reserved=function.config.reserved_concurrency,
                provisioned=sum(one.ready for one in standings),
                provisioned_used=sum(one.in_use for one in standings),
            )
            for function in self._engine.functions()
            for standings in [self._engine.provisioner.standings(function.name)]
        ]

    def header(self) -> schema.Header:
        engine = self._engine
        metrics = engine.telemetry.metrics
        # A function that never ran costs nothing, unless it has a version, which can be provisioned.
        ran = [one for one in engine.functions() if metrics.knows(one.name) or engine.versions.of(one)]
        figures, own = metrics.figures(), [(one, metrics.figures(one.name)) for one in ran]
        dlq = [engine.store.queues.depth(name) for name in engine.dlq_names()]
        limit, _ = engine.account_concurrency()
        return schema.Header(
            project=engine.project.name,
            root=engine.project.root,
            functions=len(engine.functions()),
            rate=round(figures.rate, 1),
            error_rate=figures.error_rate,
            invocations=figures.invocations,
            errors=figures.errors,
            throttles=figures.throttles,
            concurrency=engine.in_flight(),
            concurrency_limit=limit,
            cost_usd=sum(each.cost_usd for _, each in own),
            monthly_usd=monthly_usd(
                [_month(one, each.spent, engine.provisioner.standings(one.name)) for one, each in own], free_tier=True
            ),
            host_wait=engine.pool.waiting,
            dlq_depth=sum(one.visible + one.in_flight for one in dlq),
            in_flight=engine.in_flight(),
            pending_events=engine.store.events.count(),
            state="stopping" if engine.stopping else "running",
            started_at=iso(engine.started_us),
            url=engine.options.url,
            http_url=engine.options.http_url,
            version=__version__,
            problems=[problem_row(one) for one in engine.project_problems()],
        )


def _month(function: Function, spent: Spent | None, standings: list[Standing]) -> Usage | None:
    return month_of(function.config, spent, sum(one.wanted.requested for one in standings))


def _tmp_mb(one: Environment) -> float | None:
    """What is in its /tmp, where it has one of its own."""
    used = private_tmp.used_bytes(one.pid) if one.launch.tmp else None
    return None if used is None else round(used / 1_048_576, 1)


def problem_row(problem: Problem) -> schema.ProblemRow:
    return schema.ProblemRow(
        severity=problem.severity,
        file=problem.file,
        line=problem.line,
        message=problem.message,
        remedy=problem.remedy,
    )
