"""Push triggers of templates: buckets, topics and rules, in SAM's words and CloudFormation's."""

from __future__ import annotations

import json
from typing import Any

from lambdatui.config.model import BucketTrigger, EventRule, Project, QueueMapping, TopicSubscription
from tests.config.helpers import Load, Write, says

FUNCTION = """
  F:
    Type: AWS::Serverless::Function
    Properties:
      Handler: app.handler
      Runtime: python3.12
"""
PLAIN = """
  F:
    Type: AWS::Lambda::Function
    Properties: {Handler: app.handler, Runtime: python3.12, Code: .}
  Inbox: {Type: AWS::SQS::Queue}
  News: {Type: AWS::SNS::Topic}
"""
HELD = """
  Photos: {Type: AWS::S3::Bucket, Properties: {BucketName: photos}}
  News: {Type: AWS::SNS::Topic}
  Inbox: {Type: AWS::SQS::Queue}
  Bus: {Type: AWS::Events::EventBus, Properties: {Name: shop}}
"""


def template(write: Write, load: Load, text: str) -> Project:
    write("app.py")
    write("template.yaml", f"Resources:{text}")
    return load()


def events(write: Write, load: Load, text: str) -> Project:
    """`text`: the Events of a SAM function, eight spaces in."""
    return template(write, load, HELD + FUNCTION + "      Events:\n" + text)


def test_an_s3_event_with_its_filter(write: Write, load: Load) -> None:
    project = events(
        write,
        load,
        """
        New:
          Type: S3
          Properties:
            Bucket: !Ref Photos
            Events: s3:ObjectCreated:*
            Filter: {S3Key: {Rules: [{Name: prefix, Value: in/}, {Name: suffix, Value: .jpg}]}}
""",
    )
    assert project.pushes == (
        BucketTrigger(
            id="FNew", bucket="photos", events=("s3:ObjectCreated:*",), function="F", prefix="in/", suffix=".jpg"
        ),
    )
    assert not [one for one in project.problems if one.severity != "notice"]


def test_events_that_are_never_seen_are_said(write: Write, load: Load) -> None:
    text = "        A: {Type: S3, Properties: {Bucket: !Ref Photos, Events: [s3:ObjectRestore:Completed]}}\n"
    assert says(events(write, load, text), "s3:ObjectRestore:Completed never happens here")[0] == "warning"


def test_an_sns_event_with_its_policy_and_its_dead_letters(write: Write, load: Load) -> None:
    project = events(
        write,
        load,
        """
        Told:
          Type: SNS
          Properties:
            Topic: !Ref News
            FilterPolicy: {store: [example_corp], price: [{numeric: [">=", 100]}]}
            FilterPolicyScope: MessageBody
            RedrivePolicy: {deadLetterTargetArn: !GetAtt Inbox.Arn}
""",
    )
    (push,) = project.pushes
    assert isinstance(push, TopicSubscription)
    assert (push.topic, push.function, push.filter_scope, push.dead_letter_queue) == (
        "News",
        "F",
        "MessageBody",
        "Inbox",
    )
    assert json.loads(push.filter_policy or "") == {"store": ["example_corp"], "price": [{"numeric": [">=", 100]}]}


def test_a_topic_by_way_of_a_queue(write: Write, load: Load) -> None:
    project = events(write, load, "        Told: {Type: SNS, Properties: {Topic: !Ref News, SqsSubscription: true}}\n")
    (push,) = project.pushes
    assert isinstance(push, TopicSubscription)
    assert (push.queue, push.function) == ("FToldQueue", None)
    (mapping,) = project.mappings
    assert isinstance(mapping, QueueMapping)
    assert (mapping.queue, mapping.function, mapping.batch_size) == ("FToldQueue", "F", 10)


