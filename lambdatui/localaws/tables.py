"""DynamoDB Streams: what changes in a table of the local AWS is appended to the engine's durable stream, in order.

A pump for each table. It looks when a write has passed the door, and now and then for writes that did not.
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_GetRecords.html
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from lambdatui.clock import MICROS, Clock
from lambdatui.config.model import StreamConfig
from lambdatui.localaws.calls import json_call, send
from lambdatui.sources.ports import Engine
from lambdatui.sources.source import Loop
from lambdatui.sources.timer import Timer

LOOK_EVERY_S = 10.0  # each look leaves an iterator in moto's memory
_TARGET = "DynamoDBStreams_20120810."
# Operations of DynamoDB that change nothing; all others wake the pumps.
READING = ("Get", "BatchGet", "Query", "Scan", "Describe", "List", "TransactGet")


def changes_tables(target: str) -> bool:
    """Whether an `X-Amz-Target` is DynamoDB's and may write."""
    service, _, operation = target.partition(".")
    return service.startswith("DynamoDB_") and not operation.startswith(READING)


def replaces_tables(target: str) -> bool:
    """Whether it may make, delete or alter a table: CreateTable, RestoreTableFromBackup, ..."""
    return changes_tables(target) and "Table" in target


class Place(NamedTuple):
    """How far a table's stream is read. A table that is made again has another stream."""

    stream: str  # ARN
    iterator: str


class TablePump(Loop):
    """One table's changes, from its stream's beginning in this life of the server. Nothing is skipped or doubled: the
    place moves on only when the records are on disk."""

    def __init__(self, engine: Engine, timer: Timer, stream: StreamConfig, url: str, places: dict[str, Place]) -> None:
        """`places`: of each table in this life of the server, which outlives its pumps."""
        super().__init__(engine, timer, label=f"changes of table {stream.table}")
        self.stream = stream
        self._url = url
        self._places = places
        self._replaced = False

    def replaced(self) -> None:
        """The table may be another one now."""
        self._replaced = True
        self.wake()

    def abandon(self) -> None:
        """End at once, in the middle of whatever it does: its server is gone."""
        if self._task is not None:
            self._task.cancel()

    async def round(self) -> int | None:
        table = self.stream.table or ""
        place = self._places.get(table)
        if place is not None:
            await self._drain(table, place)
        if place is None or self._replaced:
            self._replaced = False
            try:
                await self._renew(table, place)
            except Exception:
                self._replaced = True
                raise
        return self.engine.clock.now_us() + round(LOOK_EVERY_S * MICROS)

    async def _renew(self, table: str, place: Place | None) -> None:
        """Go over to the stream that the table has now, if that is not the one of `place`."""
        arn = await self._current(table)
        if arn is not None and (place is None or arn != place.stream):
            await self._drain(table, await self._beginning(arn))

    async def _drain(self, table: str, place: Place) -> None:
        """Append what comes after `place`, and remember where that ends."""
        while True:
            answer = await self._ask("GetRecords", {"ShardIterator": place.iterator})
            records = answer.get("Records") or []
            if records:
                await self.engine.store.streams.put(self.stream, [self._row(record) for record in records])
            self._places[table] = place = place._replace(iterator=answer["NextShardIterator"])
            if not records:
                return

    async def _current(self, table: str) -> str | None:
        """The ARN of the table's stream; None where it has none, or is gone."""
        streams = (await self._ask("ListStreams", {"TableName": table}))["Streams"]
        return streams[0]["StreamArn"] if streams else None

    async def _beginning(self, arn: str) -> Place:
        shards = (await self._ask("DescribeStream", {"StreamArn": arn}))["StreamDescription"]["Shards"]
        start = {"StreamArn": arn, "ShardId": shards[0]["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        return Place(arn, (await self._ask("GetShardIterator", start))["ShardIterator"])

    async def _ask(self, operation: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = await send(self._url, self.engine.project.region, json_call("dynamodb", _TARGET + operation, body))
        return msgspec.json.decode(answer, type=dict[str, Any])

    def _row(self, record: dict[str, Any]) -> tuple[str, bytes, None]:
        record = as_lambda_has_it(record, self.engine.project.region, self.engine.clock)
        return msgspec.json.encode(record["dynamodb"]["Keys"]).decode(), msgspec.json.encode(record), None


def as_lambda_has_it(record: dict[str, Any], region: str, clock: Clock) -> dict[str, Any]:
    """The record in the form that stands in an event, but for its eventSourceARN."""
    change = dict(record["dynamodb"])
    created = change.get("ApproximateCreationDateTime")
    change["ApproximateCreationDateTime"] = (
        int(created) if isinstance(created, int | float) else clock.now_us() // MICROS
    )
    return {
        "eventID": record["eventID"],
        "eventName": record["eventName"],
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": region,
        "dynamodb": change,
    }
