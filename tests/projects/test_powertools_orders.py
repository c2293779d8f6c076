"""Powertools: event handler, idempotency, batch, parameters, structured logs."""

from __future__ import annotations

import json

from tests.projects.conftest import Running, eventually

PROJECT = "powertools-orders"


def place(project: Running, reference: str) -> dict[str, str]:
    order = json.dumps({"customer": "ada", "reference": reference})
    answer = project.http("POST", "/orders", order, content_type="application/json")
    assert answer.status == 201, answer.body
    return answer.json()


def test_the_same_order_twice_is_one_order(project: Running) -> None:
    first = place(project, "r-1")
    assert place(project, "r-1") == first
    second = place(project, "r-2")
    assert second["order_id"] != first["order_id"]
    listed = project.http("GET", "/orders/ada?status=new").json()["orders"]
    assert {order["order_id"] for order in listed} == {first["order_id"], second["order_id"]}


def test_parameters_of_the_template_are_there(project: Running) -> None:
    assert project.http("GET", "/key").json() == {"key": "local-key"}


def test_an_http_error_and_cors_for_the_one_origin(project: Running) -> None:
    answer = project.http("GET", "/missing", Origin="https://shop.example")
    assert (answer.status, answer.json()) == (404, {"statusCode": 404, "message": "no such order"})
    assert answer.header("access-control-allow-origin") == ["https://shop.example"]
    assert project.http("GET", "/missing", Origin="https://evil.example").header("access-control-allow-origin") == []


def test_of_a_batch_only_the_bad_payment_is_a_dead_letter(project: Running) -> None:
    payments = [{"order_id": "1", "cents": 5}, {"order_id": "2", "cents": -5}, {"order_id": "3", "cents": 7}]
    sqs = project.client("sqs")
    url = sqs.get_queue_url(QueueName="PaymentsQueue")["QueueUrl"]

    def paid() -> set[str]:
        lines = project.told.logs(functions=["PaymentsFunction"])
        records = [json.loads(line.message) for line in lines if line.message.startswith('{"level"')]
        return {record["order_id"] for record in records if record["message"] == "paid"}

    # The first one's cold start must not use up what the others have until they are visible again.
    sqs.send_message(QueueUrl=url, MessageBody=json.dumps({"order_id": "0", "cents": 1}))
    eventually(lambda: paid() == {"0"})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "4"})
    sqs.send_message_batch(
        QueueUrl=url, Entries=[{"Id": each["order_id"], "MessageBody": json.dumps(each)} for each in payments]
    )
    eventually(lambda: paid() == {"0", "1", "3"})
    dead = eventually(project.told.dlq)
    assert [json.loads(entry.event)["order_id"] for entry in dead] == ["2"]
