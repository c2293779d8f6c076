"""The chains that real projects are made of: one function calls boto3, another one runs. One engine for all tests."""

from __future__ import annotations

import io
import json
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest
from botocore.config import Config

from lambdatui.store.reader import Reader
from tests.host.conftest import EngineProcess, marked, wait_for

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Globals:
  Function:
    Runtime: python3.11
    Timeout: 30
    MemorySize: 256
    CodeUri: .
    Environment: {Variables: {SEEN: !Ref Seen, TOPIC: !Ref News, BUS: !Ref Bus, TABLE: orders}}
Resources:
  Seen: {Type: AWS::SQS::Queue}
  Inbox: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: 60}}
  News: {Type: AWS::SNS::Topic}
  Bus: {Type: AWS::Events::EventBus, Properties: {Name: shop}}
  Uploads: {Type: AWS::S3::Bucket, Properties: {BucketName: uploads}}
  Kept: {Type: AWS::S3::Bucket, Properties: {BucketName: kept, VersioningConfiguration: {Status: Enabled}}}
  Orders:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: orders
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      StreamSpecification: {StreamViewType: NEW_AND_OLD_IMAGES}
  ToInbox:
    Type: AWS::SNS::Subscription
    Properties: {TopicArn: !Ref News, Protocol: sqs, Endpoint: !GetAtt Inbox.Arn, RawMessageDelivery: true}
  Start:
    Type: AWS::Serverless::Function
    Properties: {Handler: app.start}
  OnObject:
    Type: AWS::Serverless::Function
    Properties:
      Handler: app.on_object
      Events:
        New: {Type: S3, Properties: {Bucket: !Ref Uploads, Events: ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]}}
        Kept: {Type: S3, Properties: {Bucket: !Ref Kept, Events: ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]}}
  OnNews:
    Type: AWS::Serverless::Function
    Properties:
      Handler: app.on_news
      Events: {Inbox: {Type: SQS, Properties: {Queue: !GetAtt Inbox.Arn}}}
  OnBig:
    Type: AWS::Serverless::Function
    Properties:
      Handler: app.seen
      Events: {Big: {Type: SNS, Properties: {Topic: !Ref News, FilterPolicy: {size: [{numeric: [">", 10]}]}}}}
  OnPlaced:
    Type: AWS::Serverless::Function
    Properties:
      Handler: app.seen
      Events: {Placed: {Type: EventBridgeRule, Properties: {EventBusName: !Ref Bus, Pattern: {detail: {n: [2]}}}}}
  OnChange:
    Type: AWS::Serverless::Function
    Properties:
      Handler: app.seen
      Events:
        Changes: {Type: DynamoDB, Properties: {Stream: !GetAtt Orders.StreamArn, StartingPosition: TRIM_HORIZON}}
"""
APP = """
import json
import os

import boto3


def start(event, context):
    boto3.client("s3").put_object(Bucket="uploads", Key=event["key"], Body=b"hello")


def seen(event, context):
    told = {"function": context.function_name, "event": event}
    boto3.client("sqs").send_message(QueueUrl=os.environ["SEEN"], MessageBody=json.dumps(told))


def on_object(event, context):
    seen(event, context)
    key = event["Records"][0]["s3"]["object"]["key"]
    if key.startswith("chain/"):
        boto3.client("sns").publish(TopicArn=os.environ["TOPIC"], Message=key)


def on_news(event, context):
    for record in event["Records"]:
        if record["body"].startswith("chain/"):
            boto3.client("dynamodb").put_item(TableName=os.environ["TABLE"], Item={"id": {"S": record["body"]}})
"""


class Shop:
    """The running engine, and what its functions have seen so far."""

    def __init__(self, engine: EngineProcess) -> None:
        self.engine = engine
        self.reader = Reader(Path(engine.info.project) / ".lambdatui")
        self._events: list[tuple[str, Any]] = []

    def client(self, service: str, **config: Any) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.engine.info.url,
            region_name="us-east-1",
            aws_access_key_id="any",
            aws_secret_access_key="any",
            config=Config(retries={"max_attempts": 0}, **config),
        )

    def seen(self, function: str, count: int, about: str) -> list[Any]:
        """The first `count` events of a function that hold the text `about`, and a look that there are no more."""

        def look() -> list[Any]:
            answer = self.client("sqs").receive_message(QueueUrl=self._url, MaxNumberOfMessages=10)
            for message in answer.get("Messages", []):
                told = json.loads(message["Body"])
                self._events.append((told["function"], told["event"]))
                self.client("sqs").delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
            return [event for name, event in self._events if name == function and about in json.dumps(event)]

        found = wait_for(lambda: events if len(events := look()) >= count else None)
        assert len(found) == count
        return list(found)

    @property
    def _url(self) -> str:
        return f"{self.engine.info.url}/000000000000/Seen"

    def objects(self, about: str, count: int = 1) -> list[tuple[str, str, int | None]]:
        """(event, key, size) of what the objects' function saw."""
        records = [event["Records"][0] for event in self.seen("OnObject", count, about)]
        told = [(one["eventName"], one["s3"]["object"]["key"], one["s3"]["object"].get("size")) for one in records]
        return sorted(told)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    root = tmp_path_factory.mktemp("push") / "shop"
    root.mkdir()
    (root / "template.yaml").write_text(TEMPLATE)
    (root / "app.py").write_text(APP)
    engine = EngineProcess(root, "--aws", "auto")
    shop = Shop(engine)
    yield shop
    shop.reader.close()
    if engine.process.poll() is None:
        engine.end()


