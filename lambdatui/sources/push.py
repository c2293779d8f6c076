"""Push triggers: what a bucket, a topic or an event bus has accepted goes to the functions and queues that want it.

A function gets an asynchronous event, so it is on disk when this returns, with retries and dead letters as on AWS.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable, Sequence

import msgspec

from lambdatui import schema
from lambdatui.clock import iso
from lambdatui.config.model import BucketTrigger, EventRule, Project, PushTrigger, TopicSubscription
from lambdatui.config.patterns import attributes, matches
from lambdatui.config.triggers import push_detail
from lambdatui.engine.tracing import SENT
from lambdatui.errors import NotFound
from lambdatui.sources import push_shapes as shapes
from lambdatui.sources.catalog import Catalog
from lambdatui.sources.ports import Engine
from lambdatui.sources.push_shapes import BusEvent, ObjectChange, Publication
from lambdatui.store.records import NewMessage

_encode = msgspec.json.encode
_MAX_RAW_ATTRIBUTES = 10  # SQS takes no more


class Pusher:
    """The push triggers of the project that `catalog` gives, and what they have done."""

    def __init__(self, engine: Engine, catalog: Callable[[], Catalog]) -> None:
        self._engine = engine
        self._catalog = catalog
        self._delivered: Counter[str] = Counter()
        self._filtered: Counter[str] = Counter()
        self._last_us: dict[str, int] = {}
        self._made: dict[str, TopicSubscription] = {}

    async def objects(self, changes: Sequence[ObjectChange], parent_id: str | None = None) -> None:
        """Objects that a bucket has taken or removed. On disk when this returns. Raises StoreError."""
        await asyncio.gather(*(self._object(change, parent_id) for change in changes))

    async def publish(self, told: Sequence[Publication], parent_id: str | None = None) -> None:
        """Messages that a topic has accepted, in their order. On disk when this returns. Raises StoreError."""
        for one in told:
            subscriptions = [push for push in self._pushes() if isinstance(push, TopicSubscription)]
            await asyncio.gather(
                *(self._published(push, one, parent_id) for push in subscriptions if push.topic == one.topic)
            )

    async def events(self, events: Sequence[BusEvent], parent_id: str | None = None) -> None:
        """Events that a bus has accepted. On disk when this returns. Raises StoreError."""
        await asyncio.gather(*(self._event(event, parent_id) for event in events))

    def wanted(self, kind: str, name: str) -> bool:
        """Whether a trigger hangs on the `bucket` of that name, or on any `bus`."""
        if kind == "bus":
            return any(isinstance(push, EventRule) for push in self._pushes())
        return any(isinstance(push, BucketTrigger) and push.bucket == name for push in self._pushes())

    # Subscriptions that were made by API. They live as long as the topics' server.

    def subscribe(self, push: TopicSubscription) -> None:
        """Add a subscription, or put it in the place of the one with its id."""
        self._made[push.id] = push

    def unsubscribe(self, id: str) -> None:
        self._made.pop(id, None)

    def subscribed(self, id: str) -> TopicSubscription | None:
        return self._made.get(id)

    def forget(self) -> None:
        """The topics' server has ended: what was made in it is gone."""
        self._made.clear()

    def rows(self) -> list[schema.PushRow]:
        """Every trigger as the screen shows it."""
        return [self._row(push) for push in self._pushes()]

    # one of each

    async def _object(self, change: ObjectChange, parent_id: str | None) -> None:
        project, now = self._project, self._engine.clock.now_us()
        for push in self._pushes():
            if not isinstance(push, BucketTrigger) or push.bucket != change.bucket:
                continue
            if not wants(push, change):
                self._filtered[push.id] += 1
                continue
            event = shapes.object_event(change, push.id, project, now)
            if push.bus:
                await self._event(shapes.object_on_bus(change, project, now), parent_id)
                self._note(push, now)
            elif push.topic is not None:
                message = _encode(event).decode()
                await self.publish(
                    [Publication(topic=push.topic, message=message, subject="Amazon S3 Notification")], parent_id
                )
                self._note(push, now)
            else:
                await self._deliver(push, _encode(event), f"s3:{push.bucket}", parent_id)

    async def _published(self, push: TopicSubscription, told: Publication, parent_id: str | None) -> None:
        if not passes(push, told):
            self._filtered[push.id] += 1
            return
        now = self._engine.clock.now_us()
        source = f"sns:{push.topic}"
        message = for_protocol(told, "sqs" if push.queue is not None else "lambda")
        if push.queue is None:
            record = shapes.topic_record(told, message, push.id, self._project, now)
            await self._deliver(push, _encode(record), source, parent_id)
        elif push.raw:
            few = dict(list(told.attributes.items())[:_MAX_RAW_ATTRIBUTES])
            await self._deliver(push, message.encode(), source, parent_id, told=told, attributes=few)
        else:
            body = shapes.topic_envelope(told, message, push.id, self._project, now)
            await self._deliver(push, _encode(body), source, parent_id, told=told)

    async def _event(self, event: BusEvent, parent_id: str | None) -> None:
        project, now = self._project, self._engine.clock.now_us()
        whole = shapes.bus_event(event, project, now)
        for push in self._pushes():
            if not isinstance(push, EventRule) or push.bus != event.bus or not push.enabled:
                continue
            if not matches(msgspec.json.decode(push.pattern), whole):
                self._filtered[push.id] += 1
                continue
            payload = shapes.target_input(push, whole, project, now)
            if push.topic is not None:
                await self.publish([Publication(topic=push.topic, message=payload.decode())], parent_id)
                self._note(push, now)
            else:
                await self._deliver(push, payload, f"events:{push.bus}", parent_id)

    # carrying out

    async def _deliver(
        self,
        push: PushTrigger,
        payload: bytes,
        source: str,
        parent_id: str | None,
        *,
        told: Publication | None = None,
        attributes: dict[str, dict[str, str]] | None = None,
    ) -> None:
        """To the trigger's function or queue; to its dead-letter queue where that is gone."""
        try:
            if push.function is not None:
                await self._engine.accept(
                    push.function, payload, source=source, parent_id=parent_id, qualifier=push.qualifier
                )
            elif push.queue is not None:
                group = push.group_id if isinstance(push, EventRule) else told.group_id if told else None
                dedup = told.dedup_id or hashlib.sha256(told.message.encode()).hexdigest() if told else None
                await self._send(push.queue, payload, attributes or {}, group, dedup)
        except NotFound as error:
            await self._undeliverable(push, payload, str(error))
            return
        self._note(push, self._engine.clock.now_us())

    async def _send(
        self, queue: str, body: bytes, attributes: dict[str, dict[str, str]], group: str | None, dedup: str | None
    ) -> None:
        config = self._catalog().queue(queue)
        message = NewMessage(body=body.decode(), attributes=attributes, trace_header=SENT.get())
        if config.fifo:
            unique = dedup or hashlib.sha256(body).hexdigest()
            message = msgspec.structs.replace(message, group_id=group or config.name, dedup_id=unique)
        await self._engine.store.queues.send(config, [message])

    async def _undeliverable(self, push: PushTrigger, payload: bytes, why: str) -> None:
        letters = None if isinstance(push, BucketTrigger) else push.dead_letter_queue
        if letters is None:
            self._engine.telemetry.say("notice", push.function, f"trigger {push.id} could not deliver: {why}")
            return
        now = self._engine.clock.now_us()
        message = NewMessage(
            body=payload.decode(),
            function=push.function,
            error_code="ResourceNotFound",
            error_message=why,
            attempts=1,
            first_us=now,
        )
        try:
            await self._engine.store.queues.send(self._catalog().queue(letters), [message])
        except NotFound as error:
            self._engine.telemetry.say("notice", push.function, f"trigger {push.id} could not deliver: {error}")

    # looking up

    @property
    def _project(self) -> Project:
        return self._catalog().project

    def _pushes(self) -> tuple[PushTrigger, ...]:
        return (*self._project.pushes, *self._made.values())

    def _note(self, push: PushTrigger, now_us: int) -> None:
        self._delivered[push.id] += 1
        self._last_us[push.id] = now_us

    def _row(self, push: PushTrigger) -> schema.PushRow:
        kind, source = _KINDS[type(push)], _source(push)
        last = self._last_us.get(push.id)
        target = push.function or push.queue or push.topic if not isinstance(push, TopicSubscription) else None
        return schema.PushRow(
            id=push.id,
            kind=kind,
            source=source,
            target=target or push.function or push.queue or "the default bus",
            detail=push_detail(push),
            delivered=self._delivered[push.id],
            filtered=self._filtered[push.id],
            last_at=None if last is None else iso(last),
        )


