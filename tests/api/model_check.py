"""Every raw answer that a boto3 client gets, held against botocore's model of the service.

boto3 drops members that it does not know and believes what it is given; this looks at the bytes before it does.
"""

from __future__ import annotations

import base64
import json
import re
from datetime import datetime
from typing import Any

import boto3
from botocore.config import Config
from botocore.model import OperationModel, ServiceModel, Shape, StructureShape

# Errors that AWS gives to any operation, beside those that the operation's model lists.
COMMON_ERRORS = {
    "InternalFailure", "ServiceUnavailable", "UnknownOperationException", "SerializationException",
    "MissingParameter", "InvalidParameterValue", "MalformedInput", "RequestEntityTooLarge", "ValidationException",
    "AccessDeniedException", "InvalidAttributeName", "ValidationError",
}  # fmt: skip
_LEFT_OUT = {"Failed"}  # required by the model, and yet SQS leaves it out of a batch's answer where it would be empty
# Kinesis itself answers with less than these shapes' minimum: no failed records, no metrics.
LESS_THAN_LEAST = {"PositiveIntegerObject", "MetricsNameList"}
_ELSEWHERE = {"header", "headers", "statusCode"}  # members that do not travel in the body


def watched_client(service: str, url: str, **config: Any) -> tuple[Any, ModelCheck]:
    """A boto3 client whose every answer is checked, and what it has seen."""
    client = boto3.client(
        service, endpoint_url=url, region_name="us-east-1", aws_access_key_id="key", aws_secret_access_key="secret",
        config=Config(retries={"max_attempts": 0}, max_pool_connections=50, **config),
    )  # fmt: skip
    return client, ModelCheck(client)


class ModelCheck:
    """Watches one client: `answered` and `failed` collect what was seen, and every fault raises where it happens."""

    def __init__(self, client: Any) -> None:
        self._model: ServiceModel = client.meta.service_model
        self.answered: set[str] = set()
        self.failed: set[tuple[str, str]] = set()  # (operation, error)
        client.meta.events.register(f"before-parse.{client.meta.service_model.service_id.hyphenize()}", self._look)

    def _look(self, operation_model: OperationModel, response_dict: dict[str, Any], **_: Any) -> None:
        name = operation_model.name
        if response_dict["status_code"] < 300:
            check_answer(operation_model, response_dict["body"])
            self.answered.add(name)
        else:
            self.failed.add((name, check_error(operation_model, response_dict)))


def check_answer(operation: OperationModel, body: bytes) -> None:
    """AssertionError, naming the member, where the body is not what the operation's output shape says."""
    shape = operation.output_shape
    if shape is None:
        assert body in (b"", b"{}"), f"{operation.name} has no output, and yet: {body[:200]!r}"
        return
    payload = shape.serialization.get("payload")
    if payload is not None:
        if shape.members[payload].type_name != "blob":
            check(shape.members[payload], json.loads(body), f"{operation.name}.{payload}")
        return
    check(shape, json.loads(body or b"{}"), operation.name)


def check_error(operation: OperationModel, response: dict[str, Any]) -> str:
    """The error's name, which has to be modelled or common; its members have to be the shape's."""
    headers = {key.lower(): value for key, value in response["headers"].items()}
    body = json.loads(response["body"] or b"{}")
    said = body.pop("__type", None) or headers["x-amzn-errortype"]
    name = str(said).rpartition("#")[2]
    shapes = {shape.name: shape for shape in operation.error_shapes}
    assert name in shapes or name in COMMON_ERRORS, f"{operation.name} does not fail with {name}"
    texts = {key.lower() for key in body}
    assert "message" in texts, f"{operation.name}: {name} says nothing"
    if name in shapes:
        status = shapes[name].metadata.get("error", {}).get("httpStatusCode", response["status_code"])
        assert response["status_code"] == status
        known = {_wire(key, member).lower() for key, member in shapes[name].members.items()}
        assert texts <= known | {"message"}, f"{operation.name}: {name} has unknown members {texts - known}"
    return name


def check(shape: Shape, value: Any, where: str) -> None:
    """AssertionError where a JSON value is not of the shape."""
    kind = shape.type_name
    if kind == "structure":
        _structure(shape, value, where)
    elif kind == "list":
        assert isinstance(value, list), f"{where} must be a list"
        _limits(shape, len(value), where)
        for number, item in enumerate(value):
            check(shape.member, item, f"{where}[{number}]")
    elif kind == "map":
        assert isinstance(value, dict), f"{where} must be a map"
        for key, item in value.items():
            check(shape.key, key, f"{where} key {key}")
            check(shape.value, item, f"{where}[{key}]")
    else:
        _scalar(shape, kind, value, where)


def _structure(shape: StructureShape, value: Any, where: str) -> None:
    assert isinstance(value, dict), f"{where} must be an object"
    members = {
        _wire(name, member): (name, member)
        for name, member in shape.members.items()
        if member.serialization.get("location") not in _ELSEWHERE
    }
    unknown = value.keys() - members.keys()
    assert not unknown, f"{where} has members that the model does not know: {sorted(unknown)}"
    for wire, (name, member) in members.items():
        if wire in value:
            assert value[wire] is not None, f"{where}.{wire} is null: SDKs expect it to be left out"
            check(member, value[wire], f"{where}.{wire}")
        else:
            assert name not in shape.required_members or name in _LEFT_OUT, f"{where}.{wire} is required"


def _scalar(shape: Shape, kind: str, value: Any, where: str) -> None:
    if kind in ("string", "character"):
        assert isinstance(value, str), f"{where} must be a string"
        assert not shape.enum or value in shape.enum, f"{where} is {value!r}, not one of {shape.enum}"
        _limits(shape, len(value), where)
        pattern = shape.metadata.get("pattern")
        if pattern is not None and r"\p{" not in pattern:  # classes that Python does not know
            assert re.search(pattern, value), f"{where} is {value!r}, which does not match {pattern}"
    elif kind in ("integer", "long", "short"):
        assert isinstance(value, int) and not isinstance(value, bool), f"{where} must be an integer"
        _limits(shape, value, where)
    elif kind in ("float", "double"):
        assert isinstance(value, int | float) and not isinstance(value, bool), f"{where} must be a number"
    elif kind == "boolean":
        assert isinstance(value, bool), f"{where} must be a boolean"
    elif kind == "blob":
        assert isinstance(value, str), f"{where} must be base64"
        base64.b64decode(value, validate=True)
    elif kind == "timestamp":
        if isinstance(value, str):
            datetime.fromisoformat(value)
        else:
            assert isinstance(value, int | float) and 0 < value < 1e11, f"{where} must be seconds since the epoch"
    else:
        raise AssertionError(f"{where}: a {kind} is not checked")


def _limits(shape: Shape, number: int, where: str) -> None:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    assert least is None or number >= least or shape.name in LESS_THAN_LEAST, f"{where}: {number} is less than {least}"
    assert most is None or number <= most, f"{where}: {number} is more than {most}"


def _wire(name: str, member: Shape) -> str:
    return str(member.serialization.get("name", name))
