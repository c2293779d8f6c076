"""The plugins of a serverless.yml that mean something here: Lift's constructs, Python's requirements, WSGI."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from lambdatui.config import stand_ins
from lambdatui.config.finding import exists
from lambdatui.config.serverless_service import (
    Service,
    arn,
    copied,
    listed,
    made,
    mapping,
    normalized,
    put,
    ref,
    text,
    texts,
    truth,
)
from lambdatui.config.serverless_support import PLUGINS
from lambdatui.config.yaml_lines import Map, Seq, Text, Value

# Lift's own numbers: https://github.com/getlift/lift/blob/master/docs/queue.md
_RETRIES, _BATCH, _FACTOR, _DLQ_RETENTION = 3, 1, 6, 1_209_600
_TIMEOUT = 6
Outputs = dict[str, Map]
WSGI_LAYER = stand_ins.FOLDER / "serverless_wsgi"
_WSGI = "wsgi_handler"  # the module that serverless-wsgi packs; wsgi.handler is its older name


def say_unknown(service: Service, plugins: Value) -> None:
    """Name each plugin that is not run."""
    modules = plugins.get("modules") if isinstance(plugins, Map) else plugins
    for name in modules if isinstance(modules, Seq) else []:
        line = name.line if isinstance(name, Text) else None
        support = PLUGINS.get(name) if isinstance(name, str) else None
        if support is not None and support.status == "not served":
            service.problems.warning(f"the plugin {name} is not run: {support.note}", support.remedy, line=line)
        elif isinstance(name, str) and support is None:
            service.problems.notice(
                f"the plugin {name} is not run: what it would add is missing here",
                "Nothing needs to be done where it only matters at deployment.",
                line=line,
            )


def python_requirements(service: Service) -> None:
    """Which file names the packages of each function."""
    if "serverless-python-requirements" not in service.plugins:
        return
    name = text(mapping(service.custom, "pythonRequirements"), "fileName")
    for key, values in service.functions.items():
        if name is None:
            continue
        file = Path(name)
        if service.individually or truth(mapping(values, "package"), "individually"):
            file = Path(text(values, "module") or ".") / name
        if not exists(service.folder / file):
            service.problems.warning(
                f"{key}: there is no {file}, which custom.pythonRequirements names",
                "Correct fileName, or add the file.",
                line=mapping(service.custom, "pythonRequirements").line_of("fileName"),
                function=key,
            )
        else:
            service.requirements[key] = str(service.folder / file)


def wsgi(service: Service) -> None:
    """Which functions serve the WSGI application, by the module that serverless-wsgi packs."""
    if "serverless-wsgi" not in service.plugins or exists(service.folder / f"{_WSGI}.py"):
        return
    settings = mapping(service.custom, "wsgi")
    app = text(settings, "app")
    for key, values in service.functions.items():
        if text(values, "handler") not in {f"{_WSGI}.handler", "wsgi.handler"}:
            continue
        put(values, "handler", Text(f"{_WSGI}.handler", values.line_of("handler")), values.line_of("handler"))
        if app is None or "." not in app.rpartition("/")[2]:
            service.problems.warning(
                f"{key}: custom.wsgi.app names no application",
                "Write custom.wsgi.app: MODULE.NAME, e.g. app.app.",
                line=settings.line_of("app") or service.custom.line,
                function=key,
            )
        else:
            service.wsgi[key] = json.dumps({"app": app, "text_mime_types": texts(settings.get("textMimeTypes"))})


# Lift


def construct_outputs(constructs: Map) -> dict[str, Outputs]:
    """What `${construct:name.output}` stands for."""
    found: dict[str, Outputs] = {}
    for key, body in constructs.items():
        values = body if isinstance(body, Map) else Map()
        line = constructs.line_of(key)
        kind = text(values, "type")
        base = normalized(key)
        if kind == "queue":
            queue, dead = f"{base}Queue", f"{base}Dlq"
            found[key] = {
                "queueUrl": ref(queue, line),
                "queueArn": arn(queue, line),
                "dlqUrl": ref(dead, line),
                "dlqArn": arn(dead, line),
            }
        elif kind == "storage":
            found[key] = {"bucketName": ref(f"{base}Bucket", line), "bucketArn": arn(f"{base}Bucket", line)}
        elif kind == "database/dynamodb-single-table":
            stream = Map(line)
            put(stream, "Fn::GetAtt", listed(line, Text(f"{base}Table", line), Text("StreamArn", line)), line)
            found[key] = {
                "tableName": ref(f"{base}Table", line),
                "tableArn": arn(f"{base}Table", line),
                "tableStreamArn": stream,
            }
    return found


def add_constructs(service: Service, constructs: Map) -> None:
    """Add the resources and workers of Lift's constructs."""
    for key, body in constructs.items():
        line = constructs.line_of(key)
        values = body if isinstance(body, Map) else Map(line)
        kind = text(values, "type")
        add = _CONSTRUCTS.get(kind or "")
        if add is None:
            service.problems.warning(
                f"the construct {key}: Lift's {kind or '(without a type)'} is not served",
                "What it would add is missing here: declare its functions below functions.",
                line=line,
            )
        else:
            add(service, key, values, line)


