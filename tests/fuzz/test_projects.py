"""Whatever a project says, loading it ends with a Project whose problems have remedies, and which shows nothing of
what stands outside of the project's folder."""

from __future__ import annotations

import contextlib
import json
import random
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import strategies as st

from lambdatui.config import manifests
from lambdatui.config.env_vars import load_env_vars
from lambdatui.config.loader import check_project, load_project
from lambdatui.config.model import FunctionConfig, LoadOptions
from lambdatui.config.serverless_grammar import Malformed, parse
from lambdatui.config.yaml_lines import ParseError, parse_json, parse_yaml
from lambdatui.errors import UsageError
from tests.config.helpers import exchanged
from tests.config.hostile import FAITHFUL, KINDS, LANGUAGE, NODES, SERVICE, SERVICE_WORDS, SHOP, TOML, WORDS
from tests.fuzz.fuzzing import fuzzed
from tests.fuzz.values import AWKWARD, damaged, json_values

SECRET = "the-secret-of-the-neighbour"
APPS = Path(__file__).parents[1] / "projects" / "apps"
CDK = APPS / "cdk-app" / "cdk.out"
TEMPLATES = (
    SHOP, LANGUAGE, FAITHFUL, *(path.read_text() for path in sorted(APPS.glob("*/template.*"))),
    (Path(__file__).parents[2] / "sample_functions" / "template.yaml").read_text(),
)  # fmt: skip
OUTSIDE = ("../secret.yaml", "../secret", "!Include ../secret.yaml", "'${file(../secret.yaml)}'",
"'${file(../secret.yaml):a}'",
           "{'Fn::Transform': {Name: AWS::Include, Parameters: {Location: ../secret.yaml}}}", "link.yaml",
           "'${file(link.yaml)}'",
           "{$ref: '../secret.yaml#/a'}", "file://../secret.yaml",
           "{'Fn::Transform': {Name: AWS::Include, Parameters: {Location: link.yaml}}}")  # fmt: skip
SEEDS = st.integers(0, 2**48)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project's folder, beside a file that is not its business and with a link to it."""
    (tmp_path / "secret.yaml").write_text(f"a: {SECRET}\npaths: {{/{SECRET}: {{get: {{}}}}}}\n")
    (tmp_path / "secret").write_text(SECRET)
    root = tmp_path / "project"
    root.mkdir()
    (root / "app.py").write_text("def handler(event, context): return event\n")
    (root / "link.yaml").symlink_to("../secret.yaml")
    return root


def _loaded(root: Path, **options: Any) -> None:
    project = load_project(root, LoadOptions(**options))
    problems = check_project(project)
    assert all(problem.message and problem.remedy for problem in problems)
    told = msgspec.json.encode([project, problems])  # it travels: nothing unresolved is left in it
    assert SECRET.encode() not in told


def _changed(texts: tuple[str, ...], words: tuple[str, ...], seed: int) -> str:
    chance = random.Random(seed)
    text = exchanged(chance.choice(texts), words, chance, chance.randint(1, 6))
    return damaged(text, chance, words) if chance.random() < 0.3 else text


@fuzzed(25, seed=SEEDS)
def test_templates(root: Path, seed: int) -> None:
    text = _changed(TEMPLATES, (*WORDS, *OUTSIDE), seed)
    (root / "template.yaml").write_text(text, "utf-8", "surrogatepass")
    _loaded(root)


@fuzzed(25, seed=SEEDS)
def test_services(root: Path, seed: int) -> None:
    text = _changed(
        (SERVICE, (APPS / "rest-crud-serverless" / "serverless.yml").read_text()), (*SERVICE_WORDS, *OUTSIDE), seed
    )
    (root / "serverless.yml").write_text(text, "utf-8", "surrogatepass")
    _loaded(root)


KEYS = ["service", "provider", "functions", "resources", "custom", "plugins", "constructs", "layers"]
SERVICE_SHAPES = st.dictionaries(
    st.sampled_from(KEYS),
    st.recursive(
        st.none() | st.booleans() | st.sampled_from(SERVICE_WORDS),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["name", "a", "events", "http", "type", "Resources"]), inner, max_size=3)
        ),
        max_leaves=8,
    ),
)


