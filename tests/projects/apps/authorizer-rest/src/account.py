import json


def handler(event, context):
    authorizer = event["requestContext"].get("authorizer")
    return {
        "statusCode": 200,
        "body": json.dumps({"who": authorizer, "backend": (event["stageVariables"] or {}).get("backend")}),
    }
