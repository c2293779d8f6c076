import json
from decimal import Decimal

HEADERS = {"Access-Control-Allow-Origin": "*"}


def plain(value):
    if isinstance(value, Decimal):
        return int(value) if value % 1 == 0 else float(value)
    raise TypeError(repr(value))


def answer(status, body=None):
    return {
        "statusCode": status,
        "headers": HEADERS,
        "body": "" if body is None else json.dumps(body, default=plain),
    }
