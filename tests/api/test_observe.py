"""What the door sees pass: requests and answers read as S3, SNS and EventBridge mean them."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from lambdatui.api.observe import Watch, deleted, events_put, form_key, many_deleted, unserved, watch
from lambdatui.api.topic_calls import changed, published, subscription

ANY = lambda kind, name: True  # noqa: E731


def seen(method: str, target: str, service: str = "s3", wanted: Any = ANY, **headers: str) -> Watch | None:
    path, _, query = target.partition("?")
    pairs = {"host": "127.0.0.1:3001"} | {name.replace("_", "-"): value for name, value in headers.items()}
    scope = {
        "method": method,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in pairs.items()],
    }
    return watch(service, scope, wanted)


@pytest.mark.parametrize(
    ("method", "target", "headers", "expected"),
    [
        ("PUT", "/photos/in/a%20b.jpg?x-id=PutObject", {}, ("Put", "photos", "in/a b.jpg")),
        ("PUT", "/photos/a?X-Amz-Signature=1&X-Amz-Expires=60", {}, ("Put", "photos", "a")),
        ("PUT", "/photos/a?AWSAccessKeyId=1&Signature=x&Expires=60", {}, ("Put", "photos", "a")),
        ("PUT", "/photos/b", {"x_amz_copy_source": "photos/a"}, ("Copy", "photos", "b")),
        ("PUT", "/in/a", {"host": "photos.localhost:3001"}, ("Put", "photos", "in/a")),
        ("PUT", "/in/a", {"host": "my.photos.s3.us-east-1.amazonaws.com"}, ("Put", "my.photos", "in/a")),
        ("POST", "/photos/big?uploadId=u", {}, ("CompleteMultipartUpload", "photos", "big")),
        ("DELETE", "/photos/a?versionId=3", {}, ("Delete", "photos", "a")),
        ("POST", "/photos?delete", {}, ("DeleteMany", "photos", "")),
        ("POST", "/photos", {"content_type": "multipart/form-data; boundary=x"}, ("Post", "photos", "")),
    ],
)
def test_a_call_that_changes_objects_is_known(
    method: str, target: str, headers: dict[str, str], expected: tuple[str, str, str]
) -> None:
    found = seen(method, target, **headers)
    assert found is not None
    assert (found.kind, found.bucket, found.key) == expected


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/photos/a"),
        ("HEAD", "/photos/a"),
        ("PUT", "/photos"),
        ("PUT", "/photos/a?tagging"),
        ("PUT", "/photos/a?partNumber=1&uploadId=u"),
        ("POST", "/photos/a?uploads"),
        ("DELETE", "/photos/a?uploadId=u"),
        ("DELETE", "/photos/a?tagging"),
        ("DELETE", "/photos"),
        ("PUT", "/photos?versioning"),
    ],
)
def test_other_calls_are_not_looked_at(method: str, target: str) -> None:
    assert seen(method, target) is None


def test_only_what_a_trigger_wants_is_looked_at() -> None:
    asked: list[tuple[str, str]] = []

    def wanted(kind: str, name: str) -> bool:
        asked.append((kind, name))
        return False

    assert seen("PUT", "/photos/a", wanted=wanted) is None
    assert seen("POST", "/", "events", wanted=wanted, x_amz_target="AWSEvents.PutEvents") is None
    assert asked == [("bucket", "photos"), ("bus", "")]


@pytest.mark.parametrize(
    ("method", "query", "target", "words"),
    [
        ("POST", b"", b"AWSEvents.PutTargets", "declare the rule"),
        ("PUT", b"notification", b"", "a bucket's notifications"),
        ("PUT", b"notification=", b"", "a bucket's notifications"),
        ("GET", b"notification", b"", None),
        ("POST", b"", b"AWSEvents.PutRule", None),
    ],
)
def test_triggers_that_only_a_template_makes_are_said(
    method: str, query: bytes, target: bytes, words: str | None
) -> None:
    scope = {"method": method, "query_string": query, "headers": [(b"x-amz-target", target)]}
    said = unserved(scope)
    assert (said is None) if words is None else (said is not None and words in said)


def test_a_deletion_in_a_bucket_with_versions_leaves_a_marker() -> None:
    one = Watch(kind="Delete", bucket="photos", key="a")
    assert deleted(one, {}).event == "ObjectRemoved:Delete"
    marked = deleted(one, {b"x-amz-delete-marker": b"true", b"x-amz-version-id": b"v2"})
    assert (marked.event, marked.version_id) == ("ObjectRemoved:DeleteMarkerCreated", "v2")
    version = Watch(kind="Delete", bucket="photos", key="a", version_id="v1")
    assert deleted(version, {b"x-amz-delete-marker": b"true"}).event == "ObjectRemoved:Delete"


def test_many_deletions_but_those_refused() -> None:
    request = (
        b'<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Quiet>true</Quiet>'
        b"<Object><Key>a</Key></Object><Object><Key>b &amp; c</Key></Object><Object><Key>no</Key></Object></Delete>"
    )
    answer = (
        b'<DeleteResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Error><Key>no</Key><Code>AccessDenied</Code>'
        b"</Error><Deleted><Key>a</Key><DeleteMarker>true</DeleteMarker><DeleteMarkerVersionId>v</DeleteMarkerVersionId>"
        b"</Deleted></DeleteResult>"
    )
    found = [(one.key, one.event, one.version_id) for one in many_deleted("photos", request, answer)]
    assert found == [("a", "ObjectRemoved:DeleteMarkerCreated", "v"), ("b & c", "ObjectRemoved:Delete", None)]
    assert many_deleted("photos", b"<!DOCTYPE x><Delete/>", b"") == []
    assert many_deleted("photos", b"no XML", b"") == []


def test_an_upload_by_form_names_its_key_among_the_fields() -> None:
    head = (
        b'--x\r\nContent-Disposition: form-data; name="policy"\r\n\r\np\r\n'
        b'--x\r\nContent-Disposition: form-data; name="key"\r\n\r\nin/${filename}\r\n'
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a b.jpg"\r\nContent-Type: image/jpeg\r\n\r\nJPE'
    )
    assert form_key(head) == "in/a b.jpg"
    assert form_key(b"--x\r\n") is None


@pytest.mark.parametrize(
    "piece", [b'name="key"\r\n\r\n', b'name="key"', b'name="file";', b'name="key"\r\na\r\n', b"\r\n--"]
)
def test_the_head_of_a_hostile_form_is_read_at_once(piece: bytes) -> None:
    begun = time.process_time()
    for _ in range(20):
        form_key(piece * (64 * 1024 // len(piece)))
    assert time.process_time() - begun < 5


def test_a_publish_is_read_with_its_attributes() -> None:
    form = {
        "Action": "Publish",
        "TopicArn": "arn:aws:sns:us-east-1:000000000000:news",
        "Message": "hé & lo",
        "Subject": "Hi",
        "MessageStructure": "json",
        "MessageAttributes.entry.1.Name": "size",
        "MessageAttributes.entry.1.Value.DataType": "Number",
        "MessageAttributes.entry.1.Value.StringValue": "5",
    }
    answer = b"<PublishResponse><PublishResult><MessageId>m1</MessageId></PublishResult></PublishResponse>"
    [told] = published(form, answer)
    assert (told.topic, told.message, told.subject, told.id, told.by_protocol) == ("news", "hé & lo", "Hi", "m1", True)
    assert told.attributes == {"size": {"DataType": "Number", "StringValue": "5"}}
    assert published({"Action": "ListTopics"}, b"<MessageId>x</MessageId>") == []
    assert published({"Action": "Publish", "PhoneNumber": "+1", "Message": "x"}, answer) == []


def test_of_a_batch_those_messages_that_were_taken() -> None:
    prefix = "PublishBatchRequestEntries.member."
    form = {"Action": "PublishBatch", "TopicArn": "arn:aws:sns:us-east-1:000000000000:t.fifo"}
    for number, name in enumerate("abc", start=1):
        form |= {f"{prefix}{number}.Id": name, f"{prefix}{number}.Message": name * 2}
        form[f"{prefix}{number}.MessageGroupId"] = "g"
    answer = (
        b"<Successful><member><Id>a</Id><MessageId>1</MessageId></member>"
        b"<member><MessageId>3</MessageId><Id>c</Id></member></Successful>"
        b"<Failed><member><Id>b</Id><Code>x</Code></member></Failed>"
    )
    found = [(one.id, one.message, one.group_id) for one in published(form, answer)]
    assert found == [("1", "aa", "g"), ("3", "cc", "g")]


def test_of_events_those_that_were_taken() -> None:
    entry = {"Source": "shop", "DetailType": "placed", "Detail": '{"n": 1}', "Time": 1.5, "Resources": ["r"]}
    bus = "arn:aws:events:us-east-1:000000000000:event-bus/shop"
    request = json.dumps({"Entries": [entry | {"EventBusName": bus}, entry, entry | {"Detail": "no JSON"}]})
    answer = json.dumps({"Entries": [{"EventId": "e1"}, {"ErrorCode": "x"}, {"EventId": "e3"}]})
    [event] = events_put(request.encode(), answer.encode())
    assert (event.bus, event.id, event.detail, event.time_us, event.resources) == (
        "shop",
        "e1",
        {"n": 1},
        1_500_000,
        ["r"],
    )
    assert events_put(b"no JSON", b"{}") == []


def test_a_subscription_by_api_is_read_with_its_attributes() -> None:
    form = {
        "Action": "Subscribe",
        "TopicArn": "arn:aws:sns:us-east-1:000000000000:news",
        "Protocol": "lambda",
        "Endpoint": "arn:aws:lambda:us-east-1:000000000000:function:work:live",
        "Attributes.entry.1.key": "FilterPolicy",
        "Attributes.entry.1.value": '{"size": ["big"]}',
        "Attributes.entry.2.key": "RedrivePolicy",
        "Attributes.entry.2.value": '{"deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:letters"}',
    }
    arn = "arn:aws:sns:us-east-1:000000000000:news:1"
    answer = f"<SubscriptionArn>{arn}</SubscriptionArn>".encode()
    push = subscription(form, answer)
    assert push is not None
    assert (push.id, push.topic, push.function, push.queue) == (arn, "news", "work", None)
    assert (push.filter_policy, push.dead_letter_queue) == ('{"size": ["big"]}', "letters")
    assert subscription(form | {"Protocol": "email", "Endpoint": "me@example.com"}, answer) is None
    raw = changed(push, "RawMessageDelivery", "true")
    assert (raw.raw, changed(raw, "FilterPolicy", "{}").filter_policy) == (True, None)
    assert changed(push, "FilterPolicy", "no JSON") == push
    assert changed(push, "FilterPolicy", '{"size": "big"}') == push
    assert changed(push, "FilterPolicyScope", "MessageBody").filter_scope == "MessageBody"
