"""What buckets, topics and event buses send to functions and queues."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambdatui.config.model import (
    BucketTrigger,
    EventRule,
    Project,
    PushTrigger,
    QueueConfig,
    ResourceConfig,
    TopicSubscription,
)
from lambdatui.sources.push import for_protocol, passes, wants
from lambdatui.sources.push_shapes import (
    BusEvent,
    ObjectChange,
    Publication,
    bus_event,
    encoded_key,
    fill,
    json_path,
    object_event,
    target_input,
)
from lambdatui.store.records import Message, NewMessage
from tests.sources.helpers import accepts
from tests.sources.support import World, function, project

NOW = 1_700_000_000_250_000


def shop(*pushes: PushTrigger, **more: Any) -> Project:
    queues = (
        QueueConfig(name="inbox", logical_id="Inbox"),
        QueueConfig(name="lane.fifo", logical_id="Lane", fifo=True),
        QueueConfig(name="letters", logical_id="Letters"),
    )
    return project(functions=(function(), function("other")), queues=queues, pushes=pushes, **more)


async def received(here: World, queue: str) -> list[Message]:
    return await here.store.queues.receive(here.manager.queue(queue), 10, 30)


# buckets


def test_an_objects_event_is_as_s3_writes_it() -> None:
    change = ObjectChange(bucket="photos", key="in/a b+ü.jpg", event="ObjectCreated:Put", size=5, etag="e1")
    [record] = object_event(change, "Resize", project(), NOW)["Records"]
    assert (record["eventSource"], record["eventVersion"]) == ("aws:s3", "2.1")
    assert (record["eventName"], record["eventTime"]) == ("ObjectCreated:Put", "2023-11-14T22:13:20.250Z")
    assert record["s3"]["configurationId"] == "Resize"
    assert record["s3"]["bucket"]["arn"] == "arn:aws:s3:::photos"
    thing = record["s3"]["object"]
    assert (thing["key"], thing["size"], thing["eTag"]) == ("in/a+b%2B%C3%BC.jpg", 5, "e1")
    assert "versionId" not in thing
    later = object_event(change, "Resize", project(), NOW + 1)["Records"][0]["s3"]["object"]["sequencer"]
    assert later > thing["sequencer"]


@pytest.mark.parametrize(
    ("events", "prefix", "suffix", "expected"),
    [
        (("s3:ObjectCreated:*",), "", "", True),
        (("s3:ObjectCreated:Put",), "in/", ".jpg", True),
        (("s3:ObjectCreated:Copy", "s3:ObjectRemoved:*"), "", "", False),
        (("s3:ObjectCreated:*",), "out/", "", False),
        (("s3:ObjectCreated:*",), "", ".png", False),
        (("s3:ObjectCreated:*",), "in/a+", "", True),
        (("s3:ObjectCreated:*",), "in/a ", "", True),
    ],
)
def test_a_bucket_tells_what_its_trigger_asks_for(
    events: tuple[str, ...], prefix: str, suffix: str, expected: bool
) -> None:
    push = BucketTrigger(id="t", bucket="photos", events=events, function="work", prefix=prefix, suffix=suffix)
    assert wants(push, ObjectChange(bucket="photos", key="in/a b.jpg", event="ObjectCreated:Put")) is expected


def test_a_key_keeps_its_slashes() -> None:
    assert encoded_key("a b/c&d.txt") == "a+b/c%26d.txt"


async def test_an_object_reaches_functions_queues_topics_and_the_bus(world: Any) -> None:
    every = ("s3:ObjectCreated:*",)
    here = await world(
        shop(
            BucketTrigger(id="F", bucket="photos", events=every, function="work", prefix="in/"),
            BucketTrigger(id="Q", bucket="photos", events=every, queue="inbox"),
            BucketTrigger(id="T", bucket="photos", events=every, topic="news"),
            BucketTrigger(id="B", bucket="photos", events=("s3:*",), bus=True),
            BucketTrigger(id="Else", bucket="other", events=every, function="work"),
            TopicSubscription(id="S", topic="news", function="other"),
            EventRule(id="R", bus="default", pattern='{"detail-type": ["Object Created"]}', function="other"),
        )
    )
    await here.manager.pushes.objects(
        [ObjectChange(bucket="photos", key="in/a", event="ObjectCreated:Put", size=1, etag="x")]
    )
    await here.manager.pushes.objects([ObjectChange(bucket="photos", key="b", event="ObjectCreated:Put")])
    accepted = [(name, source) for name, _, source in here.engine.accepted]
    assert accepted == [
        ("work", "s3:photos"),
        ("other", "sns:news"),
        ("other", "events:default"),
        ("other", "sns:news"),
        ("other", "events:default"),
    ]
    inner = json.loads(json.loads(here.engine.accepted[1][1])["Records"][0]["Sns"]["Message"])
    assert inner["Records"][0]["s3"]["object"]["key"] == "in/a"
    created = json.loads(here.engine.accepted[2][1])
    assert (created["source"], created["detail"]["object"]["etag"]) == ("aws.s3", "x")
    bodies = [json.loads(message.body) for message in await received(here, "inbox")]
    assert [body["Records"][0]["s3"]["object"]["key"] for body in bodies] == ["in/a", "b"]
    rows = {row.id: row for row in here.manager.snapshot().pushes}
    assert (rows["F"].delivered, rows["F"].filtered, rows["F"].target) == (1, 1, "work")
    assert (rows["Q"].delivered, rows["Else"].delivered, rows["Else"].last_at) == (2, 0, None)
    assert rows["B"].target == "the default bus"
    assert rows["R"].last_at is not None


async def test_a_trigger_of_an_alias_invokes_the_alias(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    here = await world(
        shop(
            BucketTrigger(id="F", bucket="photos", events=("s3:*",), function="work", qualifier="live"),
            TopicSubscription(id="S", topic="news", function="work", qualifier="7"),
            EventRule(id="R", bus="default", pattern='{"source": ["shop"]}', function="work", qualifier="beta"),
            EventRule(id="L", bus="default", pattern='{"source": ["shop"]}', function="work"),
        )
    )
    asked = accepts(here, monkeypatch)
    await here.manager.pushes.objects([ObjectChange(bucket="photos", key="a", event="ObjectCreated:Put")])
    await here.manager.pushes.publish([Publication(topic="news", message="hello")])
    await here.manager.pushes.events([BusEvent(bus="default", source="shop", detail_type="x", detail={})])
    assert asked == [("work", "live"), ("work", "7"), ("work", "beta"), ("work", None)]


# topics


async def test_a_function_gets_a_topics_message_as_sns_sends_it(world: Any) -> None:
    here = await world(shop(TopicSubscription(id="S", topic="news", function="work")))
    kinds = {"size": {"DataType": "Number", "StringValue": "5"}}
    told = Publication(topic="news", message="hello", id="m1", subject="Hi", attributes=kinds)
    await here.manager.pushes.publish([told, Publication(topic="else", message="no")])
    [(name, payload, source)] = here.engine.accepted
    [record] = json.loads(payload)["Records"]
    assert (name, source, record["EventSource"], record["EventVersion"]) == ("work", "sns:news", "aws:sns", "1.0")
    topic = "arn:aws:sns:us-east-1:000000000000:news"
    assert record["EventSubscriptionArn"].startswith(f"{topic}:")
    sns = record["Sns"]
    assert (sns["TopicArn"], sns["Message"], sns["MessageId"], sns["Subject"]) == (topic, "hello", "m1", "Hi")
    assert sns["MessageAttributes"] == {"size": {"Type": "Number", "Value": "5"}}
    assert {"Type", "Timestamp", "SignatureVersion", "Signature", "SigningCertUrl", "UnsubscribeUrl"} <= sns.keys()


async def test_a_queue_gets_the_envelope_or_where_it_is_raw_the_message_alone(world: Any) -> None:
    here = await world(
        shop(
            TopicSubscription(id="S", topic="news", queue="inbox"),
            TopicSubscription(id="Raw", topic="news", queue="letters", raw=True),
        )
    )
    kinds = {"a": {"DataType": "String", "StringValue": "x"}}
    await here.manager.pushes.publish([Publication(topic="news", message="hello", attributes=kinds)])
    [message] = await received(here, "inbox")
    body = json.loads(message.body)
    assert (body["Type"], body["Message"], message.attributes) == ("Notification", "hello", {})
    assert body["MessageAttributes"] == {"a": {"Type": "String", "Value": "x"}}
    assert "Subject" not in body
    [raw] = await received(here, "letters")
    assert (raw.body, raw.attributes) == ("hello", kinds)


async def test_a_fifo_topics_messages_keep_group_and_deduplication(world: Any) -> None:
    here = await world(shop(TopicSubscription(id="S", topic="t.fifo", queue="lane.fifo", raw=True)))
    one = Publication(topic="t.fifo", message="1", group_id="g", dedup_id="d")
    await here.manager.pushes.publish([one, one, Publication(topic="t.fifo", message="2", group_id="g")])
    assert [(each.body, each.group_id) for each in await received(here, "lane.fifo")] == [("1", "g"), ("2", "g")]


def test_a_filter_policy_sees_attributes_or_the_body() -> None:
    kinds = {"price": {"DataType": "Number", "StringValue": "120"}}
    told = Publication(topic="news", message='{"order": {"state": "paid"}}', attributes=kinds)
    by = TopicSubscription(id="S", topic="news", function="work", filter_policy='{"price": [{"numeric": [">", 100]}]}')
    assert passes(by, told)
    assert not passes(by, Publication(topic="news", message="{}"))
    policy = '{"order": {"state": ["paid"]}}'
    body = TopicSubscription(id="S", topic="news", function="work", filter_policy=policy, filter_scope="MessageBody")
    assert passes(body, told)
    assert not passes(body, Publication(topic="news", message="no JSON"))
    assert not passes(body, Publication(topic="news", message="[1]"))
    assert not passes(body, Publication(topic="news", message="[" * 50_000 + "]" * 50_000))


def test_a_message_for_each_protocol() -> None:
    both = Publication(topic="t", message='{"default": "d", "sqs": "q"}', by_protocol=True)
    assert (for_protocol(both, "sqs"), for_protocol(both, "lambda")) == ("q", "d")


# buses


async def test_a_rules_targets_get_the_events_that_its_pattern_matches(world: Any) -> None:
    here = await world(
        shop(
            EventRule(id="F", bus="shop", pattern='{"source": ["orders"]}', function="work"),
            EventRule(id="Q", bus="shop", pattern='{"detail": {"n": [1]}}', queue="inbox", input_path="$.detail"),
            EventRule(id="Off", bus="shop", pattern='{"source": ["orders"]}', function="other", enabled=False),
            EventRule(id="Else", bus="default", pattern='{"source": ["orders"]}', function="other"),
        )
    )
    event = BusEvent(bus="shop", source="orders", detail_type="placed", detail={"n": 1}, id="e1", time_us=NOW)
    await here.manager.pushes.events([event], "parent")
    [(name, payload, source)] = here.engine.accepted
    assert (name, source) == ("work", "events:shop")
    assert json.loads(payload) == {
        "version": "0",
        "id": "e1",
        "detail-type": "placed",
        "source": "orders",
        "account": "000000000000",
        "time": "2023-11-14T22:13:20Z",
        "region": "us-east-1",
        "resources": [],
        "detail": {"n": 1},
    }
    assert [message.body for message in await received(here, "inbox")] == ['{"n":1}']


@pytest.mark.parametrize(
    ("paths", "template", "expected"),
    [
        ({"i": "$.detail.id", "s": "$.detail.state"}, '"<i> is <s>"', '7 is on "now"'),
        ({"i": "$.detail.id", "s": "$.detail.state"}, '{"id": <i>, "s": <s>}', {"id": 7, "s": 'on "now"'}),
        ({"d": "$.detail"}, '{"all": <d>, "t": "x <d>"}', None),
        ({"x": "$.detail.none"}, '{"x": <x>, "y": "<x>"}', {"x": None, "y": ""}),
        ({}, '{"rule": "<aws.events.rule-name>", "other": "<not-known>"}', {"rule": "R", "other": "<not-known>"}),
        ({"i": "$.detail.id"}, "plain <i>", "plain 7"),
    ],
)
def test_an_input_template_is_filled_in(paths: dict[str, str], template: str, expected: Any) -> None:
    rule = EventRule(id="R", bus="default", pattern="{}", function="work", input_paths=paths, input_template=template)
    event = BusEvent(bus="default", source="s", detail_type="t", detail={"id": 7, "state": 'on "now"'})
    whole = bus_event(event, project(), NOW)
    made = json.loads(target_input(rule, whole, project(), NOW))
    assert made == expected or (expected is None and made["all"] == whole["detail"] and '"id":7' in made["t"])


def test_a_constant_input_is_handed_on_as_written() -> None:
    rule = EventRule(id="R", bus="default", pattern="{}", function="work", input='{"a":  1}')
    assert target_input(rule, {}, project(), NOW) == b'{"a":  1}'


def test_a_path_leads_into_lists_and_quoted_names() -> None:
    event = {"detail": {"items": [{"a-b": 1}, {"c.d": 2}]}}
    assert json_path(event, "$.detail.items[0].a-b") == 1
    assert json_path(event, "$.detail.items[1]['c.d']") == 2
    assert json_path(event, "$.detail.items[9]") is None
    assert json_path(event, "$") == event


def test_an_escaped_quote_does_not_end_a_text() -> None:
    assert fill('"a \\" <x>"', {"x": "y"}) == '"a \\" y"'


# what cannot be delivered


async def test_what_a_gone_function_should_have_got_is_dead_lettered_or_said(world: Any) -> None:
    here = await world(
        shop(
            TopicSubscription(id="S", topic="news", function="gone", dead_letter_queue="letters"),
            TopicSubscription(id="Lost", topic="news", function="gone"),
        )
    )
    await here.manager.pushes.publish([Publication(topic="news", message="hello")])
    [message] = await received(here, "letters")
    assert json.loads(message.body)["Records"][0]["Sns"]["Message"] == "hello"
    assert [said for _, _, said in here.engine.telemetry.said] == [
        "trigger Lost could not deliver: Function not found: gone"
    ]


async def test_those_dead_letters_are_listed_and_replayed_to_the_function_once_it_is_there(world: Any) -> None:
    lost = TopicSubscription(id="S", topic="news", function="work", dead_letter_queue="letters")
    here = await world(shop(lost), work=lambda event: None)
    without = project(functions=(function("other"),), queues=shop().queues, pushes=(lost,))
    await here.engine.reload(without)
    await here.manager.pushes.publish([Publication(topic="news", message="hello")])
    assert here.manager.dlq_names() == ["letters"]
    [message] = await here.store.queues.receive(here.manager.queue("letters"), 1, 0)
    assert (message.function, message.error_code) == ("work", "ResourceNotFound")
    await here.engine.reload(shop(lost))
    assert (await here.manager.replay_entry(message.id)).status == "ok"
    [event] = here.engine.events("work")
    assert event["Records"][0]["Sns"]["Message"] == "hello"


@pytest.mark.parametrize("name", ["news", "News", "arn:aws:sns:us-east-1:000000000000:news"])
async def test_a_person_can_send_to_a_topic(world: Any, name: str) -> None:
    topic = ResourceConfig(type="AWS::SNS::Topic", logical_id="News", name="news")
    here = await world(shop(TopicSubscription(id="S", topic="news", function="work"), resources=(topic,)))
    [message_id] = await here.manager.send(name, [NewMessage(body="hello")])
    [(_, payload, _)] = here.engine.accepted
    sns = json.loads(payload)["Records"][0]["Sns"]
    assert (sns["Message"], sns["MessageId"]) == ("hello", message_id)
