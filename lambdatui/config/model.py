"""What a project says, as plain values: every loader ends here, everything else starts here."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Severity = Literal["error", "warning", "notice"]
# The last part of a table's stream ARN. On AWS it is the time when the stream was enabled.
STREAM_LABEL = "2026-01-01T00:00:00.000"


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


class Destination(msgspec.Struct, frozen=True, kw_only=True):
    """Where a record about an event or a batch goes. `name`: of the queue, topic, function, event bus or bucket."""

    kind: Literal["queue", "topic", "function", "bus", "bucket"]
    name: str
    qualifier: str | None = None  # of a function


class LoggingConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How a function logs. The levels count with the JSON format only."""

    format: Literal["Text", "JSON"] = "Text"
    application_level: Literal["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"] = "INFO"
    system_level: Literal["DEBUG", "INFO", "WARN"] = "INFO"
    group: str | None = None  # None: /aws/lambda/NAME


class AliasConfig(msgspec.Struct, frozen=True, kw_only=True):
    """An alias that the project declares. `version` None: the newest published one (`AutoPublishAlias`)."""

    name: str
    version: str | None = None
    weights: dict[str, float] = {}  # additional version -> share of 0..1, at most one
    provisioned_concurrency: int | None = None
    description: str = ""


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
    secrets: tuple[str, ...] = ()  # variables that hold what the template keeps secret, whatever they are called
    ephemeral_storage: int = 512  # MB of /tmp
    logging: LoggingConfig = LoggingConfig()
    dead_letter_queue: str | None = None  # queue name
    dead_letter_topic: str | None = None  # topic name, instead of a queue
    on_failure: Destination | None = None
    on_success: Destination | None = None
    maximum_retry_attempts: int = 2
    maximum_event_age: int = 21_600  # seconds
    event_invoke_qualifier: str | None = None  # whose events the four settings above are about; None: all
    recursive_loop: Literal["Terminate", "Allow"] = "Terminate"
    published_aliases: tuple[AliasConfig, ...] = ()  # with any, each new code is published as a version
    description: str = ""
    architecture: str = "x86_64"
    aliases: tuple[str, ...] = ()  # more names that reach it (`service-stage-key` of serverless.yml)
    layers: tuple[str, ...] = ()  # absolute roots, in order: python/ in it is on the path, else the root itself
    requirements: str | None = None  # file that names its packages, where the project says so; else beside the code
    kept: dict[str, Any] = {}  # properties that mean nothing here (VpcConfig, KmsKeyArn, ...), as plain JSON values
    unserved: str | None = None  # why it is listed but cannot run (another runtime, an image, ...)
    file: str | None = None  # where it is declared, relative to the root
    line: int | None = None


def queue_destination(destination: Destination | None) -> str | None:
    """The queue's name where the destination is one."""
    return destination.name if destination is not None and destination.kind == "queue" else None


def kept_texts(function: FunctionConfig) -> dict[str, str]:
    """`kept` as it is shown: texts as they are, anything else as JSON. Layers have a place of their own."""
    return {
        key: value if isinstance(value, str) else msgspec.json.encode(value).decode()
        for key, value in function.kept.items()
        if key != "Layers"
    }


class QueueConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A queue with SQS semantics; times in seconds."""

    name: str
    logical_id: str
    fifo: bool = False
    content_based_deduplication: bool = False
    visibility_timeout: float = 30
    delay: float = 0
    retention: int = 345_600
    receive_wait: float = 0  # of a receive that names no wait of its own
    maximum_message: int = 1_048_576  # bytes of body and attributes
    deduplication_scope: Literal["queue", "messageGroup"] = "queue"
    redrive_queue: str | None = None  # name of the dead-letter queue
    max_receive_count: int = 0
    attributes: dict[str, str] = {}  # SQS's attributes that change nothing here (Policy, KmsMasterKeyId, ...)
    tags: dict[str, str] = {}
    file: str | None = None
    line: int | None = None


class StreamConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A stream with Kinesis semantics. `table`: it is the change stream of that DynamoDB table."""

    name: str
    logical_id: str
    shards: int = 1  # open ones at first; after that what splits and merges make of it, until this changes
    retention_hours: int = 24
    on_demand: bool = False
    maximum_record: int = 1_048_576  # bytes of data and partition key
    tags: dict[str, str] = {}
    table: str | None = None
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
    qualifier: str | None = None  # version or alias of the function
    filters: tuple[str, ...] = ()  # JSON patterns, one of which has to match
    metrics: bool = False  # CloudWatch is told what came of its events (MetricsConfig: EventCount)


