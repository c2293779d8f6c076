"""Event source mappings by the real boto3: every raw answer and error held against botocore's model."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import msgspec
import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from lambdatui.api.aws.mappings import ROUTES
from lambdatui.config.model import FunctionConfig, Project, QueueConfig, QueueMapping, StreamConfig
from tests.api.api_support import Running, project
from tests.api.model_check import ModelCheck, watched_client

QUEUE = "arn:aws:sqs:us-east-1:000000000000:orders"
STREAM = "arn:aws:kinesis:us-east-1:000000000000:stream/clicks"
DECLARED = "11111111-1111-4111-8111-111111111111"
Filtered = {"Filters": [{"Pattern": '{"body": {"kind": ["order"]}}'}]}


def shop(root: Path) -> Project:
    base = project(root)
    long = FunctionConfig(name="long", logical_id="Long", handler="a.b", code_root=str(root), timeout=60)
    return project(
        root,
        functions=(*base.functions, long),
        queues=(*base.queues, QueueConfig(name="tasks", logical_id="Tasks"), QueueConfig(name="lost", logical_id="L")),
        streams=(*base.streams, StreamConfig(name="pets/stream", logical_id="Pets", table="pets")),
        mappings=(QueueMapping(uuid=DECLARED, function="echo", queue="tasks", batch_size=5),),
    )


@pytest.fixture
def door(fresh: Callable[..., Running], tmp_path: Path) -> Running:
    return fresh(project=shop(tmp_path), paused_all=False)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A door for requests that change nothing."""
    root = tmp_path_factory.mktemp("shop")
    running = Running(root / ".lambdatui", shop(root), {})
    yield running
    running.close()


@pytest.fixture
def watched(door: Running) -> Iterator[tuple[Any, ModelCheck]]:
    yield watched_client("lambda", door.url)


@pytest.fixture
def client(watched: tuple[Any, ModelCheck]) -> Any:
    return watched[0]


@pytest.fixture(scope="module")
def asking(shared: Running) -> Any:
    return watched_client("lambda", shared.url)[0]


def refused(call: Callable[..., Any], **arguments: Any) -> tuple[str, int, str]:
    """Error, status and message."""
    with pytest.raises(ClientError) as raised:
        call(**arguments)
    answer = raised.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Message"]


def told(client: Any, uuid: str) -> dict[str, Any]:
    answer: dict[str, Any] = client.get_event_source_mapping(UUID=uuid)
    return answer


