import json
import os

import boto3

sqs = boto3.client("sqs")


def ship(order):
    if order["quantity"] <= 0:
        raise ValueError(f"order {order['id']} has no items")
    sqs.send_message(
        QueueUrl=os.environ["SHIPMENTS_QUEUE_URL"],
        MessageBody=json.dumps(order),
        MessageGroupId=order["customer"],
    )


def handler(event, context):
    failures = []
    for record in event["Records"]:
        try:
            ship(json.loads(record["body"]))
        except Exception:
            print("failed:", record["messageId"])
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}
