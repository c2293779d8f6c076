import json
import os

import boto3
from greeting import greet

table = boto3.resource("dynamodb").Table(os.environ["HITS_TABLE_NAME"])


def handler(event, context):
    path = event["path"]
    item = table.update_item(
        Key={"path": path},
        UpdateExpression="ADD hits :one",
        ExpressionAttributeValues={":one": 1},
        ReturnValues="UPDATED_NEW",
    )
    return {
        "statusCode": 200,
        "headers": {"Content-Type": "application/json"},
        "body": json.dumps({"message": greet(path), "hits": int(item["Attributes"]["hits"])}),
    }
