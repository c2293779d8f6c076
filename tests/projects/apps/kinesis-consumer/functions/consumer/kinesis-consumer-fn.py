import base64
import json
import os

import boto3

table = boto3.resource("dynamodb").Table(os.environ["TOTALS"])


def lambda_handler(event, context):
    clicks = [json.loads(base64.b64decode(record["kinesis"]["data"])) for record in event["Records"]]
    for click in clicks:
        click["page"].encode("ascii")
    for click in clicks:
        table.update_item(
            Key={"page": click["page"]},
            UpdateExpression="ADD clicks :one",
            ExpressionAttributeValues={":one": 1},
        )
    return {"records": len(clicks)}
