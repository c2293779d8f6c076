"""SQS's operations on queues themselves: making, finding, describing, tagging, emptying and deleting them."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from lambdatui.api.aws.call import Door
from lambdatui.api.aws.errors import AwsError
from lambdatui.api.aws.fields import Fields
from lambdatui.api.aws.sqs_attributes import (
    COUNTED,
    KNOWN,
    check_name,
    differing,
    read_attributes,
    write_attributes,
)
from lambdatui.api.aws.sqs_part import Operation, Part
from lambdatui.api.aws.sqs_policy import add_statement, remove_statement
from lambdatui.clock import MICROS
from lambdatui.config.made import Made
from lambdatui.config.model import QueueConfig

MAX_TAGS = 50


class Queues(Part):
    """AWS forbids some things for 60 seconds after a deletion or a purge; here they are done at once."""

    def __init__(self, door: Door) -> None:
        super().__init__(door)
        self._clock = door.engine.clock
        self._changing = asyncio.Lock()
        self._since = self._clock.now_us()  # declared queues carry no time: they are there since the engine is
        self.operations: dict[str, Operation] = {
            "CreateQueue": self._alone(self._create),
            "DeleteQueue": self._alone(self._delete),
            "GetQueueUrl": self._get_url,
            "ListQueues": self._list,
            "ListDeadLetterSourceQueues": self._list_sources,
            "GetQueueAttributes": self._get_attributes,
            "SetQueueAttributes": self._alone(self._set_attributes),
            "PurgeQueue": self._purge,
            "TagQueue": self._alone(self._tag),
            "UntagQueue": self._alone(self._untag),
            "ListQueueTags": self._list_tags,
            "AddPermission": self._alone(self._add_permission),
            "RemovePermission": self._alone(self._remove_permission),
        }

    def _alone(self, operation: Operation) -> Operation:
        """One change after the other: each reads what is there and writes it back."""

        async def change(fields: Fields, base_url: str) -> dict[str, Any]:
            async with self._changing:
                return await operation(fields, base_url)

        return change

    async def _create(self, fields: Fields, base_url: str) -> dict[str, Any]:
        name = fields.text("QueueName")
        values = fields.text_map("Attributes")
        fifo = values.get("FifoQueue") == "true"
        if name.endswith(".fifo") and not fifo:
            check_name(name, fifo=False)
        check_name(name, fifo=fifo)
        tags = _tags({}, fields.text_map("tags"), name)
        queues = self.queues()
        there = queues.get(name)
        if there is None:
            asked = read_attributes(values, QueueConfig(name=name, logical_id=name, fifo=fifo), queues)
            now_us = self._clock.now_us()
            await self.door.engine.make(
                Made(
                    kind="queue",
                    name=name,
                    own=True,
                    config={"fifo": fifo, **asked, **({"tags": tags} if tags else {})},
                    created_us=now_us,
                    modified_us=now_us,
                )
            )
        else:
            other = differing(values, there, queues)
            if other is not None:
                raise AwsError(
                    "QueueNameExists",
                    f"A queue already exists with the same name and a different value for attribute {other}",
                )
        return {"QueueUrl": self.url(name, base_url)}

    async def _delete(self, fields: Fields, _: str) -> dict[str, Any]:
        queue = self.queue(fields)
        if any(declared.name == queue.name for declared in self.door.engine.declared.queues):
            where = f" ({queue.file}:{queue.line})" if queue.file else ""
            raise AwsError(
                "UnsupportedOperation",
                f"The project declares the queue {queue.name}{where}: take it out there to delete it. "
                "PurgeQueue empties it.",
            )
        await self.door.engine.unmake("queue", queue.name)
        await self.store.queues.forget(queue.name)  # last: also what was sent meanwhile
        return {}

    async def _get_url(self, fields: Fields, base_url: str) -> dict[str, Any]:
        return {"QueueUrl": self.url(self.named(fields.text("QueueName")).name, base_url)}

    async def _list(self, fields: Fields, base_url: str) -> dict[str, Any]:
        prefix = fields.optional_text("QueueNamePrefix") or ""
        names, token = self.page([name for name in self.queues() if name.startswith(prefix)], fields)
        answer: dict[str, Any] = {"QueueUrls": [self.url(name, base_url) for name in names]} if names else {}
        return answer | ({"NextToken": token} if token else {})

    async def _list_sources(self, fields: Fields, base_url: str) -> dict[str, Any]:
        target = self.queue(fields).name
        names, token = self.page([q.name for q in self.queues().values() if q.redrive_queue == target], fields)
        answer: dict[str, Any] = {"queueUrls": [self.url(name, base_url) for name in names]}
        return answer | ({"NextToken": token} if token else {})

    async def _purge(self, fields: Fields, _: str) -> dict[str, Any]:
        await self.store.queues.purge(self.queue(fields).name, None)
        return {}

    # --- attributes

    async def _get_attributes(self, fields: Fields, _: str) -> dict[str, Any]:
        queue = self.queue(fields)
        wanted = fields.texts("AttributeNames")
        unknown = next((name for name in wanted if name not in KNOWN), None)
        if unknown is not None:
            raise AwsError("InvalidAttributeName", f"Unknown Attribute {unknown}.")
        known = self._attributes_of(queue)
        found = known if "All" in wanted else {name: known[name] for name in wanted if name in known}
        return {"Attributes": found} if found else {}

    def _attributes_of(self, queue: QueueConfig) -> dict[str, str]:
        depth = self.store.queues.depth(queue.name)
        counts = (str(number) for number in (depth.visible, depth.in_flight, depth.delayed))
        row = self.store.made.get("queue", queue.name)
        created = row.created_us if row is not None and row.own else self._since
        modified = row.modified_us if row is not None else created
        return {
            **write_attributes(queue, self.arn_prefix),
            **dict(zip(COUNTED, counts, strict=True)),
            "CreatedTimestamp": str(created // MICROS),
            "LastModifiedTimestamp": str(modified // MICROS),
        }

    async def _set_attributes(self, fields: Fields, _: str) -> dict[str, Any]:
        queue = self.queue(fields)
        values = fields.text_map("Attributes")
        if "FifoQueue" in values:
            raise AwsError("InvalidAttributeName", "Unknown Attribute FifoQueue.")
        await self._change(queue, read_attributes(values, queue, self.queues()))
        return {}

    async def _change(self, queue: QueueConfig, changes: dict[str, Any]) -> None:
        """Lay `changes` over what the queue is; over a declared one only until its declaration changes."""
        declared = next((one for one in self.door.engine.declared.queues if one.name == queue.name), None)
        row, now_us = self.store.made.get("queue", queue.name), self._clock.now_us()
        if row is None or row.own != (declared is None):
            row = Made(kind="queue", name=queue.name, own=declared is None, created_us=now_us, modified_us=now_us)
        said = {} if declared is None else msgspec.to_builtins(declared)
        await self.door.engine.make(
            msgspec.structs.replace(
                row,
                config={**row.config, **changes},
                base={**row.base, **{field: said[field] for field in changes if field in said}},
                modified_us=now_us,
            )
        )

    # --- tags and permissions

    async def _tag(self, fields: Fields, _: str) -> dict[str, Any]:
        queue = self.queue(fields)
        if not fields.has("Tags"):
            raise fields.missing("Tags")
        await self._change(queue, {"tags": _tags(queue.tags, fields.text_map("Tags"), queue.name)})
        return {}

    async def _untag(self, fields: Fields, _: str) -> dict[str, Any]:
        queue = self.queue(fields)
        gone = fields.texts("TagKeys")
        if not gone:
            raise fields.missing("TagKeys")
        await self._change(queue, {"tags": {key: value for key, value in queue.tags.items() if key not in gone}})
        return {}

    async def _list_tags(self, fields: Fields, _: str) -> dict[str, Any]:
        tags = self.queue(fields).tags
        return {"Tags": tags} if tags else {}

    async def _add_permission(self, fields: Fields, _: str) -> dict[str, Any]:
        queue = self.queue(fields)
        for name in ("AWSAccountIds", "Actions"):
            if not fields.texts(name):
                raise fields.missing(name)
        policy = add_statement(
            queue.attributes.get("Policy"),
            self.arn_prefix + queue.name,
            fields.text("Label"),
            fields.texts("AWSAccountIds"),
            fields.texts("Actions"),
        )
        await self._change(queue, {"attributes": {**queue.attributes, "Policy": policy}})
        return {}

    async def _remove_permission(self, fields: Fields, _: str) -> dict[str, Any]:
        queue = self.queue(fields)
        arn, label = self.arn_prefix + queue.name, fields.text("Label")
        policy = remove_statement(queue.attributes.get("Policy"), arn, label)
        await self._change(queue, read_attributes({"Policy": policy}, queue, {}))
        return {}


def _tags(there: dict[str, str], more: dict[str, str], queue: str) -> dict[str, str]:
    for key, value in more.items():
        if not 1 <= len(key) <= 128 or len(value) > 256:
            raise AwsError(
                "InvalidParameterValue",
                "Tag keys must be between 1 and 128 characters in length, tag values at most 256.",
            )
    tags = {**there, **more}
    if len(tags) > MAX_TAGS:
        raise AwsError("InvalidParameterValue", f"Too many tags added for queue {queue}.")
    return tags
