"""Requests to AWS's operations by botocore's models: often as the model says, often not, and about what is there."""

from __future__ import annotations

import base64
import json
import random
import re
from collections import defaultdict, deque
from typing import Any
from urllib.parse import quote, urlencode

import boto3
import msgspec
from botocore.model import OperationModel, ServiceModel, Shape

from lambdatui.api.aws import targets
from tests.fuzz.values import AWKWARD

SESSION = boto3.Session("key", "secret", region_name="us-east-1")
NAMES = (
    "echo", "fail", "nobody", "echo:1", "echo:$LATEST", "echo:live", "orders", "lane.fifo", "letters", "clicks",
    "live", "1", "2",
    "$LATEST", "a/b", "/aws/lambda/echo", "FunctionName", "AWS/Lambda", "Errors", "Duration", "All", "Sum", "p99",
    "TRIM_HORIZON",
    "shardId-000000000000", "http://localhost/000000000000/orders", "http://localhost/000000000000/lane.fifo", "new",
    "new.fifo",
    "arn:aws:kinesis:us-east-1:000000000000:stream/clicks", "arn:aws:sqs:us-east-1:000000000000:letters", "0", "30",
    "true",
    "arn:aws:logs:us-east-1:000000000000:log-group:/aws/lambda/echo", "3600",
    "170141183460469231731687303715884105728",
)  # fmt: skip
SLOW = {"WaitTimeSeconds": 1, "ProvisionedConcurrentExecutions": 2}  # what would take minutes, or the machine


class Request(msgspec.Struct, frozen=True):
    """One request on `url`."""

    operation: OperationModel
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    members: dict[str, Any]  # what the body was made from, and may no longer be


class Service:
    """Makes requests to one service. What answers say by a member's name is said again under that name."""

    def __init__(self, name: str, operations: list[str] | None = None) -> None:
        self.name = name
        self.model: ServiceModel = SESSION.client(name).meta.service_model
        # Operations of the past lack, in their models, errors for members that are wrong.
        self.operations = operations or [
            each for each in self.model.operation_names if not self.model.operation_model(each).deprecated
        ]
        self._known: dict[str, deque[Any]] = defaultdict(lambda: deque(maxlen=20))

    def learn(self, answer: bytes) -> None:
        """Remember what an answer calls things."""
        self._learn("", json.loads(answer or b"{}"))

    def _learn(self, name: str, value: Any) -> None:
        if isinstance(value, dict):
            for key, each in value.items():
                self._learn(key, each)
        elif isinstance(value, list):
            for each in value[:5]:
                self._learn(name.removesuffix("s"), each)
        elif isinstance(value, str | int):
            self._known[name.lower()].append(value)

    def request(self, chance: random.Random) -> Request:
        operation = self.model.operation_model(chance.choice(self.operations))
        shape = operation.input_shape
        members = shape.members if shape is not None else {}
        required = set(shape.required_members) if shape is not None else set()
        inside, query, headers, place = {}, {}, {}, {}
        for name, member in members.items():
            if name not in required and chance.random() < 0.6:
                continue
            location, wire = member.serialization.get("location"), member.serialization.get("name", name)
            value = self._value(member, name, chance, 0)
            if location is None:
                inside[wire] = min(value, SLOW[name]) if name in SLOW and isinstance(value, int) else value
            elif location == "uri":
                place[wire] = str(value) or "x"
            elif location == "querystring":
                query[wire] = str(value)
            elif str(value).isascii() and str(value).isprintable():
                headers[wire] = str(value)
        path = re.sub(
            r"{(\w+)\+?}",
            lambda one: quote(place.get(one[1], "x"), safe="", errors="replace"),
            operation.http["requestUri"],
        )
        body = json.dumps(inside).encode()
        if chance.random() < 0.05:
            body = chance.choice([body[: len(body) // 2], b"[" * 3_000, b"\xff", b"null", b"[]", b'""', b"{" * 50])
        headers["Authorization"] = (
            f"AWS4-HMAC-SHA256 Credential=k/20260101/us-east-1/{self.model.signing_name}/aws4_request, Signature=0"
        )
        prefix = {
            "sqs": targets.SQS,
            "kinesis": targets.KINESIS,
            "logs": targets.LOGS,
            "cloudwatch": targets.CLOUDWATCH,
        }.get(self.name)
        if prefix is not None:
            headers["X-Amz-Target"] = f"{prefix}.{operation.name}"
            headers["Content-Type"] = "application/x-amz-json-1.0"
            return Request(operation, "POST", "/", headers, body, inside)
        query_string = f"?{urlencode(query, errors='replace')}" if query else ""
        return Request(operation, operation.http["method"], path + query_string, headers, body, inside)

    def _value(self, shape: Shape, name: str, chance: random.Random, depth: int) -> Any:
        kind = shape.type_name
        if chance.random() < 0.06:
            return chance.choice([None, True, -1, 10**20, 1.5, "x", [], {}, [[]], {"a": {}}, "[" * 2_000])
        if kind == "structure":
            required = set(shape.required_members)  # type: ignore[attr-defined]
            return {
                member.serialization.get("name", key): self._value(member, key, chance, depth + 1)
                for key, member in shape.members.items()  # type: ignore[attr-defined]
                if (key in required or chance.random() < 0.4) and depth < 5
            }
        if kind == "list":
            size = chance.choice((0, 1, 1, 1, 2, 3, 11))
            return [self._value(shape.member, name.removesuffix("s"), chance, depth + 1) for _ in range(size)]  # type: ignore[attr-defined]
        if kind == "map":
            key, value = shape.key, shape.value  # type: ignore[attr-defined]
            return {
                str(self._value(key, name + "Key", chance, depth + 1)): self._value(value, name, chance, depth + 1)
                for _ in range(chance.choice((0, 1, 1, 2, 11)))
            }
        if kind in ("integer", "long", "short", "float", "double"):
            low, high = int(shape.metadata.get("min", 0)), int(shape.metadata.get("max", 1_000))
            return chance.choice((low, low + 1, high, low - 1, high + 1, chance.randint(min(low, high), high)))
        if kind == "boolean":
            return chance.random() < 0.5
        if kind == "timestamp":
            return chance.choice((0, 1_700_000_000, 1_700_000_000.5, 4_000_000_000, -1, 10**15))
        return self._text(shape, name, chance)

    def _text(self, shape: Shape, name: str, chance: random.Random) -> str:
        known, drawn = self._known.get(name.lower()), chance.random()
        enum = list(getattr(shape, "enum", ()) or ())
        if enum and drawn < 0.85:
            return str(chance.choice(enum))
        if known and drawn < 0.7:
            return str(chance.choice(known))
        if shape.type_name == "blob" and drawn < 0.9:
            return base64.b64encode(chance.choice(AWKWARD).encode("utf-8", "surrogatepass")).decode()
        return chance.choice(NAMES if drawn < 0.9 else AWKWARD)
