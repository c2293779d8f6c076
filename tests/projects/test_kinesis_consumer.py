"""A stream's consumer: bisect, retries, an on-failure queue, and a table that it counts in."""

from __future__ import annotations

import json

from tests.projects.conftest import Running, eventually

PROJECT = "kinesis-consumer"


def test_a_poison_record_is_isolated_and_the_rest_is_counted_once(project: Running) -> None:
    kinesis = project.client("kinesis")
    assert kinesis.describe_stream_summary(StreamName="clicks-dev")["StreamDescriptionSummary"]["OpenShardCount"] == 2
    pages = ["home", "home", "cart", "späti", "home", "cart"]
    kinesis.put_records(
        StreamName="clicks-dev",
        Records=[{"Data": json.dumps({"page": page}).encode(), "PartitionKey": "visitor"} for page in pages],
    )
    sqs = project.client("sqs")
    url = sqs.get_queue_url(QueueName="PoisonRecords")["QueueUrl"]
    (message,) = eventually(lambda: sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5).get("Messages"))
    record = json.loads(message["Body"])
    assert record["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert record["KinesisBatchInfo"]["batchSize"] == 1

    shard = record["KinesisBatchInfo"]["shardId"]
    start = record["KinesisBatchInfo"]["startSequenceNumber"]
    iterator = kinesis.get_shard_iterator(
        StreamName="clicks-dev", ShardId=shard, ShardIteratorType="AT_SEQUENCE_NUMBER", StartingSequenceNumber=start
    )["ShardIterator"]
    poison = kinesis.get_records(ShardIterator=iterator, Limit=1)["Records"]
    assert json.loads(poison[0]["Data"]) == {"page": "späti"}

    dynamodb = project.client("dynamodb")

    def counted() -> dict[str, str]:
        items = dynamodb.scan(TableName="Totals")["Items"]
        return {item["page"]["S"]: item["clicks"]["N"] for item in items}

    eventually(lambda: counted() == {"home": "3", "cart": "2"})
