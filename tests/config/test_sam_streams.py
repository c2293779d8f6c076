"""Kinesis streams in templates."""

from __future__ import annotations

from lambdatui.config.model import StreamConfig
from tests.config.helpers import Load, Write

TEMPLATE = """
Resources:
  Clicks:
    Type: AWS::Kinesis::Stream
    Properties:
      Name: clicks
      ShardCount: 3
      RetentionPeriodHours: 48
      MaxRecordSizeInKiB: 2048
      Tags: [{Key: team, Value: shop}]
  Feed:
    Type: AWS::Kinesis::Stream
    Properties: {Name: feed, StreamModeDetails: {StreamMode: ON_DEMAND}}
"""


def test_a_stream_has_the_settings_of_its_template(write: Write, load: Load) -> None:
    write("template.yaml", TEMPLATE)
    clicks, feed = load().streams
    assert clicks == StreamConfig(
        name="clicks",
        logical_id="Clicks",
        shards=3,
        retention_hours=48,
        maximum_record=2048 * 1024,
        tags={"team": "shop"},
        file="template.yaml",
        line=3,
    )
    assert (feed.on_demand, feed.shards, feed.maximum_record) == (True, 4, 1_048_576)
