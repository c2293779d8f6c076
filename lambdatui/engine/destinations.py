"""What is told of an asynchronous event that has ended, and to whom. Pure; carrying it there is up to the sources.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from lambdatui.clock import iso, iso_millis
from lambdatui.config.model import Destination
from lambdatui.engine.model import InvokeResult
from lambdatui.engine.retry import Finished
from lambdatui.store.records import AsyncEvent, NewMessage

_REASONS = {
    "ZeroReservedConcurrency": "The function's reserved concurrency is 0: it was not run.",
    "EventAgeExceeded": "The event waited longer than its maximum age.",
}
_MESSAGE_LIMIT = 1024  # bytes of a dead letter's ErrorMessage attribute
TOPIC_LIMIT = 262_144  # bytes of a message: larger records lose their payloads


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One record on its way to a topic, function, event bus or bucket."""

    destination: Destination
    body: bytes  # JSON
    function: str  # whose record it is
    arn: str  # of that function, qualified
    succeeded: bool = False
    attributes: dict[str, dict[str, str]] = {}  # of a topic's message
    key: str = ""  # of a bucket's object
    parent_id: str | None = None  # request id of the invocation that it comes from


# On disk, or taken by the local AWS, when it returns. Raises NotFound or OperationFailed where that cannot be,
# StoreError and OSError where another try may help.
Deliver = Callable[[Delivery], Awaitable[None]]


def dead_letter(event: AsyncEvent, step: Finished, result: InvokeResult | None) -> NewMessage:
    """AWS's dead letter: the event as the body, what went wrong as attributes."""
    error_type = (result.error_type if result else event.error_type) or step.condition
    message = (result.error_message if result else event.error_message) or _REASONS.get(step.condition, error_type)
    tried = 0 if result is None and event.attempt == 1 else event.attempt
    return NewMessage(
        body=event.payload.decode("utf-8", "replace"),
        attributes={
            "RequestID": {"DataType": "String", "StringValue": event.request_id},
            "ErrorCode": {"DataType": "Number", "StringValue": "200"},
            "ErrorMessage": {
                "DataType": "String",
                "StringValue": message.encode()[:_MESSAGE_LIMIT].decode("utf-8", "ignore"),
            },
        },
        function=event.function,
        request_id=event.request_id,
        error_code=error_type,
        error_message=message,
        attempts=tried,
        first_us=event.accepted_us,
    )


def destination_record(
    event: AsyncEvent, arn: str, step: Finished, result: InvokeResult | None, now_us: int
) -> dict[str, object]:
    """The record that OnSuccess and OnFailure destinations get, in the shape recorded from AWS. `arn`: qualified."""
    ran = result is not None and result.status != "throttled"
    context: dict[str, object] = {
        "requestId": event.request_id,
        "functionArn": arn,
        "condition": step.condition,
        "approximateInvokeCount": event.attempt if ran else event.attempt - 1,
    }
    record: dict[str, object] = {
        "version": "1.0",
        "timestamp": iso_millis(now_us),
        "requestContext": context,
        "requestPayload": msgspec.Raw(event.payload or b"{}"),
    }
    if result is not None and ran:
        response: dict[str, object] = {"statusCode": 200, "executedVersion": result.executed_version}
        if result.function_error:
            response["functionError"] = result.function_error
        record["responseContext"] = response
        record["responsePayload"] = msgspec.Raw(result.payload or b"null")
    return record


def encoded(record: dict[str, object], destination: Destination) -> bytes:
    """The record as it is sent. A topic's that is too large goes without its payloads, as on AWS."""
    body = msgspec.json.encode(record)
    if destination.kind == "topic" and len(body) > TOPIC_LIMIT:
        return msgspec.json.encode({key: value for key, value in record.items() if not key.endswith("Payload")})
    return body


def object_key(function: str, request_id: str, now_us: int) -> str:
    """`aws/lambda/async/NAME/2026/11/21/2026-11-21T14.31.09-<id>`: where a bucket keeps the record of an event."""
    return dated_key(f"aws/lambda/async/{function}", request_id, now_us)


def dated_key(folder: str, name: str, now_us: int) -> str:
    """Where in a folder of a bucket AWS keeps a record of that moment: `FOLDER/2026/11/21/2026-11-21T14.31.09-NAME`."""
    day, time = iso(now_us)[:10], iso(now_us)[11:19].replace(":", ".")
    return f"{folder}/{day.replace('-', '/')}/{day}T{time}-{name}"
