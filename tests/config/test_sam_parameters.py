"""Where a template's parameters take their values from, and what the template asks of them."""

from __future__ import annotations

import pytest

from lambdatui.config.model import Project
from tests.config.helpers import Load, Write, says

FUNCTION = """
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties:
      Handler: app.handler
      Runtime: python3.12
      Environment: {Variables: {STAGE: !Ref Stage}}
"""


def template(parameter: str, rest: str = FUNCTION) -> str:
    return f"Parameters:\n  Stage:\n{parameter}{rest}"


PLAIN = "    Type: String\n    Default: dev\n"


def stage(project: Project) -> str:
    return project.functions[0].environment["STAGE"]


def test_each_place_wins_over_the_one_before_it(write: Write, load: Load) -> None:
    write("template.yaml", template(PLAIN))
    assert stage(load()) == "dev"
    write("samconfig.toml", '[default.global.parameters]\nparameter_overrides = "Stage=global"\n')
    assert stage(load()) == "global"
    write("samconfig.toml", '[default.deploy.parameters]\nparameter_overrides = "Stage=deploy"\n')
    assert stage(load()) == "deploy"
    write("lambdatui.toml", '[parameters]\nStage = "toml"\n')
    assert stage(load()) == "toml"
    assert stage(load(parameters={"Stage": "line"})) == "line"


@pytest.mark.parametrize(
    "written",
    [
        '"Other=1 Stage=\\"two words\\""',
        '["Other=1", "Stage=\'two words\'"]',
        '["ParameterKey=Stage,ParameterValue=two words"]'.replace("two words", "'two words'"),
        '{Stage = "two words", Other = 1}',
    ],
)
def test_the_forms_of_samconfigs_overrides(written: str, write: Write, load: Load) -> None:
    write("template.yaml", template(PLAIN))
    write("samconfig.toml", f"version = 0.1\n[default.deploy.parameters]\nparameter_overrides = {written}\n")
    project = load()
    assert stage(project) == "two words" and any(file.endswith("samconfig.toml") for file in project.files)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[default\n", 1),
        ('[default.deploy.parameters]\nparameter_overrides = "Stage"\n', 2),
        ('[default.deploy.parameters]\nparameter_overrides = "Stage=\'x"\n', 2),
    ],
)
def test_a_samconfig_that_cannot_be_read_is_a_warning_and_the_project_stands(
    text: str, line: int, write: Write, load: Load
) -> None:
    write("template.yaml", template(PLAIN))
    write("samconfig.toml", text)
    project = load()
    (problem,) = [each for each in project.problems if each.file == "samconfig.toml"]
    assert (problem.severity, problem.line) == ("warning", line)
    assert stage(project) == "dev" and not project.broken


@pytest.mark.parametrize("text", ["default = 3", "[default]\ndeploy = 1", "[default.deploy]\nparameters = []"])
def test_a_samconfig_of_another_shape_says_nothing(text: str, write: Write, load: Load) -> None:
    write("template.yaml", template(PLAIN))
    write("samconfig.toml", text)
    assert stage(load()) == "dev"


def test_a_name_that_no_parameter_has_is_noticed_with_its_place(write: Write, load: Load) -> None:
    write("template.yaml", template(PLAIN))
    project = load(parameters={"Stagee": "x"})
    assert says(project, "no parameter Stagee, which --parameter sets")[0] == "notice"
    assert says(project, "Did you mean Stage?")[0] == "notice"


@pytest.mark.parametrize(
    ("parameter", "value", "words"),
    [
        ("    Type: String\n    AllowedValues: [dev, prod]\n", "test", "one of AllowedValues: dev, prod"),
        ("    Type: String\n    AllowedPattern: '[a-z]+'\n", "D1", "must match pattern [a-z]+"),
        ("    Type: Number\n", "many", "must be a number"),
        ("    Type: Number\n    MinValue: 3\n", "2", "must be at least 3"),
        ("    Type: Number\n    MaxValue: 3.5\n", "4", "must be at most 3.5"),
        ("    Type: String\n    MinLength: 2\n", "a", "length must be at least 2"),
        ("    Type: String\n    MaxLength: 2\n", "abc", "length must be at most 2"),
        ("    Type: String\n    AllowedValues: [a]\n    ConstraintDescription: say a\n", "b", "constraint: say a"),
    ],
)
def test_a_value_that_cloudformation_would_refuse_is_a_warning_and_is_used(
    parameter: str, value: str, words: str, write: Write, load: Load
) -> None:
    write("template.yaml", template(parameter))
    project = load(parameters={"Stage": value})
    assert says(project, words) == ("warning", 2) and stage(project) == value


def test_an_expression_that_only_java_knows_passes(write: Write, load: Load) -> None:
    write("template.yaml", template("    Type: String\n    AllowedPattern: '[a-z&&[^x]]++(?<n>'\n    Default: a\n"))
    assert not load().problems


def test_a_list_is_a_list_where_it_is_used_and_a_text_where_it_is_joined(write: Write, load: Load) -> None:
    write(
        "template.yaml",
        template(
            "    Type: CommaDelimitedList\n    Default: 'a, b'\n",
            FUNCTION.replace("!Ref Stage", "!Select [1, !Ref Stage]").replace(
                "Variables: {", "Variables: {ALL: !Join ['+', !Ref Stage], "
            ),
        ),
    )
    project = load()
    assert stage(project) == "b" and project.functions[0].environment["ALL"] == "a+b"


STORED = "    Type: AWS::SSM::Parameter::Value<String>\n    Default: /shop/stage\n"


def test_a_stored_parameter_takes_what_the_template_stores_under_that_name(write: Write, load: Load) -> None:
    own = FUNCTION + "  P: {Type: AWS::SSM::Parameter, Properties: {Name: /shop/stage, Type: String, Value: here}}\n"
    write("template.yaml", template(STORED, own))
    assert stage(load()) == "here"


def test_a_stored_parameter_of_an_account_is_unknown_until_it_is_given(write: Write, load: Load) -> None:
    write("template.yaml", template(STORED))
    assert says(load(), "is read from the Parameter Store (/shop/stage)")[0] == "warning"
    assert stage(load(parameters={"Stage": "given"})) == "given"
    write("samconfig.toml", '[default.deploy.parameters]\nparameter_overrides = "Stage=/shop/other"\n')
    assert says(load(), "is read from the Parameter Store (/shop/other)")[0] == "warning"


def test_an_import_takes_what_is_given_for_the_exports_name(write: Write, load: Load) -> None:
    write("template.yaml", template(PLAIN, FUNCTION.replace("!Ref Stage", "!ImportValue net-stage")))
    assert says(load(), "the export net-stage of another stack")[0] == "warning"
    project = load(parameters={"net-stage": "given"})
    assert stage(project) == "given" and not project.problems
