"""What SQS's operations share: how a request names a queue, and what a batch is."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from lambdatui.api.aws.call import Door
from lambdatui.api.aws.errors import AwsError
from lambdatui.api.aws.fields import Fields
from lambdatui.config.model import QueueConfig
from lambdatui.errors import NotFound

MAX_ENTRIES = 10

_ENTRY_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")
Operation = Callable[[Fields, str], Awaitable[dict[str, Any]]]


class Part:
    """Some of the operations. Each takes the request's members and the URL under which the caller reached us."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.store = door.engine.store
        self.arn_prefix = f"arn:aws:sqs:{door.region}:{door.account}:"

    def queue(self, fields: Fields) -> QueueConfig:
        """By the last part of the URL's path; a bare name does as well, as on AWS."""
        return self.named(fields.text("QueueUrl").rstrip("/").rpartition("/")[2])

    def named(self, name: str) -> QueueConfig:
        try:
            return self.door.sources.queue(name)
        except NotFound:
            raise AwsError("QueueDoesNotExist", "The specified queue does not exist.") from None

    def queues(self) -> Mapping[str, QueueConfig]:
        """Those that exist, by name."""
        return {queue.name: queue for queue in self.door.engine.project.queues}

    def url(self, name: str, base_url: str) -> str:
        return f"{base_url}/{self.door.account}/{name}"

    def page(self, names: list[str], fields: Fields) -> tuple[list[str], str | None]:
        """(names of the page that is asked for, token of the next one): MaxResults and NextToken."""
        limit = fields.number("MaxResults", 1, 1000) or 1000
        token = fields.optional_text("NextToken")
        left = [name for name in sorted(names) if not token or name >= token]
        return left[:limit], left[limit] if len(left) > limit else None


def batch(fields: Fields) -> list[tuple[str, Fields]]:
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


def failure(entry_id: str, error: AwsError) -> dict[str, Any]:
    """An entry of a batch that was refused."""
    return {"Id": entry_id, "SenderFault": True, "Code": error.type, "Message": error.message}


def outcome(done: list[dict[str, Any]], failed: list[dict[str, Any]]) -> dict[str, Any]:
    """A batch's answer; SQS leaves an empty `Failed` out."""
    return {"Successful": done, **({"Failed": failed} if failed else {})}
