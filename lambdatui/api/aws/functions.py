"""Lambda's operations on functions and their reserves, in the shapes of its service model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from lambdatui.api.aws.call import FUNCTION, Answer, Door, Route, route
from lambdatui.api.aws.configuration import configuration, named, place
from lambdatui.api.aws.constraints import Constraints
from lambdatui.api.aws.errors import AwsError
from lambdatui.api.aws.invoke import find
from lambdatui.api.aws.kept import tags
from lambdatui.api.aws.paging import page
from lambdatui.api.ports import FunctionPort
from lambdatui.errors import UsageError

_MASTER_REGION = r"ALL|(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}"
CODE_LIMIT = 80_530_636_800
UNZIPPED_LIMIT = 262_144_000
ZIPPED_LIMIT = 52_428_800


def list_functions(door: Door, query: dict[str, str]) -> Answer:
    """Sorted by name; with `FunctionVersion=ALL` every version, each under its qualified ARN."""
    wanted = Constraints.of_query(query)
    every = wanted.choice("FunctionVersion", ("ALL",))
    wanted.text("MasterRegion", pattern=_MASTER_REGION, low=1, high=50)
    wanted.check()
    functions: list[FunctionPort] = []
    for function in sorted(door.engine.functions(), key=lambda one: one.config.name):
        functions += [function, *(door.engine.versions.of(function) if every else ())]
    some, marker = page(functions, query, key=lambda one: f"{one.config.name}\0{place(one)}")
    body: dict[str, Any] = {"Functions": [configuration(door, one, one.version if every else None) for one in some]}
    if marker is not None:
        body["NextMarker"] = marker
    return Answer(msgspec.json.encode(body))


def get_function(door: Door, name: str, qualifier: str | None) -> Answer:
    """Configuration, where the code is, and the reserve where there is one."""
    function = named(door, name, qualifier)
    body: dict[str, Any] = {
        "Configuration": configuration(door, function, qualifier),
        "Code": {"RepositoryType": "S3", "Location": Path(function.config.code_root).absolute().as_uri()},
    }
    if found := tags(function.config.kept):
        body["Tags"] = found
    reserve = door.engine.reserved_concurrency(function.config.name)
    if reserve is not None:
        body["Concurrency"] = {"ReservedConcurrentExecutions": reserve}
    return Answer(msgspec.json.encode(body))


def get_configuration(door: Door, name: str, qualifier: str | None) -> Answer:
    return Answer(msgspec.json.encode(configuration(door, named(door, name, qualifier), qualifier)))


def account_settings(door: Door) -> Answer:
    limit, unreserved = door.engine.account_concurrency()
    functions, versions = door.engine.functions(), door.engine.versions
    return Answer(
        msgspec.json.encode({
            "AccountLimit": {
                "TotalCodeSize": CODE_LIMIT,
                "CodeSizeUnzipped": UNZIPPED_LIMIT,
                "CodeSizeZipped": ZIPPED_LIMIT,
                "ConcurrentExecutions": limit,
                "UnreservedConcurrentExecutions": unreserved,
            },
            "AccountUsage": {
                "TotalCodeSize": sum(one.code_size for each in functions for one in (each, *versions.of(each))),
                "FunctionCount": len(functions),
            },
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
