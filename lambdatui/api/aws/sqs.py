"""SQS's operations on the engine's own queues (AWS JSON 1.0).

A message sent here, by `lambdatui send` or by a redrive is the same row of the same store.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

from lambdatui.api.aws.call import Door
from lambdatui.api.aws.errors import AwsError
from lambdatui.api.aws.fields import Fields
from lambdatui.api.aws.sqs_messages import (
    MAX_MESSAGE,
    Attributes,
    md5_of_attributes,
    md5_of_body,
    read_message,
    size,
)
from lambdatui.api.aws.sqs_receive import Receiver
from lambdatui.config.model import QueueConfig
from lambdatui.errors import NotFound
from lambdatui.store.records import Message, NewMessage

TARGET = "AmazonSQS"
MAX_ENTRIES = 10
MAX_REQUEST = 2 * MAX_MESSAGE  # JSON escapes included

_ENTRY_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")
Operation = Callable[[Fields, str], Awaitable[dict[str, Any]]]


class Sqs:
    """Every operation takes the request's members and the URL under which the caller reached us."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._receiver = Receiver(door.engine.store.queues)
        self.operations: dict[str, Operation] = {
            "GetQueueUrl": self._get_queue_url,
            "ListQueues": self._list_queues,
            "GetQueueAttributes": self._get_queue_attributes,
            "SendMessage": self._send_message,
            "SendMessageBatch": self._send_message_batch,
            "ReceiveMessage": self._receive_message,
            "DeleteMessage": self._delete_message,
            "DeleteMessageBatch": self._delete_message_batch,
            "PurgeQueue": self._purge_queue,
        }

    async def call(self, operation: str, body: bytes, base_url: str) -> dict[str, Any]:
        """Raises AwsError; `base_url` is `http://HOST` of the request."""
        handler = self.operations.get(operation)
        if handler is None:
            served = ", ".join(self.operations)
            raise AwsError("NotServed", f"lambdatui does not serve SQS {operation} yet. It serves {served}.")
        return await handler(Fields.decode(body, "MissingParameter", "InvalidParameterValue"), base_url)

    # --- queues

    async def _get_queue_url(self, fields: Fields, base_url: str) -> dict[str, Any]:
        return {"QueueUrl": self._url(self._named(fields.text("QueueName")), base_url)}

    async def _list_queues(self, fields: Fields, base_url: str) -> dict[str, Any]:
        prefix = fields.optional_text("QueueNamePrefix") or ""
        limit = fields.number("MaxResults", 1, 1000) or 1000
        names = sorted(q.name for q in self._door.engine.project.queues if q.name.startswith(prefix))
        token = fields.optional_text("NextToken")
        if token:
            names = [name for name in names if name >= token]
        answer: dict[str, Any] = {}
        if names:
            answer["QueueUrls"] = [self._url(self._named(name), base_url) for name in names[:limit]]
        if len(names) > limit:
            answer["NextToken"] = names[limit]
        return answer

    async def _get_queue_attributes(self, fields: Fields, _: str) -> dict[str, Any]:
        queue = self._queue(fields)
        known = self._attributes_of(queue)
        wanted = fields.texts("AttributeNames")
        for name in wanted:
            if name != "All" and name not in known and name not in _OPTIONAL_ATTRIBUTES:
                raise AwsError("InvalidAttributeName", f"Unknown Attribute {name}.")
        if "All" in wanted:
            return {"Attributes": known}
        found = {name: known[name] for name in wanted if name in known}
        return {"Attributes": found} if found else {}

    async def _purge_queue(self, fields: Fields, _: str) -> dict[str, Any]:
        await self._door.engine.store.queues.purge(self._queue(fields).name, None)
        return {}

    # --- messages

    async def _send_message(self, fields: Fields, _: str) -> dict[str, Any]:
        queue = self._queue(fields)
        message = read_message(fields, queue)
        (sent,) = await self._door.engine.store.queues.send(queue, [message])
        return _sent(queue, message, sent)

    async def _send_message_batch(self, fields: Fields, _: str) -> dict[str, Any]:
        queue = self._queue(fields)
        entries = _batch(fields)
        good: list[tuple[str, NewMessage]] = []
        failed: list[dict[str, Any]] = []
        total = 0
        for entry_id, entry in entries:
            try:
                message = read_message(entry, queue)
            except AwsError as error:
                failed.append({"Id": entry_id, "SenderFault": True, "Code": error.type, "Message": error.message})
                continue
            total += size(message.body, message.attributes)
            good.append((entry_id, message))
        if total > MAX_MESSAGE:
            raise AwsError(
                "BatchRequestTooLong",
                f"Batch requests cannot be longer than {MAX_MESSAGE} bytes. You have sent {total} bytes.",
            )
        sent = await self._door.engine.store.queues.send(queue, [message for _, message in good]) if good else []
        answer: dict[str, Any] = {
            "Successful": [
                {"Id": entry_id, **_sent(queue, message, row)}
                for (entry_id, message), row in zip(good, sent, strict=True)
            ]
        }
        if failed:
            answer["Failed"] = failed
        return answer

    async def _receive_message(self, fields: Fields, _: str) -> dict[str, Any]:
        queue = self._queue(fields)
        visibility = fields.number("VisibilityTimeout", 0, 43_200)
        messages = await self._receiver.receive(
            queue,
            fields.number("MaxNumberOfMessages", 1, 10) or 1,
            queue.visibility_timeout if visibility is None else visibility,
            fields.number("WaitTimeSeconds", 0, 20) or 0,
            lambda: self._door.engine.stopping,
        )
        wanted = {*fields.texts("AttributeNames"), *fields.texts("MessageSystemAttributeNames")}
        names = fields.texts("MessageAttributeNames")
        return {"Messages": [self._received(queue, m, wanted, names) for m in messages]} if messages else {}

    async def _delete_message(self, fields: Fields, _: str) -> dict[str, Any]:
        await self._delete(self._queue(fields), fields.text("ReceiptHandle"))
        return {}

    async def _delete_message_batch(self, fields: Fields, _: str) -> dict[str, Any]:
        queue = self._queue(fields)
        done, failed = [], []
        for entry_id, entry in _batch(fields):
            try:
                await self._delete(queue, entry.text("ReceiptHandle"))
                done.append({"Id": entry_id})
            except AwsError as error:
                failed.append({"Id": entry_id, "SenderFault": True, "Code": error.type, "Message": error.message})
        return {"Successful": done, **({"Failed": failed} if failed else {})}

    async def _delete(self, queue: QueueConfig, receipt: str) -> None:
        """A receipt that is spent deletes nothing and is no error, as on AWS."""
        if len(receipt) > 1024 or not receipt.isascii():
            raise AwsError("ReceiptHandleIsInvalid", "The input receipt handle is invalid.")
        await self._door.engine.store.queues.delete_by_receipt(queue.name, receipt)

    # --- shapes

    def _queue(self, fields: Fields) -> QueueConfig:
        """By the last part of the URL's path; a bare name does as well, as on AWS."""
        return self._named(fields.text("QueueUrl").rstrip("/").rpartition("/")[2])

    def _named(self, name: str) -> QueueConfig:
        try:
            return self._door.sources.queue(name)
        except NotFound:
            raise AwsError("QueueDoesNotExist", "The specified queue does not exist.") from None

    def _url(self, queue: QueueConfig, base_url: str) -> str:
        return f"{base_url}/{self._door.account}/{queue.name}"

    def _arn(self, name: str) -> str:
        return f"arn:aws:sqs:{self._door.region}:{self._door.account}:{name}"

    def _attributes_of(self, queue: QueueConfig) -> dict[str, str]:
        depth = self._door.engine.store.queues.depth(queue.name)
        known = {
            "QueueArn": self._arn(queue.name),
            "ApproximateNumberOfMessages": str(depth.visible),
            "ApproximateNumberOfMessagesNotVisible": str(depth.in_flight),
            "ApproximateNumberOfMessagesDelayed": str(depth.delayed),
            "CreatedTimestamp": "0",
            "LastModifiedTimestamp": "0",
            "VisibilityTimeout": f"{queue.visibility_timeout:g}",
            "MaximumMessageSize": str(MAX_MESSAGE),
            "MessageRetentionPeriod": str(queue.retention),
            "DelaySeconds": f"{queue.delay:g}",
            "ReceiveMessageWaitTimeSeconds": "0",
            "SqsManagedSseEnabled": "false",
        }
        if queue.fifo:
            known["FifoQueue"] = "true"
            known["ContentBasedDeduplication"] = str(queue.content_based_deduplication).lower()
        if queue.redrive_queue is not None:
            target = self._arn(queue.redrive_queue)
            known["RedrivePolicy"] = f'{{"deadLetterTargetArn":"{target}","maxReceiveCount":{queue.max_receive_count}}}'
        return known

    def _received(self, queue: QueueConfig, message: Message, wanted: set[str], names: list[str]) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "MessageId": message.id,
            "ReceiptHandle": message.receipt,
            "MD5OfBody": md5_of_body(message.body),
            "Body": message.body,
        }
        system = {
            "SenderId": self._door.account,
            "SentTimestamp": str(message.sent_us // 1000),
            "ApproximateReceiveCount": str(message.receive_count),
            "ApproximateFirstReceiveTimestamp": str((message.first_received_us or message.sent_us) // 1000),
        }
        if message.group_id is not None:
            system["MessageGroupId"] = message.group_id
        if queue.fifo:
            system["SequenceNumber"] = _sequence(message)
            system["MessageDeduplicationId"] = message.dedup_id or ""
        chosen = system if "All" in wanted else {name: value for name, value in system.items() if name in wanted}
        if chosen:
            shown["Attributes"] = chosen
        attributes = {n: a for n, a in message.attributes.items() if _is_wanted(n, names)}
        if attributes:
            shown["MessageAttributes"] = attributes
            shown["MD5OfMessageAttributes"] = md5_of_attributes(attributes)
        return shown


_OPTIONAL_ATTRIBUTES = frozenset({
    "Policy", "RedrivePolicy", "FifoQueue", "ContentBasedDeduplication", "KmsMasterKeyId",
    "KmsDataKeyReusePeriodSeconds", "DeduplicationScope", "FifoThroughputLimit", "RedriveAllowPolicy",
})  # fmt: skip


def _is_wanted(name: str, names: list[str]) -> bool:
    """`All`, `.*`, a name, or a prefix as `foo.*`."""
    return any(w in ("All", ".*", name) or (w.endswith(".*") and name.startswith(w[:-2])) for w in names)


def _batch(fields: Fields) -> list[tuple[str, Fields]]:
    """The entries of a batch with their ids; raises what SQS raises for the batch as a whole."""
    entries = fields.objects("Entries")
    if not entries:
        raise AwsError("EmptyBatchRequest", "There should be at least one entry in the request.")
    if len(entries) > MAX_ENTRIES:
        raise AwsError(
            "TooManyEntriesInBatchRequest",
            f"Maximum number of entries per request are {MAX_ENTRIES}. You have sent {len(entries)}.",
        )
    ids = [entry.text("Id") for entry in entries]
    for entry_id in ids:
        if not _ENTRY_ID.fullmatch(entry_id):
            raise AwsError(
                "InvalidBatchEntryId",
                "A batch entry id can only contain alphanumeric characters, hyphens and underscores. "
                "It can be at most 80 letters long.",
            )
    repeated = next((entry_id for entry_id in ids if ids.count(entry_id) > 1), None)
    if repeated is not None:
        raise AwsError("BatchEntryIdsNotDistinct", f"Id {repeated} repeated.")
    return list(zip(ids, entries, strict=True))


def _sent(queue: QueueConfig, message: NewMessage, row: Message) -> dict[str, Any]:
    answer: dict[str, Any] = {"MessageId": row.id, "MD5OfMessageBody": md5_of_body(message.body)}
    attributes: Attributes = message.attributes
    digest = md5_of_attributes(attributes)
    if digest is not None:
        answer["MD5OfMessageAttributes"] = digest
    if queue.fifo:
        answer["SequenceNumber"] = _sequence(row)
    return answer


def _sequence(message: Message) -> str:
    """20 digits, rising, as SQS gives them."""
    return f"{18_800_000_000_000_000_000 + message.seq:020d}"
