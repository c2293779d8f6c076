"""Event source mappings of a template: filters, windows, parallel batches, and AWS's limits on each."""

from __future__ import annotations

import pytest

from lambdatui.config.model import Project, QueueMapping, StreamMapping
from tests.config.helpers import Load, Write, says

HEAD = """Transform: AWS::Serverless-2016-10-31
Resources:
  Q: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: 30}}
  Lane: {Type: AWS::SQS::Queue, Properties: {QueueName: lane.fifo, FifoQueue: true}}
  S: {Type: AWS::Kinesis::Stream}
  T:
    Type: AWS::DynamoDB::Table
    Properties:
      AttributeDefinitions: [{AttributeName: pk, AttributeType: S}]
      KeySchema: [{AttributeName: pk, KeyType: HASH}]
      StreamSpecification: {StreamViewType: KEYS_ONLY}
  F:
    Type: AWS::Serverless::Function
    Properties:
      Handler: a.b
      Runtime: python3.12
      Events:
        E:
          Type: KIND
          Properties:
"""
QUEUE = HEAD.replace("KIND", "SQS") + "            Queue: !GetAtt Q.Arn\n"
LANE = QUEUE.replace("!GetAtt Q", "!GetAtt Lane")
STREAM = HEAD.replace("KIND", "Kinesis") + "            Stream: !GetAtt S.Arn\n"
TABLE = HEAD.replace("KIND", "DynamoDB") + "            Stream: !GetAtt T.StreamArn\n"
LATEST = "StartingPosition: LATEST"


def queue(project: Project) -> QueueMapping:
    (mapping,) = project.mappings
    assert isinstance(mapping, QueueMapping)
    return mapping


def stream(project: Project) -> StreamMapping:
    (mapping,) = project.mappings
    assert isinstance(mapping, StreamMapping)
    return mapping


def lines(*settings: str) -> str:
    return "".join(f"            {setting}\n" for setting in settings)


def test_filters_reach_the_mapping_as_they_are_written(write: Write, load: Load) -> None:
    first, second = '{"body": {"kind": ["order"]}}', '{"body": {"size": [{"numeric": [">", 5]}]}}'
    write(
        "template.yaml",
        QUEUE + lines(f"FilterCriteria: {{Filters: [{{Pattern: '{first}'}}, {{Pattern: '{second}'}}]}}"),
    )
    project = load()
    assert queue(project).filters == (first, second) and queue(project).enabled
    assert project.problems == ()


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("no", "it is no JSON"),
        ("[]", "it must be an object"),
        ('{"body": {"kind": "order"}}', "its value must be a list or an object"),
        ('{"body": {"kind": []}}', "a list in it is empty"),
        ('{"body": {"kind": [{"starts": "x"}]}}', "there is no operator starts"),
        ('{"body": {"kind": ["' + "x" * 4100 + '"]}}', "it has more than 4096 characters"),
    ],
)
def test_a_pattern_that_aws_refuses_lets_the_mapping_wait(pattern: str, why: str, write: Write, load: Load) -> None:
    """Passing everything on, or dropping it, would do what no mapping on AWS does."""
    write("template.yaml", QUEUE + lines(f"FilterCriteria: {{Filters: [{{Pattern: '{pattern}'}}]}}"))
    project = load()
    assert says(project, "Invalid filter pattern definition.") == ("warning", 22)
    assert says(project, why) == ("warning", 22)
    assert (queue(project).enabled, queue(project).filters) == (False, ())


def test_the_data_of_a_stream_is_matched_by_an_object(write: Write, load: Load) -> None:
    pattern = '{"data": ["x"]}'
    write("template.yaml", STREAM + lines(LATEST, f"FilterCriteria: {{Filters: [{{Pattern: '{pattern}'}}]}}"))
    project = load()
    assert says(project, "data must be an object")[0] == "warning" and not stream(project).enabled


def test_a_pattern_that_only_an_account_knows_lets_the_mapping_wait(write: Write, load: Load) -> None:
    write("template.yaml", QUEUE + lines("FilterCriteria: {Filters: [{Pattern: !ImportValue x}]}"))
    project = load()
    assert says(project, "Pattern cannot be resolved") == ("warning", 22)
    assert not queue(project).enabled


