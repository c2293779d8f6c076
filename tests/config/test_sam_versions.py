"""Versions, aliases and who invokes them."""

from __future__ import annotations

import msgspec
import pytest

from lambdatui.config.made import DELETED, Made, plain, with_made
from lambdatui.config.model import AliasConfig, BucketTrigger, EventRule, FunctionConfig, Project, TopicSubscription
from tests.config.helpers import Load, Write, says

ARN = "arn:aws:lambda:us-east-1:000000000000:function"
SAM = """Transform: AWS::Serverless-2016-10-31
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties:
      Handler: a.b
      Runtime: python3.12
"""
CFN = """Resources:
  F:
    Type: AWS::Lambda::Function
    Properties:
      Handler: a.b
      Runtime: python3.12
      Code: {ZipFile: 'def b(e, c): ...'}
  Caller:
    Type: AWS::Lambda::Function
    Properties:
      Handler: a.b
      Runtime: python3.12
      Code: {ZipFile: 'def b(e, c): ...'}
      Environment: {Variables: {ALIAS: !Ref Live, VERSION: !Ref V, NUMBER: !GetAtt V.Version}}
  V: {Type: AWS::Lambda::Version, Properties: {FunctionName: !Ref F}}
  Live:
    Type: AWS::Lambda::Alias
    Properties:
      FunctionName: !Ref F
      Name: live
"""


def function(project: Project) -> FunctionConfig:
    return next(one for one in project.functions if one.logical_id in {"F", "ALambdaFunction"})


@pytest.mark.parametrize("place", ["function", "globals"])
def test_auto_publish_alias_publishes_each_new_code(place: str, write: Write, load: Load) -> None:
    text = SAM + "      ProvisionedConcurrencyConfig: {ProvisionedConcurrentExecutions: 3}\n"
    if place == "function":
        text += "      AutoPublishAlias: !Ref Stage\nParameters: {Stage: {Type: String, Default: live}}\n"
    else:
        text += "Globals: {Function: {AutoPublishAlias: live}}\n"
    write("template.yaml", text)
    project = load()
    assert function(project).published_aliases == (AliasConfig(name="live", provisioned_concurrency=3),)
    assert project.problems == ()


def test_everything_that_sam_lets_invoke_a_published_function_names_its_alias(write: Write, load: Load) -> None:
    write(
        "template.yaml",
        SAM + "      AutoPublishAlias: live\n      FunctionUrlConfig: {AuthType: NONE}\n"
        "      Events:\n"
        "        Jobs: {Type: SQS, Properties: {Queue: !GetAtt Q.Arn}}\n"
        "        Clicks: {Type: Kinesis, Properties: {Stream: !GetAtt S.Arn, StartingPosition: LATEST}}\n"
        "        Tick: {Type: Schedule, Properties: {Schedule: rate(1 hour)}}\n"
        "        Tock: {Type: ScheduleV2, Properties: {ScheduleExpression: rate(1 hour)}}\n"
        "        Put: {Type: S3, Properties: {Bucket: !Ref B, Events: 's3:ObjectCreated:*'}}\n"
        "        Told: {Type: SNS, Properties: {Topic: !Ref T}}\n"
        "        Between: {Type: SNS, Properties: {Topic: !Ref T, SqsSubscription: true}}\n"
        "        Rule: {Type: EventBridgeRule, Properties: {Pattern: {source: [shop]}}}\n"
        "        Get: {Type: Api, Properties: {Path: /a, Method: GET}}\n"
        "        Http: {Type: HttpApi, Properties: {Path: /b, Method: GET}}\n"
        "  Q: {Type: AWS::SQS::Queue}\n  S: {Type: AWS::Kinesis::Stream}\n  T: {Type: AWS::SNS::Topic}\n"
        "  B: {Type: AWS::S3::Bucket}\n",
    )
    project = load()
    triggers = [*project.mappings, *project.schedules, *project.routes]
    triggers += [push for push in project.pushes if push.function is not None]  # type: ignore[misc]
    assert len(triggers) == 3 + 2 + 3 + 3
    assert {one.qualifier for one in triggers} == {"live"}
    assert {type(push) for push in project.pushes} == {BucketTrigger, TopicSubscription, EventRule}
    assert next(push for push in project.pushes if push.function is None).qualifier is None


