"""The language of templates: intrinsics in all their forms, loops, dynamic references, macros and circles."""

from __future__ import annotations

import json

import pytest
import yaml

from lambdatui.config.cycles import circles
from lambdatui.config.model import Project
from lambdatui.config.yaml_lines import parse_yaml
from tests.config.helpers import Load, Write, says

ARN = "arn:aws:lambda:us-east-1:000000000000:function:Other"
HEAD = """
Parameters:
  Stage: {Type: String, Default: prod}
  Zones: {Type: CommaDelimitedList, Default: "a,b,c"}
Mappings:
  Sizes:
    prod: {size: "2", list: [x, y]}
    dev: {size: "1", list: [z]}
Conditions:
  IsProd: !Equals [!Ref Stage, prod]
  IsDev: !Not [!Condition IsProd]
  Both: !And [!Condition IsProd, !Condition IsDev]
  Either: !Or [{Condition: IsProd}, !Condition IsDev]
Resources:
  Q: {Type: AWS::SQS::Queue, Properties: {QueueName: jobs}}
  F:
    Type: AWS::Serverless::Function
    Properties:
      Handler: app.handler
      Runtime: python3.12
      Environment:
        Variables:
          VALUE: %s
"""


def value(project: Project) -> str | None:
    return project.functions[0].environment.get("VALUE")


FORMS = [
    ("!Ref Stage", '{"Ref": "Stage"}', "prod"),
    ("!Ref AWS::Region", '{"Ref": "AWS::Region"}', "us-east-1"),
    ("!Ref AWS::AccountId", '{"Ref": "AWS::AccountId"}', "000000000000"),
    ("!Ref AWS::Partition", '{"Ref": "AWS::Partition"}', "aws"),
    ("!Ref AWS::URLSuffix", '{"Ref": "AWS::URLSuffix"}', "amazonaws.com"),
    ("!Ref AWS::StackName", '{"Ref": "AWS::StackName"}', "shop"),
    ("!GetAtt Q.Arn", '{"Fn::GetAtt": ["Q", "Arn"]}', "arn:aws:sqs:us-east-1:000000000000:jobs"),
    ("!GetAtt [Q, QueueName]", '{"Fn::GetAtt": "Q.QueueName"}', "jobs"),
    ('!Sub "${Stage}-${Q.QueueName}-${!x}"', '{"Fn::Sub": "${Stage}-${Q.QueueName}-${!x}"}', "prod-jobs-${x}"),
    (
        '!Sub ["${a}-${Stage}", {a: !Ref AWS::Region}]',
        '{"Fn::Sub": ["${a}-${Stage}", {"a": {"Ref": "AWS::Region"}}]}',
        "us-east-1-prod",
    ),
    ('!Join ["-", [a, !Ref Stage]]', '{"Fn::Join": ["-", ["a", {"Ref": "Stage"}]]}', "a-prod"),
    ("!Select [1, !Ref Zones]", '{"Fn::Select": [1, {"Ref": "Zones"}]}', "b"),
    ('!Select ["0", !Split ["|", "a|b"]]', '{"Fn::Select": ["0", {"Fn::Split": ["|", "a|b"]}]}', "a"),
    ("!FindInMap [Sizes, !Ref Stage, size]", '{"Fn::FindInMap": ["Sizes", {"Ref": "Stage"}, "size"]}', "2"),
    ("!If [IsProd, yes-it-is, no]", '{"Fn::If": ["IsProd", "yes-it-is", "no"]}', "yes-it-is"),
    ("!If [Both, both, !If [Either, one, none]]", '{"Fn::If": ["Both", "both", "one"]}', "one"),
    ("!If [IsProd, !Ref AWS::NoValue, x]", '{"Fn::If": ["IsProd", {"Ref": "AWS::NoValue"}, "x"]}', None),
    ("!Base64 abc", '{"Fn::Base64": "abc"}', "YWJj"),
    ("!Length [a, b]", '{"Fn::Length": ["a", "b"]}', "2"),
    ("!ToJsonString {a: 1}", '{"Fn::ToJsonString": {"a": 1}}', '{"a":1}'),
]


