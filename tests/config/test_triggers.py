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
    StreamMapping,
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


def test_a_mapping_says_what_is_not_lambdas_default_and_which_alias_it_calls() -> None:
    project = Project(
        root="/p",
        name="p",
        kind="sam",
        region="us-east-1",
        account="000000000000",
        mappings=(
            QueueMapping(
                uuid="q", function="f", queue="jobs", batching_window=2, maximum_concurrency=3, qualifier="live",
                filters=("{}", "{}"), enabled=False,
            ),
            StreamMapping(uuid="s", function="f", stream="clicks", parallelization_factor=4, filters=("{}",)),
            StreamMapping(uuid="t", function="f", stream="sums", tumbling_window=30),
        ),
        schedules=(ScheduleConfig(id="s", function="f", expression="cron(0 9 * * ? *)", timezone="Europe/Berlin"),),
        routes=(RouteConfig(id="r", function="f", kind="http", method="GET", path="/a", qualifier="live"),),
    )  # fmt: skip
    assert triggers(project)["f"] == [
        "queue jobs (batch 10, window 2 s, at most 3 at once, 2 filters, disabled) to live",
        "stream clicks (batch 100, 4 batches a shard, filtered)",
        "stream sums (batch 100, tumbling window 30 s)",
        "schedule cron(0 9 * * ? *) Europe/Berlin",
        "GET /a to live",
    ]
