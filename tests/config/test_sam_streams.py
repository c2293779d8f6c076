"""Kinesis streams in templates."""

from __future__ import annotations

import pytest

from lambdatui.config.model import StreamConfig, StreamMapping
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


READER = """
  F:
    Type: AWS::Serverless::Function
    Properties:
      Handler: app.handler
      Runtime: python3.12
      Events:
        Clicks:
          Type: Kinesis
          Properties: {Stream: !GetAtt Clicks.Arn, PLACE}
"""


@pytest.mark.parametrize(
    ("place", "expected", "said"),
    [
        ("StartingPosition: LATEST", ("LATEST", 0), 0),
        ("StartingPosition: AT_TIMESTAMP, StartingPositionTimestamp: 1700000000", ("AT_TIMESTAMP", 1_700_000_000), 0),
        ("StartingPosition: AT_TIMESTAMP", ("TRIM_HORIZON", 0), 1),
        ("StartingPosition: ODD", ("TRIM_HORIZON", 0), 1),
        ("BatchSize: 5", ("TRIM_HORIZON", 0), 1),
    ],
)
def test_a_mapping_begins_where_the_template_says(
    write: Write, load: Load, place: str, expected: tuple[str, float], said: int
) -> None:
    write("app.py", "def handler(event, context): ...")
    write("template.yaml", TEMPLATE + READER.replace("PLACE", place))
    project = load()
    (mapping,) = project.mappings
    assert isinstance(mapping, StreamMapping)
    assert (mapping.starting_position, mapping.starting_timestamp) == expected
    assert sum("tartingPosition" in problem.message for problem in project.problems) == said


@pytest.mark.parametrize("reference", ["!Ref Readers", "!GetAtt Readers.ConsumerARN"])
def test_a_registered_consumer_reads_its_stream(reference: str, write: Write, load: Load) -> None:
    write("app.py")
    write(
        "template.yaml",
        "Resources:\n"
        "  Clicks: {Type: AWS::Kinesis::Stream}\n"
        "  Readers: {Type: AWS::Kinesis::StreamConsumer, Properties: {StreamARN: !GetAtt Clicks.Arn}}\n"
        "  F:\n    Type: AWS::Serverless::Function\n    Properties:\n      Handler: app.handler\n"
        "      Runtime: python3.12\n"
        f"      Events: {{S: {{Type: Kinesis, Properties: {{Stream: {reference}, StartingPosition: LATEST}}}}}}\n",
    )
    project = load()
    assert [mapping.stream for mapping in project.mappings if isinstance(mapping, StreamMapping)] == ["Clicks"]
    assert [stream.name for stream in project.streams] == ["Clicks"]
