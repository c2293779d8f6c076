"""What stands behind an event source mapping: its row, its function and its source, and the answer that tells of it."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import msgspec

from lambdatui.api.aws import mapping_rules, mapping_shapes, names
from lambdatui.api.aws.call import Answer, Call, Door
from lambdatui.api.aws.errors import AwsError
from lambdatui.api.ports import FunctionPort
from lambdatui.clock import from_iso
from lambdatui.config.declared import partition
from lambdatui.config.destinations import to_arn
from lambdatui.config.filters import Source
from lambdatui.config.made import DELETED, Made, endpoints
from lambdatui.config.model import Destination, QueueConfig, QueueMapping, StreamConfig, StreamMapping
from lambdatui.errors import NotFound
from lambdatui.sources import shapes

Mapping = QueueMapping | StreamMapping


def named(call: Call) -> Mapping:
    """The mapping whose UUID the path names."""
    wanted = unquote(call.path["uuid"])
    for mapping in call.door.engine.project.mappings:
        if mapping.uuid == wanted:
            return mapping
    raise AwsError("ResourceNotFoundException", "The resource you requested does not exist.")


def declared_of(door: Door, mapping: Mapping) -> Mapping | None:
    """The mapping as the files say it; None where the API made it."""
    return next((one for one in door.engine.declared.mappings if one.uuid == mapping.uuid), None)


def row_of(door: Door, mapping: Mapping) -> Made:
    """What the API has made of a mapping, or nothing yet."""
    row = door.engine.store.made.get("mapping", mapping.uuid)
    if row is None or DELETED in row.config:
        now_us = door.engine.clock.now_us()
        row = Made(kind="mapping", name=mapping.uuid, own=False, created_us=now_us, modified_us=now_us)
    return row


def function_of(door: Door, wanted: str) -> tuple[FunctionPort, str | None]:
    """The function of a FunctionName, and the qualifier in it."""
    name, qualifier = names.parse(wanted.encode())
    try:
        door.engine.function(name, qualifier)  # the alias or version has to be there too
        return door.engine.function(name), qualifier
    except NotFound:
        raise AwsError("InvalidParameterValueException", "Function does not exist") from None


def source_at(door: Door, source: Source, arn: str) -> QueueConfig | StreamConfig:
    """The queue or stream of an EventSourceArn."""
    try:
        return door.sources.queue(arn) if source == "sqs" else door.sources.stream(arn)
    except NotFound:
        if source == "sqs":
            said = "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. "
            said += "SQS Error Message: The specified queue does not exist."
        else:
            said = f"Stream not found: {arn}"
        raise AwsError("InvalidParameterValueException", said) from None


def kind_of(door: Door, mapping: Mapping) -> Source:
    if isinstance(mapping, QueueMapping):
        return "sqs"
    return "dynamodb" if ":dynamodb:" in source_arn(door, mapping) else "kinesis"


# --- checks


def mapping_of(fields: dict[str, Any]) -> Mapping:
    """The mapping with these fields; what it only keeps is passed over."""
    mapping: Mapping = msgspec.convert(msgspec.to_builtins(fields), Mapping)
    return mapping


def check(door: Door, mapping: Mapping, said: dict[str, Any], *, function: FunctionPort | None) -> None:
    """What a mapping's settings, source, function (where it is new) and destination must be to one another."""
    if isinstance(mapping, StreamMapping):
        mapping_rules.check_stream(mapping)
        if mapping.on_failure is not None and not _there(door, mapping.on_failure):
            raise mapping_rules.bad_destination(to_arn(mapping.on_failure, door.region, door.account))
        return
    queue = next((one for one in door.engine.project.queues if one.name == mapping.queue), None)
    if queue is not None:
        mapping_rules.check_queue(mapping, queue, pollers=bool(said.get("pollers")))
        if function is not None:
            mapping_rules.check_timeouts(queue, function.config)


def _there(door: Door, destination: Destination) -> bool:
    """Whether a destination exists, as far as the engine itself holds it; topics and buckets may be the local AWS'."""
    return destination.kind != "queue" or any(one.name == destination.name for one in door.engine.project.queues)


def check_only(door: Door, mapping: Mapping) -> None:
    """A function has one mapping of a source. Raises ResourceConflictException for another one."""
    same = next((one for one in door.engine.project.mappings if endpoints(one) == endpoints(mapping)), None)
    if same is None or same.uuid == mapping.uuid:
        return
    pair = f'arn (" {source_arn(door, same)} ") and function (" {same.function} ")'
    update_it = f"Please update or delete the existing mapping with UUID {same.uuid}"
    if isinstance(same, QueueMapping):
        said = f"An event source mapping with SQS {pair} already exists. {update_it}"
    else:
        said = f"The event source {pair} provided mapping already exists. {update_it}"
    raise AwsError("ResourceConflictException", said)


# --- answers


def answer(door: Door, mapping: Mapping, state: str | None = None, status: int = 200) -> Answer:
    """`state`: the one that begins with this answer; None: as it is."""
    return Answer(msgspec.json.encode(shape(door, mapping, state)), status)


def shape(door: Door, mapping: Mapping, state: str | None = None) -> dict[str, Any]:
    """EventSourceMappingConfiguration."""
    row = door.engine.store.made.get("mapping", mapping.uuid)
    function_arn = f"arn:{partition(door.region)}:lambda:{door.region}:{door.account}:function:{mapping.function}"
    around = mapping_shapes.Surroundings(
        region=door.region,
        account=door.account,
        source_arn=source_arn(door, mapping),
        function_arn=function_arn + (f":{mapping.qualifier}" if mapping.qualifier else ""),
        state=state or door.sources.mapping_state(mapping.uuid) or ("Enabled" if mapping.enabled else "Disabled"),
        modified_us=row.modified_us if row is not None else from_iso(door.settings.info().started_at),
        last_result=door.sources.last_result(mapping.uuid),
        kept={} if row is None else {name: row.config[name] for name in mapping_rules.KEPT if name in row.config},
    )
    return mapping_shapes.configuration(mapping, around)


def source_arn(door: Door, mapping: Mapping) -> str:
    """The ARN of its queue or stream, which may be gone."""
    if isinstance(mapping, QueueMapping):
        return shapes.queue_arn(door.region, door.account, mapping.queue)
    stream = next((one for one in door.engine.project.streams if one.name == mapping.stream), None)
    return shapes.stream_arn(
        door.region, door.account, stream or StreamConfig(name=mapping.stream, logical_id=mapping.stream)
    )