@pytest.mark.parametrize(("short", "long", "expected"), FORMS)
def test_an_intrinsic_in_short_long_and_json_form(
    short: str, long: str, expected: str | None, write: Write, load: Load
) -> None:
    write("app.py")
    write("template.yaml", HEAD % short)
    assert value(load()) == expected
    write("template.yaml", HEAD % long)
    assert value(load()) == expected and not load().problems


def test_the_same_template_as_json(write: Write, load: Load, project: object) -> None:
    write("app.py")
    document = parse_yaml(HEAD % '!Sub ["${a}-${Stage}", {a: !If [IsProd, !Ref AWS::Region, x]}]').value
    write("template.json", json.dumps(document, indent=2))
    assert value(load()) == "us-east-1-prod"


def test_yaml_of_the_long_forms_is_ordinary_yaml() -> None:
    for _, long, _ in FORMS:
        assert yaml.safe_load(HEAD.partition("Conditions:")[0] + f"X: {long}")


# dynamic references


HOLDERS = """
  Limit: {Type: AWS::SSM::Parameter, Properties: {Name: !Sub "/${Stage}/limit", Type: String, Value: 7}}
  Login:
    Type: AWS::SecretsManager::Secret
    Properties: {Name: login, SecretString: '{"user": "ann", "password": "p"}'}
"""


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("'{{resolve:ssm:/prod/limit}}'", "7"),
        ("'{{resolve:ssm:/prod/limit:1}}'", "7"),
        ("!Sub 'max {{resolve:ssm:/${Stage}/limit}}!'", "max 7!"),
        ("'{{resolve:secretsmanager:login:SecretString:password}}'", "p"),
        ("!Sub '{{resolve:secretsmanager:${Login}:SecretString:user::}}'", "ann"),
        ("'{{resolve:secretsmanager:login}}'", '{"user": "ann", "password": "p"}'),
    ],
)
def test_a_dynamic_reference_to_what_the_template_declares(
    written: str, expected: str, write: Write, load: Load
) -> None:
    write("template.yaml", HEAD % written + HOLDERS)
    assert value(load()) == expected and not load().problems


@pytest.mark.parametrize("what", ["ssm:/other", "secretsmanager:nobody:SecretString:a", "ssm-secure:x:1"])
def test_a_dynamic_reference_to_an_account_stays_as_text_and_is_said(what: str, write: Write, load: Load) -> None:
    write("template.yaml", HEAD % f"'{{{{resolve:{what}}}}}'")
    assert value(load()) == f"{{{{resolve:{what}}}}}"
    assert says(load(), "is left as text: only an account knows")[0] == "notice"


# loops, macros and transforms


def test_a_loop_over_resources_is_written_out(write: Write, load: Load) -> None:
    write(
        "template.yaml",
        """
Transform: [AWS::LanguageExtensions, AWS::Serverless-2016-10-31]
Parameters: {Names: {Type: CommaDelimitedList, Default: "orders,pay-ments"}}
Resources:
  Fn::ForEach::Workers:
    - Name
    - !Ref Names
    - Worker&{Name}:
        Type: AWS::Serverless::Function
        Properties:
          FunctionName: !Sub ${Name}-worker
          Handler: app.handler
          Runtime: python3.12
          Environment:
            Variables:
              Fn::ForEach::Variables:
                - Letter
                - [A, B]
                - KEY_${Letter}: {Ref: Letter}
              WHO: !Ref Name
""",
    )
    project = load()
    assert {f.logical_id: f.name for f in project.functions} == {
        "Workerorders": "orders-worker",
        "Workerpayments": "pay-ments-worker",
    }
    assert project.functions[1].environment == {"KEY_A": "A", "KEY_B": "B", "WHO": "pay-ments"}
    assert project.functions[0].line == 5