class StreamMapping(msgspec.Struct, frozen=True, kw_only=True, tag="stream"):
    """Event source mapping from a stream to a function."""

    uuid: str
    function: str
    stream: str
    batch_size: int = 100
    batching_window: float = 0
    starting_position: Literal["TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"] = "LATEST"
    starting_timestamp: float = 0  # seconds since the epoch, for AT_TIMESTAMP
    maximum_retry_attempts: int = -1  # -1: until the records expire
    maximum_record_age: int = -1  # seconds
    bisect_on_error: bool = False
    report_batch_item_failures: bool = False
    parallelization_factor: int = 1  # batches of a shard at a time, split by partition key
    tumbling_window: int = 0  # seconds; 0: none
    on_failure: Destination | None = None  # queue, topic or bucket
    enabled: bool = True
    qualifier: str | None = None
    filters: tuple[str, ...] = ()
    metrics: bool = False


class ScheduleConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule; `expression` is `rate(...)`, `cron(...)`, `at(...)` or, from lambdatui.toml, `every 1s`."""

    id: str
    function: str
    expression: str
    input: str | None = None  # JSON text instead of the scheduled event
    enabled: bool = True
    qualifier: str | None = None  # version or alias of the function, here and below
    timezone: str | None = None  # by whose clocks cron and at count; None: UTC
    scheduler: bool = False  # one of EventBridge Scheduler, not a rule


class BucketTrigger(msgspec.Struct, frozen=True, kw_only=True, tag="bucket"):
    """A bucket's notifications to a function, a queue, a topic or (`bus`) the default event bus."""

    id: str
    bucket: str
    events: tuple[str, ...]  # "s3:ObjectCreated:*", ...
    function: str | None = None
    queue: str | None = None
    topic: str | None = None
    bus: bool = False
    prefix: str = ""
    suffix: str = ""
    qualifier: str | None = None


class TopicSubscription(msgspec.Struct, frozen=True, kw_only=True, tag="topic"):
    """A topic's messages to a function or a queue."""

    id: str
    topic: str
    function: str | None = None
    queue: str | None = None
    filter_policy: str | None = None  # JSON text
    filter_scope: Literal["MessageAttributes", "MessageBody"] = "MessageAttributes"
    raw: bool = False  # to a queue: the message alone, without SNS's envelope
    dead_letter_queue: str | None = None
    qualifier: str | None = None


class EventRule(msgspec.Struct, frozen=True, kw_only=True, tag="rule"):
    """One target of an EventBridge rule with a pattern: a function, a queue or a topic."""

    id: str
    bus: str
    pattern: str  # JSON text
    function: str | None = None
    queue: str | None = None
    group_id: str | None = None  # of a FIFO queue's message
    topic: str | None = None
    input: str | None = None  # JSON text instead of the event
    input_path: str | None = None  # "$.detail"
    input_paths: dict[str, str] = {}  # InputTransformer
    input_template: str | None = None
    dead_letter_queue: str | None = None
    enabled: bool = True
    qualifier: str | None = None


PushTrigger = BucketTrigger | TopicSubscription | EventRule


class CorsConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What browsers of other sites may do. REST APIs answer preflights from it; the others also add it to answers."""

    allow_origins: tuple[str, ...] = ()
    allow_methods: tuple[str, ...] = ()
    allow_headers: tuple[str, ...] = ()
    expose_headers: tuple[str, ...] = ()
    max_age: int | None = None  # seconds
    allow_credentials: bool = False


class AuthorizerConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Who decides about requests. `function` None: it cannot be asked here (JWT, Cognito, IAM): all pass."""

    name: str
    kind: Literal["token", "request", "jwt", "cognito", "iam"]
    function: str | None = None
    payload: Literal["1.0", "2.0"] = "1.0"  # form of its event; REST APIs always 1.0
    simple_responses: bool = False  # HTTP APIs: {"isAuthorized": true, "context": {…}} instead of an IAM policy
    identity: tuple[str, ...] = ()  # "header.Authorization", "querystring.token", "context.x", "stageVariables.x"
    validation: str | None = None  # regular expression that a token has to match, before the function is asked
    ttl: int = 300  # seconds that an answer is kept; 0: never


class ApiConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One API. `kind`: rest = API Gateway v1, http = v2, url = function URL, alb = load balancer."""

    id: str  # logical id; SAM's own are ServerlessRestApi and ServerlessHttpApi; of a URL the function's name
    kind: Literal["rest", "http", "url", "alb"]
    name: str = ""
    stage: str = "$default"
    stage_variables: dict[str, str] = {}
    base_paths: tuple[str, ...] = ()  # of custom domains: "v1" -> /v1/… reaches it too
    cors: CorsConfig | None = None
    binary_types: tuple[str, ...] = ()  # REST: "image/*", "*/*" -> base64
    authorizers: tuple[AuthorizerConfig, ...] = ()
    kept: dict[str, Any] = {}  # properties that mean nothing here (GatewayResponses, EndpointConfiguration, ...)
    file: str | None = None
    line: int | None = None


class RouteConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A proxy route. `kind`: rest and alb = payload 1.0 and ALB's, http and url = payload 2.0."""

    id: str
    function: str  # "" where it is refused because no function stands behind it
    kind: Literal["rest", "http", "url", "alb"]
    method: str  # upper case, or ANY
    path: str  # "/orders/{id}", "/{proxy+}", "$default"; for alb a pattern with * and ?
    api: str = ""  # ApiConfig.id; "": an API without settings
    payload: Literal["1.0", "2.0"] | None = None  # HTTP APIs may ask for 1.0
    authorizer: str | None = None  # AuthorizerConfig.name within the API
    refused: str | None = None  # why it answers with an error instead (a non-proxy integration, ...)
    hosts: tuple[str, ...] = ()  # alb: host-header conditions
    headers: dict[str, tuple[str, ...]] = {}  # alb: http-header conditions
    query: tuple[tuple[str, str], ...] = ()  # alb: query-string conditions, one of which has to hold
    priority: int = 0  # alb: the lowest wins
    multi_value: bool = False  # alb: lambda.multi_value_headers.enabled
    kept: dict[str, Any] = {}  # settings that mean nothing here (RequestParameters, RouteSettings, ...)
    line: int | None = None
    qualifier: str | None = None


class ResourceConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Something that the project declares and the local AWS holds: a table, bucket, topic, parameter, secret, bus."""

    type: str  # "AWS::DynamoDB::Table"
    logical_id: str
    name: str
    properties: dict[str, Any] = {}  # resolved, plain JSON values
    file: str | None = None
    line: int | None = None


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
    apis: tuple[ApiConfig, ...] = ()
    routes: tuple[RouteConfig, ...] = ()
    pushes: tuple[PushTrigger, ...] = ()
    resources: tuple[ResourceConfig, ...] = ()
    problems: tuple[Problem, ...] = ()
    files: tuple[str, ...] = ()  # absolute paths of the configuration files that were read
    broken: bool = (
        False  # the template (or lambdatui.toml) could not be read at all: what was loaded before stays in force
    )


class LoadOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What a load needs to know beside the folder."""

    region: str = "us-east-1"
    own_region: bool = False  # nobody asked for `region`: the one that the project names counts (`Project.region`)
    account: str = "000000000000"
    endpoint_url: str = "http://127.0.0.1:3001"  # queue URLs (`Ref` of a queue) begin with it
    http_url: str = "http://127.0.0.1:3000"
    template: str | None = None  # the template's or serverless.yml's path; None: the first that the folder has
    parameters: dict[str, str] = {}  # --parameter K=V: template parameters; `opt` and `param` of serverless.yml
    env_vars: dict[str, dict[str, str]] = {}  # per function; "" (empty) or "Parameters" key: every function
