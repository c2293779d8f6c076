"""SQS's operations on messages: sending, receiving, deleting, hiding.

A message sent here, by `lambdatui send` or by a redrive is the same row of the same store.
"""

from __future__ import annotations

from typing import Any

from lambdatui.api.aws.call import Door
from lambdatui.api.aws.errors import AwsError
from lambdatui.api.aws.fields import Fields
from lambdatui.api.aws.sqs_messages import (
    MAX_MESSAGE,
    TRACE_HEADER,
    check_token,
    chosen_attributes,
    md5_of_attributes,
    md5_of_body,
    read_message,
    size,
)
from lambdatui.api.aws.sqs_part import Operation, Part, batch, failure, outcome
from lambdatui.api.aws.sqs_receive import Receiver
from lambdatui.config.model import QueueConfig
from lambdatui.store.queue_rows import split_receipt
from lambdatui.store.records import Message, NewMessage

LONGEST_HIDDEN_S = 43_200
_SYSTEM = {
    "All", "SenderId", "SentTimestamp", "ApproximateReceiveCount", "ApproximateFirstReceiveTimestamp",
    "SequenceNumber", "MessageDeduplicationId", "MessageGroupId", TRACE_HEADER, "DeadLetterQueueSourceArn",
}  # fmt: skip


class Delivery(Part):
    """Batches are one transaction each."""

    def __init__(self, door: Door) -> None:
        super().__init__(door)
        self._receiver = Receiver(self.store.queues, door.engine.clock)
        self.operations: dict[str, Operation] = {
            "SendMessage": self._send,
            "SendMessageBatch": self._send_batch,
            "ReceiveMessage": self._receive,
            "DeleteMessage": self._delete,
            "DeleteMessageBatch": self._delete_batch,
            "ChangeMessageVisibility": self._hide,
            "ChangeMessageVisibilityBatch": self._hide_batch,
        }

    # --- sending

    async def _send(self, fields: Fields, _: str) -> dict[str, Any]:
        queue = self.queue(fields)
        message = read_message(fields, queue)
        (sent,) = await self.store.queues.send(queue, [message])
        return _sent(queue, message, sent)

    async def _send_batch(self, fields: Fields, _: str) -> dict[str, Any]:
        queue = self.queue(fields)
        good: list[tuple[str, NewMessage]] = []
        failed: list[dict[str, Any]] = []
        total = 0
        for entry_id, entry in batch(fields):
            try:
                message = read_message(entry, queue)
            except AwsError as error:
                failed.append(failure(entry_id, error))
                continue
            total += size(message.body, message.attributes)
            good.append((entry_id, message))
        if total > MAX_MESSAGE:
            raise AwsError(
                "BatchRequestTooLong",
                f"Batch requests cannot be longer than {MAX_MESSAGE} bytes. You have sent {total} bytes.",
            )
        sent = await self.store.queues.send(queue, [message for _, message in good]) if good else []
        done = [
            {"Id": entry_id, **_sent(queue, message, row)} for (entry_id, message), row in zip(good, sent, strict=True)
        ]
        return outcome(done, failed)

    # --- receiving

    async def _receive(self, fields: Fields, _: str) -> dict[str, Any]:
        queue = self.queue(fields)
        visibility = fields.number("VisibilityTimeout", 0, LONGEST_HIDDEN_S)
        wait = fields.number("WaitTimeSeconds", 0, 20)
        wanted = {*fields.texts("AttributeNames"), *fields.texts("MessageSystemAttributeNames")}
        unknown = next((name for name in sorted(wanted) if name not in _SYSTEM), None)
        if unknown is not None:
            raise AwsError("InvalidAttributeName", f"Unknown Attribute {unknown}.")
        names = fields.texts("MessageAttributeNames")
        attempt = fields.optional_text("ReceiveRequestAttemptId")
        if attempt is not None:
            check_token("ReceiveRequestAttemptId", attempt)
        messages = await self._receiver.receive(
            queue,
            fields.number("MaxNumberOfMessages", 1, 10) or 1,
            queue.visibility_timeout if visibility is None else visibility,
            queue.receive_wait if wait is None else wait,
            known=lambda name: name in self.queues(),
            stopping=lambda: self.door.engine.stopping,
            attempt=attempt if queue.fifo else None,
        )
        return {"Messages": [self._received(queue, each, wanted, names) for each in messages]} if messages else {}

    def _received(self, queue: QueueConfig, message: Message, wanted: set[str], names: list[str]) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "MessageId": message.id,
            "ReceiptHandle": message.receipt,
            "MD5OfBody": md5_of_body(message.body),
            "Body": message.body,
        }
        if wanted:
            system = self._system(queue, message)
            chosen = system if "All" in wanted else {name: value for name, value in system.items() if name in wanted}
            if chosen:
                shown["Attributes"] = chosen
        attributes = chosen_attributes(message.attributes, names)
        if attributes:
            shown["MessageAttributes"] = attributes
            shown["MD5OfMessageAttributes"] = md5_of_attributes(attributes)
        return shown

    def _system(self, queue: QueueConfig, message: Message) -> dict[str, str]:
        system = {
            "SenderId": self.door.account,
            "SentTimestamp": str(message.sent_us // 1000),
            "ApproximateReceiveCount": str(message.receive_count),
            "ApproximateFirstReceiveTimestamp": str((message.first_received_us or message.sent_us) // 1000),
        }
        if message.group_id is not None:
            system["MessageGroupId"] = message.group_id
        if queue.fifo:
            system["SequenceNumber"] = _sequence(message)
            system["MessageDeduplicationId"] = message.dedup_id or ""
        if message.trace_header is not None:
            system[TRACE_HEADER] = message.trace_header
        if message.source is not None:
            system["DeadLetterQueueSourceArn"] = self.arn_prefix + message.source
        return system

    # --- what is held by a receipt handle

    async def _delete(self, fields: Fields, _: str) -> dict[str, Any]:
        queue, receipt = self.queue(fields), _receipt(fields)
        (came,) = await self.store.queues.delete_held(queue, [receipt])
        _check_deleted(receipt, came)
        return {}

    async def _delete_batch(self, fields: Fields, _: str) -> dict[str, Any]:
        queue = self.queue(fields)
        done, failed = [], []
        held: list[tuple[str, str]] = []
        for entry_id, entry in batch(fields):
            try:
                held.append((entry_id, _receipt(entry)))
            except AwsError as error:
                failed.append(failure(entry_id, error))
        came = await self.store.queues.delete_held(queue, [receipt for _, receipt in held])
        for (entry_id, receipt), what in zip(held, came, strict=True):
            try:
                _check_deleted(receipt, what)
                done.append({"Id": entry_id})
            except AwsError as error:
                failed.append(failure(entry_id, error))
        return outcome(done, failed)

    async def _hide(self, fields: Fields, _: str) -> dict[str, Any]:
        queue = self.queue(fields)
        receipt, seconds = _receipt(fields), _seconds(fields)
        (came,) = await self.store.queues.hide_held(queue.name, [(receipt, seconds)])
        _check_hidden(receipt, seconds, came)
        return {}

    async def _hide_batch(self, fields: Fields, _: str) -> dict[str, Any]:
        queue = self.queue(fields)
        done, failed = [], []
        held: list[tuple[str, tuple[str, int]]] = []
        for entry_id, entry in batch(fields):
            try:
                held.append((entry_id, (_receipt(entry), _seconds(entry))))
            except AwsError as error:
                failed.append(failure(entry_id, error))
        came = await self.store.queues.hide_held(queue.name, [change for _, change in held])
        for (entry_id, change), what in zip(held, came, strict=True):
            try:
                _check_hidden(*change, what)
                done.append({"Id": entry_id})
            except AwsError as error:
                failed.append(failure(entry_id, error))
        return outcome(done, failed)


def _receipt(fields: Fields) -> str:
    receipt = fields.text("ReceiptHandle")
    if split_receipt(receipt) is None:  # a message's id, say
        raise AwsError(
            "ReceiptHandleIsInvalid", f'The input receipt handle "{receipt[:128]}" is not a valid receipt handle.'
        )
    return receipt


def _seconds(fields: Fields) -> int:
    seconds = fields.number("VisibilityTimeout", 0, LONGEST_HIDDEN_S)
    if seconds is None:
        raise fields.missing("VisibilityTimeout")
    return seconds


def _check_deleted(receipt: str, came: str) -> None:
    """A receipt that is spent deletes nothing and is no error, as on AWS."""
    if came == "expired":
        raise AwsError(
            "InvalidParameterValue",
            f"Value {receipt} for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.",
        )


def _check_hidden(receipt: str, seconds: int, came: str) -> None:
    if came == "gone":
        raise AwsError(
            "InvalidParameterValue",
            f"Value {receipt} for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not "
            "available for visibility timeout change.",
        )
    if came == "visible":
        raise AwsError("MessageNotInflight", "The specified message isn't in flight.")
    if came == "beyond":
        raise AwsError(
            "InvalidParameterValue",
            f"Value {seconds} for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the "
            f"message is beyond the limit [{LONGEST_HIDDEN_S} seconds].",
        )


def _sent(queue: QueueConfig, message: NewMessage, row: Message) -> dict[str, Any]:
    answer: dict[str, Any] = {"MessageId": row.id, "MD5OfMessageBody": md5_of_body(message.body)}
    digest = md5_of_attributes(message.attributes)
    if digest is not None:
        answer["MD5OfMessageAttributes"] = digest
    if message.trace_header is not None:
        header = {TRACE_HEADER: {"DataType": "String", "StringValue": message.trace_header}}
        answer["MD5OfMessageSystemAttributes"] = md5_of_attributes(header)
    if queue.fifo:
        answer["SequenceNumber"] = _sequence(row)
    return answer


def _sequence(message: Message) -> str:
    """20 digits, rising, as SQS gives them."""
    return f"{18_800_000_000_000_000_000 + message.seq:020d}"