def test_more_filters_than_an_account_has_are_said(write: Write, load: Load) -> None:
    patterns = ", ".join('{Pattern: \'{"body": {"a": [%d]}}\'}' % number for number in range(6))  # noqa: UP031
    write("template.yaml", QUEUE + lines(f"FilterCriteria: {{Filters: [{patterns}]}}"))
    project = load()
    assert says(project, "at most 5 filters, this one has 6") == ("warning", 22)
    assert len(queue(project).filters) == 6


@pytest.mark.parametrize(
    ("template", "settings", "batch", "window", "said"),
    [
        (QUEUE, ["BatchSize: 10000", "MaximumBatchingWindowInSeconds: 1"], 10_000, 1, None),
        (QUEUE, ["BatchSize: 11"], 11, 1, "Maximum batch window in seconds must be greater than 0"),
        (QUEUE, ["BatchSize: 10001"], 10_000, 1, "Member must have value less than or equal to 10000"),
        (QUEUE, ["BatchSize: 0"], 1, 0, "Member must have value greater than or equal to 1"),
        (QUEUE, ["MaximumBatchingWindowInSeconds: 301"], 10, 300, "Member must have value less than or equal to 300"),
        (LANE, ["BatchSize: 10"], 10, 0, None),
        (LANE, ["BatchSize: 11"], 10, 0, "Member must have value less than or equal to 10"),
        (LANE, ["MaximumBatchingWindowInSeconds: 5"], 10, 0, "Batching window is not supported for FIFO queues"),
    ],
)  # fmt: skip
def test_batches_have_the_sizes_and_windows_of_their_queue(
    template: str, settings: list[str], batch: int, window: float, said: str | None, write: Write, load: Load
) -> None:
    write("template.yaml", template + lines(*settings))
    project = load()
    assert (queue(project).batch_size, queue(project).batching_window) == (batch, window)
    if said is None:
        assert project.problems == ()
    else:
        assert says(project, said)[0] == "warning"


def test_a_queues_concurrency_has_its_limits(write: Write, load: Load) -> None:
    write("template.yaml", QUEUE + lines("ScalingConfig: {MaximumConcurrency: 1}"))
    project = load()
    assert says(project, "Value '1' at 'maximumConcurrency' failed to satisfy constraint") == ("warning", 22)
    assert queue(project).maximum_concurrency == 2


def test_a_visibility_timeout_below_the_functions_is_what_aws_refuses(write: Write, load: Load) -> None:
    write("template.yaml", QUEUE.replace("      Handler: a.b\n", "      Handler: a.b\n      Timeout: 60\n"))
    project = load()
    assert (
        says(project, "Queue visibility timeout: 30 seconds is less than Function timeout: 60 seconds")[0] == "warning"
    )
    assert queue(project).enabled


def test_streams_have_parallel_batches_and_tumbling_windows(write: Write, load: Load) -> None:
    for setting, expected in (("ParallelizationFactor: 4", (4, 0)), ("TumblingWindowInSeconds: 30", (1, 30))):
        write("template.yaml", STREAM + lines(LATEST, setting))
        project = load()
        assert (stream(project).parallelization_factor, stream(project).tumbling_window) == expected
        assert project.problems == ()


def test_a_shard_with_a_tumbling_window_has_one_batch_at_a_time(write: Write, load: Load) -> None:
    write("template.yaml", STREAM + lines(LATEST, "ParallelizationFactor: 4", "TumblingWindowInSeconds: 30"))
    project = load()
    assert says(project, "ParallelizationFactor must be 1 for an event source mapping with a") == ("warning", 23)
    assert (stream(project).parallelization_factor, stream(project).tumbling_window) == (1, 30)


@pytest.mark.parametrize(
    ("setting", "field", "value"),
    [
        ("ParallelizationFactor: 11", "parallelization_factor", 10),
        ("TumblingWindowInSeconds: 901", "tumbling_window", 900),
        ("MaximumRetryAttempts: 10001", "maximum_retry_attempts", 10_000),
        ("MaximumRecordAgeInSeconds: 30", "maximum_record_age", 60),
        ("MaximumRecordAgeInSeconds: -1", "maximum_record_age", -1),
        ("MaximumRecordAgeInSeconds: 604801", "maximum_record_age", 604_800),
    ],
)
def test_what_is_beyond_a_streams_limits_is_the_nearest_bound(
    setting: str, field: str, value: int, write: Write, load: Load
) -> None:
    write("template.yaml", STREAM + lines(LATEST, setting))
    project = load()
    assert getattr(stream(project), field) == value
    assert len(project.problems) == (0 if setting.endswith("-1") else 1)


