"""One function tells the others through a topic, a bus and a table's stream."""

from __future__ import annotations

import json

from tests.projects.conftest import Running, eventually

PROJECT = "event-fanout"


def test_each_gets_what_its_filter_lets_through(project: Running) -> None:
    for order in ({"id": "small", "cents": 5}, {"id": "big", "cents": 5000}):
        project.invoke("PlaceFunction", order)

    (mail,) = eventually(lambda: project.events("MailFunction"))
    assert json.loads(mail["Records"][0]["Sns"]["Message"])["id"] == "big"
    assert mail["Records"][0]["EventSource"] == "aws:sns"

    (ledger,) = eventually(lambda: project.events("LedgerFunction"))
    assert (ledger["source"], ledger["detail-type"], ledger["detail"]["id"]) == ("shop.orders", "Order placed", "big")

    def indexed() -> list[tuple[str, str]]:
        records = [record for event in reversed(project.events("SearchFunction")) for record in event["Records"]]
        return [(record["eventName"], record["dynamodb"]["NewImage"]["id"]["S"]) for record in records]

    eventually(lambda: indexed() == [("INSERT", "small"), ("INSERT", "big")])


def test_the_queue_got_every_message_raw(project: Running) -> None:
    sqs = project.client("sqs")
    url = sqs.get_queue_url(QueueName="Copies")["QueueUrl"]
    bodies = []
    while len(bodies) < 2:
        for message in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20, MaxNumberOfMessages=10)["Messages"]:
            bodies.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    assert sorted(body["id"] for body in bodies) == ["big", "small"]
