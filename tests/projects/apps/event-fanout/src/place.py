import json
import os

import boto3

sns, events = boto3.client("sns"), boto3.client("events")
table = boto3.resource("dynamodb").Table(os.environ["TABLE"])


def handler(event, context):
    table.put_item(Item={"id": event["id"], "cents": event["cents"]})
    sns.publish(
        TopicArn=os.environ["TOPIC_ARN"],
        Message=json.dumps(event),
        MessageAttributes={"size": {"DataType": "String", "StringValue": "big" if event["cents"] >= 1000 else "small"}},
    )
    events.put_events(
        Entries=[
            {
                "Source": "shop.orders",
                "DetailType": "Order placed",
                "Detail": json.dumps(event),
                "EventBusName": os.environ["BUS_NAME"],
            }
        ]
    )