@pytest.mark.parametrize(
    ("written", "seconds", "said"),
    [
        ("1700000000", 1_700_000_000, None),
        ("1700000000.5", 1_700_000_000.5, None),
        ("2023-11-14T22:13:20Z", 1_700_000_000, "Write 1700000000."),
        ("2023-11-14T23:13:20+01:00", 1_700_000_000, "Write 1700000000."),
        ("2023-11-14", 1_699_920_000, "Write 1699920000."),
    ],
)
def test_a_stream_begins_at_a_time(written: str, seconds: float, said: str | None, write: Write, load: Load) -> None:
    write("template.yaml", STREAM + lines("StartingPosition: AT_TIMESTAMP", f"StartingPositionTimestamp: {written}"))
    project = load()
    assert (stream(project).starting_position, stream(project).starting_timestamp) == ("AT_TIMESTAMP", seconds)
    if said is None:
        assert project.problems == ()
    else:
        assert says(project, said) == ("warning", 23)


def test_a_time_that_is_none_is_said(write: Write, load: Load) -> None:
    write("template.yaml", STREAM + lines("StartingPosition: AT_TIMESTAMP", "StartingPositionTimestamp: noon"))
    project = load()
    assert says(project, "must be a number, not 'noon'") == ("warning", 23)
    assert stream(project).starting_position == "TRIM_HORIZON"


def test_the_stream_of_a_table_begins_at_no_time(write: Write, load: Load) -> None:
    write("template.yaml", TABLE + lines("StartingPosition: AT_TIMESTAMP", "StartingPositionTimestamp: 1700000000"))
    project = load()
    assert says(project, "Unsupported starting position for arn type: arn:aws:dynamodb:") == ("warning", 22)
    assert stream(project).starting_position == "TRIM_HORIZON"


def test_a_response_type_is_the_one_that_there_is(write: Write, load: Load) -> None:
    write("template.yaml", QUEUE + lines("FunctionResponseTypes: [ReportBatchItemFailure]"))
    project = load()
    assert says(project, "Member must satisfy enum value set: [ReportBatchItemFailures]") == ("warning", 22)
    assert not queue(project).report_batch_item_failures


def test_serverless_yml_says_the_same_in_its_own_words(write: Write, load: Load) -> None:
    write(
        "serverless.yml",
        "service: shop\nprovider: {name: aws, runtime: python3.12}\nfunctions:\n  a:\n    handler: a.b\n    events:\n"
        "      - sqs: {arn: !GetAtt Q.Arn, maximumConcurrency: 5, functionResponseType: ReportBatchItemFailures, "
        "filterPatterns: [{body: {kind: [order], size: [5]}}]}\n"
        "      - stream: {arn: !GetAtt S.Arn, parallelizationFactor: 3, batchSize: 5, "
        "filterPatterns: [{data: {kind: [order]}}], destinations: {onFailure: !Ref News}}\n"
        "resources:\n  Resources:\n    Q: {Type: AWS::SQS::Queue}\n    S: {Type: AWS::Kinesis::Stream}\n"
        "    News: {Type: AWS::SNS::Topic}\n",
    )
    project = load()
    first, second = project.mappings
    assert isinstance(first, QueueMapping) and isinstance(second, StreamMapping)
    assert first.filters == ('{"body":{"kind":["order"],"size":[5]}}',)
    assert (first.maximum_concurrency, first.report_batch_item_failures) == (5, True)
    assert (second.parallelization_factor, second.batch_size) == (3, 5)
    assert second.filters == ('{"data":{"kind":["order"]}}',)
    assert second.on_failure is not None and second.on_failure.kind == "topic"


def test_metrics_are_asked_for(write: Write, load: Load) -> None:
    write("template.yaml", QUEUE + lines("MetricsConfig: {Metrics: [EventCount]}"))
    assert queue(load()).metrics
    write("template.yaml", STREAM + lines(LATEST, "MetricsConfig: {Metrics: [EventCount, KafkaMetrics]}"))
    project = load()
    assert stream(project).metrics
    assert says(project, "Unsupported MetricsConfig parameter")[0] == "warning"
    write("template.yaml", STREAM + lines(LATEST))
    assert not stream(load()).metrics
