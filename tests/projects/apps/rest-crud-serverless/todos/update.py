import json

from botocore.exceptions import ClientError
from todos.answers import answer
from todos.table import table


def update(event, context):
    data = json.loads(event["body"])
    try:
        result = table.update_item(
            Key={"id": event["pathParameters"]["id"]},
            ExpressionAttributeNames={"#text": "text"},
            ExpressionAttributeValues={":text": data["text"], ":checked": data["checked"]},
            UpdateExpression="SET #text = :text, checked = :checked",
            ConditionExpression="attribute_exists(id)",
            ReturnValues="ALL_NEW",
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        return answer(404, {"error": "not found"})
    return answer(200, result["Attributes"])
