"""Every event type of serverless.yml that has a counterpart here."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lambdatui.config.model import (
    BucketTrigger,
    Destination,
    EventRule,
    Project,
    QueueMapping,
    StreamMapping,
    TopicSubscription,
)
from tests.config.helpers import Load, Write, says

Events = Callable[..., Project]
HEAD = "service: shop\nprovider:\n  name: aws\n  runtime: python3.12\n"


@pytest.fixture
def events(write: Write, load: Load) -> Events:
    """events("- http: GET /x", resources): the project with these events of the function `a`."""

    def load_it(text: str, *, resources: str = "", provider: str = "") -> Project:
        write("app.py")
        lines = "".join(f"      {line}\n" for line in text.strip("\n").splitlines())
        more = "".join(f"  {line}\n" for line in provider.strip("\n").splitlines())
        below = "".join(f"    {line}\n" for line in resources.strip("\n").splitlines())
        write(
            "serverless.yml",
            HEAD + more + "functions:\n  auth:\n    handler: app.handler\n  a:\n    handler: app.handler\n    events:\n"
            f"{lines}" + (f"resources:\n  Resources:\n{below}" if below else ""),
        )
        return load()

    return load_it


# queues and streams


def test_sqs(events: Events) -> None:
    shop = events(
        """
- sqs: arn:aws:sqs:us-east-1:000000000000:plain
- sqs:
    arn: !GetAtt Jobs.Arn
    batchSize: 3
    maximumBatchingWindow: 4
    enabled: false
    functionResponseType: ReportBatchItemFailures
    maximumConcurrency: 5
    metricsConfig: [EventCount]
    filterPatterns:
      - body: {kind: [order]}
""",
        resources="Jobs: {Type: AWS::SQS::Queue}",
    )
    plain, jobs = shop.mappings
    assert isinstance(plain, QueueMapping) and isinstance(jobs, QueueMapping)
    assert (plain.queue, plain.batch_size, plain.enabled) == ("plain", 10, True)
    assert (jobs.queue, jobs.batch_size, jobs.batching_window, jobs.maximum_concurrency) == ("Jobs", 3, 4, 5)
    assert jobs.report_batch_item_failures and not jobs.enabled
    assert (jobs.metrics, plain.metrics) == (True, False)


def test_the_order_of_events_does_not_move_checkpoints(events: Events) -> None:
    """An event source mapping's id hangs on the queue's or stream's name."""
    lines = ["- stream: arn:aws:kinesis:us-east-1:000000000000:stream/one", "- stream: {arn: !GetAtt Two.Arn}"]
    resources = "Two: {Type: AWS::Kinesis::Stream, Properties: {ShardCount: 1}}"
    before = {m.stream: m.uuid for m in events("\n".join(lines), resources=resources).mappings}
    after = {m.stream: m.uuid for m in events("\n".join(reversed(lines)), resources=resources).mappings}
    assert before == after and len(set(before.values())) == 2


def test_a_stream_may_begin_at_a_time(events: Events) -> None:
    shop = events(
        "- stream: {arn: !GetAtt Clicks.Arn, type: kinesis, startingPosition: AT_TIMESTAMP, "
        "startingPositionTimestamp: 1700000000}",
        resources="Clicks: {Type: AWS::Kinesis::Stream, Properties: {ShardCount: 2}}",
    )
    (mapping,) = shop.mappings
    assert (mapping.starting_position, mapping.starting_timestamp) == ("AT_TIMESTAMP", 1_700_000_000)


def test_kinesis_streams(events: Events) -> None:
    shop = events(
        """
- stream:
    type: kinesis
    arn: !GetAtt Clicks.Arn
    batchSize: 50
    startingPosition: LATEST
    batchWindow: 2
    maximumRetryAttempts: 3
    maximumRecordAgeInSeconds: 600
    bisectBatchOnFunctionError: true
    functionResponseType: ReportBatchItemFailures
    destinations:
      onFailure: {arn: !GetAtt Dead.Arn, type: sqs}
""",
        resources="Clicks: {Type: AWS::Kinesis::Stream, Properties: {ShardCount: 2}}\nDead: {Type: AWS::SQS::Queue}",
    )
    (clicks,) = shop.mappings
    assert isinstance(clicks, StreamMapping)
    assert (clicks.stream, clicks.batch_size, clicks.starting_position, clicks.batching_window) == (
        "Clicks",
        50,
        "LATEST",
        2,
    )
    assert (clicks.maximum_retry_attempts, clicks.maximum_record_age, clicks.bisect_on_error) == (3, 600, True)
    assert clicks.report_batch_item_failures and clicks.on_failure == Destination(kind="queue", name="Dead")


