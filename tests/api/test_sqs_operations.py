"""Each of SQS's operations by the real boto3, every raw answer and error held against botocore's model."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from botocore.exceptions import ClientError

from lambdatui.api.aws import sqs_receive
from lambdatui.clock import MICROS
from lambdatui.store.records import NewMessage
from tests.api.api_support import ACCOUNT, Running, project
from tests.api.conftest import HANDLERS
from tests.api.model_check import ModelCheck, watched_client

ARN = f"arn:aws:sqs:us-east-1:{ACCOUNT}:"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    root = tmp_path_factory.mktemp("shop")
    running = Running(root / ".lambdatui", project(root), HANDLERS, paused_all=False)
    yield running
    running.close()


@pytest.fixture(scope="module")
def watched(shop: Running) -> tuple[Any, ModelCheck]:
    return watched_client("sqs", shop.url)


@pytest.fixture
def sqs(watched: tuple[Any, ModelCheck], shop: Running) -> Iterator[Any]:
    client = watched[0]
    yield client
    for url in client.list_queues().get("QueueUrls", []):
        try:
            client.delete_queue(QueueUrl=url)
        except client.exceptions.UnsupportedOperation:
            client.purge_queue(QueueUrl=url)


@pytest.fixture(scope="module")
def ran() -> set[str]:
    """The tests of this file that have been run in this process."""
    return set()


@pytest.fixture(autouse=True)
def _noted(request: pytest.FixtureRequest, ran: set[str]) -> None:
    ran.add(request.function.__name__)


@pytest.fixture
def make(sqs: Any) -> Callable[..., str]:
    """A queue of the test's own; its URL."""

    def create(name: str = "own", **attributes: str) -> str:
        if name.endswith(".fifo"):
            attributes["FifoQueue"] = "true"
        return str(sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"])

    return create


def refusal(call: Callable[..., Any], **arguments: Any) -> tuple[str, str]:
    """(code, message) of the error that a call ends in."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response["Error"]
    return str(error["Code"]).removeprefix("AWS.SimpleQueueService."), str(error["Message"])


def redrive(target: str, receives: int) -> str:
    return json.dumps({"deadLetterTargetArn": ARN + target, "maxReceiveCount": receives})


def attributes_of(sqs: Any, url: str) -> dict[str, str]:
    return dict(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"]).get("Attributes", {}))


def take(sqs: Any, url: str, **how: Any) -> list[Any]:
    return list(sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, **how).get("Messages", []))


# --- queues


def test_creating_a_queue_again_gives_its_url_if_nothing_differs(sqs: Any, make: Any, shop: Running) -> None:
    url = make("own", VisibilityTimeout="45", DelaySeconds="1")
    assert url == f"{shop.url}/{ACCOUNT}/own"
    assert make("own") == make("own", VisibilityTimeout="45") == url
    with pytest.raises(sqs.exceptions.QueueNameExists, match="different value for attribute DelaySeconds") as caught:
        make("own", DelaySeconds="2")
    assert caught.value.response["Error"]["Code"] == "QueueAlreadyExists"


def test_creating_a_declared_queue_gives_its_url_if_nothing_differs(sqs: Any, make: Any, shop: Running) -> None:
    policy = {"deadLetterTargetArn": f"{ARN}letters", "maxReceiveCount": "3"}
    assert make("orders", RedrivePolicy=json.dumps(policy)) == f"{shop.url}/{ACCOUNT}/orders"
    assert refusal(make, name="orders", VisibilityTimeout="31")[0] == "QueueAlreadyExists"
    assert make("lane.fifo") == f"{shop.url}/{ACCOUNT}/lane.fifo"


@pytest.mark.parametrize(
    ("name", "attributes", "code"),
    [
        ("no spaces", {}, "InvalidParameterValue"),
        ("x" * 81, {}, "InvalidParameterValue"),
        ("own.fifo", {}, "InvalidParameterValue"),
        ("own", {"FifoQueue": "true"}, "InvalidParameterValue"),
        ("own", {"FifoQueue": "false"}, "InvalidAttributeName"),
        ("own", {"ContentBasedDeduplication": "true"}, "InvalidAttributeName"),
        ("own", {"Nonsense": "1"}, "InvalidAttributeName"),
        ("own", {"QueueArn": "x"}, "InvalidAttributeName"),
        ("own", {"VisibilityTimeout": "43201"}, "InvalidAttributeValue"),
        ("own", {"VisibilityTimeout": "soon"}, "InvalidAttributeValue"),
        ("own", {"MessageRetentionPeriod": "59"}, "InvalidAttributeValue"),
        ("own", {"MaximumMessageSize": "1048577"}, "InvalidAttributeValue"),
        ("own", {"Policy": "[]"}, "InvalidAttributeValue"),
        ("own", {"RedrivePolicy": "{"}, "InvalidAttributeValue"),
        ("own", {"RedrivePolicy": '{"maxReceiveCount":3}'}, "InvalidParameterValue"),
        ("own", {"RedrivePolicy": redrive("none", 3)}, "InvalidParameterValue"),
        ("own", {"RedrivePolicy": redrive("letters", 0)}, "InvalidParameterValue"),
        ("own", {"RedrivePolicy": redrive("lane.fifo", 1)}, "InvalidParameterValue"),
    ],
)  # fmt: skip
def test_what_no_queue_may_be(sqs: Any, name: str, attributes: dict[str, str], code: str) -> None:
    assert refusal(sqs.create_queue, QueueName=name, Attributes=attributes)[0] == code
    assert not sqs.list_queues(QueueNamePrefix="own").get("QueueUrls")


def test_a_queue_is_as_it_was_asked_for(sqs: Any, make: Any) -> None:
    asked = {
        "VisibilityTimeout": "7", "DelaySeconds": "2", "MessageRetentionPeriod": "1209600",
        "MaximumMessageSize": "2048", "ReceiveMessageWaitTimeSeconds": "0", "KmsMasterKeyId": "alias/aws/sqs",
        "KmsDataKeyReusePeriodSeconds": "300", "SqsManagedSseEnabled": "false",
        "Policy": '{"Version":"2012-10-17","Statement":[]}', "RedriveAllowPolicy": '{"redrivePermission":"denyAll"}',
        "RedrivePolicy": f'{{"deadLetterTargetArn":"{ARN}letters","maxReceiveCount":3}}',
    }  # fmt: skip
    before = int(time.time())
    found = attributes_of(sqs, make("own", **asked))
    assert asked.items() <= found.items()
    assert found["QueueArn"] == f"{ARN}own"
    assert found["ApproximateNumberOfMessages"] == "0"
    assert before <= int(found["CreatedTimestamp"]) <= int(found["LastModifiedTimestamp"])
    fifo = attributes_of(sqs, make("own.fifo", DeduplicationScope="messageGroup", ContentBasedDeduplication="true"))
    assert (fifo["FifoQueue"], fifo["ContentBasedDeduplication"]) == ("true", "true")
    assert (fifo["DeduplicationScope"], fifo["FifoThroughputLimit"]) == ("messageGroup", "perQueue")
    some = sqs.get_queue_attributes(QueueUrl="own", AttributeNames=["DelaySeconds", "FifoQueue"])["Attributes"]
    assert some == {"DelaySeconds": "2"}
    assert refusal(sqs.get_queue_attributes, QueueUrl="own", AttributeNames=["Nonsense"])[0] == "InvalidAttributeName"


def test_set_attributes_are_in_force_at_once_and_after_a_restart(fresh: Callable[..., Running]) -> None:
    door = fresh()
    sqs, _ = watched_client("sqs", door.url)
    url = sqs.create_queue(QueueName="own", tags={"team": "a"})["QueueUrl"]
    for name in (url, "orders"):
        sqs.set_queue_attributes(QueueUrl=name, Attributes={"MaximumMessageSize": "1024", "VisibilityTimeout": "0"})
        assert refusal(sqs.send_message, QueueUrl=name, MessageBody="x" * 1025)[0] == "InvalidParameterValue"
    sqs.send_message(QueueUrl=url, MessageBody="kept")
    door.run(door._stop())
    door.run(door._start())
    sqs, _ = watched_client("sqs", door.url)
    for name in ("own", "orders"):
        assert attributes_of(sqs, name)["MaximumMessageSize"] == "1024"
    assert [message["Body"] for message in take(sqs, "own")] == ["kept"]
    assert sqs.list_queue_tags(QueueUrl="own")["Tags"] == {"team": "a"}


def test_set_attributes_of_a_declared_queue_give_way_to_its_new_declaration(fresh: Callable[..., Running]) -> None:
    door = fresh()
    sqs, _ = watched_client("sqs", door.url)
    sqs.set_queue_attributes(QueueUrl="orders", Attributes={"VisibilityTimeout": "99", "DelaySeconds": "3"})
    orders, *others = door.engine.declared.queues
    changed = msgspec.structs.replace(orders, visibility_timeout=12)
    door.engine.declared = msgspec.structs.replace(door.engine.declared, queues=(changed, *others))
    door.run(door.engine._remake())
    found = attributes_of(sqs, "orders")
    assert (found["VisibilityTimeout"], found["DelaySeconds"]) == ("12", "3")


def test_a_fifo_queue_stays_one(sqs: Any, make: Any) -> None:
    url = make("own.fifo")
    code, _ = refusal(sqs.set_queue_attributes, QueueUrl=url, Attributes={"FifoQueue": "true"})
    assert code == "InvalidAttributeName"
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"ContentBasedDeduplication": "true"})
    assert sqs.send_message(QueueUrl=url, MessageBody="x", MessageGroupId="g")["SequenceNumber"]


def test_a_deleted_queue_is_gone_with_its_messages(sqs: Any, make: Any, shop: Running) -> None:
    url = make("own.fifo", ContentBasedDeduplication="true")
    sqs.send_message(QueueUrl=url, MessageBody="x", MessageGroupId="g")
    sqs.delete_queue(QueueUrl=url)
    for call in (sqs.send_message, sqs.delete_queue, sqs.receive_message):
        more = {"MessageBody": "x"} if call == sqs.send_message else {}
        assert refusal(call, QueueUrl=url, **more)[0] == "NonExistentQueue"
    again = make("own.fifo", ContentBasedDeduplication="true")
    assert not take(sqs, again)
    assert sqs.send_message(QueueUrl=again, MessageBody="x", MessageGroupId="g")
    assert len(take(sqs, again)) == 1, "what the old queue deduplicated does not count"


def test_what_is_sent_while_its_queue_is_deleted_is_gone_too(
    sqs: Any, make: Any, shop: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = make("own")
    unmake = shop.engine.unmake

    async def send_first(*of: Any) -> None:
        await shop.store.queues.send(shop.sources.queue("own"), [NewMessage(body="late")])
        await unmake(*of)

    monkeypatch.setattr(shop.engine, "unmake", send_first)
    sqs.delete_queue(QueueUrl=url)
    assert not take(sqs, make("own"))


def test_a_declared_queue_is_deleted_where_it_is_declared(sqs: Any) -> None:
    code, message = refusal(sqs.delete_queue, QueueUrl="orders")
    assert code == "UnsupportedOperation"
    assert "declares the queue orders" in message and "PurgeQueue" in message


def test_queues_and_dead_letter_sources_are_listed_in_pages(sqs: Any, make: Any, shop: Running) -> None:
    urls = [make(f"own-{number}", RedrivePolicy=redrive("letters", 1)) for number in range(3)]
    first = sqs.list_queues(QueueNamePrefix="own-", MaxResults=2)
    rest = sqs.list_queues(QueueNamePrefix="own-", MaxResults=2, NextToken=first["NextToken"])
    assert first["QueueUrls"] + rest["QueueUrls"] == urls
    assert "NextToken" not in rest
    pages = sqs.get_paginator("list_dead_letter_source_queues").paginate(
        QueueUrl="letters", PaginationConfig={"PageSize": 3}
    )
    found = [url for page in pages for url in page["queueUrls"]]
    assert found == sorted([*urls, f"{shop.url}/{ACCOUNT}/orders"])
    assert sqs.list_dead_letter_source_queues(QueueUrl="orders")["queueUrls"] == []


def test_a_queue_of_the_api_shows_where_declared_ones_do(sqs: Any, make: Any, shop: Running) -> None:
    make("dead")
    make("own", RedrivePolicy=redrive("dead", 1))
    sqs.send_message(QueueUrl="own", MessageBody="x")
    rows = {row.name: row for row in shop.sources.snapshot().queues}
    assert (rows["own"].visible, rows["own"].redrive, rows["dead"].dlq) == (1, "dead", True)
    assert "dead" in shop.sources.dlq_names()


def test_tags_are_added_replaced_and_taken_off(sqs: Any, make: Any) -> None:
    make("own")
    for name in ("own", "orders"):
        assert "Tags" not in sqs.list_queue_tags(QueueUrl=name)
        sqs.tag_queue(QueueUrl=name, Tags={"a": "1", "b": "2"})
        sqs.tag_queue(QueueUrl=name, Tags={"b": "3"})
        sqs.untag_queue(QueueUrl=name, TagKeys=["a", "missing"])
        assert sqs.list_queue_tags(QueueUrl=name)["Tags"] == {"b": "3"}
        sqs.untag_queue(QueueUrl=name, TagKeys=["b"])
    too_many = {f"t{number}": "" for number in range(51)}
    assert refusal(sqs.tag_queue, QueueUrl="own", Tags=too_many)[0] == "InvalidParameterValue"
    assert refusal(sqs.tag_queue, QueueUrl="own", Tags={"k" * 129: ""})[0] == "InvalidParameterValue"


def test_permissions_are_statements_of_the_policy(sqs: Any, make: Any) -> None:
    make("own")
    sqs.add_permission(QueueUrl="own", Label="one", AWSAccountIds=["111122223333"], Actions=["SendMessage"])
    sqs.add_permission(QueueUrl="own", Label="two", AWSAccountIds=["1", "2"], Actions=["*", "PurgeQueue"])
    policy = json.loads(attributes_of(sqs, "own")["Policy"])
    assert policy["Statement"][0] == {
        "Sid": "one", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
        "Action": "SQS:SendMessage", "Resource": f"{ARN}own",
    }  # fmt: skip
    assert policy["Statement"][1]["Action"] == ["SQS:*", "SQS:PurgeQueue"]
    again = {"QueueUrl": "own", "AWSAccountIds": ["1"], "Actions": ["SendMessage"]}
    assert refusal(sqs.add_permission, Label="one", **again)[0] == "InvalidParameterValue"
    assert refusal(sqs.add_permission, Label="x", **{**again, "Actions": ["Fly"]})[0] == "InvalidParameterValue"
    assert refusal(sqs.add_permission, Label="x", **{**again, "Actions": ["*"] * 8})[0] == "OverLimit"
    for label in ("one", "two"):
        sqs.remove_permission(QueueUrl="own", Label=label)
    assert "Policy" not in attributes_of(sqs, "own")
    assert refusal(sqs.remove_permission, QueueUrl="own", Label="one")[0] == "InvalidParameterValue"


# --- messages


def test_system_attributes_are_told_as_they_are_asked_for(sqs: Any, make: Any) -> None:
    make("own")
    header = {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1-5759e988-bd862e3fe1be46a994272793"}}
    sent = sqs.send_message(QueueUrl="own", MessageBody="x", MessageSystemAttributes=header)
    assert len(sent["MD5OfMessageSystemAttributes"]) == 32
    (got,) = take(sqs, "own", MessageSystemAttributeNames=["AWSTraceHeader", "SenderId"], VisibilityTimeout=0)
    assert got["Attributes"] == {"AWSTraceHeader": header["AWSTraceHeader"]["StringValue"], "SenderId": ACCOUNT}
    assert "Attributes" not in take(sqs, "own", VisibilityTimeout=0)[0]
    assert refusal(sqs.receive_message, QueueUrl="own", AttributeNames=["Nonsense"])[0] == "InvalidAttributeName"
    other = {"Other": {"DataType": "String", "StringValue": "x"}}
    code, _ = refusal(sqs.send_message, QueueUrl="own", MessageBody="x", MessageSystemAttributes=other)
    assert code == "InvalidParameterValue"


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ([], set()),
        (["All"], {"foo.a", "foo.b", "bar"}),
        ([".*"], {"foo.a", "foo.b", "bar"}),
        (["foo.*"], {"foo.a", "foo.b"}),
        (["bar", "none"], {"bar"}),
    ],
)
def test_message_attributes_are_chosen_by_name_and_prefix(sqs: Any, make: Any, asked: Any, given: set[str]) -> None:
    make("own")
    named = {name: {"DataType": "String", "StringValue": name} for name in ("foo.a", "foo.b", "bar")}
    sqs.send_message(QueueUrl="own", MessageBody="x", MessageAttributes=named)
    (got,) = take(sqs, "own", MessageAttributeNames=asked)
    assert set(got.get("MessageAttributes", {})) == given
    assert ("MD5OfMessageAttributes" in got) == bool(given)


@pytest.mark.parametrize("name", [".a", "a.", "a..b", "AWS.x", "amazon.x", "a b", "x" * 257])
def test_names_that_no_message_attribute_may_have(sqs: Any, make: Any, name: str) -> None:
    make("own")
    named = {name: {"DataType": "String", "StringValue": "x"}}
    assert (
        refusal(sqs.send_message, QueueUrl="own", MessageBody="x", MessageAttributes=named)[0]
        == "InvalidParameterValue"
    )


def test_a_message_timer_hides_it_and_a_fifo_queue_has_none(sqs: Any, make: Any) -> None:
    make("own")
    make("own.fifo", ContentBasedDeduplication="true")
    sqs.send_message(QueueUrl="own", MessageBody="later", DelaySeconds=2)
    assert not take(sqs, "own")
    assert attributes_of(sqs, "own")["ApproximateNumberOfMessagesDelayed"] == "1"
    assert [message["Body"] for message in take(sqs, "own", WaitTimeSeconds=20)] == ["later"]
    code, _ = refusal(sqs.send_message, QueueUrl="own.fifo", MessageBody="x", MessageGroupId="g", DelaySeconds=1)
    assert code == "InvalidParameterValue"


def test_visibility_is_changed_for_who_holds_the_message(sqs: Any, make: Any, shop: Running) -> None:
    url = make("own")
    sqs.send_message(QueueUrl=url, MessageBody="x")
    (held,) = take(sqs, url)
    handle = {"QueueUrl": url, "ReceiptHandle": held["ReceiptHandle"]}
    sqs.change_message_visibility(**handle, VisibilityTimeout=1000)
    ((hidden_us,),) = shop.store.queues._reads.now("SELECT visible_us FROM message WHERE queue = 'own'")
    assert 900 < hidden_us / MICROS - time.time() <= 1000
    code, message = refusal(sqs.change_message_visibility, **handle, VisibilityTimeout=43_200)
    assert code == "InvalidParameterValue" and "beyond the limit" in message
    sqs.change_message_visibility(**handle, VisibilityTimeout=0)
    assert refusal(sqs.change_message_visibility, **handle, VisibilityTimeout=5)[0] == "MessageNotInflight"
    (again,) = take(sqs, url)
    code, message = refusal(sqs.change_message_visibility, **handle, VisibilityTimeout=5)
    assert code == "InvalidParameterValue" and "not available for visibility timeout change" in message
    wrong = {"QueueUrl": url, "ReceiptHandle": "ü"}
    assert refusal(sqs.change_message_visibility, **wrong, VisibilityTimeout=5)[0] == "ReceiptHandleIsInvalid"
    assert refusal(sqs.delete_message, **wrong)[0] == "ReceiptHandleIsInvalid"
    sqs.delete_message(QueueUrl=url, ReceiptHandle=again["ReceiptHandle"])
    sqs.delete_message(QueueUrl=url, ReceiptHandle=again["ReceiptHandle"])  # spent: no error


def test_batches_of_receipts_are_answered_entry_by_entry(sqs: Any, make: Any) -> None:
    url = make("own")
    entries = [{"Id": str(number), "MessageBody": str(number)} for number in range(3)]
    sent = sqs.send_message_batch(QueueUrl=url, Entries=entries)
    assert [entry["Id"] for entry in sent["Successful"]] == ["0", "1", "2"]
    one, two, three = (message["ReceiptHandle"] for message in take(sqs, url))
    changed = sqs.change_message_visibility_batch(
        QueueUrl=url,
        Entries=[
            {"Id": "a", "ReceiptHandle": one, "VisibilityTimeout": 0},
            {"Id": "b", "ReceiptHandle": two, "VisibilityTimeout": 43_200},
            {"Id": "c", "ReceiptHandle": sent["Successful"][0]["MessageId"], "VisibilityTimeout": 1},
            {"Id": "d", "ReceiptHandle": "00" * 32, "VisibilityTimeout": 1},
            {"Id": "e", "ReceiptHandle": three},
        ],
    )
    assert [entry["Id"] for entry in changed["Successful"]] == ["a"]
    assert {entry["Id"]: entry["Code"] for entry in changed["Failed"]} == {
        "b": "InvalidParameterValue", "c": "ReceiptHandleIsInvalid", "d": "InvalidParameterValue",
        "e": "MissingParameter",
    }  # fmt: skip
    deleted = sqs.delete_message_batch(
        QueueUrl=url,
        Entries=[
            {"Id": "a", "ReceiptHandle": two},
            {"Id": "b", "ReceiptHandle": sent["Successful"][0]["MessageId"]},
        ],
    )
    assert [entry["Id"] for entry in deleted["Successful"]] == ["a"]
    assert [entry["Code"] for entry in deleted["Failed"]] == ["ReceiptHandleIsInvalid"]
    assert [message["Body"] for message in take(sqs, url)] == ["0"]


def test_a_receive_that_is_tried_again_gives_the_same_messages(sqs: Any, make: Any) -> None:
    url = make("own.fifo", ContentBasedDeduplication="true")
    for number in range(3):
        sqs.send_message(QueueUrl=url, MessageBody=str(number), MessageGroupId="g")
    first = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=2, ReceiveRequestAttemptId="try-1")["Messages"]
    again = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=2, ReceiveRequestAttemptId="try-1")["Messages"]
    assert [each["ReceiptHandle"] for each in again] == [each["ReceiptHandle"] for each in first]
    assert not take(sqs, url, ReceiveRequestAttemptId="try-2"), "the group is held"
    for each in first:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"])
    assert [each["Body"] for each in take(sqs, url, ReceiveRequestAttemptId="try-1")] == ["2"]


def test_only_so_many_receives_are_remembered_for_another_try(
    sqs: Any, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqs_receive, "MAX_ATTEMPTS", 2)
    url = make("own.fifo", ContentBasedDeduplication="true")
    for number in range(3):
        sqs.send_message(QueueUrl=url, MessageBody=str(number), MessageGroupId=str(number))
        assert take(sqs, url, ReceiveRequestAttemptId=f"try-{number}")
    assert [bool(take(sqs, url, ReceiveRequestAttemptId=f"try-{number}")) for number in range(3)] == [False, True, True]


def test_a_fifo_queue_refuses_a_receipt_that_has_run_out(sqs: Any, make: Any) -> None:
    url = make("own.fifo", ContentBasedDeduplication="true")
    sqs.send_message(QueueUrl=url, MessageBody="x", MessageGroupId="g")
    (held,) = take(sqs, url, VisibilityTimeout=0)
    code, message = refusal(sqs.delete_message, QueueUrl=url, ReceiptHandle=held["ReceiptHandle"])
    assert code == "InvalidParameterValue" and "has expired" in message


def test_deduplication_may_be_of_the_group(sqs: Any, make: Any) -> None:
    url = make("own.fifo", DeduplicationScope="messageGroup")
    for group in "aab":
        sqs.send_message(QueueUrl=url, MessageBody="x", MessageGroupId=group, MessageDeduplicationId="same")
    assert attributes_of(sqs, url)["ApproximateNumberOfMessages"] == "2"


def test_a_long_poll_goes_on_when_a_group_is_free_again(sqs: Any, make: Any, shop: Running) -> None:
    url = make("own.fifo", ContentBasedDeduplication="true")
    for number in range(2):
        sqs.send_message(QueueUrl=url, MessageBody=str(number), MessageGroupId="g")
    (held,) = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=1)["Messages"]
    heard: list[str] = []
    shop.store.queues.add_listener(heard.append)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=held["ReceiptHandle"])
    assert "own.fifo" in heard
    assert [each["Body"] for each in take(sqs, url, WaitTimeSeconds=20)] == ["1"]


# --- dead letters


@pytest.fixture
def dead(sqs: Any, make: Any) -> Callable[..., None]:
    """Two queues, `left` and `right`, with the dead-letter queue `dead`; call it for a dead letter of one."""
    make("dead")
    for name in ("left", "right"):
        make(name, RedrivePolicy=redrive("dead", 1))

    def kill(name: str, *bodies: str) -> None:
        for body in bodies:
            sqs.send_message(QueueUrl=name, MessageBody=body)
        assert len(take(sqs, name, VisibilityTimeout=0)) == len(bodies)
        assert not take(sqs, name)

    return kill


def ended(sqs: Any, source: str) -> dict[str, Any]:
    """The newest task of a queue, once it does not run any more."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        (task,) = sqs.list_message_move_tasks(SourceArn=ARN + source)["Results"]
        if task["Status"] != "RUNNING":
            return dict(task)
        time.sleep(0.01)
    raise AssertionError("the task runs for ever")


def test_dead_letters_go_back_to_where_they_came_from_as_new_messages(sqs: Any, dead: Any) -> None:
    dead("left", "a", "b")
    dead("right", "c")
    letters = take(sqs, "dead", AttributeNames=["All"], VisibilityTimeout=0)
    assert {each["Attributes"]["DeadLetterQueueSourceArn"] for each in letters} == {ARN + "left", ARN + "right"}
    assert sqs.start_message_move_task(SourceArn=f"{ARN}dead")["TaskHandle"]
    task = ended(sqs, "dead")
    assert (task["Status"], task["ApproximateNumberOfMessagesMoved"]) == ("COMPLETED", 3)
    assert task["ApproximateNumberOfMessagesToMove"] == 3
    assert "TaskHandle" not in task
    left, right = (take(sqs, name, AttributeNames=["All"]) for name in ("left", "right"))
    assert sorted(each["Body"] for each in left) == ["a", "b"]
    assert [each["Body"] for each in right] == ["c"]
    assert not {each["MessageId"] for each in left + right} & {each["MessageId"] for each in letters}
    assert {each["Attributes"]["ApproximateReceiveCount"] for each in left + right} == {"1"}
    assert "DeadLetterQueueSourceArn" not in right[0]["Attributes"]


def test_dead_letters_go_to_another_queue_if_asked(sqs: Any, make: Any, dead: Any) -> None:
    make("elsewhere")
    dead("left", "a")
    sqs.send_message(QueueUrl="dead", MessageBody="sent here")
    sqs.start_message_move_task(SourceArn=f"{ARN}dead", DestinationArn=f"{ARN}elsewhere")
    assert ended(sqs, "dead")["DestinationArn"] == f"{ARN}elsewhere"
    assert {each["Body"] for each in take(sqs, "elsewhere")} == {"a", "sent here"}


def test_a_letter_that_came_from_nowhere_ends_the_move_and_stays(sqs: Any, dead: Any) -> None:
    sqs.send_message(QueueUrl="dead", MessageBody="sent here")
    sqs.start_message_move_task(SourceArn=f"{ARN}dead")
    task = ended(sqs, "dead")
    assert (task["Status"], task["FailureReason"]) == ("FAILED", "CouldNotDetermineMessageSource")
    assert len(take(sqs, "dead")) == 1


def test_a_letter_of_a_queue_that_is_gone_ends_the_move_and_stays(sqs: Any, dead: Any) -> None:
    dead("left", "a")
    sqs.delete_queue(QueueUrl="left")
    sqs.start_message_move_task(SourceArn=f"{ARN}dead")
    assert ended(sqs, "dead")["FailureReason"] == "AWS.SimpleQueueService.NonExistentQueue"
    assert len(take(sqs, "dead")) == 1


def test_a_slow_move_is_listed_refuses_a_second_one_and_is_cancelled(sqs: Any, dead: Any) -> None:
    dead("left", *"abcdefgh")
    handle = sqs.start_message_move_task(SourceArn=f"{ARN}dead", MaxNumberOfMessagesPerSecond=1)["TaskHandle"]
    (task,) = sqs.list_message_move_tasks(SourceArn=f"{ARN}dead", MaxResults=10)["Results"]
    assert (task["Status"], task["MaxNumberOfMessagesPerSecond"], task["TaskHandle"]) == ("RUNNING", 1, handle)
    assert refusal(sqs.start_message_move_task, SourceArn=f"{ARN}dead")[0] == "UnsupportedOperation"
    moved = sqs.cancel_message_move_task(TaskHandle=handle)["ApproximateNumberOfMessagesMoved"]
    assert moved < 8
    assert ended(sqs, "dead")["Status"] == "CANCELLED"
    assert refusal(sqs.cancel_message_move_task, TaskHandle=handle)[0] == "UnsupportedOperation"
    assert len(take(sqs, "dead")) == 8 - moved


def test_moves_that_cannot_be(sqs: Any, make: Any, dead: Any) -> None:
    start = sqs.start_message_move_task
    make("other.fifo")
    assert refusal(start, SourceArn=f"{ARN}none")[0] == "ResourceNotFoundException"
    assert refusal(start, SourceArn=f"{ARN}left")[0] == "InvalidParameterValue"
    assert refusal(start, SourceArn="dead")[0] == "InvalidParameterValue"
    assert refusal(start, SourceArn=f"{ARN}dead", DestinationArn=f"{ARN}none")[0] == "ResourceNotFoundException"
    assert refusal(start, SourceArn=f"{ARN}dead", DestinationArn=f"{ARN}dead")[0] == "InvalidParameterValue"
    assert refusal(start, SourceArn=f"{ARN}dead", DestinationArn=f"{ARN}other.fifo")[0] == "InvalidParameterValue"
    code, _ = refusal(start, SourceArn=f"{ARN}dead", MaxNumberOfMessagesPerSecond=501)
    assert code == "InvalidParameterValue"
    assert refusal(sqs.cancel_message_move_task, TaskHandle="nonsense")[0] == "ResourceNotFoundException"
    assert refusal(sqs.list_message_move_tasks, SourceArn=f"{ARN}none")[0] == "ResourceNotFoundException"
    assert sqs.list_message_move_tasks(SourceArn=f"{ARN}left")["Results"] == []


def test_a_redrive_to_a_deleted_queue_loses_nothing(sqs: Any, dead: Any) -> None:
    sqs.send_message(QueueUrl="left", MessageBody="x")
    sqs.delete_queue(QueueUrl="dead")
    for _ in range(3):
        assert len(take(sqs, "left", VisibilityTimeout=0)) == 1


def test_every_operation_of_the_model_was_answered_as_modelled(
    watched: tuple[Any, ModelCheck], sqs: Any, ran: set[str]
) -> None:
    """The last of this file: each test above has added to what was seen."""
    if not ran >= {name for name in globals() if name.startswith("test_")}:
        pytest.skip("needs every test of this file in one process")
    sqs.get_queue_url(QueueName="orders")
    check = watched[1]
    assert check.answered == set(sqs.meta.service_model.operation_names)
    raised = {error for _, error in check.failed}
    assert raised >= {
        "QueueDoesNotExist", "QueueNameExists", "InvalidAttributeName", "InvalidAttributeValue", "OverLimit",
        "MessageNotInflight", "ReceiptHandleIsInvalid", "ResourceNotFoundException", "UnsupportedOperation",
    }  # fmt: skip
