"""The rows that travel: what the engine's feed and control API send and every client reads.

Names are INTERFACE's JSON keys; do not rename. Times are ISO 8601 UTC text in rows (`started_at`, `time`, ...),
durations milliseconds, ages seconds unless the name says otherwise. None means "was not measured".
"""

from __future__ import annotations

from typing import Literal

import msgspec

FEED_VERSION = 2
SERIES_SECONDS = 120
FREE_REQUESTS, FREE_GB_SECONDS = 1_000_000, 400_000  # a month, by AWS's free tier

Status = Literal["ok", "error", "timeout", "throttled"]
LEVELS = {"DEBUG": 10, "PRINT": 20, "INFO": 20, "PLATFORM": 20, "WARNING": 30, "ERROR": 40, "CRITICAL": 50}
LEVEL_NAMES = tuple(LEVELS)  # a LogBatch names levels by their place here
LEVEL_CODES = {name: code for code, name in enumerate(LEVEL_NAMES)}


class ProblemRow(msgspec.Struct, frozen=True, kw_only=True):
    severity: str
    file: str | None
    line: int | None
    message: str
    remedy: str


class VersionRow(msgspec.Struct, frozen=True, kw_only=True):
    """A published version: an immutable snapshot of code and configuration."""

    version: str  # "1", "2", ...
    code_sha: str
    created_at: str
    description: str = ""
    invocations: int = 0  # of this engine's life, as `FunctionRow.invocations`


class AliasRow(msgspec.Struct, frozen=True, kw_only=True):
    """An alias: `version` gets what the weights leave of the traffic."""

    name: str
    version: str
    weights: dict[str, float] = {}  # additional version -> share of 0..1
    description: str = ""
    declared: bool = False  # by the project; else made by API


class ProvisionedRow(msgspec.Struct, frozen=True, kw_only=True):
    """Provisioned concurrency of one alias or version."""

    qualifier: str
    version: str
    requested: int
    allocated: int  # environments that are ready
    in_use: int
    status: str  # IN_PROGRESS | READY | FAILED
    reason: str | None = None
    spillover: int = 0  # calls of this engine's life that found all of them in use


class AsyncRow(msgspec.Struct, frozen=True, kw_only=True):
    """How asynchronous events of one qualifier are handled. Destinations as text: "queue orders-failed"."""

    qualifier: str
    maximum_retry_attempts: int = 2
    maximum_event_age: int = 21_600  # seconds
    on_success: str | None = None
    on_failure: str | None = None


class MappingRow(msgspec.Struct, frozen=True, kw_only=True):
    """An event source mapping: settings, state and what came of its events in this engine's life."""

    uuid: str
    function: str
    qualifier: str | None = None
    state: str = "Enabled"  # Enabled | Disabling | Disabled
    batch_size: int = 10
    batching_window: float = 0  # seconds
    report_batch_item_failures: bool = False
    filters: list[str] = []  # JSON patterns, one of which has to match
    maximum_concurrency: int | None = None  # of a queue's
    # of a stream's
    starting_position: str | None = None
    parallelization_factor: int = 1
    tumbling_window: int = 0  # seconds; 0: none
    maximum_retry_attempts: int = -1  # -1: until the records expire
    maximum_record_age: int = -1  # seconds; -1: none
    bisect_on_error: bool = False
    on_failure: str | None = None  # "bucket failed"
    polled: int = 0
    filtered: int = 0
    invoked: int = 0
    failed: int = 0
    dropped: int = 0  # given up, to an on-failure destination or not at all


