"""SQS's message move tasks: dead letters back to the queues that they come from, or to another one."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from lambdatui.api.aws.call import Door
from lambdatui.api.aws.errors import AwsError
from lambdatui.api.aws.fields import Fields
from lambdatui.api.aws.sqs_part import Operation, Part
from lambdatui.config.model import QueueConfig
from lambdatui.store.limits import MOVES_KEPT
from lambdatui.store.records import Move

MAX_RATE = 500


class Moves(Part):
    """Starting, ending and listing them; `sources.moves` carries them out."""

    def __init__(self, door: Door) -> None:
        super().__init__(door)
        self.operations: dict[str, Operation] = {
            "StartMessageMoveTask": self._start,
            "CancelMessageMoveTask": self._cancel,
            "ListMessageMoveTasks": self._list,
        }

    async def _start(self, fields: Fields, _: str) -> dict[str, Any]:
        source = self._by_arn(fields, "SourceArn")
        if all(queue.redrive_queue != source.name for queue in self.queues().values()):
            raise fields.invalid("Source queue must be configured as a Dead Letter Queue.")
        destination = self._by_arn(fields, "DestinationArn") if fields.has("DestinationArn") else None
        if destination == source:
            raise fields.invalid("Source queue arn and destination queue arn cannot be the same.")
        if destination is not None and destination.fifo != source.fifo:
            raise fields.invalid("The source queue and destination queue must be of the same queue type.")
        rate = fields.number("MaxNumberOfMessagesPerSecond", 1, MAX_RATE)
        move = await self.store.moves.start(source.name, destination.name if destination else None, rate)
        if move is None:
            raise AwsError(
                "UnsupportedOperation",
                "There is already a task running. Only one active task is allowed for a source queue arn at a given "
                "time.",
            )
        return {"TaskHandle": self._handle(move)}

    async def _cancel(self, fields: Fields, _: str) -> dict[str, Any]:
        id = _task_of(fields.text("TaskHandle"))
        move = self.store.moves.get(id) if id is not None else None
        if move is None:
            raise AwsError("ResourceNotFoundException", "Task does not exist.")
        cancelled = await self.store.moves.cancel(move.id)
        if cancelled is None:
            raise AwsError("UnsupportedOperation", "Only active tasks can be cancelled.")
        return {"ApproximateNumberOfMessagesMoved": cancelled.moved}

    async def _list(self, fields: Fields, _: str) -> dict[str, Any]:
        source = self._by_arn(fields, "SourceArn")
        limit = fields.number("MaxResults", 1, MOVES_KEPT) or 1
        return {"Results": [self._described(move) for move in self.store.moves.of(source.name)[:limit]]}

    def _by_arn(self, fields: Fields, name: str) -> QueueConfig:
        arn = fields.text(name)
        if not arn.startswith("arn:") or arn.count(":") != 5:
            raise fields.invalid(
                f"You must use this format to specify the {name}: "
                "arn:<partition>:<service>:<region>:<account-id>:<resource-id>"
            )
        queue = self.queues().get(arn.removeprefix(self.arn_prefix))
        if queue is None:
            raise AwsError(
                "ResourceNotFoundException", f"The resource that you specified for the {name} parameter doesn't exist."
            )
        return queue

    def _handle(self, move: Move) -> str:
        content = json.dumps({"taskId": move.id, "sourceArn": self.arn_prefix + move.source})
        return base64.b64encode(content.encode()).decode()

    def _described(self, move: Move) -> dict[str, Any]:
        told: dict[str, Any] = {
            "Status": move.status,
            "SourceArn": self.arn_prefix + move.source,
            "ApproximateNumberOfMessagesMoved": move.moved,
            "ApproximateNumberOfMessagesToMove": move.to_move,
            "StartedTimestamp": move.started_us // 1000,
        }
        if move.status == "RUNNING":
            told["TaskHandle"] = self._handle(move)
        if move.destination is not None:
            told["DestinationArn"] = self.arn_prefix + move.destination
        if move.rate is not None:
            told["MaxNumberOfMessagesPerSecond"] = move.rate
        if move.failure is not None:
            told["FailureReason"] = move.failure
        return told


def _task_of(handle: str) -> str | None:
    """The task's id; None where the handle is none of ours."""
    try:
        content = json.loads(base64.b64decode(handle, validate=True))
    except (binascii.Error, ValueError, RecursionError):
        return None
    id = content.get("taskId") if isinstance(content, dict) else None
    return id if isinstance(id, str) else None
