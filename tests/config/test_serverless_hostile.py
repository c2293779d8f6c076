"""Whatever a serverless.yml says, loading it ends with a Project."""

from __future__ import annotations

import json
import random
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from lambdatui.config.loader import check_project, load_project
from lambdatui.config.model import LoadOptions
from lambdatui.config.serverless_grammar import Malformed, parse
from tests.config.helpers import exchanged

TODOS = (Path(__file__).parent / "templates" / "todos.yml").read_text()
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
WORDS = [
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


@given(st.integers(0, 2**32), st.integers(1, 6))
def test_services_with_values_exchanged_still_load(tmp_path: Path, seed: int, changes: int) -> None:
    (tmp_path / "serverless.yml").write_text(exchanged(SERVICE, WORDS, random.Random(seed), changes))
    project = load_project(tmp_path, LoadOptions())
    assert all(problem.remedy for problem in check_project(project))


def test_the_whole_service_is_read_as_it_stands(tmp_path: Path) -> None:
    """What the other test changes is whole to begin with."""
    (tmp_path / "serverless.yml").write_text(SERVICE)
    project = load_project(tmp_path, LoadOptions())
    assert not project.broken and len(project.functions) == 6 and len(project.routes) == 7


@given(st.text(alphabet="${}(),:'\"\\ aself.1", max_size=40))
def test_any_text_is_read_or_malformed(text: str) -> None:
    try:
        parts = parse(text)
    except Malformed as exc:
        assert str(exc)
    else:
        assert all(isinstance(part, str) or part.text in text for part in parts)


@given(
    st.dictionaries(
        st.sampled_from(["service", "provider", "functions", "resources", "custom", "plugins", "constructs", "layers"]),
        st.recursive(
            st.none() | st.booleans() | st.sampled_from(WORDS),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["name", "a", "events", "http", "type", "Resources"]), inner, max_size=3
                )
            ),
            max_leaves=8,
        ),
    )
)
def test_any_shape_still_loads(tmp_path: Path, document: dict[str, object]) -> None:
    (tmp_path / "serverless.yml").unlink(missing_ok=True)
    (tmp_path / "serverless.json").write_text(json.dumps({"provider": {"name": "aws"}} | document))
    check_project(load_project(tmp_path, LoadOptions()))
