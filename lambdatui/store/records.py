"""What the store keeps, as plain values. Times are integer microseconds UTC; ids are text here, blobs on disk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec


class AsyncEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An accepted asynchronous event that waits for its next attempt. The payload is exact."""

    request_id: str
    function: str
    payload: bytes
    accepted_us: int
    visible_us: int  # not tried before
    qualifier: str | None = None  # version or alias that the caller named; resolved at each attempt
    attempt: int = 1  # the attempt that comes next
    client_context: str | None = None  # JSON text
    source: str = "api"
    parent_id: str | None = None
    trace_header: str | None = None  # of the function's call that caused it: the chain that it is part of
    throttles: int = 0  # how often in a row it was throttled: the back-off's exponent
    error_type: str | None = None  # of the last failed attempt
    error_message: str | None = None


class InvocationRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt as history keeps it. `id` is the row's own key: request id and attempt repeat for throttles."""

    id: int
    request_id: str
    function: str
    version: str
    type: str
    source: str
    status: str
    started_us: int
    error_type: str | None = None
    error_message: str | None = None
    queued_us: int = 0
    init_us: int | None = None
    duration_us: int | None = None
    billed_ms: int | None = None
    max_memory_mb: int | None = None
    attempt: int = 1
    qualifier: str | None = None  # version or alias that the caller named
    provisioned: bool = False  # ran in provisioned concurrency
    gb_seconds: float = 0.0  # billed compute; not stored with the row
    cost_usd: float | None = None
    cold: bool = False
    environment: str | None = None
    code_sha: str = ""
    parent_id: str | None = None
    replay_of: str | None = None
    event: bytes = b""
    result: bytes | None = None
    error: str | None = None  # with its traceback, as text
    frames: bytes | None = None  # JSON list of schema.TraceFrame, or {"frames": [...]}
    # as of schema.InvocationRow
    runtime_us: int | None = None
    libraries_us: int | None = None
    own_us: int | None = None
    overhead_us: int | None = None
    forked: bool = False


class InitRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A fresh init; of each function the last one is kept. `tree`: JSON of profiles.ImportTree."""

    function: str
    version: str
    code_sha: str
    at_us: int
    init_us: int
    runtime_us: int
    libraries_us: int
    own_us: int
    tree: bytes


class LogStream(NamedTuple):
    """Where an environment's lines stand in CloudWatch's terms; `name` is YYYY/MM/DD/[VERSION]ENVIRONMENT."""

    group: str
    name: str


class LogRecords(msgspec.Struct, frozen=True, kw_only=True):
    """Lines that were read together; their ids rise by one. `stream` None: lines of ours, which AWS does not have."""

    id: int  # of the first line
    time_us: int
    function: str
    request_id: str | None
    levels: bytes  # of each line, by schema.LEVEL_NAMES
    messages: Sequence[str]
    stream: LogStream | None = None

    @property
    def weight(self) -> int:
        """Bytes that they take in memory, about."""
        return sum(map(len, self.messages)) + 60 * len(self.messages) + 200


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A queue's message. The columns from `function` on are filled for dead letters."""

    id: str
    queue: str
    seq: int
    body: str
    attributes: dict[str, dict[str, str]] = {}  # {"Name": {"DataType": "String", "StringValue": "..."}}
    sent_us: int
    visible_us: int
    receive_count: int = 0
    first_received_us: int | None = None
    receipt: str | None = None  # valid until the next receive
    group_id: str | None = None
    dedup_id: str | None = None
    function: str | None = None
    request_id: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    attempts: int = 0
    first_us: int | None = None
    last_us: int | None = None
    replaying: bool = False
    trace_header: str | None = None  # SQS's system attribute AWSTraceHeader
    source: str | None = None  # the queue that a redrive took it from


class NewMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message to be sent. `delay_s` None: the queue's own delay."""

    body: str
    attributes: dict[str, dict[str, str]] = {}
    delay_s: float | None = None
    group_id: str | None = None
    dedup_id: str | None = None
    function: str | None = None
    request_id: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    attempts: int = 0
    first_us: int | None = None
    trace_header: str | None = None


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """A message move task: what a dead-letter queue held when it began goes to `destination`, or back where it was."""

    id: str
    source: str
    destination: str | None
    rate: int | None  # messages a second at most
    status: str  # RUNNING | COMPLETED | CANCELLED | FAILED
    started_us: int
    last_seq: int  # newest message that it moves
    to_move: int
    moved: int = 0
    failure: str | None = None


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A stream's record; `seq` is fixed-width text, so that it sorts as it counts."""

    stream: str
    shard: str  # "shardId-000000000000"
    seq: str
    partition_key: str
    data: bytes
    arrived_us: int


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """How far a mapping has come in one lane of a shard, and what blocks it."""

    mapping: str  # uuid
    shard: str
    lane: int = 0
    lanes: int = 1  # of the shard: a record's partition key says which one is its own (`shards.lane_of`)
    seq: str = ""  # last processed; "": before the first
    attempts: int = 0  # failed tries of the batch that blocks
    failed_since_us: int | None = None
    error: str | None = None
    batch_end: str | None = None
    window: bytes | None = None  # msgpack of the tumbling window that is open


class QueueDepth(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of one queue; `oldest_us` is when the oldest message was sent."""

    visible: int = 0
    in_flight: int = 0
    delayed: int = 0
    oldest_us: int | None = None


class HappeningRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One sentence of what happened."""

    id: int
    time_us: int
    kind: str
    function: str | None
    message: str


class MetricDelta(msgspec.Struct, frozen=True, kw_only=True):
    """What one metric gained since the last drain, for one minute (minutes since the epoch)."""

    minute: int
    function: str
    name: str
    resource: str = ""  # NAME or NAME:QUALIFIER; "": a maximum of the function as a whole
    version: str = ""  # that ran, where the qualifier is an alias
    mapping: str = ""  # uuid
    sum: float = 0.0
    min: float = 0.0
    max: float = 0.0
    count: int = 0  # samples
    histogram: dict[int, int] = {}  # bucket -> count
    last: float | None = None
