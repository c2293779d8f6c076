"""A worker behind a queue: partial failures, redrive, and a FIFO queue that it fills."""

from __future__ import annotations

import json

from tests.projects.conftest import Running, eventually

PROJECT = "sqs-worker"


def test_an_order_travels_from_the_route_to_the_shipments(project: Running) -> None:
    order = {"id": "o1", "customer": "ada", "quantity": 2}
    answer = project.http("POST", "/orders", json.dumps(order), content_type="application/json")
    assert answer.status == 202
    sqs = project.client("sqs")
    url = sqs.get_queue_url(QueueName="ShipmentsQueue.fifo")["QueueUrl"]
    messages = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20, AttributeNames=["All"])["Messages"]
    assert json.loads(messages[0]["Body"]) == order
    assert messages[0]["Attributes"]["MessageGroupId"] == "ada"
    sqs.delete_message(QueueUrl=url, ReceiptHandle=messages[0]["ReceiptHandle"])


def test_only_what_failed_comes_again_and_ends_in_the_dead_letters(project: Running) -> None:
    sqs = project.client("sqs")
    orders = sqs.get_queue_url(QueueName="sqs-worker-orders")["QueueUrl"]
    bodies = [{"id": f"b{n}", "customer": "bob", "quantity": n} for n in range(3)]  # the first one has none
    sqs.set_queue_attributes(QueueUrl=orders, Attributes={"VisibilityTimeout": "1"})
    sqs.send_message_batch(
        QueueUrl=orders, Entries=[{"Id": str(n), "MessageBody": json.dumps(body)} for n, body in enumerate(bodies)]
    )
    (dead,) = eventually(project.told.dlq)
    assert (json.loads(dead.event)["id"], dead.queue) == ("b0", "OrdersDeadLetters")

    shipments = sqs.get_queue_url(QueueName="ShipmentsQueue.fifo")["QueueUrl"]
    found: set[str] = set()
    while len(found) < 2:
        for message in sqs.receive_message(QueueUrl=shipments, WaitTimeSeconds=20, MaxNumberOfMessages=10)["Messages"]:
            found.add(json.loads(message["Body"])["id"])
            sqs.delete_message(QueueUrl=shipments, ReceiptHandle=message["ReceiptHandle"])
    assert found == {"b1", "b2"}


def test_sqs_own_redrive_takes_dead_letters_back(project: Running) -> None:
    sqs = project.client("sqs")
    dead = sqs.get_queue_url(QueueName="OrdersDeadLetters")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sqs.send_message(QueueUrl=dead, MessageBody=json.dumps({"id": "late", "customer": "eve", "quantity": 1}))
    orders = sqs.get_queue_url(QueueName="sqs-worker-orders")["QueueUrl"]
    target = sqs.get_queue_attributes(QueueUrl=orders, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sqs.start_message_move_task(SourceArn=arn, DestinationArn=target)
    shipments = sqs.get_queue_url(QueueName="ShipmentsQueue.fifo")["QueueUrl"]
    (message,) = sqs.receive_message(QueueUrl=shipments, WaitTimeSeconds=20)["Messages"]
    assert json.loads(message["Body"])["id"] == "late"