def test_an_alias_points_to_the_newest_version_by_the_versions_attribute(write: Write, load: Load) -> None:
    write(
        "template.yaml",
        CFN + "      FunctionVersion: !GetAtt V.Version\n      Description: ours\n"
        "      RoutingConfig: {AdditionalVersionWeights: [{FunctionVersion: '3', FunctionWeight: 0.25}]}\n"
        "      ProvisionedConcurrencyConfig: {ProvisionedConcurrentExecutions: 2}\n",
    )
    project = load()
    assert function(project).published_aliases == (
        AliasConfig(name="live", weights={"3": 0.25}, provisioned_concurrency=2, description="ours"),
    )
    assert project.functions[1].environment == {
        "ALIAS": f"{ARN}:F:live",
        "VERSION": f"{ARN}:F:$LATEST",
        "NUMBER": "$LATEST",
    }
    assert project.problems == ()


@pytest.mark.parametrize(("written", "version"), [("$LATEST", "$LATEST"), ("'7'", "7"), ("7", "7"), ("new", None)])
def test_an_alias_points_to_the_version_that_it_names(
    written: str, version: str | None, write: Write, load: Load
) -> None:
    write("template.yaml", CFN + f"      FunctionVersion: {written}\n")
    project = load()
    assert function(project).published_aliases[0].version == version
    assert [problem.line for problem in project.problems] == ([21] if version is None else [])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("FunctionVersion: $LATEST\n      ProvisionedConcurrencyConfig: {ProvisionedConcurrentExecutions: 1}",
         "Provisioned Concurrency Configs cannot be applied to unpublished function versions"),
        ("FunctionVersion: $LATEST\n      RoutingConfig: {AdditionalVersionWeights: [{FunctionVersion: 1, "
         "FunctionWeight: 0.5}]}", "$LATEST is not supported for an alias pointing to more than 1 version"),
        ("FunctionVersion: 1\n      RoutingConfig: {AdditionalVersionWeights: [{FunctionVersion: 2, "
         "FunctionWeight: 0.5}, {FunctionVersion: 3, FunctionWeight: 0.1}]}",
         "Number of items in AdditionalVersionWeights cannot be greater than 1"),
        ("FunctionVersion: 1\n      RoutingConfig: {AdditionalVersionWeights: [{FunctionVersion: 2, "
         "FunctionWeight: 1.5}]}",
         "Value '1.5' at 'functionWeight' failed to satisfy constraint: Member must have value less"),
        ("FunctionVersion: 1\n      RoutingConfig: {AdditionalVersionWeights: [{FunctionVersion: !GetAtt V.Version, "
         "FunctionWeight: 0.5}]}", "the share of the newest version is not served"),
        ("Description: x", "FunctionVersion is missing"),
    ],
)  # fmt: skip
def test_what_aws_refuses_of_an_alias_is_said_in_its_words(body: str, message: str, write: Write, load: Load) -> None:
    write("template.yaml", CFN + f"      {body}\n")
    project = load()
    assert says(project, message)[0] == "warning"
    (alias,) = function(project).published_aliases
    assert len(alias.weights) <= 1 and alias.provisioned_concurrency is None


@pytest.mark.parametrize("name", ["'12'", "a.b", "a" * 129])
def test_an_alias_has_a_name_that_is_no_number(name: str, write: Write, load: Load) -> None:
    write("template.yaml", SAM + f"      AutoPublishAlias: {name}\n")
    project = load()
    assert says(project, "(?!^[0-9]+$)([a-zA-Z0-9-_]+)") == ("warning", 8)
    assert function(project).published_aliases == ()


