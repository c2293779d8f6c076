import json
import logging
import os

logger = logging.getLogger()
logger.setLevel(os.environ["LOG_LEVEL"])


def lambda_handler(event, context):
    """Sample Lambda function behind an API Gateway REST API with proxy integration."""
    logger.info("%s %s", event["httpMethod"], event["path"])
    if event["resource"] == "/echo":
        return {
            "statusCode": 201,
            "headers": {"Content-Type": event["headers"].get("Content-Type", "text/plain")},
            "multiValueHeaders": {"Set-Cookie": ["a=1; Path=/", "b=2; Path=/"]},
            "body": event["body"],
            "isBase64Encoded": event["isBase64Encoded"],
        }
    name = (event["pathParameters"] or {}).get("name", "world")
    return {
        "statusCode": 200,
        "body": json.dumps(
            {
                "message": f"{os.environ['GREETING']} {name}",
                "stage": event["requestContext"]["stage"],
                "debug": os.environ["DEBUG"],
            }
        ),
    }