class FunctionRow(msgspec.Struct, frozen=True, kw_only=True):
    """One function: configuration, state and the figures of the function table."""

    name: str
    handler: str
    runtime: str
    memory: int
    timeout: float
    reserved_concurrency: int | None
    state: str  # idle | busy | failing | throttled | stopped | reloading | installing | broken | unserved
    problems: list[ProblemRow] = []
    # beyond INTERFACE's least
    logical_id: str = ""
    arn: str = ""
    description: str = ""
    code_root: str = ""
    file: str | None = None
    line: int | None = None
    code_sha: str = ""
    version: str = "$LATEST"
    environment: dict[str, str] = {}
    secrets: list[str] = []  # names of variables whose values nobody is shown
    overrides: dict[str, str] = {}  # property -> value set by API or screen
    triggers: list[str] = []  # "queue orders (batch 10)", "schedule every 1s", "GET /orders/{id}"
    dead_letter_queue: str | None = None
    interpreter: str = ""
    aliases: list[str] = []  # names beside name and logical id that reach it
    layers: list[str] = []
    zygote: str = ""  # what its next environments are forked from, or why they are fresh; "" before its first init
    packages: str = ""  # "requirements.txt: 12 packages", "installing requirements.txt: …", "requirements.txt: failed"
    kept: dict[str, str] = {}  # what the template says that means nothing here, as text
    # figures of this engine's life; sums, with the 60 s line
    invocations: int = 0
    errors: int = 0
    throttles: int = 0
    p50_ms: float | None = None
    p95_ms: float | None = None
    concurrency: int = 0
    iterator_age_ms: float | None = None
    dlq_depth: int = 0
    rate: float = 0.0  # invocations a second over the last 10 s
    line60: list[int] = []  # invocations in each of the last 60 seconds, oldest first
    errors60: int = 0  # of the last 60 s
    throttles60: int = 0
    last_error: str | None = None
    versions: list[VersionRow] = []  # oldest first
    version_aliases: list[AliasRow] = []
    provisioned: list[ProvisionedRow] = []
    asynchronous: list[AsyncRow] = []  # $LATEST's first, then of versions and aliases that have settings of their own
    dead_letter_topic: str | None = None
    recursive_loop: str = "Terminate"  # Terminate | Allow
    recursive_dropped: int = 0  # calls of this engine's life that were stopped as a loop
    ephemeral_storage: int = 512  # MB
    log_format: str = "Text"
    application_log_level: str = "INFO"  # the levels count with the JSON format
    system_log_level: str = "INFO"
    log_group: str = ""
    billed_ms: int = 0  # of this engine's life
    cost_usd: float = 0.0  # of this engine's life, without the free tier
    monthly_usd: float | None = None  # at the present rate, without the free tier; None: nothing to go by


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """Per-second values of one function, oldest first, up to SERIES_SECONDS; None: nothing measured."""

    function: str
    end: int  # epoch second of the last value
    invocations: list[int] = []
    errors: list[int] = []
    throttles: list[int] = []
    p50_ms: list[float | None] = []
    p95_ms: list[float | None] = []
    iterator_age_ms: list[float | None] = []