def settled(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer without what differs from one look to the next."""
    return {key: value for key, value in answer.items() if key not in {"ResponseMetadata", "LastModified", "State"}}


def test_the_life_of_a_queues_mapping(watched: tuple[Any, ModelCheck]) -> None:
    client, check = watched
    made = client.create_event_source_mapping(
        FunctionName="echo", EventSourceArn=QUEUE, BatchSize=20, MaximumBatchingWindowInSeconds=1,
        FilterCriteria=Filtered, ScalingConfig={"MaximumConcurrency": 3},
        FunctionResponseTypes=["ReportBatchItemFailures"], MetricsConfig={"Metrics": ["EventCount"]},
        KMSKeyArn="arn:aws:kms:us-east-1:000000000000:key/1", Tags={"team": "shop"},
    )  # fmt: skip
    uuid = made["UUID"]
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert made["State"] == "Creating"
    assert settled(made) == {
        "UUID": uuid,
        "EventSourceMappingArn": f"arn:aws:lambda:us-east-1:000000000000:event-source-mapping:{uuid}",
        "EventSourceArn": QUEUE,
        "FunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:echo",
        "BatchSize": 20,
        "MaximumBatchingWindowInSeconds": 1,
        "FilterCriteria": Filtered,
        "ScalingConfig": {"MaximumConcurrency": 3},
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "MetricsConfig": {"Metrics": ["EventCount"]},
        "KMSKeyArn": "arn:aws:kms:us-east-1:000000000000:key/1",
        "StateTransitionReason": "USER_INITIATED",
    }
    assert told(client, uuid)["State"] == "Enabled"
    assert settled(told(client, uuid)) == settled(made)
    updated = client.update_event_source_mapping(UUID=uuid, BatchSize=2)
    assert (updated["ResponseMetadata"]["HTTPStatusCode"], updated["State"], updated["BatchSize"]) == (
        202,
        "Updating",
        2,
    )
    assert updated["LastModified"] >= made["LastModified"]
    assert updated["FilterCriteria"] == Filtered, "what is not named stays"
    assert client.update_event_source_mapping(UUID=uuid, Enabled=False)["State"] == "Disabling"
    assert told(client, uuid)["State"] == "Disabled"
    assert client.update_event_source_mapping(UUID=uuid, Enabled=True)["State"] == "Enabling"
    assert [one["UUID"] for one in client.list_event_source_mappings()["EventSourceMappings"]] == sorted(
        [uuid, DECLARED]
    )
    gone = client.delete_event_source_mapping(UUID=uuid)
    assert (gone["ResponseMetadata"]["HTTPStatusCode"], gone["State"]) == (202, "Deleting")
    assert check.answered == {route.name for route in ROUTES}
    for call in (client.get_event_source_mapping, client.update_event_source_mapping,
                 client.delete_event_source_mapping):  # fmt: skip
        assert refused(call, UUID=uuid) == (
            "ResourceNotFoundException",
            404,
            "The resource you requested does not exist.",
        )


def test_a_streams_mapping_tells_all_of_its_settings(client: Any) -> None:
    lost = "arn:aws:sqs:us-east-1:000000000000:lost"
    made = client.create_event_source_mapping(
        FunctionName="arn:aws:lambda:us-east-1:000000000000:function:echo", EventSourceArn=STREAM,
        StartingPosition="AT_TIMESTAMP", StartingPositionTimestamp=1_700_000_000, ParallelizationFactor=2,
        MaximumRecordAgeInSeconds=60, MaximumRetryAttempts=0, BisectBatchOnFunctionError=True,
        DestinationConfig={"OnFailure": {"Destination": lost}},
    )  # fmt: skip
    assert (made["State"], made["StateTransitionReason"], made["LastProcessingResult"]) == (
        "Creating",
        "User action",
        "No records processed",
    )
    assert made["StartingPositionTimestamp"].timestamp() == 1_700_000_000
    assert made["DestinationConfig"] == {"OnFailure": {"Destination": lost}}
    changed = client.update_event_source_mapping(
        UUID=made["UUID"], DestinationConfig={"OnFailure": {}}, ParallelizationFactor=1, TumblingWindowInSeconds=30
    )
    assert changed["DestinationConfig"] == {"OnFailure": {}}
    wanted = {
        "BatchSize": 100, "MaximumBatchingWindowInSeconds": 0, "ParallelizationFactor": 1, "FunctionResponseTypes": [],
        "MaximumRecordAgeInSeconds": 60, "MaximumRetryAttempts": 0, "BisectBatchOnFunctionError": True,
        "TumblingWindowInSeconds": 30, "StartingPosition": "AT_TIMESTAMP", "EventSourceArn": STREAM,
    }  # fmt: skip
    assert wanted.items() <= told(client, made["UUID"]).items()


def test_a_tables_mapping(client: Any) -> None:
    arn = "arn:aws:dynamodb:us-east-1:000000000000:table/pets/stream/2026-01-01T00:00:00.000"
    new = {"FunctionName": "echo", "EventSourceArn": arn}
    refusal = refused(
        client.create_event_source_mapping, **new, StartingPosition="AT_TIMESTAMP", StartingPositionTimestamp=1
    )
    assert refusal[2] == f"Unsupported starting position for arn type: {arn}"
    made = client.create_event_source_mapping(
        **new, StartingPosition="LATEST", FilterCriteria={"Filters": [{"Pattern": '{"eventName": ["INSERT"]}'}]}
    )
    assert (made["EventSourceArn"], made["StartingPosition"]) == (arn, "LATEST")
    update = client.update_event_source_mapping(UUID=made["UUID"], FilterCriteria={})
    assert "FilterCriteria" not in update


CREATE = boto3.client("lambda", "us-east-1").meta.service_model.operation_model("CreateEventSourceMapping")
MEMBERS, ERRORS = set(CREATE.input_shape.members), {shape.name for shape in CREATE.error_shapes}
NEW = {"FunctionName": "echo", "EventSourceArn": QUEUE}
READ = {"FunctionName": "echo", "EventSourceArn": STREAM, "StartingPosition": "LATEST"}
TYPE = "parameter for given event source mapping type."


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"FunctionName": "echo"}, "Unrecognized event source."),
        (NEW | {"EventSourceArn": "arn:aws:kafka:us-east-1:000000000000:cluster/x"}, "Unrecognized event source. lambda"
         "tui reads SQS queues, Kinesis streams and DynamoDB streams, not kafka."),
        (NEW | {"EventSourceArn": "orders"}, "1 validation error detected: Value 'orders' at 'eventSourceArn' failed"),
        (NEW | {"FunctionName": "none"}, "Function does not exist"),
        (NEW | {"FunctionName": "echo:unknown"}, "Function does not exist"),
        (NEW | {"EventSourceArn": QUEUE + "x"}, "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueue"
         "Service.NonExistentQueue. SQS Error Message: The specified queue does not exist."),
        (READ | {"EventSourceArn": STREAM + "x"}, f"Stream not found: {STREAM}x"),
        (NEW | {"BatchSize": 11}, "Maximum batch window in seconds must be greater than 0 if maximum batch size is "
         "greater than 10"),
        (NEW | {"EventSourceArn": "arn:aws:sqs:us-east-1:000000000000:lane.fifo", "MaximumBatchingWindowInSeconds": 1},
         "Batching window is not supported for FIFO queues"),
        (NEW | {"ScalingConfig": {"MaximumConcurrency": 2}, "ProvisionedPollerConfig": {"MinimumPollers": 2}},
         "Provisioned mode for SQS ESM does not support maximum concurrency feature."),
        (NEW | {"ProvisionedPollerConfig": {"MinimumPollers": 5, "MaximumPollers": 2}}, "MinimumPollers must not be"),
        (NEW | {"FilterCriteria": {"Filters": [{"Pattern": "{"}]}}, "Invalid filter pattern definition."),
        (NEW | {"FilterCriteria": {"Filters": [{}]}}, "Invalid filter pattern definition."),
        (NEW | {"FilterCriteria": {"Filters": [{"Pattern": '{"a": [1]}'}] * 6}}, "An event source mapping has at most"),
        (NEW | {"StartingPosition": "LATEST"}, "StartingPosition is not valid for SQS event sources."),
        (NEW | {"StartingPositionTimestamp": 5}, "StartingPosition is not valid for SQS event sources."),
        (NEW | {"FunctionResponseTypes": ["All"]}, "1 validation error detected: Value '[\"All\"]' at 'functionResponse"
         "Types' failed to satisfy constraint: Member must satisfy constraint: [Member must satisfy enum value set: "
         "[ReportBatchItemFailures]]"),
        (NEW | {"MetricsConfig": {"Metrics": ["KafkaMetrics"]}}, f"Unsupported MetricsConfig {TYPE}"),
        (NEW | {"ParallelizationFactor": 1}, f"Unsupported ParallelizationFactor {TYPE}"),
        (NEW | {"BisectBatchOnFunctionError": False}, f"Unsupported BisectBatchOnFunctionError {TYPE}"),
        (NEW | {"MaximumRetryAttempts": 1}, f"Unsupported MaximumRetryAttempts {TYPE}"),
        (NEW | {"MaximumRecordAgeInSeconds": 60}, f"Unsupported MaximumRecordAgeInSeconds {TYPE}"),
        (NEW | {"TumblingWindowInSeconds": 60}, f"Unsupported TumblingWindowInSeconds {TYPE}"),
        (NEW | {"DestinationConfig": {"OnFailure": {"Destination": QUEUE}}}, f"Unsupported DestinationConfig {TYPE}"),
        (NEW | {"Topics": ["x1"]}, f"Unsupported Topics {TYPE}"),
        (NEW | {"FunctionName": "long"}, "Queue visibility timeout: 30 seconds is less than Function timeout: 60 "
         "seconds"),
        ({"FunctionName": "echo", "EventSourceArn": STREAM}, "1 validation error detected: Value null at 'startingPosi"
         "tion' failed to satisfy constraint: Member must not be null"),
        (READ | {"StartingPosition": "0"}, "1 validation error detected: Value '0' at 'startingPosition' failed to "
         "satisfy constraint: Member must satisfy enum value set: [LATEST, AT_TIMESTAMP, TRIM_HORIZON]"),
        (READ | {"StartingPositionTimestamp": 5}, "Timestamp only valid with StartingPosition AT_TIMESTAMP"),
        (READ | {"StartingPosition": "AT_TIMESTAMP"}, "Need to specify a timestamp"),
        (READ | {"StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": -5}, "Received Exception while "
         "reading from provided stream. class java.lang.Long can not be converted to a Timestamp"),
        (READ | {"StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": 9e9}, "StartingPositionTimestamp "
         "cannot be in the future."),
        (READ | {"MaximumRecordAgeInSeconds": 59}, "MaximumRecordAgeInSeconds must be either -1 (forever) or between "
         "60 and 604800 (inclusive)"),
        (READ | {"TumblingWindowInSeconds": 10, "ParallelizationFactor": 2}, "ParallelizationFactor must be 1 for"),
        (READ | {"ScalingConfig": {"MaximumConcurrency": 2}}, f"Unsupported ScalingConfig {TYPE}"),
        (READ | {"FilterCriteria": {"Filters": [{"Pattern": '{"data": ["plain"]}'}]}}, "Invalid filter pattern"),
        (READ | {"DestinationConfig": {"OnSuccess": {"Destination": QUEUE}}}, f"Unsupported DestinationConfig {TYPE}"),
        (READ | {"DestinationConfig": {"OnFailure": {"Destination": QUEUE + "x"}}}, "The provided destination config "
         f"DestinationConfig(onSuccess=null, onFailure=OnFailure(destination={QUEUE}x)) is invalid."),
        (READ | {"DestinationConfig": {"OnFailure": {"Destination": "arn:aws:lambda:us-east-1:000000000000:function:"
         "echo"}}}, "The provided destination config "),
    ],
)  # fmt: skip
def test_what_aws_refuses(asking: Any, arguments: dict[str, Any], message: str) -> None:
    error, status, said = refused(asking.create_event_source_mapping, **arguments)
    assert (error, status) == ("InvalidParameterValueException", 400)
    assert said.startswith(message)


def test_everything_that_breaks_a_constraint_is_said_at_once(shared: Running) -> None:
    body = {"EventSourceArn": QUEUE, "FunctionName": "echo", "BatchSize": 0, "ScalingConfig": {"MaximumConcurrency": 1}}
    status, answer = post(shared, msgspec.json.encode(body))
    assert (status, answer["Type"]) == (400, "User")
    assert answer["message"] == (
        "2 validation errors detected: Value '0' at 'batchSize' failed to satisfy constraint: Member must have value "
        "greater than or equal to 1; Value '1' at 'scalingConfig.maximumConcurrency' failed to satisfy constraint: "
        "Member must have value greater than or equal to 2"
    )


anything = (
    st.none() | st.booleans() | st.integers() | st.text(max_size=9)
    | st.sampled_from([QUEUE, STREAM, "echo", [], {}])
    | st.lists(st.integers() | st.text(max_size=3), max_size=2)
    | st.dictionaries(st.sampled_from(["Filters", "Metrics", "OnFailure", "MaximumConcurrency"]), st.integers())
)  # fmt: skip


requests = st.dictionaries(st.sampled_from(sorted(MEMBERS)), anything, max_size=6)


@given(requests, requests)
def test_no_request_is_answered_otherwise_than_modelled(
    shared: Running, members: dict[str, Any], changes: dict[str, Any]
) -> None:
    def ask(body: dict[str, Any], path: str = "", method: str = "POST") -> tuple[int, Any]:
        status, answer = post(shared, json.dumps(body).encode("utf-8", "surrogatepass"), path, method)
        assert status in (202, 400, 404, 409), answer
        return status, answer

    sound = {"FunctionName": "echo", "EventSourceArn": QUEUE}
    status, answer = ask(sound | members)
    if status == 202:
        ask(changes, f"/{answer['UUID']}", "PUT")
        assert ask({}, f"/{answer['UUID']}", "DELETE")[0] == 202
    ask(changes, f"/{DECLARED}", "PUT")


def post(door: Running, body: bytes, path: str = "", method: str = "POST") -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", door.port, timeout=60)
    connection.request(method, "/2015-03-31/event-source-mappings" + path, body, {"x-amz-date": "x"})
    answer = connection.getresponse()
    if answer.status >= 400:
        assert answer.headers["x-amzn-errortype"] in ERRORS
    return answer.status, json.loads(answer.read())


def test_a_second_mapping_of_source_and_function_is_refused(client: Any) -> None:
    first = client.create_event_source_mapping(FunctionName="echo", EventSourceArn=QUEUE)["UUID"]
    assert refused(client.create_event_source_mapping, FunctionName="echo", EventSourceArn=QUEUE) == (
        "ResourceConflictException",
        409,
        f'An event source mapping with SQS arn (" {QUEUE} ") and function (" echo ") already exists. '
        f"Please update or delete the existing mapping with UUID {first}",
    )
    read = {"FunctionName": "echo", "EventSourceArn": STREAM, "StartingPosition": "LATEST"}
    second = client.create_event_source_mapping(**read)["UUID"]
    assert refused(client.create_event_source_mapping, **read)[2] == (
        f'The event source arn (" {STREAM} ") and function (" echo ") provided mapping already exists. '
        f"Please update or delete the existing mapping with UUID {second}"
    )
    other = client.create_event_source_mapping(FunctionName="page", EventSourceArn=QUEUE)["UUID"]
    assert refused(client.update_event_source_mapping, UUID=other, FunctionName="echo")[0] == (
        "ResourceConflictException"
    )


def test_of_two_that_are_made_at_once_one_is_refused(client: Any) -> None:
    def create(_: int) -> int:
        try:
            answer = client.create_event_source_mapping(FunctionName="echo", EventSourceArn=QUEUE)
        except ClientError as error:
            answer = error.response
        return int(answer["ResponseMetadata"]["HTTPStatusCode"])

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(create, range(8))) == [202, *[409] * 7]


def test_an_update_is_held_to_what_stays(client: Any) -> None:
    uuid = client.create_event_source_mapping(FunctionName="echo", EventSourceArn=QUEUE)["UUID"]
    update = client.update_event_source_mapping
    assert refused(update, UUID=uuid, BatchSize=100)[2].startswith("Maximum batch window in seconds must be")
    update(UUID=uuid, BatchSize=100, MaximumBatchingWindowInSeconds=5)
    assert refused(update, UUID=uuid, MaximumBatchingWindowInSeconds=0)[2].startswith("Maximum batch window")
    assert refused(update, UUID=uuid, FunctionName="long")[2].startswith("Queue visibility timeout: 30 seconds")
    assert refused(update, UUID=uuid, FunctionName="none")[2] == "Function does not exist"
    assert refused(update, UUID=uuid, MaximumRetryAttempts=1)[2].startswith("Unsupported MaximumRetryAttempts")
    moved = update(UUID=uuid, FunctionName="page:$LATEST", ScalingConfig={"MaximumConcurrency": 5})
    assert moved["FunctionArn"].endswith(":function:page:$LATEST")
    assert "ScalingConfig" not in update(UUID=uuid, ScalingConfig={})


def test_lists_are_by_source_and_function_and_in_pages(client: Any) -> None:
    create, lists = client.create_event_source_mapping, client.list_event_source_mappings
    made = [create(FunctionName=name, EventSourceArn=QUEUE)["UUID"] for name in ("echo", "page", "web")]
    uuids = [DECLARED, *made]

    def listed(**by: Any) -> list[str]:
        return [one["UUID"] for one in lists(**by)["EventSourceMappings"]]

    assert listed() == sorted(uuids)
    assert listed(EventSourceArn=QUEUE) == sorted(uuids[1:])
    assert listed(FunctionName="echo") == sorted(uuids[:2])
    assert listed(FunctionName="echo", EventSourceArn=QUEUE) == [uuids[1]]
    assert listed(EventSourceArn=STREAM) == []
    paginator = client.get_paginator("list_event_source_mappings")
    pages = [one["EventSourceMappings"] for one in paginator.paginate(PaginationConfig={"PageSize": 3})]
    assert [[one["UUID"] for one in shown] for shown in pages] == [sorted(uuids)[:3], sorted(uuids)[3:]]
    assert refused(lists, Marker="no marker")[0] == "InvalidParameterValueException"
    assert refused(lists, FunctionName="none")[:2] == ("ResourceNotFoundException", 404)


def test_a_declared_mapping_is_changed_and_deleted_until_its_declaration_is_edited(door: Running, client: Any) -> None:
    assert told(client, DECLARED)["BatchSize"] == 5
    client.update_event_source_mapping(UUID=DECLARED, BatchSize=3, MetricsConfig={"Metrics": ["EventCount"]})
    now = told(client, DECLARED)
    assert (now["BatchSize"], now["MetricsConfig"]) == (3, {"Metrics": ["EventCount"]})
    assert "MetricsConfig" not in client.update_event_source_mapping(UUID=DECLARED, MetricsConfig={"Metrics": []})
    reload(door, batch_size=7)
    assert told(client, DECLARED)["BatchSize"] == 7
    client.delete_event_source_mapping(UUID=DECLARED)
    assert refused(client.get_event_source_mapping, UUID=DECLARED)[1] == 404
    arn = "arn:aws:sqs:us-east-1:000000000000:tasks"
    again = client.create_event_source_mapping(FunctionName="echo", EventSourceArn=arn)["UUID"]
    reload(door, batch_size=8)
    assert told(client, DECLARED)["BatchSize"] == 8
    assert refused(client.get_event_source_mapping, UUID=again)[1] == 404, "the declaration stands for it"


def reload(door: Running, **changes: Any) -> None:
    """The declared mapping is edited in its file."""
    engine = door.engine
    (mapping,) = engine.declared.mappings
    edited = (msgspec.structs.replace(mapping, **changes),)
    engine.declared = msgspec.structs.replace(engine.declared, mappings=edited)
    door.run(engine._remake())
