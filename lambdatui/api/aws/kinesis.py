"""Kinesis' operations on the engine's own streams (AWS JSON 1.1)."""

from __future__ import annotations

from lambdatui.api.aws.call import Door
from lambdatui.api.aws.errors import AwsError
from lambdatui.api.aws.fields import Fields
from lambdatui.api.aws.kinesis_door import Answer, KinesisDoor, Operation
from lambdatui.api.aws.kinesis_records import Records
from lambdatui.api.aws.kinesis_shards import Shards
from lambdatui.api.aws.kinesis_streams import Streams
from lambdatui.api.aws.kinesis_tags import TagsAndConsumers


class Kinesis:
    """Every operation takes the request's members."""

    max_request = 15 * 1024 * 1024  # base64 included

    def __init__(self, door: Door) -> None:
        ground = KinesisDoor(door)
        self.operations: dict[str, Operation] = {
            **Streams(ground).operations,
            **Shards(ground).operations,
            **Records(ground).operations,
            **TagsAndConsumers(ground).operations,
        }

    async def call(self, operation: str, body: bytes) -> Answer:
        """Raises AwsError."""
        handler = self.operations.get(operation)
        if handler is None:
            if operation == "SubscribeToShard":
                why = "lambdatui does not push records to subscribers (SubscribeToShard): read with GetRecords."
                raise AwsError("NotServed", why)
            served = ", ".join(sorted(self.operations))
            raise AwsError("NotServed", f"lambdatui does not serve Kinesis {operation}. It serves {served}.")
        return await handler(Fields.decode(body, "InvalidArgumentException", "InvalidArgumentException"))
