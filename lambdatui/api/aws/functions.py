"""Lambda's operations on functions and their reserves, in the shapes of its service model."""

from __future__ import annotations

import base64
import binascii
import uuid
from pathlib import Path
from typing import Any

import msgspec

from lambdatui.api.aws.call import FUNCTION, Answer, Door, Route, route
from lambdatui.api.aws.errors import AwsError
from lambdatui.api.aws.invoke import find
from lambdatui.api.aws.kept import members, tags
from lambdatui.api.ports import FunctionPort
from lambdatui.clock import from_iso, iso
from lambdatui.config.destinations import to_arn
from lambdatui.config.model import Destination, FunctionConfig
from lambdatui.errors import UsageError

PAGE = 50  # ListFunctions never gives more, whatever MaxItems says
CODE_LIMIT = 80_530_636_800
UNZIPPED_LIMIT = 262_144_000
ZIPPED_LIMIT = 52_428_800


def list_functions(door: Door, query: dict[str, str]) -> Answer:
    """Sorted by name; `NextMarker` names the first of the next page."""
    limit = PAGE
    if "MaxItems" in query:
        if not query["MaxItems"].isdecimal() or not 1 <= int(query["MaxItems"][:9]) <= 10_000:
            raise AwsError("InvalidParameterValueException", "MaxItems must be a number from 1 to 10000")
        limit = min(PAGE, int(query["MaxItems"]))
    functions = sorted(door.engine.functions(), key=lambda function: function.config.name)
    if query.get("Marker"):
        first = _unmark(query["Marker"])
        functions = [function for function in functions if function.config.name >= first]
    body: dict[str, Any] = {"Functions": [configuration(door, function) for function in functions[:limit]]}
    if len(functions) > limit:
        body["NextMarker"] = base64.urlsafe_b64encode(functions[limit].config.name.encode()).decode()
    return Answer(msgspec.json.encode(body))


def get_function(door: Door, name: str, qualifier: str | None) -> Answer:
    """Configuration, where the code is, and the reserve where there is one."""
    function = find(door, name, qualifier)
    body: dict[str, Any] = {
        "Configuration": configuration(door, function),
        "Code": {"RepositoryType": "S3", "Location": Path(function.config.code_root).absolute().as_uri()},
        "Tags": tags(function.config.kept),
    }
    reserve = door.engine.reserved_concurrency(function.config.name)
    if reserve is not None:
        body["Concurrency"] = {"ReservedConcurrentExecutions": reserve}
    return Answer(msgspec.json.encode(body))


def get_configuration(door: Door, name: str, qualifier: str | None) -> Answer:
    return Answer(msgspec.json.encode(configuration(door, find(door, name, qualifier))))


def account_settings(door: Door) -> Answer:
    limit, unreserved = door.engine.account_concurrency()
    return Answer(
        msgspec.json.encode({
            "AccountLimit": {
                "TotalCodeSize": CODE_LIMIT,
                "CodeSizeUnzipped": UNZIPPED_LIMIT,
                "CodeSizeZipped": ZIPPED_LIMIT,
                "ConcurrentExecutions": limit,
                "UnreservedConcurrentExecutions": unreserved,
            },
            "AccountUsage": {"TotalCodeSize": 0, "FunctionCount": len(door.engine.functions())},
        })
    )  # fmt: skip


async def put_concurrency(door: Door, name: str, qualifier: str | None, body: bytes) -> Answer:
    """Takes effect at once; 0 stops the function. The account keeps 100 unreserved."""
    function = _unqualified(door, name, qualifier)
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise AwsError("InvalidRequestContentException", "Could not parse request body into json") from None
    reserve = value.get("ReservedConcurrentExecutions") if isinstance(value, dict) else None
    if not isinstance(reserve, int) or isinstance(reserve, bool) or not 0 <= reserve < 2**31:
        raise AwsError(
            "InvalidParameterValueException",
            "1 validation error detected: Value at 'reservedConcurrentExecutions' failed to satisfy constraint: "
            "Member must be a number of 0 or more",
        )
    await _set(door, function, reserve)
    return Answer(msgspec.json.encode({"ReservedConcurrentExecutions": reserve}))


def get_concurrency(door: Door, name: str, qualifier: str | None) -> Answer:
    reserve = door.engine.reserved_concurrency(_unqualified(door, name, qualifier).config.name)
    return Answer(b"{}" if reserve is None else msgspec.json.encode({"ReservedConcurrentExecutions": reserve}))