def test_a_stream_begins_at_its_oldest_record_with_ten_at_once(events: Events) -> None:
    """The framework's defaults; CloudFormation has none for the one, and a hundred for the other."""
    (mapping,) = events("- stream: arn:aws:kinesis:us-east-1:000000000000:stream/clicks").mappings
    assert (mapping.stream, mapping.batch_size, mapping.starting_position) == ("clicks", 10, "TRIM_HORIZON")


# schedules


def test_schedules(events: Events) -> None:
    shop = events(
        """
- schedule: rate(5 minutes)
- schedule:
    rate: ["cron(0 12 * * ? *)", "rate(1 hour)"]
    enabled: false
    input: {key: [1, two]}
- schedule:
    method: scheduler
    rate: cron(0 2 * * ? *)
    timezone: UTC
- eventBridge:
    schedule: rate(10 minutes)
    input: {a: b}
"""
    )
    assert [(s.expression, s.input, s.enabled) for s in shop.schedules] == [
        ("rate(5 minutes)", None, True),
        ("cron(0 12 * * ? *)", '{"key":[1,"two"]}', False),
        ("rate(1 hour)", '{"key":[1,"two"]}', False),
        ("cron(0 2 * * ? *)", None, True),
        ("rate(10 minutes)", '{"a":"b"}', True),
    ]
    assert len({s.id for s in shop.schedules}) == 5


# pushed


def test_buckets(events: Events) -> None:
    shop = events(
        """
- s3: uploads
- s3:
    bucket: ${self:service}-photos
    event: s3:ObjectRemoved:*
    existing: true
    rules:
      - prefix: in/
      - suffix: .jpg
""",
        resources="Photos: {Type: AWS::S3::Bucket, Properties: {BucketName: shop-photos}}",
    )
    assert [(b.bucket, b.events, b.prefix, b.suffix) for b in shop.pushes if isinstance(b, BucketTrigger)] == [
        ("uploads", ("s3:ObjectCreated:*",), "", ""),
        ("shop-photos", ("s3:ObjectRemoved:*",), "in/", ".jpg"),
    ]
    assert {(r.logical_id, r.name) for r in shop.resources} == {
        ("S3BucketUploads", "uploads"),
        ("Photos", "shop-photos"),
    }


def test_topics(events: Events) -> None:
    shop = events(
        """
- sns: greetings
- sns:
    topicName: orders
    filterPolicy: {kind: [new]}
    filterPolicyScope: MessageBody
    redrivePolicy: {deadLetterTargetRef: Dead}
- sns: {arn: !Ref Known}
""",
        resources="Dead: {Type: AWS::SQS::Queue}\nKnown: {Type: AWS::SNS::Topic, Properties: {TopicName: known}}",
    )
    first, second, third = (t for t in shop.pushes if isinstance(t, TopicSubscription))
    assert (first.topic, second.topic, third.topic) == ("greetings", "orders", "known")
    assert second.filter_policy == '{"kind":["new"]}' and second.filter_scope == "MessageBody"
    assert second.dead_letter_queue == "Dead"
    assert {r.name for r in shop.resources} == {"greetings", "orders", "known"}


def test_event_buses(events: Events) -> None:
    shop = events(
        """
- eventBridge:
    eventBus: orders
    pattern: {source: [shop]}
    inputTransformer:
      inputPathsMap: {id: $.detail.id}
      inputTemplate: '{"id": <id>}'
    enabled: false
- cloudwatchEvent:
    event: {source: [aws.ec2]}
    inputPath: $.detail
"""
    )
    orders, default = (rule for rule in shop.pushes if isinstance(rule, EventRule))
    assert (orders.bus, orders.pattern, orders.enabled) == ("orders", '{"source":["shop"]}', False)
    assert orders.input_paths == {"id": "$.detail.id"} and orders.input_template == '{"id": <id>}'
    assert (default.bus, default.pattern, default.input_path) == ("default", '{"source":["aws.ec2"]}', "$.detail")
    assert [(r.type, r.name) for r in shop.resources] == [("AWS::Events::EventBus", "orders")]


# HTTP


