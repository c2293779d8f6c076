"""SQS on the engine's own queues (AWS JSON 1.0): every operation of the service, each in the part it belongs to."""

from __future__ import annotations

from typing import Any

from lambdatui.api.aws.call import Door
from lambdatui.api.aws.errors import AwsError
from lambdatui.api.aws.fields import Fields
from lambdatui.api.aws.sqs_delivery import Delivery
from lambdatui.api.aws.sqs_messages import MAX_MESSAGE
from lambdatui.api.aws.sqs_moves import Moves
from lambdatui.api.aws.sqs_part import Operation
from lambdatui.api.aws.sqs_queues import Queues


class Sqs:
    """Finds the operation."""

    max_request = 7 * MAX_MESSAGE  # JSON may write a byte with six; the members around the bodies included
    max_form = 4 * MAX_MESSAGE  # a form writes a byte with three

    def __init__(self, door: Door) -> None:
        parts = Queues(door), Delivery(door), Moves(door)
        self.operations: dict[str, Operation] = {name: each for part in parts for name, each in part.operations.items()}

    async def call(self, operation: str, body: bytes, base_url: str) -> dict[str, Any]:
        """Raises AwsError; `base_url` is `http://HOST` of the request."""
        handler = self.operations.get(operation)
        if handler is None:
            raise AwsError("UnknownOperationException", f"SQS has no operation {operation}.")
        return await handler(Fields.decode(body, "MissingParameter", "InvalidParameterValue"), base_url)
