import json
import os

import boto3

sqs = boto3.client("sqs")


def handler(event, context):
    order = json.loads(event["body"])
    message = sqs.send_message(
        QueueUrl=os.environ["ORDERS_QUEUE_URL"],
        MessageBody=json.dumps(order),
        MessageAttributes={"source": {"DataType": "String", "StringValue": "web"}},
    )
    return {"statusCode": 202, "body": json.dumps({"messageId": message["MessageId"]})}
