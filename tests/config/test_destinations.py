"""Destinations as ARNs, and back."""

from __future__ import annotations

import pytest

from lambdatui.config.destinations import from_arn, to_arn
from lambdatui.config.model import Destination

ARNS = {
    "arn:aws:sqs:us-east-1:000000000000:dead": Destination(kind="queue", name="dead"),
    "arn:aws:sns:us-east-1:000000000000:told": Destination(kind="topic", name="told"),
    "arn:aws:lambda:us-east-1:000000000000:function:next": Destination(kind="function", name="next"),
    "arn:aws:lambda:us-east-1:000000000000:function:next:live": Destination(
        kind="function", name="next", qualifier="live"
    ),
    "arn:aws:events:us-east-1:000000000000:event-bus/shop": Destination(kind="bus", name="shop"),
    "arn:aws:s3:::kept": Destination(kind="bucket", name="kept"),
}


@pytest.mark.parametrize("arn", ARNS)
def test_an_arn_is_its_destination_and_the_destination_its_arn(arn: str) -> None:
    assert from_arn(arn) == ARNS[arn]
    assert to_arn(ARNS[arn], "us-east-1", "000000000000") == arn


@pytest.mark.parametrize(
    "text", ["", "dead", "arn:aws:sqs", "arn:aws:dynamodb:us-east-1:000000000000:table/x", "arn:aws:sqs:r:a:",
             "arn:aws:events:us-east-1:000000000000:rule/x", "arn:aws:lambda:us-east-1:000000000000:layer:x"],
)  # fmt: skip
def test_what_names_no_destination_is_none(text: str) -> None:
    assert from_arn(text) is None
