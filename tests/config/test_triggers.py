"""What makes a function run, in words."""

from __future__ import annotations

from lambdatui.config.model import (
    ApiConfig,
    AuthorizerConfig,
    BucketTrigger,
    EventRule,
    Project,
    QueueMapping,
    RouteConfig,
    ScheduleConfig,
    TopicSubscription,
)
from lambdatui.config.triggers import triggers


def test_every_kind_of_trigger_has_a_sentence_of_its_function() -> None:
    project = Project(
        root="/p",
        name="p",
        kind="sam",
        region="us-east-1",
        account="000000000000",
        mappings=(QueueMapping(uuid="u", function="f", queue="orders", batch_size=5),),
        schedules=(ScheduleConfig(id="s", function="f", expression="rate(1 day)"),),
        pushes=(
            BucketTrigger(id="b", bucket="up", events=("s3:ObjectCreated:*",), function="f", suffix=".jpg"),
            TopicSubscription(id="t", topic="news", function="f"),
            TopicSubscription(id="q", topic="news", queue="copies"),
            EventRule(id="r", bus="default", pattern='{"source":["shop"]}', function="f"),
        ),
        routes=(RouteConfig(id="r", function="f", kind="http", method="GET", path="/a"),),
        apis=(
            ApiConfig(id="Api", kind="rest", authorizers=(AuthorizerConfig(name="Own", kind="token", function="g"),)),
        ),
    )
    assert triggers(project) == {
        "f": [
            "queue orders (batch 5)",
            "schedule rate(1 day)",
            "bucket up s3:ObjectCreated:* *.jpg",
            "topic news",
            'bus default {"source":["shop"]}',
            "GET /a",
        ],
        "g": ["authorizer Own of Api"],
    }
