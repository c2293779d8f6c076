"""Events to invoke a function with: samples as its own triggers would send them, and the JSON files in the `events`
folders of its project, where `sam init` puts them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from lambdatui import samples
from lambdatui.errors import OperationFailed
from lambdatui.schema import RouteRow, Sources

MOST = 12  # of either kind: what a menu of 24 lines still shows beside the rest
MOST_BYTES = 1_048_576  # of a file: what an event may be, queued
_PARAMETER = re.compile(r"{([^{}+]+)\+?}")

Json = dict[str, Any]


class OwnEvent(NamedTuple):
    """What the menu says of an event, and its text once it is taken (raises OperationFailed)."""

    title: str
    note: str
    text: Callable[[], str]


def of_triggers(function: str, sources: Sources) -> list[OwnEvent]:
    """A sample of what each trigger sends, with the name of its queue, stream, bucket or topic, or its path."""
    return list(_of_triggers(function, sources))[:MOST]


def _of_triggers(function: str, sources: Sources) -> Iterator[OwnEvent]:
    for queue in sources.queues:
        if function in (queue.consumer, *(one.function for one in queue.mappings)):
            service = ("sqs", "fifo") if queue.fifo else ("sqs", "receive-message")
            yield _sample(f"a message of {queue.name}", *service, _arn_ends(queue.name, ":"))
    for stream in sources.streams:
        if stream.consumer == function:
            if stream.name.endswith("/stream"):  # a table's
                table = stream.name.removesuffix("/stream")
                yield _sample(f"a change of {table}", "dynamodb", "update", _table(table))
            else:
                yield _sample(f"a record of {stream.name}", "kinesis", "records", _arn_ends(stream.name, "/"))
    for route in sources.routes:
        if route.function == function:
            yield _request(route)
    for push in sources.pushes:
        if push.target != function:
            continue
        if push.kind == "bucket":
            yield _sample(f"an object in {push.source}", "s3", "put", _bucket(push.source))
        elif push.kind == "topic":
            yield _sample(f"a notification of {push.source}", "sns", "notification", _topic(push.source))
        else:
            yield _sample(f"an event of the bus {push.source}", "eventbridge", "custom", _kept)
    if any(schedule.function == function for schedule in sources.schedules):
        yield _sample("its schedule", "schedule", "event", _kept)


def of_files(*folders: str) -> list[OwnEvent]:
    """The JSON files of the folders' `events`, by name."""
    found = {
        file: OwnEvent(f"events/{file.name}", "saved", partial(_read, file))
        for folder in dict.fromkeys(folders)
        if folder
        for file in sorted(_files(Path(folder) / "events"))
    }
    return list(found.values())[:MOST]


def _files(folder: Path) -> list[Path]:
    try:
        return [one for one in folder.glob("*.json") if one.is_file() and not one.is_symlink()]
    except OSError:
        return []


def _read(file: Path) -> str:
    try:
        if file.stat().st_size > MOST_BYTES:
            raise OperationFailed(f"{file} has more than {MOST_BYTES:,} bytes, more than an event may have")
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise OperationFailed(f"{file} cannot be read: {error}") from error


def _sample(title: str, service: str, kind: str, change: Callable[[Json], None]) -> OwnEvent:
    def text() -> str:
        event: Json = json.loads(samples.text(service, kind))
        change(event)
        return json.dumps(event, indent=2, ensure_ascii=False)

    return OwnEvent(title, f"{service} {kind}", text)


def _kept(event: Json) -> None:
    """As the sample has it."""


def _arn_ends(name: str, before: str) -> Callable[[Json], None]:
    def change(event: Json) -> None:
        for record in event["Records"]:
            record["eventSourceARN"] = f"{record['eventSourceARN'].rpartition(before)[0]}{before}{name}"

    return change


def _table(name: str) -> Callable[[Json], None]:
    def change(event: Json) -> None:
        for record in event["Records"]:
            record["eventSourceARN"] = re.sub(r":table/[^/]+", lambda _: f":table/{name}", record["eventSourceARN"])

    return change


def _bucket(name: str) -> Callable[[Json], None]:
    def change(event: Json) -> None:
        for record in event["Records"]:
            record["s3"]["bucket"] |= {"name": name, "arn": f"arn:aws:s3:::{name}"}

    return change


def _topic(name: str) -> Callable[[Json], None]:
    def change(event: Json) -> None:
        for record in event["Records"]:
            arn = f"{record['Sns']['TopicArn'].rpartition(':')[0]}:{name}"
            record["Sns"]["TopicArn"] = arn
            record["EventSubscriptionArn"] = f"{arn}:{record['EventSubscriptionArn'].rpartition(':')[2]}"

    return change


def _request(route: RouteRow) -> OwnEvent:
    """A request of the route in its API's payload format: its method, and its path with 7 for every parameter."""
    parameters = dict.fromkeys(_PARAMETER.findall(route.path), "7")
    path = "/" if route.path == "$default" else _PARAMETER.sub("7", route.path)
    method = "GET" if route.method in ("ANY", "*", "") else route.method

    def rest(event: Json) -> None:
        event |= {"resource": route.path, "path": path, "httpMethod": method, "pathParameters": parameters or None}
        staged = f"/{route.stage}{path}" if route.stage else path
        event["requestContext"] |= {"resourcePath": route.path, "path": staged, "httpMethod": method}
        _body(event, method)

    def http(event: Json) -> None:
        key = f"{route.method} {route.path}" if route.api == "http" and route.path != "$default" else "$default"
        event |= {"routeKey": key, "rawPath": path}
        event["requestContext"]["routeKey"] = key
        event["requestContext"]["http"] |= {"method": method, "path": path}
        event.pop("pathParameters", None)
        if parameters:
            event["pathParameters"] = parameters
        _body(event, method)

    def balancer(event: Json) -> None:
        event |= {"httpMethod": method, "path": path}
        _body(event, method)

    of_api: dict[str, tuple[str, str, Callable[[Json], None]]] = {
        "rest": ("apigateway", "rest-proxy", rest),
        "http": ("apigateway", "http-proxy", http),
        "url": ("lambda-url", "request", http),
        "alb": ("alb", "request", balancer),
    }
    service, kind, change = of_api.get(route.api, of_api["http"])
    return _sample(
        "a request of its URL" if route.api == "url" else f"{route.method} {route.path}", service, kind, change
    )


def _body(event: Json, method: str) -> None:
    """What has no body on the wire has none in the event either."""
    if method not in ("GET", "HEAD", "DELETE", "OPTIONS"):
        return
    if "version" in event:
        event.pop("body", None)
    else:
        event["body"] = "" if "elb" in event["requestContext"] else None
