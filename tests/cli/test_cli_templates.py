"""--template and --parameter, and what check says of a template's functions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lambdatui.client.host_command import LaunchOptions
from lambdatui.errors import UsageError
from lambdatui.host.arguments import parse
from tests.cli.conftest import Run
from tests.client.fake_engine import FakeEngine

TEMPLATE = """
Parameters:
  Stage: {Type: String, Default: dev}
Resources:
  Common: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: layer}}
  Hello:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: !Sub hello-${Stage}
      Handler: app.handler
      Runtime: python3.12
      CodeUri: src
      Layers: [!Ref Common]
      VpcConfig: {SubnetIds: [subnet-1]}
  Inline:
    Type: AWS::Serverless::Function
    Properties: {Handler: index.handler, Runtime: python3.12, InlineCode: "def handler(e, c): ..."}
  Node:
    Type: AWS::Serverless::Function
    Properties: {Handler: index.handler, Runtime: nodejs22.x, CodeUri: src}
"""


@pytest.fixture
def template(project: Path) -> Path:
    """A template below the project, in deploy/."""
    folder = project / "deploy"
    (folder / "src").mkdir(parents=True)
    (folder / "layer" / "python").mkdir(parents=True)
    (folder / "src" / "app.py").write_text("def handler(event, context):\n    return event\n")
    path = folder / "template.yaml"
    path.write_text(TEMPLATE)
    return path


@pytest.mark.usefixtures("template")
def test_check_says_from_which_line_each_function_comes_and_what_it_runs(run: Run) -> None:
    said = run("check", "deploy").stdout
    assert "✓ hello-dev  python3.12  app.handler\n" in said
    assert "    from template.yaml:6, code src, layers layer, without meaning here: VpcConfig\n" in said
    assert "    from template.yaml:15, inline code\n" in said
    assert "– Node  nodejs22.x  index.handler\n" in said
    assert "template.yaml:20: warning: Node: the runtime nodejs22.x is not served" in said
    rows = {row["name"]: row for row in json.loads(run("check", "deploy", "--json").stdout)["functions"]}
    assert (rows["hello-dev"]["file"], rows["hello-dev"]["line"]) == ("template.yaml", 6)
    assert rows["hello-dev"]["kept"] == {"VpcConfig": '{"SubnetIds":["subnet-1"]}'}
    assert rows["Node"]["state"] == "unserved"


@pytest.mark.usefixtures("template")
def test_a_template_and_its_parameters_are_chosen(run: Run) -> None:
    chosen = ("--template", "deploy/template.yaml", "--parameter", "Stage=a=b c", "--parameter", "Stage=prod")
    assert "hello-prod" in run("check", *chosen).stdout
    assert [row["name"] for row in json.loads(run("list", "--json", *chosen).stdout)] == [
        "hello-prod",
        "Inline",
        "Node",
    ]


@pytest.mark.parametrize("wrong", [("--parameter", "Stage"), ("--parameter", "=x"), ("--template", "nowhere.yaml")])
def test_a_slip_in_them_is_wrong_usage(run: Run, wrong: tuple[str, ...]) -> None:
    for command in ("check", "list"):
        assert run(command, *wrong).exit_code == 2


@pytest.mark.usefixtures("engine")
def test_a_running_engine_has_read_its_files_already(run: Run, engine: FakeEngine) -> None:
    result = run("list", "--parameter", "Stage=prod")
    assert result.exit_code == 0 and "--template and --parameter do not apply" in result.stderr


def test_the_engine_is_told_exactly_what_was_given() -> None:
    options = LaunchOptions(template="deploy/t.yaml", parameters=("A=1", "B=-2 3", "C=x=y"))
    arguments = parse(["/p", *options.arguments()], {})
    assert arguments.template == "deploy/t.yaml"
    assert arguments.parameters == {"A": "1", "B": "-2 3", "C": "x=y"}
    with pytest.raises(UsageError, match="NAME=VALUE"):
        parse(["/p", "--parameter=A"], {})


def test_the_rule_of_billing_reaches_the_engine(project: Path) -> None:
    assert parse([str(project), *LaunchOptions().arguments()], {}).billing == "current"
    assert parse([str(project), *LaunchOptions(billing="classic").arguments()], {}).billing == "classic"
    with pytest.raises(UsageError, match="classic"):
        parse([str(project), "--billing", "free"], {})