def test_a_topic_by_way_of_a_queue_of_the_templates_own(write: Write, load: Load) -> None:
    between = "{QueueArn: !GetAtt Inbox.Arn, QueueUrl: !Ref Inbox, BatchSize: 5}"
    text = f"        Told: {{Type: SNS, Properties: {{Topic: !Ref News, SqsSubscription: {between}}}}}\n"
    project = events(write, load, text)
    assert [push.queue for push in project.pushes] == ["Inbox"]
    assert [(one.function, one.batch_size) for one in project.mappings] == [("F", 5)]


def test_rules_with_their_pattern_bus_and_input(write: Write, load: Load) -> None:
    project = events(
        write,
        load,
        """
        Placed:
          Type: EventBridgeRule
          Properties:
            EventBusName: !Ref Bus
            Pattern: {source: [orders], detail: {total: [{numeric: [">", 5]}], first: [true]}}
            InputTransformer: {InputPathsMap: {id: $.detail.id}, InputTemplate: '{"id": <id>}'}
            DeadLetterConfig: {Type: SQS}
        Old:
          Type: CloudWatchEvent
          Properties: {Pattern: {source: [aws.ec2]}, InputPath: $.detail, Enabled: false}
""",
    )
    placed, old = project.pushes
    assert isinstance(placed, EventRule)
    assert isinstance(old, EventRule)
    assert (placed.bus, placed.function, placed.dead_letter_queue) == ("shop", "F", "FPlacedQueue")
    assert json.loads(placed.pattern) == {
        "source": ["orders"],
        "detail": {"total": [{"numeric": [">", 5]}], "first": [True]},
    }
    assert (placed.input_paths, placed.input_template) == ({"id": "$.detail.id"}, '{"id": <id>}')
    assert (old.bus, old.input_path, old.enabled) == ("default", "$.detail", False)


def test_a_pattern_that_cannot_be_is_said_and_nothing_is_sent(write: Write, load: Load) -> None:
    text = "        A: {Type: EventBridgeRule, Properties: {Pattern: {source: [{starts: x}]}}}\n"
    project = events(write, load, text)
    assert says(project, "Pattern is not served: field source: there is no operator starts")[0] == "warning"
    assert project.pushes == ()


def test_a_pattern_that_only_an_account_knows_is_said(write: Write, load: Load) -> None:
    text = "        A: {Type: EventBridgeRule, Properties: {Pattern: {source: [!ImportValue x]}}}\n"
    project = events(write, load, text)
    assert says(project, "Pattern cannot be resolved")[0] == "warning"
    assert project.pushes == ()


def test_what_is_declared_elsewhere_gets_a_stand_in(write: Write, load: Load) -> None:
    text = """
        A: {Type: SNS, Properties: {Topic: "arn:aws:sns:us-east-1:123456789012:elsewhere"}}
        B: {Type: EventBridgeRule, Properties: {EventBusName: partner, Pattern: {source: [x]}}}
"""
    project = events(write, load, text)
    assert {(one.type, one.name) for one in project.resources} >= {
        ("AWS::SNS::Topic", "elsewhere"),
        ("AWS::Events::EventBus", "partner"),
    }
    assert says(project, "the topic elsewhere is not declared in this project")[0] == "notice"


# CloudFormation


def test_a_buckets_notifications_to_all_that_it_can_tell(write: Write, load: Load) -> None:
    project = template(
        write,
        load,
        PLAIN
        + """
  Photos:
    Type: AWS::S3::Bucket
    Properties:
      BucketName: photos
      NotificationConfiguration:
        LambdaConfigurations:
          - Event: s3:ObjectCreated:Put
            Function: !GetAtt F.Arn
            Filter: {S3Key: {Rules: [{Name: suffix, Value: .csv}]}}
        QueueConfigurations: [{Event: "s3:ObjectRemoved:*", Queue: !GetAtt Inbox.Arn}]
        TopicConfigurations: [{Event: "s3:ObjectCreated:*", Topic: !Ref News}]
        EventBridgeConfiguration: {EventBridgeEnabled: true}
""",
    )
    told: list[Any] = [(push.function, push.queue, push.topic, push.bus) for push in _buckets(project)]
    assert told == [
        ("F", None, None, False),
        (None, "Inbox", None, False),
        (None, None, "News", False),
        (None, None, None, True),
    ]
    assert _buckets(project)[0].suffix == ".csv"
    assert len({push.id for push in project.pushes}) == 4


