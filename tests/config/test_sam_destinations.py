"""Destinations and dead letters of a template: every kind, by ARN or by Type, and what AWS refuses."""

from __future__ import annotations

import pytest

from lambdatui.config.model import Destination, FunctionConfig, Project, StreamMapping
from tests.config.helpers import Load, Write, says

HEAD = """Transform: AWS::Serverless-2016-10-31
Resources:
  Work: {Type: AWS::SQS::Queue, Properties: {QueueName: work}}
  Lane: {Type: AWS::SQS::Queue, Properties: {QueueName: lane.fifo, FifoQueue: true}}
  News: {Type: AWS::SNS::Topic, Properties: {TopicName: news}}
  Bus: {Type: AWS::Events::EventBus, Properties: {Name: orders}}
  Box: {Type: AWS::S3::Bucket, Properties: {BucketName: box}}
  Other: {Type: AWS::Serverless::Function, Properties: {Handler: a.b, Runtime: python3.12, AutoPublishAlias: live}}
  F:
    Type: AWS::Serverless::Function
    Properties:
      Handler: a.b
      Runtime: python3.12
"""


def function(project: Project, name: str = "F") -> FunctionConfig:
    return next(one for one in project.functions if one.name == name)


def invoke_config(key: str, destination: str) -> str:
    return HEAD + f"      EventInvokeConfig: {{DestinationConfig: {{{key}: {destination}}}}}\n"


@pytest.mark.parametrize("key", ["OnSuccess", "OnFailure"])
@pytest.mark.parametrize(
    ("destination", "expected"),
    [
        ("{Destination: !GetAtt Work.Arn}", Destination(kind="queue", name="work")),
        ("{Type: SQS, Destination: !GetAtt Work.Arn}", Destination(kind="queue", name="work")),
        ("{Destination: !Ref News}", Destination(kind="topic", name="news")),
        ("{Type: SNS, Destination: !Ref News}", Destination(kind="topic", name="news")),
        ("{Type: EventBridge, Destination: !GetAtt Bus.Arn}", Destination(kind="bus", name="orders")),
        ("{Destination: 'arn:aws:events:us-east-1:000000000000:event-bus/default'}",
         Destination(kind="bus", name="default")),
        ("{Type: Lambda, Destination: !GetAtt Other.Arn}", Destination(kind="function", name="Other")),
        ("{Destination: !Ref Other.Alias}", Destination(kind="function", name="Other", qualifier="live")),
    ],
)  # fmt: skip
def test_a_destination_is_of_the_kind_that_its_arn_says(
    key: str, destination: str, expected: Destination, write: Write, load: Load
) -> None:
    write("template.yaml", invoke_config(key, destination))
    project = load()
    found = function(project)
    assert (found.on_success if key == "OnSuccess" else found.on_failure) == expected
    assert project.problems == ()


def test_only_failures_go_to_a_bucket(write: Write, load: Load) -> None:
    bucket = "{Type: S3Bucket, Destination: !GetAtt Box.Arn}"
    write("template.yaml", invoke_config("OnFailure", bucket))
    assert function(load()).on_failure == Destination(kind="bucket", name="box")
    write("template.yaml", invoke_config("OnSuccess", bucket))
    project = load()
    assert function(project).on_success is None
    assert says(project, "it does not take an S3 bucket") == ("warning", 14)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("SQS", Destination(kind="queue", name="FEventInvokeConfigOnFailureQueue")),
        ("SNS", Destination(kind="topic", name="FEventInvokeConfigOnFailureTopic")),
    ],
)
def test_sam_adds_the_queue_or_topic_that_a_type_alone_asks_for(
    kind: str, expected: Destination, write: Write, load: Load
) -> None:
    write("template.yaml", invoke_config("OnFailure", f"{{Type: {kind}}}"))
    project = load()
    assert function(project).on_failure == expected
    assert expected.name in {one.name for one in (*project.queues, *project.resources)}


@pytest.mark.parametrize(
    ("arn", "held"),
    [
        ("arn:aws:sns:us-east-1:000000000000:elsewhere", ("AWS::SNS::Topic", "elsewhere")),
        ("arn:aws:s3:::elsewhere", ("AWS::S3::Bucket", "elsewhere")),
        ("arn:aws:events:us-east-1:000000000000:event-bus/elsewhere", ("AWS::Events::EventBus", "elsewhere")),
    ],
)
def test_what_is_declared_elsewhere_gets_a_stand_in(arn: str, held: tuple[str, str], write: Write, load: Load) -> None:
    write("template.yaml", invoke_config("OnFailure", f"{{Destination: '{arn}'}}"))
    project = load()
    assert held in {(one.type, one.name) for one in project.resources}
    assert says(project, "elsewhere is not declared in this project") == ("notice", 14)


def test_what_cannot_be_a_destination_is_said(write: Write, load: Load) -> None:
    states = "{Destination: 'arn:aws:states:us-east-1:000000000000:stateMachine:steps'}"
    write("template.yaml", invoke_config("OnFailure", states))
    assert says(load(), "OnFailure takes an SQS queue, an SNS topic, a function, an event bus, an S3 bucket")[1] == 14
    write("template.yaml", invoke_config("OnFailure", "{Destination: 'arn:aws:lambda:us-east-1:1:function:gone'}"))
    project = load()
    assert says(project, "the function gone is not in this project") == ("warning", 14)
    assert function(project).on_failure is None
    write("template.yaml", invoke_config("OnFailure", "{Destination: !GetAtt Lane.Arn}"))
    project = load()
    assert says(project, "the queue lane.fifo is a FIFO queue") == ("warning", 14)
    assert function(project).on_failure == Destination(kind="queue", name="lane.fifo")


