"""Lambda's operations on functions, in the shapes of its service model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from lambdatui.api.aws.call import FUNCTION, Answer, Door, Route, route
from lambdatui.api.aws.configuration import configuration, named, place
from lambdatui.api.aws.constraints import Constraints
from lambdatui.api.aws.kept import tags
from lambdatui.api.aws.paging import page
from lambdatui.api.ports import FunctionPort

_MASTER_REGION = r"ALL|(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}"


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
]