_KINDS: dict[type, str] = {BucketTrigger: "bucket", TopicSubscription: "topic", EventRule: "rule"}


def _source(push: PushTrigger) -> str:
    if isinstance(push, BucketTrigger):
        return push.bucket
    return push.topic if isinstance(push, TopicSubscription) else push.bus


def wants(push: BucketTrigger, change: ObjectChange) -> bool:
    """Whether one of the trigger's events and its filter fit the object. Pure."""
    name = f"s3:{change.event}"
    if not any(name == each or (each.endswith("*") and name.startswith(each[:-1])) for each in push.events):
        return False
    # A rule's value is compared with the key as notifications write it; without special characters both are one.
    keys = (change.key, shapes.encoded_key(change.key))
    return any(key.startswith(push.prefix) and key.endswith(push.suffix) for key in keys)


def passes(push: TopicSubscription, told: Publication) -> bool:
    """Whether the subscription's filter policy lets the message through. Pure."""
    if push.filter_policy is None:
        return True
    policy = msgspec.json.decode(push.filter_policy)
    if push.filter_scope == "MessageAttributes":
        return matches(policy, attributes(told.attributes))
    try:
        body = msgspec.json.decode(told.message)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return isinstance(body, dict) and matches(policy, body)


def publication(topic: str, message: NewMessage) -> Publication:
    """A message that a person sends to a topic. Pure."""
    return Publication(
        topic=topic,
        message=message.body,
        attributes=message.attributes,
        group_id=message.group_id,
        dedup_id=message.dedup_id,
    )


def for_protocol(told: Publication, protocol: str) -> str:
    """The message, or with MessageStructure json that of its protocol. Pure."""
    if not told.by_protocol:
        return told.message
    try:
        messages = msgspec.json.decode(told.message, type=dict[str, str])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return told.message
    return messages.get(protocol, messages.get("default", ""))
