"""What a project says, as plain values: every loader ends here, everything else starts here."""

from __future__ import annotations

from typing import Literal

import msgspec

Severity = Literal["error", "warning", "notice"]


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong or not served, where it stands, and what to do about it.

    `error`: the function cannot run. `warning`: it runs, something declared is not served.
    `notice`: worth knowing, does not fail `check`.
    """

    severity: Severity
    file: str | None  # relative to the project's root
    line: int | None
    message: str
    remedy: str
    function: str | None = None


class FunctionConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One function as configured, before overrides by API or screen."""

    name: str
    logical_id: str
    handler: str  # "orders.app.handler" or "a/b.fn"
    code_root: str  # absolute folder that is the task root; for inline code a folder that may not exist yet
    inline_code: str | None = None  # source of `index.py` where the template carries it
    runtime: str = "python3.13"
    memory: int = 128  # MB
    timeout: float = 3  # seconds
    reserved_concurrency: int | None = None
    environment: dict[str, str] = {}
    dead_letter_queue: str | None = None  # queue name
    on_failure: str | None = None  # queue name
    on_success: str | None = None  # queue name
    maximum_retry_attempts: int = 2
    maximum_event_age: int = 21_600  # seconds
    description: str = ""
    architecture: str = "x86_64"
    unserved: str | None = None  # why it is listed but cannot run (another runtime, an image, ...)
    file: str | None = None  # where it is declared, relative to the root
    line: int | None = None


class QueueConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A queue with SQS semantics; times in seconds."""

    name: str
    logical_id: str
    fifo: bool = False
    content_based_deduplication: bool = False
    visibility_timeout: float = 30
    delay: float = 0
    retention: int = 345_600
    redrive_queue: str | None = None  # name of the dead-letter queue
    max_receive_count: int = 0
    file: str | None = None
    line: int | None = None


class StreamConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A stream with Kinesis semantics."""

    name: str
    logical_id: str
    shards: int = 1
    retention_hours: int = 24
    file: str | None = None
    line: int | None = None


class QueueMapping(msgspec.Struct, frozen=True, kw_only=True, tag="queue"):
    """Event source mapping from a queue to a function. `uuid` is derived from stack and logical id."""

    uuid: str
    function: str
    queue: str
    batch_size: int = 10
    batching_window: float = 0  # seconds
    report_batch_item_failures: bool = False
    enabled: bool = True
    maximum_concurrency: int | None = None


class StreamMapping(msgspec.Struct, frozen=True, kw_only=True, tag="stream"):
    """Event source mapping from a stream to a function."""

    uuid: str
    function: str
    stream: str
    batch_size: int = 100
    batching_window: float = 0
    starting_position: Literal["TRIM_HORIZON", "LATEST"] = "LATEST"
    maximum_retry_attempts: int = -1  # -1: until the records expire
    maximum_record_age: int = -1  # seconds
    bisect_on_error: bool = False
    report_batch_item_failures: bool = False
    on_failure: str | None = None  # queue name
    enabled: bool = True


class ScheduleConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule; `expression` is `rate(...)`, `cron(...)` or, from lambdatui.toml, `every 1s`."""

    id: str
    function: str
    expression: str
    input: str | None = None  # JSON text instead of the scheduled event
    enabled: bool = True


class RouteConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A plain proxy route. `kind`: rest = payload 1.0, http and url = payload 2.0."""

    id: str
    function: str
    kind: Literal["rest", "http", "url"]
    method: str  # upper case, or ANY
    path: str  # "/orders/{id}", "/{proxy+}"


class Project(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that one load of a project folder said. A broken half does not keep the other from being here."""

    root: str
    name: str  # the stack's name: the folder's
    kind: Literal["sam", "serverless", "toml", "plain"]
    region: str
    account: str
    functions: tuple[FunctionConfig, ...] = ()
    queues: tuple[QueueConfig, ...] = ()
    streams: tuple[StreamConfig, ...] = ()
    mappings: tuple[QueueMapping | StreamMapping, ...] = ()
    schedules: tuple[ScheduleConfig, ...] = ()
    routes: tuple[RouteConfig, ...] = ()
    problems: tuple[Problem, ...] = ()
    files: tuple[str, ...] = ()  # absolute paths of the configuration files that were read
    broken: bool = (
        False  # the template (or lambdatui.toml) could not be read at all: what was loaded before stays in force
    )


class LoadOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What a load needs to know beside the folder."""

    region: str = "us-east-1"
    account: str = "000000000000"
    endpoint_url: str = "http://127.0.0.1:3001"  # queue URLs (`Ref` of a queue) begin with it
    http_url: str = "http://127.0.0.1:3000"
    env_vars: dict[str, dict[str, str]] = {}  # per function; "" (empty) or "Parameters" key: every function
