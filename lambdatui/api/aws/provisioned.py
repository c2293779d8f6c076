"""Lambda's operations on provisioned concurrency, in the shapes of its service model.

https://docs.aws.amazon.com/lambda/latest/dg/provisioned-concurrency.html
"""

from __future__ import annotations

from typing import Any

import msgspec

from lambdatui.api.aws.call import FUNCTION, Answer, Call, Route, route
from lambdatui.api.aws.configuration import not_found, unqualified
from lambdatui.api.aws.constraints import Constraints, violated, violation
from lambdatui.api.aws.errors import AwsError
from lambdatui.api.aws.paging import page
from lambdatui.api.ports import FunctionPort
from lambdatui.clock import iso
from lambdatui.engine.model import LATEST
from lambdatui.engine.provisioned import UNPUBLISHED
from lambdatui.engine.provisioner import Standing
from lambdatui.errors import UsageError

MOST = 2**31 - 1  # Integer of the model


async def put(call: Call) -> Answer:
    """202: its environments are initialised in the background, as Get tells."""
    if call.qualifier == LATEST:
        raise AwsError("InvalidParameterValueException", UNPUBLISHED)
    body = Constraints.of_body(call.body)
    requested = body.number("ProvisionedConcurrentExecutions", 1, MOST, required=True)
    body.check()
    assert requested is not None
    function, qualifier = _named(call)
    async with call.door.changing:
        _check(call, function, qualifier)
        try:
            standing = await call.door.engine.provisioner.put(function.name, qualifier, requested)
        except UsageError as error:
            raise AwsError("InvalidParameterValueException", str(error)) from None
    return Answer(msgspec.json.encode(_shown(standing)), 202)


def get_or_list(call: Call) -> Answer:
    """One path: `?Qualifier=` asks for one, `?List=ALL` for all of the function."""
    if call.query.get("List") == "ALL":
        return _list(call)
    function, qualifier = _named(call)
    standing = call.door.engine.provisioner.standing(function.name, qualifier)
    if standing is None:
        raise AwsError(
            "ProvisionedConcurrencyConfigNotFoundException", "No Provisioned Concurrency Config found for this function"
        )
    return Answer(msgspec.json.encode(_shown(standing)))


def _list(call: Call) -> Answer:
    """By qualifier."""
    function = unqualified(call.door, call.name, call.qualifier)
    found = call.door.engine.provisioner.standings(function.name)
    some, marker = page(found, call.query, key=lambda one: one.wanted.qualifier, most=50)
    configs = [{"FunctionArn": f"{function.arn}:{one.wanted.qualifier}", **_shown(one)} for one in some]
    body: dict[str, Any] = {"ProvisionedConcurrencyConfigs": configs}
    if marker is not None:
        body["NextMarker"] = marker
    return Answer(msgspec.json.encode(body))


async def delete(call: Call) -> Answer:
    """What is not there is gone: 204, as AWS answers."""
    function, qualifier = _named(call)
    await call.door.engine.provisioner.delete(function.name, qualifier)
    return Answer(b"", 204)


def _named(call: Call) -> tuple[FunctionPort, str]:
    """The function and a version or alias of it; AWS's errors for anything else."""
    if call.qualifier is None:
        raise violated(violation("null", "qualifier", "Member must not be null"))
    if call.qualifier.startswith("$"):
        raise AwsError(
            "InvalidParameterValueException", "The function resource provided must be an alias or a published version."
        )
    function = unqualified(call.door, call.name, None)
    versions = call.door.engine.versions
    if call.qualifier.isdecimal():
        if call.qualifier not in {one.version for one in versions.of(function)}:
            raise not_found(f"{function.arn}:{call.qualifier}")
    elif call.qualifier not in {one.name for one in versions.aliases(function)}:
        raise AwsError("ResourceNotFoundException", f"Cannot find alias arn: {function.arn}:{call.qualifier}")
    return function, call.qualifier


def _check(call: Call, function: FunctionPort, qualifier: str) -> None:
    """An alias of $LATEST has none, and a version and an alias that points to it cannot both have some."""
    engine = call.door.engine
    if any(one.name == qualifier and one.version == LATEST for one in engine.versions.aliases(function)):
        raise AwsError("InvalidParameterValueException", UNPUBLISHED)
    having = {one.wanted.qualifier for one in engine.provisioner.standings(function.name)}
    for alias in engine.versions.aliases(function):
        if alias.name == qualifier and having & alias.versions:
            raise AwsError(
                "ResourceConflictException",
                "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version",
            )
        if alias.name in having and qualifier in alias.versions:
            raise AwsError("ResourceConflictException", "Version is pointed by a Provisioned Concurrency alias")


def _shown(standing: Standing) -> dict[str, Any]:
    shown = {
        "RequestedProvisionedConcurrentExecutions": standing.wanted.requested,
        "AvailableProvisionedConcurrentExecutions": standing.ready,
        "AllocatedProvisionedConcurrentExecutions": standing.ready,
        "Status": standing.status,
        "LastModified": iso(standing.wanted.modified_us)[:19] + "+0000",
    }
    return shown if standing.reason is None else shown | {"StatusReason": standing.reason}


_PATH = f"/2019-09-30{FUNCTION}/provisioned-concurrency"
ROUTES: list[Route] = [
    route("PUT", _PATH, "PutProvisionedConcurrencyConfig", put),
    route("GET", _PATH, "GetProvisionedConcurrencyConfig", get_or_list),
    route("GET", _PATH, "ListProvisionedConcurrencyConfigs", get_or_list),
    route("DELETE", _PATH, "DeleteProvisionedConcurrencyConfig", delete),
]
