"""Projects that are whole to begin with, and what hostile ones say: `tests/fuzz/test_projects.py` mixes them."""

from __future__ import annotations

from pathlib import Path

from hypothesis import strategies as st

from lambdatui.config.support import RESOURCES

TEMPLATES = Path(__file__).parent / "templates"
SHOP = (TEMPLATES / "shop.yaml").read_text()
LANGUAGE = (TEMPLATES / "language.yaml").read_text()
FAITHFUL = (TEMPLATES / "faithful.yaml").read_text()
TOML = """
[defaults]
memory = 256
environment = {A1 = true}
[functions.orders]
handler = "orders.app.handler"
code = "."
dead_letter_queue = "orders-dlq"
environment = {B1 = 1.50}
ephemeral_storage = 1024
logging = { format = "JSON", application_level = "DEBUG" }
recursive_loop = "Allow"
on_failure = { topic = "news" }
on_success = "arn:aws:events:us-east-1:000000000000:event-bus/default"
[functions.orders.aliases.live]
version = "3"
weights = { 2 = 0.1 }
provisioned_concurrency = 1
[queues.orders-dlq]
redrive = { queue = "x", max_receive_count = 3 }
[streams.clicks]
shards = 2
[[functions.orders.events]]
type = "schedule"
every = "1s"
[[functions.orders.events]]
type = "queue"
queue = "q"
filters = [{ body = { a = [1.5] } }, '{"body": {"b": ["x"]}}']
qualifier = "live"
[[functions.orders.events]]
type = "stream"
stream = "clicks"
starting_position = "AT_TIMESTAMP"
starting_timestamp = 2026-01-31T08:00:00Z
tumbling_window = 30
on_failure = { bucket = "box" }
[[functions.orders.events]]
type = "http"
path = "/x"
"""
WORDS = [
    "",
    "x",
    "-1",
    "1e999",
    "~",
    "[]",
    "{}",
    "[[a]]",
    "{a: b}",
    "!Ref Nobody",
    "!Sub '${'",
    "!Sub ['${A.B}', {}]",
    "!Sub 5",
    "!GetAtt A",
    "!GetAtt [1, 2, 3]",
    "!Join x",
    "!Select [9, [a]]",
    "!FindInMap [Stages, x, y]",
    "!If [IsProd]",
    "!If [Nope, 1, 2]",
    "!Ref AWS::NoValue",
    "!Ref OrderQueue",
    "!Base64 {a: b}",
    "!Unknown [1]",
    "'\\0'",
    '"\\0"',
    "../../../../..",
    "2012-10-17",
    "!Cidr [a, b, c]",
    "${AWS::Region}",
    "true",
    "!ImportValue x",
    "!Transform {Name: AWS::Include}",
    "{'Fn::ForEach::X': [A, [b], {'${A}': c}]}",
    "{'Fn::Transform': x, a: b}",
    "'{{resolve:ssm:/shop/limit}}'",
    "'{{resolve:secretsmanager:::::}}'",
    "!GetAtt Orders.StreamArn",
    "!Ref Common",
    "code.zip",
    "/",
    "~/",
    "AWS::Lambda::LayerVersion",
    "arn:aws:lambda:a:b:layer:",
]

NODES = st.recursive(
    st.sampled_from(["", "x", "5", "true", "Ref", "A", "B", "${A}", "AWS::Region", "AWS::SQS::Queue", None]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from([
            "Ref", "Fn::Sub", "Fn::GetAtt", "Fn::If", "Fn::Join", "Fn::Select", "Fn::Split", "Fn::FindInMap", "Fn::And",
            "Fn::Or", "Fn::Not", "Fn::Equals", "Fn::Base64", "Fn::ImportValue", "Fn::Transform", "Fn::ForEach::L",
            "Fn::Length", "Fn::ToJsonString", "Fn::Cidr", "Condition", "Type", "Properties", "DependsOn", "Metadata",
            "Layers", "Code", "CodeUri", "Events", "Value", "Default", "A", "B",
        ]),
        inner,
        max_size=3,
    ),
    max_leaves=25,
)  # fmt: skip
KINDS = st.sampled_from(sorted(key for key in RESOURCES if not key.endswith("*")))

TODOS = (TEMPLATES / "todos.yml").read_text()
MORE = """
  every:
    handler: a.handler
    module: x
    package: {artifact: x.zip, individually: true}
    layers: [{Ref: BaseLambdaLayer}]
    url: {cors: {allowedOrigins: [x]}, authorizer: aws_iam}
    provisionedConcurrency: 1
    logs: {logFormat: JSON, applicationLogLevel: DEBUG}
    onError: arn:aws:sns:us-east-1:000000000000:news
    destinations: {onSuccess: create, onFailure: {type: eventBus, arn: arn:aws:events:us-east-1:1:event-bus/b}}
    events:
      - httpApi: {method: get, path: /x, authorizer: {name: mine}}
      - alb: {listenerArn: x, priority: 1, conditions: {path: /a, header: {name: X, values: [a]}, query: {a: b}}}
      - sqs: {arn: !GetAtt Dead.Arn, batchSize: 1, filterPatterns: [{a: [b]}]}
      - schedule: {rate: [rate(1 minute)], input: {a: b}, timezone: UTC}
      - s3: {bucket: b, event: s3:*, rules: [{prefix: x}]}
      - sns: {topicName: t, filterPolicy: {a: [b]}, redrivePolicy: {deadLetterTargetRef: Dead}}
      - eventBridge: {eventBus: b, pattern: {source: [a]}, inputTransformer: {inputTemplate: x}}
      - cloudwatchEvent: {event: {source: [a]}}
      - http: {path: x, method: get, authorizer: {name: create, type: request}, integration: lambda}
layers:
  base: {path: x, name: y}
constructs:
  jobs: {type: queue, fifo: true, worker: {handler: x.y, timeout: 1}}
  db: {type: database/dynamodb-single-table, gsiCount: 1, localSecondaryIndexes: true}
package: {individually: true}
params: {default: {x: 1}}
stages: {default: {params: {y: 2}}}
useDotenv: true
"""
SERVICE = TODOS.replace("plugins:\n", "plugins:\n  - serverless-lift\n  - serverless-dotenv-plugin\n").replace(
    "\nresources:", MORE + "\nresources:"
)
SERVICE_WORDS = [
    "",
    "x",
    "-1",
    "99999999999999999999",
    "~",
    "[]",
    "[[]]",
    "{}",
    "{a: b}",
    "true",
    "'${self:}'",
    "'${self:custom}'",
    "'${self:functions}'",
    "'${file(serverless.yml)}'",
    "'${file(serverless.yml):functions}'",
    "'${file()}'",
    "'${file(\\0)}'",
    "'${ssm:/x}'",
    "'${opt:x, null}'",
    "'${strToBool(x)}'",
    "'${construct:jobs.queueArn}'",
    "'x-${construct:jobs.queueArn}'",
    "'${param:x}'",
    "'${'",
    "'${a:${b:${c:'",
    "!Ref Nobody",
    "!GetAtt Dead.Arn",
    "!Sub '${AWS::Region}${x}'",
    "'\\0'",
    '"\\0"',
    "../../..",
    "/",
]