@fuzzed(12, document=SERVICE_SHAPES)
def test_shapes_of_services(root: Path, document: dict[str, object]) -> None:
    (root / "serverless.json").write_text(json.dumps({"provider": {"name": "aws"}} | document))
    _loaded(root)


@fuzzed(50, text=st.text(alphabet="${}(),:'\"\\ aself.1", max_size=40))
def test_variables_of_services(text: str) -> None:
    try:
        parts = parse(text)
    except Malformed as exc:
        assert str(exc)
    else:
        assert all(isinstance(part, str) or part.text in text for part in parts)


TOML_VALUES = (
    "1", "-1", '""', "true", "[]", "{}", "[[1]]", "nan", "-inf", "1979-05-27", '"\\u0000"', "{a={b=1}}", '"/"',
    '"../.."', '"a" * 9',
    "9223372036854775807", "1e400", '["x"]', '"every 0s"', '"link.yaml"', "[{}]", "[{a=1}]", '"' + "x" * 300 + '"',
)  # fmt: skip


@fuzzed(25, seed=SEEDS, beside=st.booleans())
def test_tomls(root: Path, seed: int, beside: bool) -> None:
    chance = random.Random(seed)
    lines = TOML.splitlines()
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(lines))
        key, equals, _value = lines[at].partition("=")
        cut = lines[at][: chance.randrange(len(lines[at]) + 1)]
        lines[at] = f"{key}= {chance.choice(TOML_VALUES)}" if equals else cut
    text = "\n".join(lines)
    (root / "lambdatui.toml").write_text(
        damaged(text, chance) if chance.random() < 0.2 else text, "utf-8", "surrogatepass"
    )
    (root / "template.yaml").unlink(missing_ok=True)
    if beside:
        (root / "template.yaml").write_text(SHOP)
    _loaded(root)


@fuzzed(
    25, resources=st.dictionaries(st.sampled_from(["A", "B", "C"]), st.tuples(KINDS, NODES, NODES), max_size=3),
    parameters=NODES,
    conditions=NODES,
)  # fmt: skip
def test_trees_of_intrinsics(
    root: Path, resources: dict[str, tuple[str, object, object]], parameters: object, conditions: object
) -> None:
    bodies = {
        name: {"Type": kind, "Properties": properties, "DependsOn": other, "Metadata": other, "Condition": other}
        for name, (kind, properties, other) in resources.items()
    }
    document = {"Parameters": parameters, "Conditions": conditions, "Mappings": parameters, "Globals": conditions}
    (root / "template.json").write_text(json.dumps({**document, "Resources": bodies}))
    _loaded(root, parameters={"A": "1"})


def _grafted(value: Any, chance: random.Random, at: int) -> Any:
    """The JSON with about one in `at` of its values exchanged, left out or wrapped."""
    if chance.randrange(at) == 0:
        return chance.choice(
            [None, [], {}, [value], {"Ref": "A"}, {"Fn::GetAtt": [value, value]}, 5, True, *AWKWARD, *OUTSIDE]
        )
    if isinstance(value, dict):
        return {key: _grafted(each, chance, at) for key, each in value.items() if chance.randrange(at)}
    if isinstance(value, list):
        return [_grafted(each, chance, at) for each in value]
    return value


@fuzzed(15, seed=SEEDS)
def test_assemblies(root: Path, seed: int) -> None:
    chance = random.Random(seed)
    folder = root / "cdk.out"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(CDK, folder)
    for path in sorted(folder.rglob("*.json")):
        text = json.dumps(_grafted(json.loads(path.read_text()), chance, chance.choice((20, 100, 1000))))
        path.write_text(damaged(text, chance) if chance.random() < 0.1 else text, "utf-8", "surrogatepass")
    (root / "cdk.json").write_text("{}")
    _loaded(root)


@fuzzed(40, text=st.text(max_size=60))
def test_documents(text: str) -> None:
    for read in (parse_yaml, parse_json):
        try:
            read(text)
        except ParseError as exc:
            assert exc.message


