"""Answers GET /orders/{id}. A real shop would ask its database; this one reads the time of day in the order's id."""

import datetime
import json

STEPS = [(2, "received"), (10, "packed"), (3600, "on its way")]  # seconds after the order


def handler(event, context):
    order_id = event["pathParameters"]["id"]
    try:
        ordered = datetime.datetime.strptime(order_id.split("-")[0], "%H%M%S")
    except ValueError:
        return answer(404, {"message": f"no order {order_id}: its id looks like 143109-1"})
    now = datetime.datetime.now(datetime.timezone.utc)
    age = (now.hour - ordered.hour) * 3600 + (now.minute - ordered.minute) * 60 + now.second - ordered.second
    return answer(200, {"order": order_id, "status": status(age % 86_400)})


def status(age):
    return next((step for limit, step in STEPS if age < limit), "delivered")


def answer(code, body):
    return {"statusCode": code, "headers": {"Content-Type": "application/json"}, "body": json.dumps(body)}
