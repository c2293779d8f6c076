"""Whatever a project says, loading it ends with a Project."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lambdatui.config import intrinsics
from lambdatui.config.loader import load_project
from lambdatui.config.model import LoadOptions
from lambdatui.config.yaml_lines import ParseError, parse_json, parse_yaml
from tests.config.hostile import FAITHFUL, SERVICE, SHOP, TOML


@pytest.mark.parametrize(("name", "text"), [("template.yaml", FAITHFUL), ("lambdatui.toml", TOML)])
def test_what_the_fuzzers_change_is_whole_to_begin_with(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert [problem for problem in load_project(tmp_path, LoadOptions()).problems if problem.severity != "notice"] == []


def test_the_whole_service_is_read_as_it_stands(tmp_path: Path) -> None:
    (tmp_path / "serverless.yml").write_text(SERVICE)
    project = load_project(tmp_path, LoadOptions())
    assert not project.broken and len(project.functions) == 6 and len(project.routes) == 7


@given(
    st.recursive(
        st.none() | st.booleans() | st.text(max_size=40),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=40), inner, max_size=4),
        max_leaves=12,
    ),
    st.booleans(),
)
def test_json_is_read_as_json_reads_it(value: object, ascii_only: bool) -> None:

    def texts(item: object) -> object:
        if isinstance(item, dict):
            return {key: texts(inner) for key, inner in item.items()}
        if isinstance(item, list):
            return [texts(inner) for inner in item]
        return {True: "true", False: "false"}[item] if isinstance(item, bool) else item

    assert parse_json(json.dumps(value, indent="\t", ensure_ascii=ascii_only)).value == texts(value)


def test_an_alias_bomb_is_refused_at_once() -> None:
    text = "a0: &a0 [" + ",".join("x" * 10) + "]\n"
    for level in range(1, 12):
        text += f"a{level}: &a{level} [" + ",".join([f"*a{level - 1}"] * 10) + "]\n"
    began = time.perf_counter()
    try:
        parse_yaml(text)
    except ParseError as exc:
        assert "grows" in exc.message
    else:
        raise AssertionError("it was read")
    assert time.perf_counter() - began < 5


def test_yaml_reads_the_same_without_its_c_library(monkeypatch: pytest.MonkeyPatch) -> None:
    fast = parse_yaml(SHOP)
    monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    assert parse_yaml(SHOP) == fast
    for text in ("[" * 3000, "a: [", "a\0b", "a: *b", "a:\n\t- b"):
        with pytest.raises(ParseError):
            parse_yaml(text)


_FUNCTION = "Resources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties:\n      Handler: app.handler\n"
_VALUE = "  P{n}: {{Type: AWS::SSM::Parameter, Properties: {{Name: /p{n}, Type: String, Value: {value}}}}}\n"


def _doubling(value: str) -> str:
    return "".join(_VALUE.format(n=n, value=value.format(next=n + 1)) for n in range(60))


@pytest.mark.parametrize(
    ("head", "environment", "more"),
    [
        ("", "!GetAtt P0.Value", _doubling("!Join ['x', [!GetAtt P{next}.Value, !GetAtt P{next}.Value]]")),
        ("", "'{{resolve:ssm:/p0}}'", _doubling("'x{{{{resolve:ssm:/p{next}}}}}{{{{resolve:ssm:/p{next}}}}}'")),
        ("", "'{{resolve:ssm:/p0}}'", _VALUE.format(n=0, value="'{{resolve:ssm:/p0}}{{resolve:ssm:/p0}}'")),
        (
            "Mappings:\n"
            + "".join(
                f"  M{n}: {{a: {{b: [!FindInMap [M{n + 1}, a, b], !FindInMap [M{n + 1}, a, b]]}}}}\n" for n in range(60)
            ),
            "!Join ['', !FindInMap [M0, a, b]]",
            "",
        ),
    ],
    ids=["attributes", "references", "a reference to itself", "mappings"],
)
def test_values_that_double_at_each_step_end(tmp_path: Path, head: str, environment: str, more: str) -> None:
    text = f"{head}{_FUNCTION}      Environment: {{Variables: {{DEEP: {environment}}}}}\n{more}"
    (tmp_path / "template.yaml").write_text(text)
    function = load_project(tmp_path, LoadOptions()).functions[0]
    assert len(function.environment.get("DEEP", "")) <= 1_000_000


@pytest.mark.parametrize("value", ["!Sub '${P}${P}${P}'", "!Split [x, !Ref P]"])
def test_what_a_template_grows_to_is_bounded(tmp_path: Path, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intrinsics, "MAX_GROWTH", 10_000_000)
    many = "".join(f"        V{n}: {value}\n" for n in range(1_000))
    head = f"Parameters: {{P: {{Type: String, Default: {'x' * 30_000}}}}}\n"
    (tmp_path / "template.yaml").write_text(f"{head}{_FUNCTION}      Environment:\n       Variables:\n{many}")
    project = load_project(tmp_path, LoadOptions())
    assert sum(map(len, project.functions[0].environment.values())) <= 10_000_000
    assert any("grow beyond 10,000,000 characters" in problem.message for problem in project.problems)


_FAR = "a" * 300  # longer than a file's name can be


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (
            "template.yaml",
            f"Resources: {{A: {{Type: AWS::Serverless::Api, Properties: {{StageName: p, DefinitionUri: {_FAR}}}}}}}",
        ),
        ("serverless.yml", f"service: s\nprovider: aws\nfunctions: {{f: {{handler: {_FAR}.handler}}}}"),
        (
            "serverless.yml",
            f"service: s\nprovider: aws\npackage: {{artifact: {_FAR}}}\nfunctions: {{f: {{handler: a.b}}}}",
        ),
        *(
            (
                "serverless.yml",
                "service: s\nprovider: aws\nplugins: [serverless-python-requirements]\n"
                f"custom: {{pythonRequirements: {{fileName: {name}}}}}\nfunctions: {{f: {{handler: a.b}}}}",
            )
            for name in (_FAR, "/nonexistent/requirements.txt")
        ),
    ],
)
def test_a_path_that_cannot_be_is_a_problem(tmp_path: Path, file: str, text: str) -> None:
    (tmp_path / file).write_text(text)
    assert load_project(tmp_path, LoadOptions()).problems


@pytest.mark.parametrize(
    "name", ["template.yaml", "template.json", "serverless.yml", "lambdatui.toml", "samconfig.toml"]
)
@pytest.mark.parametrize("kind", ["device", "giant", "number"])
def test_files_that_would_take_all_memory_are_a_problem(tmp_path: Path, name: str, kind: str) -> None:
    """/dev/zero behind a link never ends, and a sparse file costs who sends it nothing."""
    path = tmp_path / name
    if name == "samconfig.toml":
        (tmp_path / "template.yaml").write_text("Resources: {}")
    if kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "giant":
        with path.open("wb") as file:
            file.truncate(1 << 40)
    else:
        path.write_text("a = " + "1" * 5000 if name.endswith("toml") else '{"Resources": ' + "1" * 5000 + "}")
    loaded = load_project(tmp_path, LoadOptions())
    if kind != "device" and path.suffix == ".json":
        assert any("template.json" in str(problem.file) for problem in loaded.problems)


def test_a_pattern_that_would_be_tried_for_ever_is_not_tried(tmp_path: Path) -> None:
    (tmp_path / "template.yaml").write_text(
        "Resources: {}\nParameters:\n  P: {Type: String, AllowedPattern: '(a+)+b', Default: " + "a" * 60 + "}\n"
    )
    assert not [one for one in load_project(tmp_path, LoadOptions()).problems if "constraint" in one.message]


def test_the_value_of_a_parameter_without_echo_is_in_no_problem(tmp_path: Path) -> None:
    (tmp_path / "template.yaml").write_text(
        "Resources: {}\nParameters:\n"
        "  P: {Type: String, NoEcho: true, AllowedPattern: '[a-z]+', Default: 'Hidden-1'}\n"
        "  Q: {Type: String, AllowedPattern: '[a-z]+', Default: 'Shown-1'}\n"
    )
    said = " ".join(one.message for one in load_project(tmp_path, LoadOptions()).problems)
    assert "Shown-1" in said and "Hidden-1" not in said
