"""How a request names the service that it is for. Apart from the services: their first request imports them."""

from __future__ import annotations

import re

# The prefix of X-Amz-Target
SQS = "AmazonSQS"
KINESIS = "Kinesis_20131202"
LOGS = "Logs_20140328"
CLOUDWATCH = "GraniteServiceVersion20100801"

CLOUDWATCH_PATH = re.compile(rf"/service/{CLOUDWATCH}/operation/(\w+)")
LAMBDA_PATH = re.compile(rb"/20\d\d-\d\d-\d\d/(functions|account-settings|event-source-mappings|layers|tags)(/|$)")
FORM = b"application/x-www-form-urlencoded"  # the content type of AWS's query protocol
