"""SQS in the wire form of older SDKs, byte by byte as they write and read it."""

from __future__ import annotations

import urllib.error
import urllib.parse
import urllib.request
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from lambdatui.api.aws.errors import AwsError
from lambdatui.api.aws.sqs_query import read_form, write_answer, write_error
from tests.api.api_support import ACCOUNT, Running

NS = {"q": "http://queue.amazonaws.com/doc/2012-11-05/"}


def form(**members: str) -> bytes:
    return urllib.parse.urlencode({name.replace("__", "."): value for name, value in members.items()}).encode()


def ask(door: Running, path: str = "/", **members: str) -> tuple[int, ET.Element]:
    """(status, XML) of a call as boto3 1.26 makes it."""
    headers = {
        "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
        "Authorization": "AWS4-HMAC-SHA256 Credential=k/20260101/us-east-1/sqs/aws4_request, Signature=x",
    }
    request = urllib.request.Request(door.url + path, form(Version="2012-11-05", **members), headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, ET.fromstring(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, ET.fromstring(error.read())


def text(element: ET.Element, path: str) -> str | None:
    return element.findtext("/".join(f"q:{part}" for part in path.split("/")), namespaces=NS)


def test_lists_maps_and_numbers_of_a_form_become_members() -> None:
    operation, members = read_form(
        form(
            Action="SendMessageBatch",
            QueueUrl="u",
            SendMessageBatchRequestEntry__2__Id="b",
            SendMessageBatchRequestEntry__2__MessageBody="two",
            SendMessageBatchRequestEntry__10__Id="c",
            SendMessageBatchRequestEntry__1__Id="a",
            SendMessageBatchRequestEntry__1__DelaySeconds="3",
            SendMessageBatchRequestEntry__1__MessageAttribute__1__Name="k",
            SendMessageBatchRequestEntry__1__MessageAttribute__1__Value__DataType="String",
            SendMessageBatchRequestEntry__1__MessageAttribute__1__Value__StringValue="v",
        ),
        "/",
    )
    assert operation == "SendMessageBatch"
    assert members == {
        "QueueUrl": "u",
        "Entries": [
            {"Id": "a", "DelaySeconds": 3, "MessageAttributes": {"k": {"DataType": "String", "StringValue": "v"}}},
            {"Id": "b", "MessageBody": "two"},
            {"Id": "c"},
        ],
    }


def test_tags_names_and_the_queue_in_the_path() -> None:
    create = form(
        Action="CreateQueue", QueueName="q", Tag__1__Key="a", Tag__1__Value="b", Attribute__1__Name="DelaySeconds",
        Attribute__1__Value="1",
    )  # fmt: skip
    assert read_form(create, "/")[1] == {"QueueName": "q", "tags": {"a": "b"}, "Attributes": {"DelaySeconds": "1"}}
    receive = form(Action="ReceiveMessage", AttributeName="All", MessageAttributeName__1="x")
    assert read_form(receive, "/0/orders")[1] == {
        "QueueUrl": "/0/orders", "AttributeNames": ["All"], "MessageAttributeNames": ["x"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"QueueUrl=u", "MissingParameter"),
        (b"Action=&QueueUrl=u", "MissingParameter"),
        (b"Action.1=x", "MissingParameter"),
        (b"Attribute=1&Attribute.1.Name=2&Action=x", "MalformedInput"),
        (b"\xff", "MalformedInput"),
        (b".".join([b"a"] * 100_000) + b"=1&Action=x", "MalformedInput"),
        (b"&".join(b"a=1" for _ in range(5001)), "MalformedInput"),
    ],
)
def test_what_is_no_call(body: bytes, code: str) -> None:
    with pytest.raises(AwsError) as caught:
        read_form(body, "/")
    assert caught.value.type == code


def test_xml_keeps_every_character_that_a_message_may_have() -> None:
    body = "<a>&amp;\r\n\t\"'é😀]]>"
    root = ET.fromstring(write_answer("ReceiveMessage", {"Messages": [{"Body": body}]}, "id"))
    assert text(root, "ReceiveMessageResult/Message/Body") == body
    assert text(root, "ResponseMetadata/RequestId") == "id"


def test_a_message_is_sent_received_and_deleted(door: Running) -> None:
    url = f"{door.url}/{ACCOUNT}/letters"
    door.run(door.store.queues.purge("letters"))
    attribute = {"MessageAttribute__1__Name": "kind", "MessageAttribute__1__Value__DataType": "String",
                 "MessageAttribute__1__Value__StringValue": "x"}  # fmt: skip
    status, sent = ask(door, f"/{ACCOUNT}/letters", Action="SendMessage", MessageBody="a & b", **attribute)
    assert status == 200
    _, got = ask(
        door, Action="ReceiveMessage", QueueUrl=url, MaxNumberOfMessages="10", AttributeName__1="All",
        MessageAttributeName__1="All",
    )  # fmt: skip
    message = "ReceiveMessageResult/Message"
    assert text(got, f"{message}/Body") == "a & b"
    assert text(got, f"{message}/MessageId") == text(sent, "SendMessageResult/MessageId")
    assert text(got, f"{message}/MD5OfMessageAttributes") == text(sent, "SendMessageResult/MD5OfMessageAttributes")
    assert text(got, f"{message}/MessageAttribute/Value/StringValue") == "x"
    names = {each.text for each in got.findall(".//q:Message/q:Attribute/q:Name", NS)}
    assert "ApproximateReceiveCount" in names
    receipt: Any = text(got, f"{message}/ReceiptHandle")
    _, deleted = ask(
        door, Action="DeleteMessageBatch", QueueUrl=url, DeleteMessageBatchRequestEntry__1__Id="a",
        DeleteMessageBatchRequestEntry__1__ReceiptHandle=receipt,
    )  # fmt: skip
    assert text(deleted, "DeleteMessageBatchResult/DeleteMessageBatchResultEntry/Id") == "a"
    _, empty = ask(door, Action="ReceiveMessage", QueueUrl=url)
    assert empty.find("q:ReceiveMessageResult", NS) is not None


def test_errors_have_their_older_codes(door: Running) -> None:
    status, error = ask(door, Action="GetQueueUrl", QueueName="none")
    assert status == 400
    assert text(error, "Error/Code") == "AWS.SimpleQueueService.NonExistentQueue"
    assert text(error, "Error/Type") == "Sender"
    status, error = ask(door, Action="ReceiveMessage", QueueUrl="letters", MaxNumberOfMessages="eleven")
    assert (status, text(error, "Error/Code")) == (400, "InvalidParameterValue")
    assert text(ask(door, Action="Fly")[1], "Error/Code") == "InvalidAction"


def test_xml_holds_whatever_a_form_says() -> None:
    status, body, _ = write_error(AwsError("MalformedInput", "\x00\x1b\ud800 is no parameter"), "id")
    assert status == 400
    assert "� is no parameter" in (ET.fromstring(body).findtext(".//q:Message", "", NS))