@pytest.mark.parametrize(
    ("loop", "words"),
    [
        ("[Name, [a]]", "takes an identifier, a list and a mapping"),
        ("[Name, !GetAtt Q.Arns, {X: {Type: T}}]", "nothing in the template is called Q"),
        ("[[Name], [a], {X: {Type: T}}]", "its identifier is no text"),
        ("[Name, {a: b}, {X: {Type: T}}]", "no list of texts"),
    ],
)
def test_a_loop_that_cannot_be_written_out_is_one_warning(loop: str, words: str, write: Write, load: Load) -> None:
    write("template.yaml", f"Resources:\n  'Fn::ForEach::L': {loop}\n  Q2: {{Type: AWS::SQS::Queue}}\n")
    project = load()
    assert says(project, words) == ("warning", 2) and [queue.name for queue in project.queues] == ["Q2"]


def test_loops_that_explode_are_refused(write: Write, load: Load) -> None:
    words = "[" + ",".join(f"w{n}" for n in range(300)) + "]"
    loop = f"  'Fn::ForEach::A':\n    - A\n    - {words}\n"
    loop += (
        f"    - 'Fn::ForEach::B': [B, {words}, {{'X${{A}}${{B}}': {{Type: AWS::SNS::Topic, Properties: {{P: 1}}}}}}]\n"
    )
    write("template.yaml", "Resources:\n" + loop)
    assert any("the loops grow beyond" in problem.message for problem in load().problems)


def test_macros_and_foreign_transforms_are_each_named_with_their_line(write: Write, load: Load) -> None:
    write("app.py")
    write(
        "template.yaml",
        "Transform: [AWS::Serverless-2016-10-31, MyMacro]\nResources:\n"
        "  Fn::Transform: {Name: AWS::Include, Parameters: {Location: s3://x/y}}\n"
        "  F:\n    Type: AWS::Serverless::Function\n    Properties:\n"
        "      Fn::Transform: {Name: Other}\n      Handler: app.handler\n      Runtime: python3.12\n",
    )
    project = load()
    assert says(project, "the transform MyMacro is not applied") == ("warning", 1)
    assert says(project, "the transform AWS::Include is not applied") == ("warning", 3)
    assert says(project, "F: the transform Other is not applied") == ("warning", 7)
    assert [function.handler for function in project.functions] == ["app.handler"]


# circles


def test_a_circle_is_one_sentence_and_everything_runs(write: Write, load: Load) -> None:
    write("app.py")
    write(
        "template.yaml",
        "Resources:\n"
        "  A: {Type: AWS::SNS::Topic, Properties: {TopicName: a, DisplayName: !Sub '${B.Arn}'}}\n"
        "  B: {Type: AWS::SQS::Queue, DependsOn: [C], Properties: {QueueName: b}}\n"
        "  C: {Type: AWS::SNS::Topic, Properties: {TopicName: c, DisplayName: !GetAtt A.TopicName}}\n"
        "  Self: {Type: AWS::SQS::Queue, Properties: {Tags: [{Key: me, Value: !Ref Self}]}}\n"
        "  Apart: {Type: AWS::SQS::Queue, Properties: {Tags: [{Key: a, Value: !Ref A}]}}\n",
    )
    project = load()
    assert says(project, "Circular dependency between resources: [A, B, C]") == ("warning", 2)
    assert says(project, "Circular dependency between resources: [Self]") == ("warning", 5)
    assert sum(problem.severity == "warning" for problem in project.problems) == 2 and len(project.queues) == 3


def test_what_sam_makes_resources_of_its_own_of_closes_no_circle(write: Write, load: Load) -> None:
    write("app.py")
    write(
        "template.yaml",
        "Resources:\n  Q: {Type: AWS::SQS::Queue, Properties: {Tags: [{Key: f, Value: !Ref F}]}}\n"
        "  F:\n    Type: AWS::Serverless::Function\n    Properties:\n      Handler: app.handler\n"
        "      Runtime: python3.12\n      Events: {E: {Type: SQS, Properties: {Queue: !GetAtt Q.Arn}}}\n",
    )
    assert not load().problems


