"""Which file configures a project: asked for, usual, or in a subfolder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lambdatui.config.finding import find_source, templates_below
from lambdatui.config.loader import find_project, load_project
from lambdatui.config.model import LoadOptions
from lambdatui.errors import UsageError
from tests.config.helpers import Load, Write, says

TEMPLATE = (
    "Resources:\n  {name}:\n    Type: AWS::Serverless::Function\n    Properties:\n"
    "      Handler: app.handler\n      Runtime: python3.12\n"
)


def template(name: str) -> str:
    return TEMPLATE.format(name=name)


def test_a_template_is_asked_for_relative_to_the_project_else_to_the_working_directory(
    write: Write, project: Path, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("template.yaml", template("Usual"))
    write("deploy/other.yml", template("Other"))
    write("deploy/app.py")
    loaded = load(template="deploy/other.yml")
    assert [f.name for f in loaded.functions] == ["Other"]
    assert loaded.functions[0].code_root == str(project / "deploy") and loaded.functions[0].file == "deploy/other.yml"
    monkeypatch.chdir(project / "deploy")
    assert [f.name for f in load(template="other.yml").functions] == ["Other"]


def test_what_is_passed_over_is_said_unless_one_was_asked_for(write: Write, load: Load) -> None:
    write("app.py")
    write("template.yaml", template("Usual"))
    write("serverless.yml", "service: s\nprovider: {name: aws, runtime: python3.12}\n")
    assert says(load(), "serverless.yml is not read, because template.yaml is there")[0] == "notice"
    assert load(template="template.yaml").problems == ()


def test_a_folder_that_is_asked_for_is_its_own_template(write: Write, load: Load) -> None:
    write("deploy/template.yaml", template("Other"))
    assert [f.name for f in load(template="deploy").functions] == ["Other"]


@pytest.mark.parametrize("wanted", ["nowhere.yaml", "", "app.py", "empty", "a\0b", "x" * 5000])
def test_a_template_that_is_none_is_wrong_usage(wanted: str, write: Write, project: Path) -> None:
    write("app.py")
    (project / "empty").mkdir()
    with pytest.raises(UsageError, match="--template names"):
        load_project(project, LoadOptions(template=wanted))


def test_the_order_of_preference(write: Write, project: Path) -> None:
    def kind() -> str | None:
        source = find_source(project, None)
        return source.kind if source else None

    assert kind() is None
    write("cdk.out/manifest.json", '{"artifacts": {}}')
    assert kind() == "cdk"
    write("serverless.yml", "service: x\n")
    assert kind() == "serverless"
    write("template.json", "{}")
    assert kind() == "sam"


def test_a_manifest_of_something_else_is_no_assembly(write: Write, project: Path) -> None:
    write("manifest.json", '{"name": "an extension of a browser"}')
    assert find_source(project, None) is None


def test_templates_of_subfolders_are_named_where_the_folder_has_none(write: Write, load: Load) -> None:
    write("services/b/template.yaml", template("B"))
    write("services/a/serverless.yml", "service: a\n")
    write("node_modules/x/template.yaml", template("X"))
    write("a/b/c/d/template.yaml", template("Deep"))
    loaded = load()
    words = "below it are services/a/serverless.yml, services/b/template.yaml"
    assert says(loaded, words) == ("warning", None)
    assert says(loaded, "add --template services/a/serverless.yml") == ("warning", None)


def test_beside_plain_functions_they_are_a_notice(write: Write, load: Load) -> None:
    write("orders.py")
    write("other/template.yaml", template("Other"))
    loaded = load()
    assert says(loaded, "below it is other/template.yaml")[0] == "notice"
    assert "orders" in {f.name for f in loaded.functions}


def test_templates_of_other_names_are_named(write: Write, load: Load) -> None:
    write("stack.yaml", template("F"))
    write("values.yaml", "replicas: 3\n")
    loaded = load()
    assert says(loaded, "but stack.yaml, which declares functions") == ("warning", None)
    assert says(loaded, "--template stack.yaml") == ("warning", None)
    write("main.py", "def handler(event, context): ...\n")
    write("app-prod.template", template("G"))
    assert says(load(), "but app-prod.template, stack.yaml, which declare functions") == ("notice", None)
    write("template.yaml", template("H"))
    assert load().problems == ()


def test_many_are_counted(write: Write, load: Load, project: Path) -> None:
    for number in range(11):
        write(f"p{number:02}/template.yaml", template("F"))
    assert says(load(), "p07/template.yaml and 3 more")[0] == "warning"
    assert len(templates_below(project)) == 11


@pytest.mark.skipif(os.geteuid() == 0, reason="root may enter every folder")
def test_a_folder_that_may_not_be_entered_is_passed_over(write: Write, project: Path) -> None:
    write("a/template.yaml", template("A"))
    closed = project / "closed"
    closed.mkdir(mode=0)
    try:
        assert templates_below(project) == [project / "a" / "template.yaml"]
    finally:
        closed.chmod(0o700)


def test_a_language_is_imported_only_by_a_project_that_speaks_it(project: Path, write: Write) -> None:
    write(
        "lambdatui.toml",
        '[functions.one]\nhandler = "app.handler"\n[[functions.one.events]]\ntype = "schedule"\nevery = "1m"\n',
    )
    write("app.py", "def handler(event, context): ...\n")
    program = (
        "import pathlib, sys, lambdatui.host.main\n"
        "from lambdatui.config.loader import LoadOptions, load_project\n"
        "assert load_project(pathlib.Path(sys.argv[1]), LoadOptions()).schedules\n"
        "print(*sys.modules)"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", program, project], capture_output=True, text=True, check=True
    ).stdout.split()
    others = ("serverless", "sam_functions", "sam_events", "cdk", "openapi", "cfn_", "sam_push")
    assert [name for name in loaded if name.startswith(tuple(f"lambdatui.config.{other}" for other in others))] == []


def test_finding_a_project_refuses_what_loading_it_refuses(project: Path) -> None:
    find_project(project, LoadOptions())
    for root, options in ((project / "gone", LoadOptions()), (project, LoadOptions(template="gone.yaml"))):
        with pytest.raises(UsageError) as found:
            find_project(root, options)
        with pytest.raises(UsageError) as loaded:
            load_project(root, options)
        assert str(found.value) == str(loaded.value)
