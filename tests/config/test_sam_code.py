"""Where code comes from: layers, archives and what cannot be had."""

from __future__ import annotations

import io
import stat
import zipfile
from pathlib import Path

import pytest

from lambdatui.config import archives
from lambdatui.config.loader import check_project
from lambdatui.config.manifests import manifests_of
from lambdatui.config.model import Project
from tests.config.helpers import Load, Write, says

HANDLER = b"def handler(event, context):\n    return event\n"
FUNCTION = """Resources:
  F:
    Type: AWS::Serverless::Function
    Properties:
      Handler: app.handler
      Runtime: python3.12
      CodeUri: {code}
      Layers: {layers}
"""


def archive(path: Path, **members: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members.items():
            made.writestr(name.replace("__", "/").replace("_py", ".py"), content)
    return path


def template(code: str = "src/", layers: str = "[]", resources: str = "") -> str:
    return FUNCTION.format(code=code, layers=layers) + resources


@pytest.fixture
def source(write: Write) -> None:
    write("src/app.py")


# layers


@pytest.mark.usefixtures("source")
def test_layers_of_the_template_are_folders_in_their_order(write: Write, load: Load, project: Path) -> None:
    write("layers/one/python/one.py", "")
    write("layers/two/python/two.py", "")
    layers = (
        "  One: {Type: AWS::Serverless::LayerVersion, Properties: {LayerName: common, ContentUri: layers/one}}\n"
        "  Two: {Type: AWS::Lambda::LayerVersion, Properties: {Content: ./layers/two/}}\n"
    )
    write("template.yaml", template(layers="[!Ref Two, !Ref One]", resources=layers))
    loaded = load()
    assert loaded.functions[0].layers == (str(project / "layers/two"), str(project / "layers/one"))
    assert check_project(loaded) == ()


@pytest.mark.usefixtures("source")
def test_a_layer_named_by_its_arn_or_by_globals_is_the_same(write: Write, load: Load, project: Path) -> None:
    write("common/python/one.py", "")
    globals_ = "Globals:\n  Function:\n    Layers:\n"
    globals_ += "      - !Sub arn:aws:lambda:${AWS::Region}:${AWS::AccountId}:layer:common:7\n"
    layer = "  One: {Type: AWS::Serverless::LayerVersion, Properties: {LayerName: common, ContentUri: common}}\n"
    write("template.yaml", globals_ + template(layers="[!GetAtt One.LayerVersionArn]", resources=layer))
    loaded = load()
    assert loaded.functions[0].layers == (str(project / "common"),) and not loaded.problems


@pytest.mark.usefixtures("source")
def test_a_layer_that_is_an_archive_is_unpacked(write: Write, load: Load, project: Path) -> None:
    archive(project / "layer.zip", python__one_py=b"ONE = 1\n")
    layer = "  One: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: layer.zip}}\n"
    write("template.yaml", template(layers="[!Ref One]", resources=layer))
    (root,) = load().functions[0].layers
    assert (Path(root) / "python" / "one.py").read_text() == "ONE = 1\n"


@pytest.mark.usefixtures("source")
@pytest.mark.parametrize(
    ("layer", "message", "severity"),
    [
        ("Properties: {ContentUri: nowhere}", "the folder nowhere does not exist", "warning"),
        ("Properties: {ContentUri: s3://bucket/key.zip}", "its code is in S3, which cannot be had", "warning"),
        ("Properties: {ContentUri: {Bucket: b, Key: k}}", "its code is in S3, which cannot be had", "warning"),
        ("Properties: {ContentUri: src, LayerNam: x}", "a layer has no property LayerNam", "notice"),
        ("Properties: {ContentUri: src}, Metadata: {BuildMethod: makefile}", "built by a Makefile", "warning"),
    ],
)
def test_a_layer_that_cannot_be_had_is_said_once_and_the_function_stands(
    layer: str, message: str, severity: str, write: Write, load: Load
) -> None:
    write(
        "template.yaml",
        template(layers="[!Ref L]", resources=f"  L: {{Type: AWS::Serverless::LayerVersion, {layer}}}\n"),
    )
    loaded = load()
    assert says(loaded, message) == (severity, 9) and loaded.functions[0].unserved is None
    assert len(loaded.problems) == 1


POWERTOOLS = "arn:aws:lambda:eu-west-1:017000801446:layer:AWSLambdaPowertoolsPythonV3-python312-x86_64:7"


@pytest.mark.usefixtures("source")
@pytest.mark.parametrize(
    ("arn", "remedy", "severity"),
    [
        (POWERTOOLS.replace("PythonV3", "Python"), "Add aws-lambda-powertools[all] to the requirements.txt", "warning"),
        ("arn:aws:lambda:us-east-1:770693421928:layer:Klayers-p312-requests:3", "Add requests to", "warning"),
        ("arn:aws:lambda:us-east-1:580247275435:layer:LambdaInsightsExtension:14", "Nothing needs to", "notice"),
        ("arn:aws:lambda:us-east-1:123456789012:layer:ours:3", "Add the packages that it holds", "warning"),
    ],
)  # fmt: skip
def test_a_layer_of_an_account_is_named_with_what_replaces_it(
    arn: str, remedy: str, severity: str, write: Write, load: Load
) -> None:
    write("template.yaml", template(layers=f"\n        - {arn}"))
    loaded = load()
    assert says(loaded, remedy) == (severity, 9) and loaded.functions[0].layers == ()


@pytest.mark.usefixtures("source")
@pytest.mark.parametrize(
    ("arn", "packages"),
    [
        (POWERTOOLS, "aws-lambda-powertools[all]>=3,<4"),
        (POWERTOOLS.replace("V3", "V2"), "aws-lambda-powertools[all]>=2,<3"),
        (
            "'{{resolve:ssm:/aws/service/powertools/python/x86_64/python3.12/latest}}'",
            "aws-lambda-powertools[all]>=3,<4",
        ),
        ("arn:aws:lambda:us-east-1:336392948345:layer:AWSSDKPandas-Python312:16", "awswrangler"),
    ],
)
def test_packages_stand_in_for_a_public_layer_that_pip_has(arn: str, packages: str, write: Write, load: Load) -> None:
    write("template.yaml", template(layers=f"\n        - {arn}"))
    loaded = load()
    assert says(loaded, "is installed in its place") == ("notice", 9) and len(loaded.problems) == 1
    _, [(layer, manifest)] = manifests_of(loaded.functions[0])
    assert ([line.text for line in manifest.lines], loaded.functions[0].layers) == ([packages], (layer,))


@pytest.mark.usefixtures("source")
def test_a_layer_that_the_requirements_replace_needs_no_word(write: Write, load: Load) -> None:
    write("src/requirements.txt", "boto3\naws-lambda-powertools[tracer]==3.4\n")
    write("template.yaml", template(layers=f"[{POWERTOOLS}]"))
    assert load().problems == ()


@pytest.mark.usefixtures("source")
def test_what_is_required_for_development_alone_replaces_no_layer(write: Write, load: Load) -> None:
    needed = "[project]\nname = 'a'\nversion = '1'\ndependencies = ['pydantic']\n"
    write("src/pyproject.toml", needed + "[dependency-groups]\ndev = ['aws-lambda-powertools[parser]>=3']\n")
    write("template.yaml", template(layers=f"[{POWERTOOLS}]"))
    assert says(load(), "is installed in its place")[0] == "notice"


# archives


def test_code_that_is_an_archive_is_unpacked_once_for_each_content(write: Write, load: Load, project: Path) -> None:
    path = archive(project / "build" / "f.zip", app_py=HANDLER)
    write("template.yaml", template(code="build/f.zip"))
    loaded = load()
    first = Path(loaded.functions[0].code_root)
    assert (first / "app.py").read_bytes() == HANDLER and first.is_relative_to(project / ".lambdatui")
    assert check_project(loaded) == () and str(path) in loaded.files
    assert load().functions[0].code_root == str(first)
    archive(path, app_py=HANDLER + b"# new\n")
    second = Path(load().functions[0].code_root)
    assert second != first and (second / "app.py").read_bytes().endswith(b"# new\n")
    archives.forget(project / ".lambdatui", [str(second)])
    assert second.is_dir() and not first.exists()


def test_the_data_folder_that_an_archive_makes_is_ignored_by_git(write: Write, load: Load, project: Path) -> None:
    archive(project / "f.zip", app_py=HANDLER)
    write("template.yaml", template(code="f.zip"))
    load()
    assert (project / ".lambdatui" / ".gitignore").read_text() == "*\n"


def unpack_problem(loaded: Project) -> str:
    (problem,) = [each for each in loaded.problems if each.severity == "warning"]
    assert loaded.functions[0].unserved
    return problem.message


def hostile(path: Path, name: str, content: bytes = b"x", mode: int = stat.S_IFREG | 0o644) -> None:
    with zipfile.ZipFile(path, "w") as made:
        entry = zipfile.ZipInfo(name)
        entry.external_attr = mode << 16
        made.writestr(entry, content)


@pytest.mark.parametrize("name", ["../evil.py", "/tmp/evil-lambdatui.py", "a/../../../evil.py"])
def test_a_member_outside_of_the_archive_is_refused(name: str, write: Write, load: Load, project: Path) -> None:
    hostile(project / "f.zip", name)
    write("template.yaml", template(code="f.zip"))
    assert "member outside of itself" in unpack_problem(load())
    assert not list(project.rglob("evil*")) and not Path("/tmp/evil-lambdatui.py").exists()


def test_a_link_to_the_outside_is_refused_and_one_within_is_kept(write: Write, load: Load, project: Path) -> None:
    write("template.yaml", template(code="f.zip"))
    hostile(project / "f.zip", "out", b"../../../..", stat.S_IFLNK | 0o777)
    assert "link to the outside" in unpack_problem(load())
    with zipfile.ZipFile(project / "f.zip", "w") as made:
        made.writestr("real.py", HANDLER)
        entry = zipfile.ZipInfo("app.py")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        made.writestr(entry, "real.py")
    loaded = load()
    assert (Path(loaded.functions[0].code_root) / "app.py").read_bytes() == HANDLER


def test_links_that_lead_outside_only_through_one_another_are_refused(write: Write, load: Load, project: Path) -> None:
    """`d` is not there yet when the link through it is looked at; then it makes the way out a step shorter."""
    write("template.yaml", template(code="f.zip"))
    for links, why in (
        ({"out": "d/e/../../f", "d": "."}, "link to the outside"),
        ({"up": "d/e/../..", "d": ".", "up/evil": "x"}, "link to the outside"),
        ({"loop": "other", "other": "loop"}, "links that lead in a circle"),
    ):
        with zipfile.ZipFile(project / "f.zip", "w") as made:
            made.writestr("e/app.py", HANDLER)
            for name, target in links.items():
                entry = zipfile.ZipInfo(name)
                entry.external_attr = (stat.S_IFLNK | 0o777) << 16
                made.writestr(entry, target)
        assert why in unpack_problem(load())
        assert not list((project / ".lambdatui" / "archives").iterdir())


def test_an_archive_that_grows_beyond_lambdas_limit_is_refused(
    write: Write, load: Load, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "MAX_BYTES", 1_000_000)
    archive(project / "f.zip", app_py=b"\0" * 1_000_001)
    write("template.yaml", template(code="f.zip"))
    assert "Lambda takes" in unpack_problem(load())


@pytest.mark.parametrize("cut", [0, 10, 60, -5])
def test_a_damaged_archive_is_a_problem(cut: int, write: Write, load: Load, project: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        made.writestr("app.py", HANDLER)
    (project / "f.zip").write_bytes(buffer.getvalue()[:cut])
    write("template.yaml", template(code="f.zip"))
    assert "no zip archive" in unpack_problem(load())
    assert not list((project / ".lambdatui" / "archives").iterdir())


def test_inline_code_that_wants_cfnresponse_has_it(write: Write, load: Load) -> None:
    write(
        "template.yaml",
        "Resources:\n  F:\n    Type: AWS::Lambda::Function\n    Properties:\n      Handler: index.handler\n"
        "      Runtime: python3.12\n      Code:\n        ZipFile: |\n          import cfnresponse\n"
        "          def handler(event, context): ...\n",
    )
    project = load()
    assert project.problems == ()
    (layer,) = project.functions[0].layers
    assert Path(layer, "python", "cfnresponse.py").is_file()
