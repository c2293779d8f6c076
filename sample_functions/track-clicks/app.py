"""Reads the clicks stream, shard by shard, and counts clicks a page. Robots take long: that shard's iterator age grows."""

import base64
import collections
import json
import logging
import time

logger = logging.getLogger("shop")
logger.setLevel(logging.INFO)


def handler(event, context):
    pages = collections.Counter()
    for record in event["Records"]:
        click = json.loads(base64.b64decode(record["kinesis"]["data"]))
        if click["visitor"] == "robot":
            time.sleep(0.25)  # stands for a look at the list of known robots
            continue
        pages[click["page"]] += 1
    shard = event["Records"][0]["eventID"].split(":")[0]
    logger.info("%s: %d clicks, %s", shard, len(event["Records"]), dict(pages.most_common(3)))
