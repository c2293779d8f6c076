"""Takes orders: one a second, with a few surprises in a fixed rhythm. Runs by schedule."""

import itertools
import json
import logging
import os
import time

import boto3

logger = logging.getLogger("shop")
logger.setLevel(logging.INFO)

sqs = boto3.client("sqs")
kinesis = boto3.client("kinesis")

LEEDS = {"street": "12 Hill Rd", "city": "Leeds", "postcode": "LS6 2AB", "country": "GB"}
LYON = {"street": "3 rue Mercière", "city": "Lyon", "postcode": "69002", "country": "FR"}
HONG_KONG = {"street": "88 Queen's Road", "city": "Hong Kong", "country": "HK"}  # has no postcodes

CUSTOMERS = [("Ann", LEEDS), ("Bob", LYON), ("Cleo", LEEDS), ("Gina", LYON)]
ITEMS = [("MUG-1", 950), ("TEE-3", 1900), ("CAP-2", 1450)]  # sku, price in cents
PAGES = ["/", "/mugs", "/shirts", "/basket"]

turns = itertools.count(1)


def handler(event, context):
    turn = next(turns)
    orders = make_orders(turn, stamp(event))
    for order in orders:
        sqs.send_message(QueueUrl=os.environ["ORDERS_QUEUE_URL"], MessageBody=json.dumps(order, ensure_ascii=False))
        logger.info("order %s: from %s in %s", order["id"], order["customer"], order["address"]["city"])
    clicks = make_clicks(turn)
    kinesis.put_records(
        StreamName=os.environ["CLICKS_STREAM"],
        Records=[{"Data": json.dumps(click).encode(), "PartitionKey": click["visitor"]} for click in clicks],
    )
    return {"orders": [order["id"] for order in orders], "clicks": len(clicks)}


def stamp(event):
    """The time of day that the schedule meant, 143109; invoked by hand it is now."""
    return event["time"][11:19].replace(":", "") if "time" in event else time.strftime("%H%M%S")


def make_orders(turn, prefix):
    """The orders of one turn: mostly one; every fourth turn three at once."""
    count = 3 if turn % 4 == 3 else 1
    return [make_order(turn, f"{prefix}-{number}", number) for number in range(1, count + 1)]


def make_order(turn, order_id, number):
    customer, address = CUSTOMERS[(turn + number) % len(CUSTOMERS)]
    if turn % 10 == 2:
        customer, address = "Mei", HONG_KONG
    sku, cents = ITEMS[(turn + number) % len(ITEMS)]
    items = [{"sku": sku, "quantity": 1 + turn % 2, "cents": cents}]
    if turn % 20 == 4:
        items.append({"sku": "MUG-1", "quantity": "a dozen", "cents": 950})  # no worker can read that quantity
    return {"id": order_id, "customer": customer, "items": items, "address": address}


def make_clicks(turn):
    """Three clicks a turn; every fifteenth turn a robot reads the whole shop."""
    visitors = [CUSTOMERS[(turn + n) % len(CUSTOMERS)][0].lower() for n in range(3)]
    clicks = [{"visitor": visitor, "page": PAGES[(turn + n) % len(PAGES)]} for n, visitor in enumerate(visitors)]
    if turn % 15 == 5:
        clicks += [{"visitor": "robot", "page": page} for page in PAGES * 3]
    return clicks