def name() -> str:
    return uuid.uuid4().hex


def test_an_object_goes_by_topic_and_queue_into_a_table_whose_change_is_seen(shop: Shop) -> None:
    key = f"chain/{name()}"
    answer = shop.client("lambda").invoke(FunctionName="Start", Payload=json.dumps({"key": key}))
    assert "FunctionError" not in answer
    [created] = shop.seen("OnObject", 1, key)
    record = created["Records"][0]
    assert (record["eventName"], record["s3"]["object"]["size"]) == ("ObjectCreated:Put", 5)
    assert record["s3"]["object"]["eTag"] == "5d41402abc4b2a76b9719d911017c592"
    [changed] = shop.seen("OnChange", 1, key)
    assert changed["Records"][0]["eventName"] == "INSERT"
    assert changed["Records"][0]["dynamodb"]["NewImage"] == {"id": {"S": key}}
    assert changed["Records"][0]["eventSourceARN"].startswith("arn:aws:dynamodb:us-east-1:000000000000:table/orders/s")
    told = wait_for(lambda: shop.reader.invocations(function="OnObject"))
    caller = answer["ResponseMetadata"]["RequestId"]
    assert [(row.source, row.parent_id) for row in told] == [("s3:uploads", caller)]


def test_every_way_of_creating_an_object_is_told_by_its_name(shop: Shop) -> None:
    s3, key = shop.client("s3"), name()
    s3.put_object(Bucket="uploads", Key=key, Body=b"123")
    assert shop.objects(key) == [("ObjectCreated:Put", key, 3)]
    s3.copy_object(Bucket="uploads", Key=f"copied {key}", CopySource=f"uploads/{key}")
    assert shop.objects(f"copied+{key}") == [("ObjectCreated:Copy", f"copied+{key}", 3)]
    s3.upload_fileobj(io.BytesIO(bytes(9 * 1024 * 1024)), "uploads", f"large-{key}")  # in parts
    assert shop.objects(f"large-{key}") == [("ObjectCreated:CompleteMultipartUpload", f"large-{key}", 9 * 1024 * 1024)]


def test_uploads_by_presigned_url_and_by_form_are_told(shop: Shop) -> None:
    s3, key = shop.client("s3"), name()
    url = s3.generate_presigned_url("put_object", Params={"Bucket": "uploads", "Key": f"url-{key}"})
    with urllib.request.urlopen(urllib.request.Request(url, b"12345", {"Content-Type": ""}, method="PUT")) as answer:
        assert answer.status == 200
    assert shop.objects(f"url-{key}") == [("ObjectCreated:Put", f"url-{key}", 5)]
    form = s3.generate_presigned_post("uploads", f"form-{key}")
    fields = "".join(
        f'--b\r\nContent-Disposition: form-data; name="{one}"\r\n\r\n{value}\r\n'
        for one, value in form["fields"].items()
    )
    file = '--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n1234\r\n--b--\r\n'
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    with urllib.request.urlopen(urllib.request.Request(form["url"], (fields + file).encode(), kind)) as answer:
        assert answer.status in (200, 204)
    assert shop.objects(f"form-{key}") == [("ObjectCreated:Post", f"form-{key}", 4)]


def test_a_bucket_in_the_host_name_is_the_same_bucket(shop: Shop) -> None:
    key = name()
    port = shop.engine.info.url.rpartition(":")[2]
    signed = "AWS4-HMAC-SHA256 Credential=k/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
    headers = {"Authorization": signed, "Host": f"uploads.localhost:{port}", "Content-Type": "text/plain"}
    request = urllib.request.Request(f"{shop.engine.info.url}/{key}", b"12", headers, method="PUT")
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200
    assert shop.objects(key) == [("ObjectCreated:Put", key, 2)]


