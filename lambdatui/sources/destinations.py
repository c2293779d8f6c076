"""Carries records of asynchronous events and of batches to topics, functions, event buses and buckets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from lambdatui.config.destinations import to_arn
from lambdatui.engine.destinations import Delivery
from lambdatui.errors import OperationFailed
from lambdatui.sources.catalog import Catalog
from lambdatui.sources.ports import Engine
from lambdatui.sources.push import Pusher
from lambdatui.sources.push_shapes import BusEvent, ObjectChange, Publication
from lambdatui.store.records import NewMessage

# Puts an object into a bucket of the local AWS: bucket, key, content. Raises LambdaTuiError or OSError.
PutObject = Callable[[str, str, bytes], Awaitable[None]]


class Destinations:
    """Fulfils `engine.destinations.Deliver`."""

    def __init__(self, engine: Engine, catalog: Callable[[], Catalog], pusher: Pusher) -> None:
        self._engine = engine
        self._catalog = catalog
        self._pusher = pusher
        self.put_object: PutObject | None = None  # None: there is no local AWS

    async def deliver(self, delivery: Delivery) -> None:
        """See `Deliver`."""
        target, parent = delivery.destination, delivery.parent_id
        match target.kind:
            case "queue":
                queue = self._catalog().queue(target.name)
                message = NewMessage(body=delivery.body.decode("utf-8", "replace"), function=delivery.function)
                await self._engine.store.queues.send(queue, [message])
            case "topic":
                message_text = delivery.body.decode("utf-8", "replace")
                told = Publication(topic=target.name, message=message_text, attributes=delivery.attributes)
                await self._pusher.publish([told], parent)
            case "function":
                await self._engine.accept(
                    target.name,
                    delivery.body,
                    source=f"destination:{delivery.function}",
                    parent_id=parent,
                    qualifier=target.qualifier,
                )
            case "bus":
                project = self._catalog().project
                await self._pusher.events([bus_event(delivery, project.region, project.account)], parent)
            case "bucket":
                await self._put(delivery)

    async def _put(self, delivery: Delivery) -> None:
        """A bucket that is not there, or no local AWS, is final: nothing that would come of waiting."""
        bucket = delivery.destination.name
        if self.put_object is None:
            raise OperationFailed(f"there is no local AWS that could hold bucket {bucket}: run with --aws auto")
        try:
            await self.put_object(bucket, delivery.key, delivery.body)
        except Exception as error:
            raise OperationFailed(f"bucket {bucket} did not take the record: {error}") from error
        change = ObjectChange(bucket=bucket, key=delivery.key, event="ObjectCreated:Put", size=len(delivery.body))
        await self._pusher.objects([change], delivery.parent_id)


def bus_event(delivery: Delivery, region: str, account: str) -> BusEvent:
    """The record as an event of source `lambda`. Pure.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html#invocation-async-destinations
    """
    outcome = "Success" if delivery.succeeded else "Failure"
    return BusEvent(
        bus=delivery.destination.name,
        source="lambda",
        detail_type=f"Lambda Function Invocation Result - {outcome}",
        detail=msgspec.json.decode(delivery.body),
        resources=[to_arn(delivery.destination, region, account), delivery.arn],
    )