PINS = st.recursive(
    json_values | st.sampled_from([
        "requests", "^2.0", "==1", "../x", "git+https://example.com/x", "python_version >= '3'", "sha256:00",
        "main", "https://example.com/x-1.whl",
    ]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from([
            "package", "packages", "name", "version", "dependencies", "markers", "marker", "groups", "source",
            "url", "hashes", "hash", "files",
            "file", "wheels", "sdist", "default", "_meta", "sources", "extras", "extra", "optional", "registry",
            "editable", "virtual", "directory",
            "vcs", "git", "path", "project", "tool", "poetry", "uv", "metadata", "requires-dist",
            "optional-dependencies", "requests", "reference",
            "resolved_reference", "type", "index", "lock-version", "archive", "subdirectory", "requires-python",
        ]),
        inner, max_size=4,
    ),
    max_leaves=14,
)  # fmt: skip
NAMES = st.sampled_from(["requirements.txt", "Pipfile.lock", "poetry.lock", "uv.lock", "pylock.toml", "pyproject.toml"])
REQUIREMENTS = (
    "--index-url https://example.com/simple\nrequests[socks]>=2 ; python_version > '3' --hash=sha256:00 \\\n"
    "  --hash=sha256:11\n-r more.txt\n-c limits.txt\n-e ./local\n./x.whl\n"
    "name @ git+https://example.com/x#egg=name\n# end\n",
)  # fmt: skip


def _as_toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(str(key))} = {_as_toml(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_as_toml, value)) + "]"
    return '""' if value is None else json.dumps(value)


@fuzzed(30, name=NAMES, document=PINS, seed=SEEDS)
def test_manifests(root: Path, name: str, document: Any, seed: int) -> None:
    """The files that name a function's packages."""
    chance = random.Random(seed)
    if name == "requirements.txt":
        text = damaged(chance.choice(REQUIREMENTS), chance)
    elif name == "Pipfile.lock":
        text = json.dumps(document)
    else:
        pairs = document.items() if isinstance(document, dict) else ()
        text = "".join(f"{json.dumps(str(key))} = {_as_toml(each)}\n" for key, each in pairs)
    (root / name).write_text(text, "utf-8", "surrogatepass")
    function = FunctionConfig(
        name="f", logical_id="F", handler="app.handler", code_root=str(root), requirements=str(root / name)
    )
    try:
        manifests.manifests_of(function)
    except manifests.ManifestError as error:
        assert error.problem(root, "f").remedy
    manifest = None
    with contextlib.suppress(manifests.ManifestError):
        manifest = manifests.manifest_of(root)
    assert manifest is None or manifest.files
    (root / name).unlink()


@fuzzed(25, seed=SEEDS, document=json_values)
def test_variables_in_files(root: Path, seed: int, document: Any) -> None:
    chance = random.Random(seed)
    text = damaged("export A=1\nB='x\\n$y' # c\nC=\"${A}\nmulti\"\n# end\nD=\n", chance)
    (root / ".env").write_text(text, "utf-8", "surrogatepass")
    (root / "env.json").write_text(
        json.dumps(document) if chance.random() < 0.8 else damaged(json.dumps(document), chance),
        "utf-8",
        "surrogatepass",
    )
    for name in (".env", "env.json"):
        try:
            found = load_env_vars(root / name)
        except UsageError as error:
            assert name in str(error)
        else:
            assert all(isinstance(value, str) for variables in found.values() for value in variables.values())


SOURCES = (
    "import json\n\ndef lambda_handler(event, context):\n    return {'a': [1, 2]}\n",
    "from x import handler as handler\nif True:\n    async def handler(event, context): ...\n"
    "class A:\n    def handler(self): pass\n",
    "# -*- coding: latin-1 -*-\nhandler = lambda event, context: None\n",
)


@fuzzed(25, seed=SEEDS)
def test_plain_folders(root: Path, seed: int) -> None:
    chance = random.Random(seed)
    text = damaged(
        chance.choice(SOURCES),
        chance,
        (*AWKWARD, "(" * 500, "\\", "\f", "# coding: nothing\n", "lambda:" * 200, "-" * 5_000),
    )
    (root / "app.py").write_text(text, "utf-8", "surrogatepass")
    _loaded(root)