def test_a_branch_that_is_not_taken_closes_no_circle(write: Write, load: Load) -> None:
    write(
        "template.yaml",
        "Conditions: {Never: !Equals [a, b]}\nResources:\n"
        "  A: {Type: AWS::SQS::Queue, Properties: {Tags: [{Key: b, Value: !If [Never, !Ref B, x]}]}}\n"
        "  B: {Type: AWS::SQS::Queue, Properties: {Tags: [{Key: a, Value: !Ref A}]}}\n",
    )
    assert not [problem for problem in load().problems if "Circular" in problem.message]


def test_a_chain_of_thousands_is_walked(write: Write, load: Load) -> None:
    lines = [f"  R{n}: {{Type: AWS::SQS::Queue, DependsOn: R{(n + 1) % 3000}}}\n" for n in range(3000)]
    write("template.yaml", "Resources:\n" + "".join(lines))
    assert sum("Circular" in problem.message for problem in load().problems) == 1
    assert circles({}, None) == []  # type: ignore[arg-type]


def test_a_transform_with_parameters_is_named_too(write: Write, load: Load) -> None:
    transform = "Transform: {Name: AWS::Include, Parameters: {Location: s3://x/y}}\n"
    write("template.yaml", transform + "Resources:\n  Q: {Type: AWS::SQS::Queue}\n")
    assert says(load(), "the transform AWS::Include is not applied") == ("warning", 1)


def test_slips_in_globals_are_noticed(write: Write, load: Load) -> None:
    write(
        "template.yaml", "Globals:\n  Functon: {}\n  Function: {Timout: 5}\nResources:\n  Q: {Type: AWS::SQS::Queue}\n"
    )
    project = load()
    assert says(project, "Globals has no section Functon") == ("notice", 2)
    assert says(project, "a function has no property Timout") == ("notice", 3)
    assert says(project, "Did you mean Timeout?") == ("notice", 3)


@pytest.mark.parametrize(
    ("reference", "value"),
    [
        ("!Ref Other.Alias", f"{ARN}:live"),
        ("!Ref OtherAliaslive", f"{ARN}:live"),
        ("!Sub '${Other.Alias}'", f"{ARN}:live"),
        ("!Ref Other.Version", f"{ARN}:$LATEST"),
        ("!GetAtt Other.Version.Version", "$LATEST"),
    ],
)
def test_what_auto_publish_alias_makes_is_referred_to(reference: str, value: str, write: Write, load: Load) -> None:
    """The number of its version is known only when it is published: a reference to it reaches $LATEST."""
    function = "Type: AWS::Serverless::Function, Properties: {Handler: a.b, Runtime: python3.12"
    write(
        "template.yaml",
        f"Resources:\n  Other: {{{function}, AutoPublishAlias: live}}}}\n"
        f"  F: {{{function}, Environment: {{Variables: {{OTHER: {reference}}}}}}}}}\n",
    )
    environment = next(one.environment for one in load().functions if one.name == "F")
    assert environment == {"OTHER": value}


def test_a_reference_to_what_a_condition_leaves_out_says_so(write: Write, load: Load) -> None:
    write(
        "template.yaml",
        "Conditions: {Never: !Equals [a, b]}\nResources:\n  Q: {Type: AWS::SQS::Queue, Condition: Never}\n"
        "  F:\n    Type: AWS::Serverless::Function\n    Properties:\n      Handler: a.b\n"
        "      Runtime: python3.12\n      Environment: {Variables: {QUEUE: !Ref Q}}\n",
    )
    assert says(load(), "Q is left out, because its condition is false") == ("warning", 9)


def test_a_variable_whose_name_begins_like_an_intrinsic_is_merged_like_any_other(write: Write, load: Load) -> None:
    write(
        "template.yaml",
        "Transform: AWS::Serverless-2016-10-31\n"
        "Globals: {Function: {Environment: {Variables: {RefreshSeconds: 5}}}}\n"
        "Resources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties:\n      Handler: a.b\n"
        "      Runtime: python3.12\n      Environment: {Variables: {TABLE: orders}}\n",
    )
    assert load().functions[0].environment == {"RefreshSeconds": "5", "TABLE": "orders"}
