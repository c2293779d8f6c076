"""Works the orders queue, one order a message: packs it, has it shipped and has the receipt sent.

A message that it cannot read fails, comes back after the queue's visibility timeout, and after three receives
goes to orders-dlq.
"""

import json
import logging
import os

import boto3
from botocore.config import Config

logger = logging.getLogger("shop")
logger.setLevel(logging.INFO)

# A throttle is answered below: no retries of boto3's own.
functions = boto3.client("lambda", config=Config(retries={"total_max_attempts": 1}))


def handler(event, context):
    for record in event["Records"]:
        fulfil(json.loads(record["body"]))


def fulfil(order):
    parcel = pack(order)
    logger.info("order %s: packed, %d pieces, %.2f EUR", order["id"], parcel["pieces"], parcel["cents"] / 100)
    invoke_later(os.environ["SHIP_FUNCTION"], {**parcel, "address": order["address"]})
    send_receipt(parcel)


def pack(order):
    pieces = sum(int(item["quantity"]) for item in order["items"])
    cents = sum(int(item["quantity"]) * item["cents"] for item in order["items"])
    return {"order": order["id"], "customer": order["customer"], "pieces": pieces, "cents": cents}


def send_receipt(parcel):
    """At once where the mailer is free, else by way of Lambda's own event queue."""
    name = os.environ["RECEIPT_FUNCTION"]
    try:
        functions.invoke(FunctionName=name, Payload=json.dumps(parcel))
    except functions.exceptions.TooManyRequestsException:
        logger.warning("order %s: the mailer is busy, the receipt follows", parcel["order"])
        invoke_later(name, parcel)


def invoke_later(name, payload):
    functions.invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(payload))