@pytest.mark.parametrize(
    ("letters", "queue", "topic"),
    [
        ("DeadLetterQueue: {Type: SQS, TargetArn: !GetAtt Work.Arn}", "work", None),
        ("DeadLetterQueue: {Type: SNS, TargetArn: !Ref News}", None, "news"),
        ("DeadLetterQueue: {TargetArn: !Ref News}", None, "news"),
    ],
)
def test_dead_letters_go_to_a_queue_or_a_topic(
    letters: str, queue: str | None, topic: str | None, write: Write, load: Load
) -> None:
    write("template.yaml", HEAD + f"      {letters}\n")
    found = function(load())
    assert (found.dead_letter_queue, found.dead_letter_topic) == (queue, topic)


def test_cloudformations_own_words_say_the_same(write: Write, load: Load) -> None:
    write(
        "template.yaml",
        HEAD.replace("AWS::Serverless::Function\n", "AWS::Lambda::Function\n")
        + "      Code: {ZipFile: 'def b(e, c): ...'}\n      DeadLetterConfig: {TargetArn: !Ref News}\n"
        "  Config:\n    Type: AWS::Lambda::EventInvokeConfig\n    Properties:\n      FunctionName: !Ref F\n"
        "      Qualifier: $LATEST\n      MaximumRetryAttempts: 1\n"
        "      DestinationConfig: {OnSuccess: {Destination: !GetAtt Bus.Arn}}\n",
    )
    found = function(load())
    assert (found.dead_letter_topic, found.maximum_retry_attempts) == ("news", 1)
    assert found.on_success == Destination(kind="bus", name="orders")


@pytest.mark.parametrize(
    ("destination", "expected"),
    [
        ("!GetAtt Work.Arn", Destination(kind="queue", name="work")),
        ("!Ref News", Destination(kind="topic", name="news")),
        ("!GetAtt Box.Arn", Destination(kind="bucket", name="box")),
        ("!GetAtt Bus.Arn", None),
    ],
)
def test_a_streams_failed_batches_go_to_queues_topics_and_buckets(
    destination: str, expected: Destination | None, write: Write, load: Load
) -> None:
    write(
        "template.yaml",
        HEAD
        + "      Events:\n        Clicks:\n          Type: Kinesis\n          Properties:\n"
        + "            Stream: arn:aws:kinesis:us-east-1:000000000000:stream/clicks\n"
        + "            StartingPosition: LATEST\n"
        + f"            DestinationConfig: {{OnFailure: {{Destination: {destination}}}}}\n",
    )
    project = load()
    (mapping,) = project.mappings
    assert isinstance(mapping, StreamMapping) and mapping.on_failure == expected
    if expected is None:
        assert says(project, "it does not take an event bus") == ("warning", 20)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("arn:aws:sqs:us-east-1:000000000000:work", Destination(kind="queue", name="work")),
        ("!GetAtt News.TopicArn", Destination(kind="topic", name="news")),
        ("other", Destination(kind="function", name="other")),
        ("{type: eventBus, arn: !GetAtt Bus.Arn}", Destination(kind="bus", name="orders")),
    ],
)
def test_destinations_of_serverless_yml(text: str, expected: Destination, write: Write, load: Load) -> None:
    write(
        "serverless.yml",
        "service: shop\nprovider: {name: aws, runtime: python3.12}\nfunctions:\n  other: {handler: a.b}\n"
        f"  a:\n    handler: a.b\n    onError: !Ref News\n    destinations: {{onSuccess: {text}}}\n"
        "resources:\n  Resources:\n    News: {Type: AWS::SNS::Topic, Properties: {TopicName: news}}\n"
        "    Bus: {Type: AWS::Events::EventBus, Properties: {Name: orders}}\n",
    )
    found = function(load(), "a")
    assert (found.on_success, found.dead_letter_topic) == (expected, "news")


@pytest.mark.parametrize(
    ("alias", "qualifier", "expected"),
    [
        ("", "", "$LATEST"),
        ("      AutoPublishAlias: live\n", "", "live"),
        ("", "$LATEST", "$LATEST"),
        ("", "live", "live"),
        ("", "!Ref Live", "live"),
        ("", "!GetAtt V.Version", None),
    ],
)
def test_settings_of_events_are_of_the_qualifier_that_they_are_for(
    alias: str, qualifier: str, expected: str | None, write: Write, load: Load
) -> None:
    config = "MaximumRetryAttempts: 1"
    if not qualifier:
        write("template.yaml", HEAD + f"{alias}      EventInvokeConfig: {{{config}}}\n")
    else:
        write(
            "template.yaml",
            HEAD + "  V: {Type: AWS::Lambda::Version, Properties: {FunctionName: !Ref F}}\n"
            "  Live: {Type: AWS::Lambda::Alias, Properties: {FunctionName: !Ref F, Name: live, FunctionVersion: 1}}\n"
            "  Config:\n    Type: AWS::Lambda::EventInvokeConfig\n"
            f"    Properties: {{FunctionName: !Ref F, Qualifier: {qualifier}, {config}}}\n",
        )
    found = function(load())
    assert (found.maximum_retry_attempts, found.event_invoke_qualifier) == (1, expected)