def _queue(service: Service, key: str, values: Map, line: int | None) -> None:
    fifo = truth(values, "fifo") or False
    worker = mapping(values, "worker")
    timeout = _number(worker, "timeout") or _number(service.provider, "timeout") or _TIMEOUT
    window = _number(values, "maxBatchingWindow") or 0
    suffix = ".fifo" if fifo else ""
    base = normalized(key)
    common: dict[str, Value] = {
        "FifoQueue": Text("true", line, True),
        "ContentBasedDeduplication": Text("true", line, True),
    }
    dead = made(line, QueueName=_text(f"{service.full_name(key)}-dlq{suffix}", line))
    put(dead, "MessageRetentionPeriod", _text(_DLQ_RETENTION, line), line)
    queue = made(
        line,
        QueueName=_text(f"{service.full_name(key)}{suffix}", line),
        VisibilityTimeout=_text(timeout * _FACTOR + window, line),
        DelaySeconds=values.get("delay"),
        RedrivePolicy=made(
            line,
            deadLetterTargetArn=arn(f"{base}Dlq", line),
            maxReceiveCount=values.get("maxRetries") or _text(_RETRIES, line),
        ),
    )
    for one in (dead, queue) if fifo else ():
        for name, flag in common.items():
            put(one, name, flag, line)
    service.add(f"{base}Dlq", "AWS::SQS::Queue", dead, line)
    service.add(f"{base}Queue", "AWS::SQS::Queue", queue, line)
    if not worker:
        service.problems.warning(
            f"the construct {key} has no worker", "Write worker: with a handler below it.", line=line
        )
        return
    event = made(
        line,
        arn=arn(f"{base}Queue", line),
        batchSize=values.get("batchSize") or _text(_BATCH, line),
        maximumBatchingWindow=values.get("maxBatchingWindow"),
        maximumConcurrency=values.get("maxConcurrency"),
        functionResponseType=Text("ReportBatchItemFailures", line),
    )
    function = copied(worker)
    function.line = values.line_of("worker")
    own = worker.get("events")
    others = own if isinstance(own, Seq) else ()
    put(function, "events", listed(line, *others, made(line, sqs=event)), line)
    service.functions[f"{key}Worker"] = function


def _storage(service: Service, key: str, values: Map, line: int | None) -> None:
    # A name may hold no capitals; Lift leaves it to CloudFormation, which adds random letters.
    name = _text(service.full_name(key).lower(), line)
    service.add(f"{normalized(key)}Bucket", "AWS::S3::Bucket", made(line, BucketName=name), line)


def _table(service: Service, key: str, values: Map, line: int | None) -> None:
    names = ["PK", "SK"]
    indexes: dict[str, list[Map]] = {"GlobalSecondaryIndexes": [], "LocalSecondaryIndexes": []}
    for count, kind, short in (
        ("gsiCount", "GlobalSecondaryIndexes", "GSI"),
        ("localSecondaryIndexes", "LocalSecondaryIndexes", "LSI"),
    ):
        number = (
            (5 if truth(values, count) else 0) if kind.startswith("Local") else min(_number(values, count) or 0, 20)
        )
        for place in range(1, number + 1):
            first, second = f"{short}-{place}-PK" if short == "GSI" else "PK", f"{short}-{place}-SK"
            names.extend(name for name in (first, second) if name not in names)
            indexes[kind].append(
                made(
                    line,
                    IndexName=_text(f"{short}-{place}", line),
                    KeySchema=_keys(first, second, line),
                    Projection=made(line, ProjectionType=Text("ALL", line)),
                )
            )
    attributes = (made(line, AttributeName=_text(n, line), AttributeType=Text("S", line)) for n in names)
    properties = made(
        line,
        TableName=_text(service.full_name(key), line),
        BillingMode=Text("PAY_PER_REQUEST", line),
        KeySchema=_keys("PK", "SK", line),
        AttributeDefinitions=listed(line, *attributes),
        StreamSpecification=made(line, StreamViewType=Text("NEW_AND_OLD_IMAGES", line)),
    )
    for kind, found in indexes.items():
        put(properties, kind, listed(line, *found) if found else None, line)
    service.add(f"{normalized(key)}Table", "AWS::DynamoDB::Table", properties, line)


def _keys(first: str, second: str, line: int | None) -> Seq:
    pairs = ((first, "HASH"), (second, "RANGE"))
    return listed(line, *(made(line, AttributeName=_text(n, line), KeyType=Text(kind, line)) for n, kind in pairs))


def _text(value: object, line: int | None) -> Text:
    return Text(str(value), line, not isinstance(value, str))


def _number(values: Map, key: str) -> int | None:
    written = text(values, key) or ""
    return int(written) if written.isascii() and written.isdigit() and len(written) < 7 else None


_CONSTRUCTS: dict[str, Callable[[Service, str, Map, int | None], None]] = {
    "queue": _queue,
    "storage": _storage,
    "database/dynamodb-single-table": _table,
}