def test_http_routes_and_their_authorizers(events: Events) -> None:
    shop = events(
        """
- http: GET /open
- http: {path: a, method: any, authorizer: auth}
- http:
    path: b/{proxy+}
    method: post
    authorizer:
      name: auth
      type: request
      resultTtlInSeconds: 0
      identitySource: method.request.header.X-One, method.request.querystring.two
- http:
    path: c
    method: get
    authorizer:
      arn: !GetAtt AuthLambdaFunction.Arn
      name: other
      identitySource: method.request.header.X-Token
      identityValidationExpression: ^Bearer
- http: {path: d, method: get, authorizer: aws_iam, private: true}
""",
        provider="apiGateway: {binaryMediaTypes: ['image/*']}",
    )
    assert [(r.method, r.path, r.authorizer) for r in shop.routes] == [
        ("GET", "/open", None),
        ("ANY", "/a", "auth"),
        ("POST", "/b/{proxy+}", "auth"),
        ("GET", "/c", "other"),
        ("GET", "/d", "AWS_IAM"),
    ]
    (api,) = shop.apis
    by_name = {one.name: one for one in api.authorizers}
    assert (by_name["auth"].kind, by_name["auth"].function, by_name["auth"].identity, by_name["auth"].ttl) == (
        "token",
        "auth",
        ("header.Authorization",),
        300,
    ), "the first of a name counts"
    assert by_name["other"].function == "auth" and by_name["other"].validation == "^Bearer"
    assert api.binary_types == ("image/*",)


def test_a_request_authorizer(events: Events) -> None:
    shop = events(
        """
- http:
    path: b
    method: post
    authorizer:
      name: auth
      type: request
      resultTtlInSeconds: 0
      identitySource: method.request.header.X-One, method.request.querystring.two
"""
    )
    (authorizer,) = shop.apis[0].authorizers
    assert (authorizer.kind, authorizer.ttl, authorizer.identity) == (
        "request",
        0,
        ("header.X-One", "querystring.two"),
    )


def test_an_authorizer_by_its_whole_name(events: Events) -> None:
    shop = events(
        "- http: {path: a, method: get, authorizer: 'arn:aws:lambda:us-east-1:000000000000:function:shop-dev-auth'}"
    )
    assert shop.apis[0].authorizers[0].function == "auth"


def test_cognito_authorizers_let_all_pass_and_say_so(events: Events) -> None:
    shop = events(
        "- http: {path: a, method: get, authorizer: {arn: 'arn:aws:cognito-idp:us-east-1:0:userpool/x', name: people}}"
    )
    assert shop.apis[0].authorizers[0].kind == "cognito"
    assert says(shop, "requests pass without it")[0] == "warning"


@pytest.mark.parametrize("more", ["integration: lambda", "integration: http-proxy", "async: true"])
def test_routes_without_a_proxy_are_refused(events: Events, more: str) -> None:
    shop = events(f"- http: {{path: a, method: get, {more}}}\n- http: GET /b")
    refused, served = shop.routes
    assert refused.refused is not None and "non-proxy integration" in refused.refused
    assert served.refused is None
    assert says(shop, "a: GET a: REST method with a non-proxy integration") == ("warning", 11)


def test_http_api_routes(events: Events) -> None:
    shop = events(
        """
- httpApi: "*"
- httpApi: GET /x/{id}
- httpApi: {method: post, path: /y, authorizer: {name: mine}}
- httpApi: {method: "*", path: /z, authorizer: {name: people}}
- httpApi: {method: put, path: /z, authorizer: {type: aws_iam}}
""",
        provider="""
httpApi:
  payload: "1.0"
  name: public
  cors: true
  authorizers:
    mine:
      type: request
      functionName: auth
      enableSimpleResponses: true
      payloadVersion: "2.0"
      identitySource: [$request.header.X-Key]
      resultTtlInSeconds: 30
    people:
      type: jwt
      identitySource: $request.header.Authorization
      issuerUrl: https://example.com
      audience: [a]
""",
    )
    assert [(r.kind, r.method, r.path, r.authorizer, r.payload) for r in shop.routes] == [
        ("http", "ANY", "$default", None, "1.0"),
        ("http", "GET", "/x/{id}", None, "1.0"),
        ("http", "POST", "/y", "mine", "1.0"),
        ("http", "ANY", "/z", "people", "1.0"),
        ("http", "PUT", "/z", "AWS_IAM", "1.0"),
    ]
    (api,) = shop.apis
    assert (api.id, api.name, api.stage) == ("HttpApi", "public", "$default")
    mine = next(one for one in api.authorizers if one.name == "mine")
    assert (mine.kind, mine.function, mine.simple_responses, mine.payload, mine.ttl, mine.identity) == (
        "request",
        "auth",
        True,
        "2.0",
        30,
        ("header.X-Key",),
    )
    assert api.cors is not None and api.cors.allow_origins == ("*",)
    assert set(api.cors.allow_methods) == {"OPTIONS", "*", "GET", "POST", "PUT"}


