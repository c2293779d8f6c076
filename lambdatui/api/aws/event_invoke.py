"""How asynchronous events are handled: the PutFunctionEventInvokeConfig family, in the shapes of Lambda's model.

https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html
"""

from __future__ import annotations

from typing import Any

import msgspec

from lambdatui.api.aws import paging
from lambdatui.api.aws.call import FUNCTION, Answer, Call, Route, route
from lambdatui.api.aws.constraints import Constraints
from lambdatui.api.aws.errors import AwsError
from lambdatui.api.aws.invoke import find
from lambdatui.api.ports import FunctionPort
from lambdatui.clock import MICROS
from lambdatui.config.destinations import from_arn, to_arn
from lambdatui.config.model import Destination
from lambdatui.engine.event_invoke import EventInvoke
from lambdatui.engine.functions import LATEST

_ARN = (
    r"$|kafka://([^.]([a-zA-Z0-9\-_.]{0,248}))|arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\-])+:"
    r"((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1})?:(\d{12})?:(.*)"
)


async def put(call: Call) -> Answer:
    """Replaces all settings: what is not given is Lambda's default again."""
    function, qualifier = _subject(call)
    return await _store(call, function, qualifier, _read(call, function, EventInvoke()))


async def update(call: Call) -> Answer:
    """Changes what is given."""
    function, qualifier = _subject(call)
    settings, _ = _existing(call, function, qualifier)
    return await _store(call, function, qualifier, _read(call, function, settings))


def get(call: Call) -> Answer:
    function, qualifier = _subject(call)
    settings, modified_us = _existing(call, function, qualifier)
    return Answer(msgspec.json.encode(_shown(call, function, qualifier, settings, modified_us)))


async def delete(call: Call) -> Answer:
    function, qualifier = _subject(call)
    _existing(call, function, qualifier)
    await call.door.engine.event_invoke.delete(function, qualifier)
    return Answer(b"", 204)


def list_all(call: Call) -> Answer:
    """Every qualifier of the function that has settings of its own."""
    function = find(call.door, call.name, None)
    settings = call.door.engine.event_invoke.all(function)
    page, marker = paging.page(sorted(settings), call.query, key=str, most=50)
    body: dict[str, Any] = {
        "FunctionEventInvokeConfigs": [_shown(call, function, qualifier, *settings[qualifier]) for qualifier in page]
    }
    if marker is not None:
        body["NextMarker"] = marker
    return Answer(msgspec.json.encode(body))


def _subject(call: Call) -> tuple[FunctionPort, str]:
    return find(call.door, call.name, call.qualifier), call.qualifier or LATEST


def _existing(call: Call, function: FunctionPort, qualifier: str) -> tuple[EventInvoke, int]:
    found = call.door.engine.event_invoke.get(function, qualifier)
    if found is None:
        raise AwsError(
            "ResourceNotFoundException", f"The function {function.arn}:{qualifier} doesn't have an EventInvokeConfig"
        )
    return found


async def _store(call: Call, function: FunctionPort, qualifier: str, settings: EventInvoke) -> Answer:
    modified_us = await call.door.engine.event_invoke.put(function, qualifier, settings)
    return Answer(msgspec.json.encode(_shown(call, function, qualifier, settings, modified_us)))


def _read(call: Call, function: FunctionPort, settings: EventInvoke) -> EventInvoke:
    """`settings` with what the request says."""
    members = Constraints.of_body(call.body)
    changes: dict[str, Any] = {}
    if members.has("MaximumRetryAttempts"):
        changes["maximum_retry_attempts"] = members.number("MaximumRetryAttempts", 0, 2)
    if members.has("MaximumEventAgeInSeconds"):
        changes["maximum_event_age"] = members.number("MaximumEventAgeInSeconds", 60, 21_600)
    arns = {}
    config = members.object("DestinationConfig")
    for key, name in (("OnSuccess", "on_success"), ("OnFailure", "on_failure")):
        inner = config.object(key) if config is not None else None
        if inner is not None:
            arns[name] = inner.text("Destination", pattern=_ARN, high=350) or ""
    members.check()
    if not changes and config is None:
        raise _invalid("You must specify at least one of error handling or destination setting.")
    for name, arn in arns.items():
        changes[name] = _destination(call, function, arn, name) if arn else None
    return msgspec.structs.replace(settings, **changes)


def _destination(call: Call, function: FunctionPort, arn: str, name: str) -> Destination:
    """What an ARN names, where events can be sent to it."""
    found = from_arn(arn)
    if found is None or (found.kind == "bucket" and name == "on_success"):
        raise _invalid(f"The destination ARN {arn} is not supported as an {_camel(name)} destination.")
    if found.kind == "function" and found.name == function.config.name:
        raise _invalid("You can't specify the function as a destination for itself.")
    if found.kind == "function":
        find(call.door, found.name, found.qualifier)
    if found.kind == "queue":
        queue = next((one for one in call.door.engine.project.queues if one.name == found.name), None)
        if queue is None:
            raise _invalid(f"The destination {arn} does not exist: create the queue first.")
        if queue.fifo:
            raise _invalid(f"The destination {arn} is a FIFO queue: only standard queues are supported.")
    return found


def _shown(
    call: Call, function: FunctionPort, qualifier: str, settings: EventInvoke, modified_us: int
) -> dict[str, Any]:
    """FunctionEventInvokeConfig of the model; settings that nobody made are left out."""
    door = call.door
    modified = modified_us or door.engine.started_us
    shown: dict[str, Any] = {"LastModified": modified / MICROS, "FunctionArn": f"{function.arn}:{qualifier}"}
    if settings.maximum_retry_attempts is not None:
        shown["MaximumRetryAttempts"] = settings.maximum_retry_attempts
    if settings.maximum_event_age is not None:
        shown["MaximumEventAgeInSeconds"] = settings.maximum_event_age
    shown["DestinationConfig"] = {
        "OnSuccess": _arn_of(settings.on_success, door.region, door.account),
        "OnFailure": _arn_of(settings.on_failure, door.region, door.account),
    }
    return shown


def _arn_of(destination: Destination | None, region: str, account: str) -> dict[str, str]:
    return {} if destination is None else {"Destination": to_arn(destination, region, account)}


def _camel(name: str) -> str:
    return "OnSuccess" if name == "on_success" else "OnFailure"


def _invalid(sentence: str) -> AwsError:
    return AwsError("InvalidParameterValueException", sentence)


_PATH = f"/2019-09-25{FUNCTION}/event-invoke-config"
ROUTES: list[Route] = [
    route("PUT", _PATH, "PutFunctionEventInvokeConfig", put),
    route("POST", _PATH, "UpdateFunctionEventInvokeConfig", update),
    route("GET", _PATH, "GetFunctionEventInvokeConfig", get),
    route("DELETE", _PATH, "DeleteFunctionEventInvokeConfig", delete),
    route("GET", f"{_PATH}/list", "ListFunctionEventInvokeConfigs", list_all),
]
