"""Whatever a project says, loading it ends with a Project."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lambdatui.config import intrinsics
from lambdatui.config.loader import check_project, load_project
from lambdatui.config.model import LoadOptions
from lambdatui.config.support import RESOURCES
from lambdatui.config.yaml_lines import ParseError, parse_json, parse_yaml
from tests.config.helpers import exchanged

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


@pytest.mark.parametrize("template", [SHOP, LANGUAGE, FAITHFUL])
@given(st.integers(0, 2**32), st.integers(1, 6))
def test_templates_with_values_exchanged_still_load(tmp_path: Path, template: str, seed: int, changes: int) -> None:
    (tmp_path / "template.yaml").write_text(exchanged(template, WORDS, random.Random(seed), changes))
    project = load_project(tmp_path, LoadOptions())
    assert all(problem.remedy for problem in check_project(project))


@pytest.mark.parametrize(("name", "text"), [("template.yaml", FAITHFUL), ("lambdatui.toml", TOML)])
def test_what_the_other_tests_change_is_whole_to_begin_with(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert [problem for problem in load_project(tmp_path, LoadOptions()).problems if problem.severity != "notice"] == []


@given(st.integers(0, 2**32))
def test_toml_with_values_exchanged_still_loads(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    values = ["1", '""', "true", "[]", "{}", "[[1]]", "nan", "-inf", "1979-05-27", '"\\u0000"', "{a={b=1}}", '"/"']
    lines = TOML.splitlines()
    for _ in range(3):
        at = chance.randrange(len(lines))
        key, equals, _value = lines[at].partition("=")
        lines[at] = f"{key}= {chance.choice(values)}" if equals else lines[at][: chance.randrange(len(lines[at]) + 1)]
    (tmp_path / "lambdatui.toml").write_text("\n".join(lines))
    check_project(load_project(tmp_path, LoadOptions()))


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


@given(st.dictionaries(st.sampled_from(["A", "B", "C"]), st.tuples(KINDS, NODES, NODES), max_size=3), NODES, NODES)
def test_any_tree_of_intrinsics_loads(
    tmp_path: Path, resources: dict[str, tuple[str, object, object]], parameters: object, conditions: object
) -> None:
    bodies = {
        name: {"Type": kind, "Properties": properties, "DependsOn": other, "Metadata": other, "Condition": other}
        for name, (kind, properties, other) in resources.items()
    }
    document = {"Parameters": parameters, "Conditions": conditions, "Mappings": parameters, "Globals": conditions}
    (tmp_path / "template.json").write_text(json.dumps({**document, "Resources": bodies}))
    project = load_project(tmp_path, LoadOptions(parameters={"A": "1"}))
    assert all(problem.remedy and problem.message for problem in check_project(project))
    msgspec.json.encode(project)  # it travels: nothing unresolved is left in it


@given(NODES, NODES, NODES)
def test_any_assembly_loads(tmp_path: Path, manifest: object, assets: object, template: object) -> None:
    folder = tmp_path / "cdk.out"
    folder.mkdir(exist_ok=True)
    (folder / "cdk.out").touch()
    stack = {"type": "aws:cloudformation:stack", "properties": {"templateFile": "S.template.json"}}
    (folder / "manifest.json").write_text(json.dumps({"artifacts": {"S": stack, "T": manifest}}))
    (folder / "S.assets.json").write_text(json.dumps({"files": {"h": {"source": assets, "destinations": assets}}}))
    (folder / "S.template.json").write_text(json.dumps({"Resources": template}))
    check_project(load_project(tmp_path, LoadOptions()))


@given(st.text(max_size=60))
def test_any_text_is_a_document_or_a_parse_error(text: str) -> None:
    for parse in (parse_yaml, parse_json):
        try:
            parse(text)
        except ParseError as exc:
            assert exc.message


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