def test_cors_of_an_http_api_in_full(events: Events) -> None:
    shop = events(
        "- httpApi: GET /x",
        provider="httpApi: {cors: {allowedOrigins: [https://a.example], allowedMethods: [GET], allowCredentials: true, "
        "exposedResponseHeaders: [X-A], maxAge: 60}}",
    )
    cors = shop.apis[0].cors
    assert cors is not None and (cors.allow_origins, cors.allow_methods, cors.expose_headers, cors.max_age) == (
        ("https://a.example",),
        ("GET",),
        ("X-A",),
        60,
    )


def test_load_balancers(events: Events) -> None:
    shop = events(
        """
- alb:
    listenerArn: arn:aws:elasticloadbalancing:us-east-1:0:listener/x
    priority: 3
    multiValueHeaders: true
    conditions:
      path: [/a/*, /b]
      method: [GET, POST]
      host: shop.example
      header: {name: X-Kind, values: [one, two]}
      query: {q: "1"}
"""
    )
    assert [(r.kind, r.method, r.path, r.function) for r in shop.routes] == [
        ("alb", "GET", "/a/*", "a"),
        ("alb", "POST", "/a/*", "a"),
        ("alb", "GET", "/b", "a"),
        ("alb", "POST", "/b", "a"),
    ]
    first = shop.routes[0]
    assert (first.hosts, first.headers, first.query) == (
        ("shop.example",),
        {"X-Kind": ("one", "two")},
        (("q", "1"),),
    )
    assert first.priority == 3 and first.multi_value
    assert first.api == shop.apis[0].id and shop.apis[0].kind == "alb"


def test_function_urls(write: Write, load: Load) -> None:
    write("app.py")
    write(
        "serverless.yml",
        HEAD + "functions:\n"
        "  a: {handler: app.handler, url: true}\n"
        "  b: {handler: app.handler, url: {cors: true, authorizer: aws_iam}}\n"
        "  c: {handler: app.handler, url: {cors: {allowedOrigins: [x], allowedMethods: [GET]}}}\n"
        "  d: {handler: app.handler, url: false}\n",
    )
    shop = load()
    assert [(r.function, r.kind, r.authorizer) for r in shop.routes] == [
        ("a", "url", None),
        ("b", "url", "AWS_IAM"),
        ("c", "url", None),
    ]
    origins = {api.id: api.cors.allow_origins if api.cors else None for api in shop.apis}
    assert origins == {"a": None, "b": ("*",), "c": ("x",)}


@pytest.mark.parametrize(
    "kind", ["activemq", "alexaSkill", "cloudwatchLog", "cognitoUserPool", "iot", "kafka", "msk", "websocket"]
)
def test_what_has_no_counterpart_is_named(events: Events, kind: str) -> None:
    shop = events(f"- {kind}: x\n- http: GET /b")
    assert says(shop, f"events of type {kind} are not served") == ("warning", 11)
    assert [r.path for r in shop.routes] == ["/b"], "the others are there"


def test_an_authorizer_of_the_files_own_resources(events: Events) -> None:
    shop = events(
        "- http: {path: a, method: get, authorizer: {type: CUSTOM, authorizerId: !Ref Guard}}",
        resources="""
Guard:
  Type: AWS::ApiGateway::Authorizer
  Properties:
    Type: TOKEN
    IdentitySource: method.request.header.X
    RestApiId: !Ref ApiGatewayRestApi
    AuthorizerUri: !Sub "arn:aws:apigateway:x:lambda:path/2015-03-31/functions/${AuthLambdaFunction.Arn}/invocations"
""",
    )
    (authorizer,) = shop.apis[0].authorizers
    assert (authorizer.name, authorizer.function, authorizer.identity) == ("Guard", "auth", ("header.X",))
    assert shop.routes[0].authorizer == "Guard"


def test_an_authorizer_may_know_the_api_that_asks_it(events: Events) -> None:
    shop = events(
        "- http: {path: a, method: get, authorizer: {arn: !GetAtt AuthLambdaFunction.Arn, name: one}}\n"
        "- http: {path: b, method: get, authorizer: auth}",
        provider="environment: {API: !Ref ApiGatewayRestApi}",
    )
    assert {one.name: one.function for one in shop.apis[0].authorizers} == {"one": "auth", "auth": "auth"}
    assert not shop.problems, "no circle: to CloudFormation the authorizers are resources of their own"


def test_an_event_that_is_its_type_alone_is_named_in_its_own_line(events: Events) -> None:
    assert says(events("- sqs: arn:aws:sqs:us-east-1:000000000000:q\n- alexaSkill"), "alexaSkill") == ("warning", 12)
