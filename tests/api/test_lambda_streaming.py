"""InvokeWithResponseStream, decoded by the real boto3."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.api.api_support import Running

Clients = Callable[..., Any]


def events(answer: Any) -> list[dict[str, Any]]:
    return list(answer["EventStream"])


def test_the_payload_comes_in_chunks_and_then_the_end(client: Clients) -> None:
    payload = json.dumps({"text": "ü" * 100_000}).encode()
    answer = client("lambda").invoke_with_response_stream(FunctionName="echo", Payload=payload, LogType="Tail")
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    assert answer["ResponseStreamContentType"] == "application/vnd.amazon.eventstream"
    *chunks, end = events(answer)
    assert len(chunks) > 1
    assert json.loads(b"".join(chunk["PayloadChunk"]["Payload"] for chunk in chunks)) == json.loads(payload)
    assert base64.b64decode(end["InvokeComplete"].pop("LogResult")).endswith(b"END\n")
    assert end == {"InvokeComplete": {}}


def test_an_error_is_told_by_the_end_alone(client: Clients) -> None:
    (end,) = events(client("lambda").invoke_with_response_stream(FunctionName="fail"))
    assert end["InvokeComplete"]["ErrorCode"] == "Unhandled"
    assert json.loads(end["InvokeComplete"]["ErrorDetails"])["errorType"] == "KeyError"


def test_a_dry_run_streams_nothing(client: Clients, door: Running) -> None:
    before = len(door.engine.requests)
    answer = client("lambda").invoke_with_response_stream(FunctionName="echo", InvocationType="DryRun")
    assert answer["StatusCode"] == 204
    assert len(door.engine.requests) == before


@pytest.mark.parametrize(
    ("arguments", "code", "status"),
    [
        ({"FunctionName": "nobody"}, "ResourceNotFoundException", 404),
        ({"FunctionName": "busy"}, "TooManyRequestsException", 429),
        ({"FunctionName": "echo", "Payload": b"{"}, "InvalidRequestContentException", 400),
        ({"FunctionName": "echo", "InvocationType": "Event"}, "InvalidParameterValueException", 400),
    ],
)
def test_what_keeps_it_from_running_is_an_ordinary_error(
    client: Clients, arguments: dict[str, Any], code: str, status: int
) -> None:
    with pytest.raises(ClientError) as raised:
        client("lambda").invoke_with_response_stream(**arguments)
    assert raised.value.response["Error"]["Code"] == code
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
