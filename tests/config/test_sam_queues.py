"""What a queue of a template says, all of it."""

from __future__ import annotations

from tests.config.helpers import Load, Write, says

QUEUE = """Resources:
  Lane:
    Type: AWS::SQS::Queue
    Properties:
      QueueName: lane.fifo
      FifoQueue: true
      DeduplicationScope: messageGroup
      ReceiveMessageWaitTimeSeconds: 20
      MaximumMessageSize: 2048
      Tags:
        - {Key: team, Value: !Sub "${AWS::Region}-a"}
        - {Key: empty}
"""


def test_waits_sizes_scopes_and_tags_are_read(write: Write, load: Load) -> None:
    write("template.yaml", QUEUE)
    (queue,) = load().queues
    assert (queue.receive_wait, queue.maximum_message, queue.deduplication_scope) == (20, 2048, "messageGroup")
    assert queue.tags == {"team": "us-east-1-a", "empty": ""}


def test_what_is_not_said_is_sqs_own(write: Write, load: Load) -> None:
    write("template.yaml", "Resources:\n  Lane:\n    Type: AWS::SQS::Queue\n")
    (queue,) = load().queues
    assert (queue.receive_wait, queue.maximum_message, queue.deduplication_scope) == (0, 1_048_576, "queue")
    assert queue.tags == {}


def test_names_that_aws_would_refuse_are_said(write: Write, load: Load) -> None:
    write(
        "template.yaml",
        "Resources:\n"
        "  A: {Type: AWS::SQS::Queue, Properties: {QueueName: jobs}}\n"
        "  B: {Type: AWS::SQS::Queue, Properties: {QueueName: jobs}}\n"
        "  C: {Type: AWS::SQS::Queue, Properties: {QueueName: 'my jobs'}}\n"
        "  D: {Type: AWS::SQS::Queue, Properties: {QueueName: ok.fifo, FifoQueue: true}}\n",
    )
    project = load()
    assert says(project, "the name jobs is already that of A") == ("warning", 3)
    assert says(project, "'my jobs' is refused on AWS") == ("warning", 4)
    assert sum(problem.severity == "warning" for problem in project.problems) == 2
