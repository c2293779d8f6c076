"""Lambda's operations on event source mappings. What the files declare is changed as an override, and may be deleted:
both last until the declaration is edited.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec

from lambdatui.api.aws import mapping_rules, names
from lambdatui.api.aws.call import Answer, Call, Route, route
from lambdatui.api.aws.constraints import Constraints
from lambdatui.api.aws.invoke import find
from lambdatui.api.aws.mapping_door import (
    answer,
    check,
    check_only,
    declared_of,
    function_of,
    kind_of,
    mapping_of,
    named,
    row_of,
    shape,
    source_arn,
    source_at,
)
from lambdatui.api.aws.paging import page
from lambdatui.clock import MICROS
from lambdatui.config.made import DELETED, Made, endpoints, plain
from lambdatui.config.model import StreamMapping

PAGE = 100  # ListEventSourceMappings never gives more, whatever MaxItems says


async def create(call: Call) -> Answer:
    """202, and the mapping polls when the answer is written."""
    door, fields = call.door, Constraints.of_body(call.body)
    arn, wanted = mapping_rules.arn(fields), fields.text("FunctionName", required=True)
    fields.check()
    source = mapping_rules.source_of(arn)
    said = mapping_rules.changes(fields, source)
    said |= mapping_rules.position(fields, source, arn or "", door.engine.clock.now_us() / MICROS)
    said["tags"] = mapping_rules.tags(fields)
    function, qualifier = function_of(door, wanted or "")
    config = source_at(door, source, arn or "")
    kind = {"type": "queue", "queue": config.name} if source == "sqs" else {"type": "stream", "stream": config.name}
    said |= {**kind, "uuid": str(uuid.uuid4()), "function": function.config.name, "qualifier": qualifier}
    mapping = mapping_of(said)
    check(door, mapping, said, function=function)
    check_only(door, mapping)
    now_us = door.engine.clock.now_us()
    kept = {name: said[name] for name in mapping_rules.KEPT if name in said}
    await door.engine.make(
        Made(
            kind="mapping",
            name=mapping.uuid,
            own=True,
            config={**msgspec.to_builtins(mapping), **kept},
            created_us=now_us,
            modified_us=now_us,
        )
    )
    creating = mapping.enabled or isinstance(mapping, StreamMapping)
    return answer(door, mapping, "Creating" if creating else "Disabled", 202)


def get(call: Call) -> Answer:
    return answer(call.door, named(call))


def list_mappings(call: Call) -> Answer:
    """Sorted by UUID; `NextMarker` names the first of the next page."""
    fields = Constraints.of_query(call.query)
    arn, wanted = mapping_rules.arn(fields), fields.text("FunctionName")
    fields.check()
    found = sorted(call.door.engine.project.mappings, key=lambda mapping: mapping.uuid)
    if wanted is not None:
        name, qualifier = names.parse(wanted.encode())
        function = find(call.door, name, qualifier).config.name
        found = [one for one in found if one.function == function and one.qualifier == qualifier]
    if arn is not None:
        found = [one for one in found if source_arn(call.door, one) == arn]
    shown, rest = page(found, call.query, key=lambda mapping: mapping.uuid, cap=PAGE)
    body: dict[str, Any] = {"EventSourceMappings": [shape(call.door, mapping) for mapping in shown]}
    if rest is not None:
        body["NextMarker"] = rest
    return Answer(msgspec.json.encode(body))


async def update(call: Call) -> Answer:
    """202; what is not named stays. The next batch is taken by the new settings."""
    door, before, fields = call.door, named(call), Constraints.of_body(call.body)
    wanted = fields.text("FunctionName")
    said = mapping_rules.changes(fields, kind_of(door, before))
    function = None
    if wanted is not None:
        function, said["qualifier"] = function_of(door, wanted)
        said["function"] = function.config.name
    mapping = mapping_of({**msgspec.to_builtins(before), **said})
    row = row_of(door, before)
    check(door, mapping, row.config | said, function=function)
    check_only(door, mapping)
    declared = declared_of(door, before)
    files_say = {} if declared is None else plain(declared)
    await door.engine.make(
        msgspec.structs.replace(
            row,
            config={**row.config, **msgspec.to_builtins(said)},
            base={**row.base, **{name: files_say[name] for name in said if name in files_say}},
            modified_us=door.engine.clock.now_us(),
        )
    )
    if "enabled" in said:
        await door.sources.set_polling(mapping.uuid, on=mapping.enabled)
    changing = "Updating" if mapping.enabled or isinstance(mapping, StreamMapping) else "Disabled"
    if mapping.enabled != before.enabled:
        changing = "Enabling" if mapping.enabled else "Disabling"
    return answer(door, mapping, changing, 202)


async def delete(call: Call) -> Answer:
    """202; the batch that runs may end. One that the files declare is gone until its declaration is edited."""
    door, mapping = call.door, named(call)
    deleting, declared = answer(door, mapping, "Deleting", 202), declared_of(door, mapping)
    if declared is None:
        await door.engine.unmake("mapping", mapping.uuid)
        return deleting
    now_us = door.engine.clock.now_us()
    base = {DELETED: plain(declared)}
    row = msgspec.structs.replace(row_of(door, mapping), config={DELETED: True}, base=base, modified_us=now_us)
    await door.engine.make(row)
    said = f"its mapping of {endpoints(mapping)[0]} was deleted by API: it comes back when its declaration is edited"
    door.engine.telemetry.say("config", mapping.function, said)
    return deleting


def _alone(operation: Callable[[Call], Coroutine[Any, Any, Answer]]) -> Callable[[Call], Coroutine[Any, Any, Answer]]:
    """One change after the other: each looks at what is there before it writes."""

    async def change(call: Call) -> Answer:
        async with call.door.changing:
            return await operation(call)

    return change


_ALL, _ONE = "/2015-03-31/event-source-mappings", "/2015-03-31/event-source-mappings/(?P<uuid>[^/]+)"
ROUTES: list[Route] = [
    route("POST", _ALL, "CreateEventSourceMapping", _alone(create)),
    route("GET", _ALL, "ListEventSourceMappings", list_mappings),
    route("GET", _ONE, "GetEventSourceMapping", get),
    route("PUT", _ONE, "UpdateEventSourceMapping", _alone(update)),
    route("DELETE", _ONE, "DeleteEventSourceMapping", _alone(delete)),
]
