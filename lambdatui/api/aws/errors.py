"""AWS's errors as one table: type -> status and the key of its message; and how each wire form writes them.

Statuses and keys are botocore's models' (checked in tests) and, for bodies, recorded answers of the real service.
"""

from __future__ import annotations

import logging
from typing import NamedTuple

import msgspec

from lambdatui.api.asgi import Headers
from lambdatui.errors import StoreError

logger = logging.getLogger("lambdatui.api")


class Shape(NamedTuple):
    """How an error looks: HTTP status, key of the message, whose fault, and SQS's older name for it."""

    status: int
    key: str = "message"
    fault: str = "User"  # Lambda's Type; for SQS Sender | Receiver
    query_code: str | None = None


LAMBDA: dict[str, Shape] = {
    "ResourceNotFoundException": Shape(404, "Message"),
    "ProvisionedConcurrencyConfigNotFoundException": Shape(404),
    "TooManyRequestsException": Shape(429),
    "InvalidRequestContentException": Shape(400),
    "InvalidParameterValueException": Shape(400),
    "RequestTooLargeException": Shape(413),
    "UnsupportedMediaTypeException": Shape(415),
    "PreconditionFailedException": Shape(412),
    "ResourceConflictException": Shape(409),
    "RecursiveInvocationException": Shape(400, "Message"),
    "ServiceException": Shape(500, "Message", "Server"),
    "ServiceUnavailableException": Shape(503, "Message", "Server"),
    "SerializationException": Shape(400),
    "ValidationException": Shape(400),
    "NotImplementedException": Shape(501),
}

# Reasons of a throttle that is over within a second, whatever runs; nobody knows how long the other ones last.
_REFILLED = ("FunctionInvocationRateLimitExceeded", "ReservedFunctionInvocationRateLimitExceeded")

# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html; the query codes are what
# SDKs put into the error's Code: https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
_SQS_PREFIX = "AWS.SimpleQueueService."
SQS: dict[str, Shape] = {
    "QueueDoesNotExist": Shape(400, query_code=_SQS_PREFIX + "NonExistentQueue"),
    "BatchEntryIdsNotDistinct": Shape(400, query_code=_SQS_PREFIX + "BatchEntryIdsNotDistinct"),
    "BatchRequestTooLong": Shape(400, query_code=_SQS_PREFIX + "BatchRequestTooLong"),
    "EmptyBatchRequest": Shape(400, query_code=_SQS_PREFIX + "EmptyBatchRequest"),
    "InvalidBatchEntryId": Shape(400, query_code=_SQS_PREFIX + "InvalidBatchEntryId"),
    "TooManyEntriesInBatchRequest": Shape(400, query_code=_SQS_PREFIX + "TooManyEntriesInBatchRequest"),
    "UnsupportedOperation": Shape(400, query_code=_SQS_PREFIX + "UnsupportedOperation"),
    "InvalidMessageContents": Shape(400, query_code="InvalidMessageContents"),
    "ReceiptHandleIsInvalid": Shape(400, query_code="ReceiptHandleIsInvalid"),
    "MessageNotInflight": Shape(400, query_code=_SQS_PREFIX + "MessageNotInflight"),
    "QueueNameExists": Shape(400, query_code="QueueAlreadyExists"),
    "OverLimit": Shape(400, query_code="OverLimit"),
    "ResourceNotFoundException": Shape(400, query_code="ResourceNotFoundException"),
    "InvalidAttributeName": Shape(400, query_code="InvalidAttributeName"),
    "InvalidAttributeValue": Shape(400, query_code="InvalidAttributeValue"),
    "InvalidParameterValue": Shape(400, query_code="InvalidParameterValue"),
    "MissingParameter": Shape(400, query_code="MissingParameter"),
    "MalformedInput": Shape(400, query_code="MalformedInput"),
}

# The query codes are what SDKs put into the error's Code.
CLOUDWATCH: dict[str, Shape] = {
    "InvalidParameterValueException": Shape(400, query_code="InvalidParameterValue"),
    "InvalidParameterCombinationException": Shape(400, query_code="InvalidParameterCombination"),
    "MissingRequiredParameterException": Shape(400, query_code="MissingParameter"),
    "ValidationError": Shape(400, query_code="ValidationError"),
    "InvalidNextToken": Shape(400, query_code="InvalidNextToken"),
    "InternalServiceFault": Shape(500, "Message", "Server", "InternalServiceError"),
}

COMMON: dict[str, Shape] = {
    "InvalidArgumentException": Shape(400),
    "ResourceNotFoundException": Shape(400),
    "ResourceInUseException": Shape(400),
    "LimitExceededException": Shape(400),
    "ExpiredIteratorException": Shape(400),
    "ExpiredNextTokenException": Shape(400),
    "DryRunOperationException": Shape(400),
    "ValidationException": Shape(400),
    "InvalidParameterException": Shape(400),
    "ResourceAlreadyExistsException": Shape(400),
    "SerializationException": Shape(400, "Message"),
    "UnknownOperationException": Shape(400, query_code="InvalidAction"),
    "RequestEntityTooLarge": Shape(413, query_code="RequestEntityTooLarge"),
    "NotServed": Shape(501, query_code="NotServed"),
    "InternalFailure": Shape(500, fault="Server", query_code="InternalFailure"),
    "ServiceUnavailable": Shape(503, fault="Server", query_code="ServiceUnavailable"),
}


class AwsError(Exception):
    """An answer of an AWS service that is an error. `extra` are more members of its body."""

    def __init__(self, type: str, message: str, **extra: str) -> None:
        super().__init__(message)
        self.type = type
        self.message = message
        self.extra = extra


def unanswered(error: Exception, call: str, type: str) -> AwsError:
    """The answer to a call at which the engine itself failed: a store that refuses says why and what to do, for all
    else there is the log."""
    if isinstance(error, StoreError):
        return AwsError(type, str(error))
    logger.error("%s call failed", call, exc_info=error)
    return AwsError(type, "The engine failed to answer; its log says why.")


def rest_json(error: AwsError, request_id: str) -> tuple[int, bytes, Headers]:
    """Lambda's form: type in a header, message and Type in the body."""
    shape = LAMBDA[error.type]
    body = msgspec.json.encode({**error.extra, "Type": shape.fault, shape.key: error.message})
    headers: Headers = [
        (b"content-type", b"application/json"),
        (b"x-amzn-requestid", request_id.encode()),
        (b"x-amzn-errortype", error.type.encode()),
    ]
    if error.extra.get("Reason") in _REFILLED:
        headers.append((b"retry-after", b"1"))
    return shape.status, body, headers


def aws_json(error: AwsError, request_id: str, *, service: str, version: bytes) -> tuple[int, bytes, Headers]:
    """SQS's and Kinesis' form: `__type` in the body, for SQS the query protocol's code in a header."""
    sqs = service == "sqs"
    shape = (SQS.get(error.type) if sqs else None) or COMMON[error.type]
    namespace = "com.amazonaws.sqs#" if sqs and error.type in SQS else ""
    body = msgspec.json.encode({"__type": namespace + error.type, shape.key: error.message, **error.extra})
    headers: Headers = [
        (b"content-type", b"application/x-amz-json-" + version),
        (b"x-amzn-requestid", request_id.encode()),
    ]
    if sqs and shape.query_code:
        side = "Sender" if shape.fault == "User" else "Receiver"
        headers.append((b"x-amzn-query-error", f"{shape.query_code};{side}".encode()))
    return shape.status, body, headers