class InvocationRow(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt."""

    request_id: str
    function: str
    version: str
    type: str  # RequestResponse | Event | DryRun
    # api | async | queue:NAME | stream:NAME | schedule:ID | s3:BUCKET | sns:TOPIC | events:BUS | http | replay | screen
    # | profile
    source: str
    status: str
    error_type: str | None
    started_at: str
    duration_ms: float | None
    init_ms: float | None
    billed_ms: int | None
    max_memory_mb: int | None
    attempt: int
    cold: bool
    environment: str | None
    id: int = 0  # the row's own key: request id and attempt repeat for throttles
    error_message: str | None = None
    queued_ms: float | None = None
    qualifier: str | None = None  # version or alias that the caller named
    provisioned: bool = False  # ran in provisioned concurrency
    cost_usd: float | None = None
    code_sha: str = ""
    replay_of: str | None = None
    parent_id: str | None = None
    # What `init_ms` and the start of the process before it went to: up to the user's import; imports from outside of
    # the code folder; the function's own modules. Then what the engine took beside queue, init and handler.
    init_runtime_ms: float | None = None
    init_libraries_ms: float | None = None
    init_own_ms: float | None = None
    overhead_ms: float | None = None
    forked: bool = False  # the environment was forked from a library zygote: its libraries were imported before


class TraceFrame(msgspec.Struct, frozen=True, kw_only=True):
    """One frame of a traceback with the source around it and its locals as text."""

    file: str
    line: int
    function: str
    source: list[tuple[int, str]] = []
    locals: dict[str, str] = {}


class LogLine(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One line of a function's log, or a platform line (START, END, REPORT)."""

    time: str
    function: str
    request_id: str | None
    level: str  # a key of LEVELS
    message: str  # may hold \\r between lines of one record, as Lambda writes tracebacks
    id: int = 0
    stream: str | None = None  # log stream: YYYY/MM/DD/[VERSION]ENVIRONMENT


class LogBatch(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """Lines that were read together, which is how they travel: one time, request and stream; ids rise by one."""

    id: int  # of the first line
    time: str
    function: str
    request_id: str | None
    stream: str | None
    levels: bytes  # of each line, by LEVEL_NAMES
    messages: list[str]

    def lines(self) -> list[LogLine]:
        """Each line for itself."""
        time, function, request_id, stream = self.time, self.function, self.request_id, self.stream
        return [
            LogLine(
                time=time,
                function=function,
                request_id=request_id,
                level=LEVEL_NAMES[code],
                message=message,
                id=number,
                stream=stream,
            )
            for number, (code, message) in enumerate(zip(self.levels, self.messages, strict=True), self.id)
        ]


class InvocationDetail(msgspec.Struct, frozen=True, kw_only=True):
    """`show`: the row plus event, result, log, error and the other attempts of the same request."""

    row: InvocationRow
    event: bytes  # exact
    result: bytes | None
    log: list[LogLine]
    error: str | None  # the error with its traceback as text
    frames: list[TraceFrame] = []
    attempts: list[InvocationRow] = []


class DlqEntry(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    queue: str
    function: str | None
    request_id: str | None
    error_code: str | None
    error_message: str | None
    attempts: int
    first_at: str
    last_at: str
    event: str  # the stored text, exactly
    replaying: bool = False
    seq: int = 0  # rises in the order in which entries arrive in their queues


class CodeChange(msgspec.Struct, frozen=True, kw_only=True):
    """What changed in a function's code between two snapshots."""

    function: str
    old_sha: str
    new_sha: str
    changed_at: str | None
    diff: list[str] = []  # unified diff lines without the file headers' noise; each file begins with "file NAME"


class QueueRow(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    logical_id: str
    kind: str = "queue"
    fifo: bool = False
    visible: int = 0
    in_flight: int = 0
    delayed: int = 0
    oldest_s: float | None = None
    redrive: str | None = None
    max_receive_count: int = 0
    dlq: bool = False
    consumer: str | None = None
    paused: bool = False
    mapping: str | None = None
    filtered: int = 0  # messages that mappings' filters dropped since the engine began
    mappings: list[MappingRow] = []


class ShardRow(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    closed: bool = False  # split or merged: no record comes to it any more
    iterator_age_ms: float | None = None
    backlog: int = 0
    blocked: bool = False
    attempts: int = 0
    error: str | None = None


class StreamRow(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    logical_id: str
    kind: str = "stream"
    consumer: str | None = None
    paused: bool = False
    mapping: str | None = None
    settings: MappingRow | None = None  # of `mapping`
    shards: list[ShardRow] = []


class ScheduleRow(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    function: str
    expression: str
    next_at: str | None
    last_at: str | None = None
    paused: bool = False
    kind: str = "schedule"
    timezone: str | None = None  # None: UTC
    qualifier: str | None = None
    scheduler: bool = False  # one of EventBridge Scheduler, not a rule


class RouteRow(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    function: str
    api: str
    method: str
    path: str
    requests: int = 0
    errors: int = 0
    kind: str = "route"
    api_id: str = ""  # logical id of its API
    stage: str = ""
    url: str = ""  # where it answers, as text: "http://127.0.0.1:3000/orders/{id}"
    authorizer: str | None = None
    last_status: int | None = None


class PushRow(msgspec.Struct, frozen=True, kw_only=True):
    """A bucket's, topic's or event bus' trigger. `kind`: bucket | topic | rule."""

    id: str
    kind: str
    source: str  # the bucket, topic or bus
    target: str  # function or queue
    detail: str = ""  # "s3:ObjectCreated:* uploads/*.jpg", a filter policy, a pattern
    delivered: int = 0
    filtered: int = 0
    last_at: str | None = None


class Sources(msgspec.Struct, frozen=True, kw_only=True):
    queues: list[QueueRow] = []
    streams: list[StreamRow] = []
    schedules: list[ScheduleRow] = []
    routes: list[RouteRow] = []
    pushes: list[PushRow] = []


class PeekedMessage(msgspec.Struct, frozen=True, kw_only=True):
    """What a queue or stream holds, without receiving it."""

    id: str
    body: str
    sent_at: str
    receive_count: int = 0
    state: str = "visible"  # visible | in flight | delayed; for streams the shard's id
    attributes: dict[str, str] = {}
    group_id: str | None = None


class EnvironmentRow(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    function: str
    pid: int
    state: str  # init | busy | frozen | idle | ending
    start: str  # fresh | forked | provisioned
    version: str
    code_sha: str
    memory_mb: float
    memory_limit_mb: int
    cpu_percent: float
    invocations: int
    age_s: float
    idle_s: float | None = None
    tmp_mb: float | None = None  # in a /tmp of its own; None: it has none, or it cannot be told
    tmp_limit_mb: int | None = None  # ephemeral storage, where it is enforced


class ConcurrencyRow(msgspec.Struct, frozen=True, kw_only=True):
    function: str
    used: int
    reserved: int | None
    provisioned: int = 0  # environments that are ready ahead
    provisioned_used: int = 0


class Happening(msgspec.Struct, frozen=True, kw_only=True):
    """One sentence of "what happened": a reload, a first error, a dead letter, a throttle burst."""

    id: int
    time: str
    kind: str  # engine | reload | syntax | ok | error | throttle | dlq | replay | retry | stream | config | notice
    function: str | None
    message: str


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The strip at the top."""

    project: str
    root: str
    functions: int = 0
    rate: float = 0.0
    error_rate: float = 0.0  # 0..1 over the last minute
    invocations: int = 0
    errors: int = 0
    throttles: int = 0
    concurrency: int = 0
    concurrency_limit: int = 1000
    cost_usd: float = 0.0  # of all functions in this engine's life, without the free tier
    monthly_usd: float | None = None  # at the present rate, the free tier taken off
    host_wait: int = 0
    dlq_depth: int = 0
    in_flight: int = 0
    pending_events: int = 0
    state: str = "running"  # running | stopping
    started_at: str = ""
    url: str = ""
    http_url: str = ""
    version: str = ""
    problems: list[ProblemRow] = []


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """What a screen wants to be told beside header, functions and happenings, which it always gets."""

    function: str | None = None  # whose series
    logs: bool = False
    log_functions: list[str] = []  # empty: all
    invocations: bool = False
    invocations_function: str | None = None
    dlq: bool = False
    sources: bool = False
    environments: bool = False


class Update(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One feed message. None: unchanged since the last one. Lists under `new_*` append; the rest replace.

    The first update after a connect or a changed subscription carries everything subscribed to: `logs_reset` and
    `invocations_reset` say that the appended lists begin anew.
    """

    version: int = FEED_VERSION
    header: Header | None = None
    functions: list[FunctionRow] | None = None
    function_changes: list[FunctionRow] | None = None  # instead of the rows of the same names
    series: Series | None = None
    new_logs: list[LogBatch] | None = None
    logs_reset: bool = False
    logs_dropped: int = 0
    new_invocations: list[InvocationRow] | None = None  # oldest first
    invocations_reset: bool = False
    dlq: list[DlqEntry] | None = None
    sources: Sources | None = None
    environments: list[EnvironmentRow] | None = None
    concurrency: list[ConcurrencyRow] | None = None
    new_happenings: list[Happening] | None = None
    happenings_reset: bool = False


class Distribution(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds; null where nothing was measured."""

    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    max: float | None = None
    last: float | None = None


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """One function's metrics by their CloudWatch names; those of a region stand under `_account` alone."""

    Invocations: int = 0
    Errors: int = 0
    Throttles: int = 0
    ConcurrentExecutions: int = 0
    AsyncEventsReceived: int = 0
    AsyncEventsDropped: int = 0
    DeadLetterErrors: int = 0
    DestinationDeliveryFailures: int = 0
    RecursiveInvocationsDropped: int = 0
    ProvisionedConcurrencyInvocations: int = 0
    ProvisionedConcurrencySpilloverInvocations: int = 0
    ProvisionedConcurrentExecutions: int = 0
    ProvisionedConcurrencyUtilization: float = 0.0  # 0..1
    UnreservedConcurrentExecutions: int = 0
    ClaimedAccountConcurrency: int = 0
    BilledDuration: float = 0  # milliseconds
    BilledGBSeconds: float = 0.0
    CostUSD: float = 0.0  # list price, without the free tier
    Duration: Distribution = Distribution()
    IteratorAge: Distribution = Distribution()
    AsyncEventAge: Distribution = Distribution()


class ReplayResult(msgspec.Struct, frozen=True, kw_only=True):
    """Outcome of one replayed entry or invocation. `status`: ok | error | timeout | throttled | expired | missing."""

    id: str
    status: str
    request_id: str | None = None
    error_type: str | None = None
    error_message: str | None = None
    payload: bytes = b""


class EngineInfo(msgspec.Struct, frozen=True, kw_only=True):
    """engine.json."""

    pid: int
    url: str
    http_url: str
    aws_url: str | None
    token: str
    project: str
    version: str
    started_at: str
