"""Lambda's operations on aliases, in the shapes of its service model.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-aliases.html
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from lambdatui.api.aws.call import FUNCTION, Answer, Call, Route, route
from lambdatui.api.aws.configuration import stale, unqualified
from lambdatui.api.aws.constraints import Constraints
from lambdatui.api.aws.errors import AwsError
from lambdatui.api.aws.paging import page
from lambdatui.api.aws.versions import needed
from lambdatui.api.ports import FunctionPort
from lambdatui.engine.model import LATEST
from lambdatui.engine.versions import Alias
from lambdatui.errors import NotFound

_NAME = r"(?!^[0-9]+$)([a-zA-Z0-9-_]+)"
_VERSION = r"(\$LATEST(\.PUBLISHED)?|[0-9]+)"
_ALIAS = f"/2015-03-31{FUNCTION}/aliases/(?P<alias>[^/]+)"


async def create(call: Call) -> Answer:
    function = unqualified(call.door, call.name, call.qualifier)
    body = Constraints.of_body(call.body)
    name = body.text("Name", required=True, pattern=_NAME, low=1, high=128) or ""
    version = body.text("FunctionVersion", required=True, pattern=_VERSION, low=1, high=1024) or ""
    description = body.text("Description", high=256) or ""
    weights = _weights(body)
    body.check()
    async with call.door.changing:
        if _existing(call, function, name) is not None:
            raise AwsError("ResourceConflictException", f"Alias already exists: {function.arn}:{name}")
        _check(call, function, version, weights or {})
        made = await call.door.engine.versions.put_alias(function, name, version, weights or {}, description)
    return Answer(msgspec.json.encode(_shown(function, made)), 201)


def get(call: Call) -> Answer:
    function = unqualified(call.door, call.name, call.qualifier)
    return Answer(msgspec.json.encode(_shown(function, _needed(call, function))))


async def update(call: Call) -> Answer:
    """Changes what is given. Another version keeps the weights, if they are none of it."""
    function = unqualified(call.door, call.name, call.qualifier)
    body = Constraints.of_body(call.body)
    version = body.text("FunctionVersion", pattern=_VERSION, low=1, high=1024)
    description = body.text("Description", high=256)
    revision = body.text("RevisionId")
    weights = _weights(body)
    body.check()
    async with call.door.changing:
        alias = _needed(call, function)
        if revision and revision != alias.revision(function.arn):
            raise stale()
        version = alias.version if version is None else version
        weights = alias.weights if weights is None else weights
        _check(call, function, version, weights)
        made = await call.door.engine.versions.put_alias(
            function, alias.name, version, weights, alias.description if description is None else description
        )
    return Answer(msgspec.json.encode(_shown(function, made)))


async def delete(call: Call) -> Answer:
    """One that is not there is gone. What the files declare comes back with them, so they have to let it go first."""
    function = unqualified(call.door, call.name, call.qualifier)
    async with call.door.changing:
        alias = _existing(call, function, _name(call))
        if alias is not None:
            if alias.declared:
                raise AwsError(
                    "ResourceConflictException",
                    f"The alias {alias.name} is declared in {function.config.file or 'the project'}: remove it there; "
                    "lambdatui changes no file of the project",
                )
            await call.door.engine.versions.delete_alias(function, alias.name)
    return Answer(b"", 204)


def list_all(call: Call) -> Answer:
    function = unqualified(call.door, call.name, call.qualifier)
    query = Constraints.of_query(call.query)
    version = query.text("FunctionVersion", pattern=_VERSION, low=1, high=1024)
    query.check()
    found = call.door.engine.versions.aliases(function)
    if version is not None:
        found = [alias for alias in found if version in alias.versions]
    some, marker = page(found, call.query, key=lambda alias: alias.name)
    body: dict[str, Any] = {"Aliases": [_shown(function, alias) for alias in some]}
    if marker is not None:
        body["NextMarker"] = marker
    return Answer(msgspec.json.encode(body))


def _name(call: Call) -> str:
    name = call.path["alias"]
    path = Constraints({"Name": name})
    path.text("Name", pattern=_NAME, low=1, high=128)
    path.check()
    return name


def _existing(call: Call, function: FunctionPort, name: str) -> Alias | None:
    try:
        return call.door.engine.versions.alias(function, name)
    except NotFound:
        return None


def _needed(call: Call, function: FunctionPort) -> Alias:
    name = _name(call)
    found = _existing(call, function, name)
    if found is None:
        raise AwsError("ResourceNotFoundException", f"Cannot find alias arn: {function.arn}:{name}")
    return found


def _weights(body: Constraints) -> dict[str, float] | None:
    """The additional version and its share; empty where the request takes it away, None where it says nothing."""
    routing = body.object("RoutingConfig")
    if routing is None:
        return None
    written = routing.map("AdditionalVersionWeights") or {}
    shares = [share for share in written.values() if not isinstance(share, bool) and isinstance(share, int | float)]
    if len(shares) < len(written) or not all(0 <= share <= 1 for share in shares):
        routing.fail(
            "AdditionalVersionWeights",
            "Map value must satisfy constraint: [Member must have value less than or equal to 1.0, Member must have "
            "value greater than or equal to 0.0, Member must not be null]",
        )
        return None
    if not all(re.fullmatch("[0-9]{1,1024}", version) for version in written):
        routing.fail(
            "AdditionalVersionWeights",
            "Map keys must satisfy constraint: [Member must have length less than or equal to 1024, Member must have "
            "length greater than or equal to 1, Member must satisfy regular expression pattern: [0-9]+, Member must "
            "not be null]",
        )
        return None
    return {version: float(share) for version, share in written.items()}


def _check(call: Call, function: FunctionPort, version: str, weights: dict[str, float]) -> None:
    """Raises what AWS says of versions that are not there, and of weights that cannot be."""
    needed(call, function, version)
    if len(weights) > 1:
        raise AwsError(
            "InvalidParameterValueException", "Number of items in AdditionalVersionWeights cannot be greater than 1"
        )
    for other in weights:
        if other == version:
            raise AwsError(
                "InvalidParameterValueException",
                f"Invalid function version {version}. Function version {version} is already included in routing "
                "configuration.",
            )
        if version == LATEST:
            raise AwsError(
                "InvalidParameterValueException",
                "$LATEST is not supported for an alias pointing to more than 1 version",
            )
        needed(call, function, other)


def _shown(function: FunctionPort, alias: Alias) -> dict[str, Any]:
    """AliasConfiguration."""
    shown: dict[str, Any] = {
        "AliasArn": f"{function.arn}:{alias.name}",
        "Name": alias.name,
        "FunctionVersion": alias.version,
        "Description": alias.description,
        "RevisionId": alias.revision(function.arn),
    }
    if alias.weights:
        shown["RoutingConfig"] = {"AdditionalVersionWeights": alias.weights}
    return shown


ROUTES: list[Route] = [
    route("POST", f"/2015-03-31{FUNCTION}/aliases", "CreateAlias", create),
    route("GET", f"/2015-03-31{FUNCTION}/aliases", "ListAliases", list_all),
    route("GET", _ALIAS, "GetAlias", get),
    route("PUT", _ALIAS, "UpdateAlias", update),
    route("DELETE", _ALIAS, "DeleteAlias", delete),
]