async def delete_concurrency(door: Door, name: str, qualifier: str | None) -> Answer:
    await _set(door, _unqualified(door, name, qualifier), None)
    return Answer(b"", 204)


async def _set(door: Door, function: FunctionPort, value: int | None) -> None:
    try:
        await door.engine.set_reserved_concurrency(function.config.name, value)
    except UsageError as error:
        raise AwsError("InvalidParameterValueException", str(error)) from None


def _unqualified(door: Door, name: str, qualifier: str | None) -> FunctionPort:
    if qualifier is not None:
        raise AwsError(
            "InvalidParameterValueException", "Concurrency is a function's own; a version or alias has none of it"
        )
    return find(door, name, None)


def _unmark(marker: str) -> str:
    try:
        return base64.b64decode(marker.encode(), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise AwsError("InvalidParameterValueException", "Invalid Marker value provided") from None


def configuration(door: Door, function: FunctionPort) -> dict[str, Any]:
    """FunctionConfiguration of Lambda's model."""
    config = function.config
    sha = function.code_sha
    revision = uuid.uuid5(uuid.NAMESPACE_URL, function.arn + sha + repr(config))
    shown: dict[str, Any] = {
        "FunctionName": config.name,
        "FunctionArn": function.arn,
        "Runtime": config.runtime,
        "Role": f"arn:aws:iam::{door.account}:role/lambdatui",
        "Handler": config.handler,
        "CodeSize": 0,
        "Description": config.description,
        "Timeout": max(1, round(config.timeout)),
        "MemorySize": config.memory,
        "LastModified": _modified(door),
        "CodeSha256": _base64_sha(sha),
        "Version": "$LATEST",
        "TracingConfig": {"Mode": "PassThrough"},
        "RevisionId": str(revision),
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "PackageType": "Zip",
        "Architectures": [config.architecture],
        "EphemeralStorage": {"Size": config.ephemeral_storage},
        "LoggingConfig": _logging(config),
        **members(config.kept),
    }
    if config.environment:
        shown["Environment"] = {"Variables": config.environment}
    if letters := config.dead_letter_queue or config.dead_letter_topic:
        target = Destination(kind="queue" if config.dead_letter_queue else "topic", name=letters)
        shown["DeadLetterConfig"] = {"TargetArn": to_arn(target, door.region, door.account)}
    return shown


def _logging(config: FunctionConfig) -> dict[str, str]:
    """Levels are shown with the JSON format, as they count with it alone."""
    logging = config.logging
    shown = {"LogFormat": logging.format, "LogGroup": logging.group or f"/aws/lambda/{config.name}"}
    if logging.format == "JSON":
        shown |= {"ApplicationLogLevel": logging.application_level, "SystemLogLevel": logging.system_level}
    return shown


def _modified(door: Door) -> str:
    """`2026-11-21T14:31:09.434+0000`: when this engine took the code over."""
    started = door.settings.info().started_at
    try:
        return iso(from_iso(started))[:23] + "+0000"
    except ValueError:
        return "1970-01-01T00:00:00.000+0000"


def _base64_sha(sha: str) -> str:
    try:
        return base64.b64encode(bytes.fromhex(sha)).decode()
    except ValueError:
        return sha


# https://docs.aws.amazon.com/lambda/latest/api/API_Operations.html
ROUTES: list[Route] = [
    route("GET", "/2015-03-31/functions", "ListFunctions", lambda c: list_functions(c.door, c.query)),
    route("GET", f"/2015-03-31{FUNCTION}", "GetFunction", lambda c: get_function(c.door, c.name, c.qualifier)),
    route(
        "GET",
        f"/2015-03-31{FUNCTION}/configuration",
        "GetFunctionConfiguration",
        lambda c: get_configuration(c.door, c.name, c.qualifier),
    ),
    route("GET", "/2016-08-19/account-settings", "GetAccountSettings", lambda c: account_settings(c.door)),
    route(
        "PUT",
        f"/2017-10-31{FUNCTION}/concurrency",
        "PutFunctionConcurrency",
        lambda c: put_concurrency(c.door, c.name, c.qualifier, c.body),
    ),
    route(
        "GET",
        f"/2019-09-30{FUNCTION}/concurrency",
        "GetFunctionConcurrency",
        lambda c: get_concurrency(c.door, c.name, c.qualifier),
    ),
    route(
        "DELETE",
        f"/2017-10-31{FUNCTION}/concurrency",
        "DeleteFunctionConcurrency",
        lambda c: delete_concurrency(c.door, c.name, c.qualifier),
    ),
]