def test_an_alias_exists_once(write: Write, load: Load) -> None:
    again = "  Again: {Type: AWS::Lambda::Alias, Properties: {FunctionName: !Ref F, Name: live, FunctionVersion: 1}}\n"
    write("template.yaml", CFN + "      FunctionVersion: 1\n" + again)
    project = load()
    assert says(project, f"Alias already exists: {ARN}:F:live") == ("warning", 22)
    assert len(function(project).published_aliases) == 1


def test_provisioned_concurrency_needs_an_alias_and_comes_out_of_the_reserve(write: Write, load: Load) -> None:
    provisioned = "      ProvisionedConcurrencyConfig: {ProvisionedConcurrentExecutions: 3}\n"
    write("template.yaml", SAM + provisioned)
    project = load()
    assert says(project, "AutoPublishALias must be defined on the function") == ("warning", 8)
    assert function(project).published_aliases == ()
    write("template.yaml", SAM + provisioned + "      AutoPublishAlias: live\n      ReservedConcurrentExecutions: 2\n")
    assert says(load(), "Requested Provisioned Concurrency should not be greater than")[0] == "warning"


MAPPING = """  M:
    Type: AWS::Lambda::EventSourceMapping
    Properties: {FunctionName: NAME, EventSourceArn: !GetAtt Q.Arn}
  Q: {Type: AWS::SQS::Queue}
"""


@pytest.mark.parametrize(
    ("name", "qualifier"),
    [
        ("!Ref F", None),
        ("!Ref V", None),
        ("!Ref Live", "live"),
        ("F:live", "live"),
        ("F:12", "12"),
        ("!Sub '${F.Arn}:$LATEST'", None),
    ],
)
def test_a_mapping_invokes_what_its_function_name_names(
    name: str, qualifier: str | None, write: Write, load: Load
) -> None:
    write("template.yaml", CFN + "      FunctionVersion: !GetAtt V.Version\n" + MAPPING.replace("NAME", name))
    (mapping,) = load().mappings
    assert (mapping.function, mapping.qualifier) == ("F", qualifier)


def test_an_alias_that_nobody_declares_is_said_and_the_latest_version_serves(write: Write, load: Load) -> None:
    write("template.yaml", CFN + "      FunctionVersion: 1\n" + MAPPING.replace("NAME", "F:prod"))
    project = load()
    assert says(project, f"Function not found: {ARN}:F:prod") == ("warning", 2)
    assert with_made(project, []).mappings[0].qualifier is None


def test_a_trigger_reaches_an_alias_that_was_made_by_api_while_it_is_there(write: Write, load: Load) -> None:
    write("template.yaml", CFN + "      FunctionVersion: 1\n" + MAPPING.replace("NAME", "F:prod"))
    project = load()
    alias = Made(kind="alias", name="F:prod", own=True, created_us=1, modified_us=1)
    assert with_made(project, [alias]).mappings[0].qualifier == "prod"
    (declared,) = project.mappings
    gone = Made(
        kind="mapping", name=declared.uuid, own=False, config={DELETED: True}, base={DELETED: plain(declared)},
        created_us=1, modified_us=1,
    )  # fmt: skip
    assert with_made(project, [gone]).mappings == with_made(project, [gone, alias]).mappings == ()
    changed = msgspec.structs.replace(gone, config={"batch_size": 3}, base={"batch_size": 10})
    assert [with_made(project, rows).mappings[0].qualifier for rows in ([changed], [changed, alias])] == [None, "prod"]
    own = Made(
        kind="mapping", name="u", own=True, config=plain(msgspec.structs.replace(declared, qualifier="gone")),
        created_us=1, modified_us=1,
    )  # fmt: skip
    made = with_made(project, [own]).mappings[1]
    assert made.qualifier == "gone", "what the API itself named fails when it is gone, as on AWS"