def test_removed_objects_are_told_one_by_one(shop: Shop) -> None:
    s3, key = shop.client("s3"), name()
    s3.delete_object(Bucket="uploads", Key=f"one-{key}")
    assert shop.objects(f"one-{key}") == [("ObjectRemoved:Delete", f"one-{key}", None)]
    keys = [{"Key": f"many-{number}-{key}"} for number in range(3)]
    s3.delete_objects(Bucket="uploads", Delete={"Objects": keys})
    assert shop.objects(f"-{key}", 4)[:3] == [("ObjectRemoved:Delete", one["Key"], None) for one in keys]


def test_a_bucket_with_versions_tells_of_markers_and_versions(shop: Shop) -> None:
    s3, key = shop.client("s3"), name()
    version = s3.put_object(Bucket="kept", Key=key, Body=b"1")["VersionId"]
    s3.delete_object(Bucket="kept", Key=key)
    s3.delete_object(Bucket="kept", Key=key, VersionId=version)
    told = {event["Records"][0]["eventName"]: event["Records"][0]["s3"] for event in shop.seen("OnObject", 3, key)}
    assert told["ObjectCreated:Put"]["object"]["versionId"] == version
    assert told["ObjectRemoved:Delete"]["object"]["versionId"] == version
    assert told["ObjectRemoved:DeleteMarkerCreated"]["object"]["versionId"] not in (None, version)


def test_a_policy_filters_a_batch_of_messages(shop: Shop) -> None:
    about = name()
    entries = [
        {
            "Id": str(size),
            "Message": f"{size} {about}",
            "MessageAttributes": {"size": {"DataType": "Number", "StringValue": str(size)}},
        }
        for size in (5, 50)
    ]
    topic = "arn:aws:sns:us-east-1:000000000000:News"
    answer = shop.client("sns").publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)
    ids = {one["Id"]: one["MessageId"] for one in answer["Successful"]}
    [event] = shop.seen("OnBig", 1, about)
    sns = event["Records"][0]["Sns"]
    assert (sns["Message"], sns["MessageId"]) == (f"50 {about}", ids["50"])


def test_a_subscription_that_is_made_by_api_gets_its_messages_until_it_is_ended(shop: Shop) -> None:
    sns, sqs, about = shop.client("sns"), shop.client("sqs"), name()
    topic = sns.create_topic(Name="made")["TopicArn"]
    inbox = sqs.create_queue(QueueName="made-inbox")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=inbox, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    made = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, ReturnSubscriptionArn=True)["SubscriptionArn"]
    sns.publish(TopicArn=topic, Message=about)
    [message] = sqs.receive_message(QueueUrl=inbox, WaitTimeSeconds=20)["Messages"]
    assert json.loads(message["Body"])["Message"] == about
    sns.set_subscription_attributes(SubscriptionArn=made, AttributeName="RawMessageDelivery", AttributeValue="true")
    sns.publish(TopicArn=topic, Message=f"raw {about}")
    [message] = sqs.receive_message(QueueUrl=inbox, WaitTimeSeconds=20)["Messages"]
    assert message["Body"] == f"raw {about}"
    function = sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=_function_arn("OnBig"))["SubscriptionArn"]
    sns.unsubscribe(SubscriptionArn=made)
    sns.publish(TopicArn=topic, Message=f"last {about}")
    [event] = shop.seen("OnBig", 1, f"last {about}")
    assert event["Records"][0]["EventSubscriptionArn"] == function
    assert "Messages" not in sqs.receive_message(QueueUrl=inbox)


def _function_arn(function: str) -> str:
    return f"arn:aws:lambda:us-east-1:000000000000:function:{function}"


def test_of_events_those_that_the_pattern_wants_arrive(shop: Shop) -> None:
    about = name()
    entries = [
        {"EventBusName": "shop", "Source": about, "DetailType": "t", "Detail": json.dumps({"n": n})} for n in (1, 2, 3)
    ]
    answer = shop.client("events").put_events(Entries=entries)
    [event] = shop.seen("OnPlaced", 1, about)
    assert (event["id"], event["detail"]) == (answer["Entries"][1]["EventId"], {"n": 2})


def test_a_killed_engine_takes_its_local_aws_along(shop: Shop) -> None:
    shop.client("sns").list_topics()
    engine = psutil.Process(shop.engine.process.pid)
    servers = [one for one in engine.children(recursive=True) if "moto.server" in " ".join(one.cmdline())]
    assert len(servers) == 1
    shop.engine.kill()
    wait_for(lambda: not servers[0].is_running() or servers[0].status() == psutil.STATUS_ZOMBIE)
    wait_for(lambda: not marked(str(shop.engine.info.project)))