def test_cdks_notifications(write: Write, load: Load) -> None:
    project = template(
        write,
        load,
        PLAIN
        + """
  Photos: {Type: AWS::S3::Bucket, Properties: {BucketName: photos}}
  Notifications:
    Type: Custom::S3BucketNotifications
    Properties:
      ServiceToken: arn:aws:lambda:us-east-1:000000000000:function:handler
      BucketName: !Ref Photos
      NotificationConfiguration:
        LambdaFunctionConfigurations:
          - Events: ["s3:ObjectCreated:*"]
            Filter: {Key: {FilterRules: [{Name: prefix, Value: in/}]}}
            LambdaFunctionArn: !GetAtt F.Arn
      Managed: true
""",
    )
    (push,) = _buckets(project)
    assert (push.bucket, push.function, push.prefix) == ("photos", "F", "in/")


def test_subscriptions_of_their_own_and_of_a_topic(write: Write, load: Load) -> None:
    project = template(
        write,
        load,
        PLAIN
        + """
  Sub:
    Type: AWS::SNS::Subscription
    Properties: {TopicArn: !Ref News, Protocol: sqs, Endpoint: !GetAtt Inbox.Arn, RawMessageDelivery: true}
  Mail:
    Type: AWS::SNS::Subscription
    Properties: {TopicArn: !Ref News, Protocol: email, Endpoint: me@example.com}
  Other:
    Type: AWS::SNS::Topic
    Properties: {Subscription: [{Protocol: lambda, Endpoint: !GetAtt F.Arn}]}
""",
    )
    first, second = project.pushes
    assert isinstance(first, TopicSubscription)
    assert (first.topic, first.queue, first.raw) == ("News", "Inbox", True)
    assert isinstance(second, TopicSubscription)
    assert (second.topic, second.function) == ("Other", "F")
    assert says(project, "subscriptions of email are not served")[0] == "notice"


def test_a_rules_targets(write: Write, load: Load) -> None:
    project = template(
        write,
        load,
        PLAIN
        + """
  Rule:
    Type: AWS::Events::Rule
    Properties:
      EventPattern: {source: [orders]}
      Targets:
        - {Id: a, Arn: !GetAtt F.Arn, Input: '{"a": 1}', DeadLetterConfig: {Arn: !GetAtt Inbox.Arn}}
        - {Id: b, Arn: !GetAtt Inbox.Arn}
        - {Id: c, Arn: !Ref News}
        - {Id: d, Arn: "arn:aws:logs:us-east-1:000000000000:log-group:x"}
""",
    )
    rules = [push for push in project.pushes if isinstance(push, EventRule)]
    assert [(rule.id, rule.function, rule.queue, rule.topic) for rule in rules] == [
        ("Rule", "F", None, None),
        ("Rule1", None, "Inbox", None),
        ("Rule2", None, None, "News"),
    ]
    assert (rules[0].input, rules[0].dead_letter_queue) == ('{"a": 1}', "Inbox")
    assert says(project, "gets nothing: it is no function, queue or topic")[0] == "notice"


def _buckets(project: Project) -> list[BucketTrigger]:
    return [push for push in project.pushes if isinstance(push, BucketTrigger)]


def test_a_policy_may_be_a_text(write: Write, load: Load) -> None:
    told = "        A: {Type: SNS, Properties: {Topic: !Ref News, FilterPolicy: %s}}\n"
    project = events(write, load, told % """'{"store":  ["x"]}'""")
    assert [getattr(push, "filter_policy", None) for push in project.pushes] == ['{"store":  ["x"]}']
    project = events(write, load, told % "'{store'")
    assert says(project, "FilterPolicy is no JSON")[0] == "warning"