def test_a_queue_may_be_read_for_two_aliases(write: Write, load: Load) -> None:
    properties = "{FunctionName: !Ref F, EventSourceArn: !GetAtt Q.Arn}"
    second = f"  M2: {{Type: AWS::Lambda::EventSourceMapping, Properties: {properties}}}\n"
    write("template.yaml", CFN + "      FunctionVersion: 1\n" + MAPPING.replace("NAME", "!Ref Live") + second)
    assert [mapping.qualifier for mapping in load().mappings] == ["live", None]


def test_rules_routes_and_urls_of_cloudformation_reach_the_alias(write: Write, load: Load) -> None:
    write(
        "template.yaml",
        CFN + "      FunctionVersion: 1\n"
        "  Rule: {Type: AWS::Events::Rule, Properties: {ScheduleExpression: rate(1 hour), EventPattern: {source: [a]}, "
        "Targets: [{Id: a, Arn: !Ref Live}]}}\n"
        "  Url: {Type: AWS::Lambda::Url, Properties: {AuthType: NONE, TargetFunctionArn: !Ref F, Qualifier: live}}\n"
        "  Api: {Type: AWS::ApiGatewayV2::Api, Properties: {Name: a, ProtocolType: HTTP, Target: !Ref Live}}\n"
        "  Told:\n    Type: AWS::SNS::Subscription\n"
        "    Properties: {TopicArn: !Ref T, Protocol: lambda, Endpoint: !Ref Live}\n"
        "  T: {Type: AWS::SNS::Topic}\n",
    )
    project = load()
    triggers = [*project.schedules, *project.routes, *project.pushes]
    assert [(one.function, one.qualifier) for one in triggers] == [("F", "live")] * 5


def test_a_rest_api_and_a_load_balancer_reach_the_alias_that_their_arns_name(write: Write, load: Load) -> None:
    """As the CDK writes integrations: the alias' ARN within a URI."""
    uri = "!Sub 'arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Live}/invocations'"
    write(
        "template.yaml",
        CFN + "      FunctionVersion: !GetAtt V.Version\n"
        "  Api: {Type: AWS::ApiGateway::RestApi, Properties: {Name: a}}\n"
        "  Get:\n    Type: AWS::ApiGateway::Method\n    Properties:\n      RestApiId: !Ref Api\n"
        "      ResourceId: !GetAtt Api.RootResourceId\n      HttpMethod: GET\n      AuthorizationType: NONE\n"
        f"      Integration: {{Type: AWS_PROXY, IntegrationHttpMethod: POST, Uri: {uri}}}\n"
        "  Group:\n    Type: AWS::ElasticLoadBalancingV2::TargetGroup\n"
        "    Properties: {TargetType: lambda, Targets: [{Id: !Ref Live}]}\n"
        "  Balancer: {Type: AWS::ElasticLoadBalancingV2::LoadBalancer}\n"
        "  Listener:\n    Type: AWS::ElasticLoadBalancingV2::Listener\n"
        "    Properties: {LoadBalancerArn: !Ref Balancer, DefaultActions: "
        "[{Type: forward, TargetGroupArn: !Ref Group}]}\n",
    )
    assert [(one.kind, one.function, one.qualifier) for one in load().routes] == [
        ("rest", "F", "live"),
        ("alb", "F", "live"),
    ]


def test_serverless_reaches_provisioned_functions_by_the_frameworks_alias(write: Write, load: Load) -> None:
    write(
        "serverless.yml",
        "service: shop\nprovider: {name: aws, runtime: python3.12}\nfunctions:\n  a:\n    handler: a.b\n"
        "    provisionedConcurrency: 2\n    events:\n      - httpApi: GET /a\n      - schedule: rate(1 hour)\n"
        "      - alb: {listenerArn: x, priority: 1, conditions: {path: /b}}\n"
        "  b: {handler: a.b, provisionedConcurrency: 0}\n",
    )
    project = load()
    a, b = project.functions
    assert a.published_aliases == (AliasConfig(name="provisioned", provisioned_concurrency=2),)
    assert b.published_aliases == ()
    assert {one.qualifier for one in (*project.routes, *project.schedules)} == {"provisioned"}
