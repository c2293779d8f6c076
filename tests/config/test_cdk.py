"""CDK output: a cloud assembly as `cdk synth` writes it."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest

from lambdatui.config.loader import check_project
from lambdatui.config.model import Project
from lambdatui.engine.code import CodeTree
from tests.config.helpers import Load, Write, says

HASH, LAYER = "a" * 64, "b" * 64


def lambda_function(asset: str | None = f"asset.{HASH}", *, path: str = "", **properties: Any) -> dict[str, Any]:
    metadata = {"aws:cdk:path": path} | ({"aws:asset:path": asset, "aws:asset:property": "Code"} if asset else {})
    return {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Handler": "index.handler",
            "Runtime": "python3.12",
            "Code": {"S3Bucket": {"Fn::Sub": "cdk-x-assets-${AWS::AccountId}"}, "S3Key": f"{HASH}.zip"},
            **properties,
        },
        "Metadata": metadata,
    }


def assembly(folder: Path, **stacks: dict[str, Any]) -> None:
    """The assembly with one code asset, one layer asset and the given resources by stack."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cdk.out").write_text('{"version":"39.0.0"}')
    for name, file in ((f"asset.{HASH}", "index.py"), (f"asset.{LAYER}", "python/shared.py")):
        target = folder / name / file
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("def handler(event, context):\n    return event\n")
    artifacts: dict[str, Any] = {"Tree": {"type": "cdk:tree", "properties": {"file": "tree.json"}}}
    for stack, resources in stacks.items():
        version = {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/cdk-bootstrap/x/version"}
        template = {"Resources": resources, "Parameters": {"BootstrapVersion": version}}
        (folder / f"{stack}.template.json").write_text(json.dumps(template, indent=1))
        files = {
            key: {
                "source": {"path": f"asset.{key}", "packaging": "zip"},
                "destinations": {"current": {"bucketName": "b", "objectKey": f"{key}.zip"}},
            }
            for key in (HASH, LAYER)
        }
        (folder / f"{stack}.assets.json").write_text(json.dumps({"version": "39.0.0", "files": files}))
        artifacts[f"{stack}.assets"] = {"type": "cdk:asset-manifest", "properties": {"file": f"{stack}.assets.json"}}
        artifacts[stack] = {
            "type": "aws:cloudformation:stack",
            "properties": {"templateFile": f"{stack}.template.json"},
        }
    (folder / "manifest.json").write_text(json.dumps({"version": "39.0.0", "artifacts": artifacts}))


HELLO = {"Hello4A628BD4": lambda_function(path="Shop/Hello/Resource", FunctionName="hi")}


def test_a_synthesised_app_loads_from_its_folder_and_from_the_assembly_itself(project: Path, load: Load) -> None:
    assembly(project / "cdk.out", Shop=HELLO)
    (project / "cdk.json").write_text("{}")
    loaded = load()
    (function,) = loaded.functions
    assert (loaded.kind, function.name, function.logical_id, function.aliases) == (
        "sam",
        "hi",
        "Hello4A628BD4",
        ("Hello",),
    )
    assert function.code_root == str(project / "cdk.out" / f"asset.{HASH}")
    assert check_project(loaded) == () and {Path(file).name for file in loaded.files} >= {
        "manifest.json",
        "Shop.template.json",
    }
    for file in list((project / "cdk.out").iterdir()):
        file.rename(project / file.name) if file.name != "cdk.out" else None
    shutil.rmtree(project / "cdk.out")
    assert load().functions[0].code_root == str(project / f"asset.{HASH}")


def test_code_below_cdk_out_is_read_like_any_other(project: Path, load: Load) -> None:
    assembly(project / "cdk.out", Shop=HELLO)
    tree = CodeTree(Path(load().functions[0].code_root))
    assert tree.scan() == ["index.py"]


def test_an_asset_is_found_by_its_key_where_the_metadata_is_off(project: Path, load: Load) -> None:
    layer = {"Type": "AWS::Lambda::LayerVersion", "Properties": {"Content": {"S3Bucket": "b", "S3Key": f"{LAYER}.zip"}}}
    function = lambda_function(None, Layers=[{"Ref": "Shared"}])
    assembly(project / "cdk.out", Shop={"F": function, "Shared": layer})
    (loaded,) = load().functions
    assert loaded.code_root.endswith(f"asset.{HASH}")
    assert loaded.layers == (str(project / "cdk.out" / f"asset.{LAYER}"),)


def test_an_asset_that_is_an_archive_is_unpacked(project: Path, load: Load) -> None:
    assembly(project / "cdk.out", Shop={"F": lambda_function(f"asset.{HASH}.zip")})
    with zipfile.ZipFile(project / "cdk.out" / f"asset.{HASH}.zip", "w") as made:
        made.writestr("index.py", "def handler(event, context): ...\n")
    loaded = load()
    assert (Path(loaded.functions[0].code_root) / "index.py").is_file() and check_project(loaded) == ()


def test_of_several_stacks_the_first_with_functions_is_loaded_and_the_others_are_named(
    project: Path, load: Load
) -> None:
    other = {"Other": lambda_function(path="Two/Other/Resource")}
    assembly(project / "cdk.out", Net={"V": {"Type": "AWS::EC2::VPC"}}, One=HELLO, Two=other)
    loaded = load()
    assert [function.name for function in loaded.functions] == ["hi"]
    assert says(loaded, "several stacks hold functions: One, Two; One is loaded") == ("warning", 1)
    assert says(loaded, "--template cdk.out/Two.template.json")[0] == "warning"
    chosen = load(template="cdk.out/Two.template.json")
    assert [function.name for function in chosen.functions] == ["Other"] and not chosen.problems


def test_a_stack_in_a_stage_is_found(project: Path, load: Load) -> None:
    assembly(project / "cdk.out" / "assembly-Prod", ProdShop=HELLO)
    nested = {"type": "cdk:cloud-assembly", "properties": {"directoryName": "assembly-Prod"}}
    (project / "cdk.out" / "manifest.json").write_text(json.dumps({"artifacts": {"assembly-Prod": nested}}))
    assert load().functions[0].code_root == str(project / "cdk.out" / "assembly-Prod" / f"asset.{HASH}")


def test_the_cdks_own_helpers_are_a_notice(project: Path, load: Load) -> None:
    helper = lambda_function(
        path="Shop/Custom::S3AutoDeleteObjectsCustomResourceProvider/Handler", Runtime="nodejs22.x"
    )
    assembly(project / "cdk.out", Shop={**HELLO, "CustomS3Auto": helper})
    loaded = load()
    assert says(loaded, "it is the CDK's own")[0] == "notice"
    assert all(problem.severity == "notice" for problem in loaded.problems)


def test_an_alias_that_two_constructs_share_reaches_neither(project: Path, load: Load) -> None:
    resources = {
        f"{name}Handler1": lambda_function(path=f"Shop/{name}/Handler/Resource") for name in ("Orders", "Payments")
    }
    assembly(project / "cdk.out", Shop=resources)
    assert [function.aliases for function in load().functions] == [(), ()]


def test_an_app_that_is_not_synthesised_says_how(write: Write, load: Load) -> None:
    write("cdk.json", "{}")
    assert says(load(), "this is a CDK app") == ("warning", None)
    assert says(load(), "cdk synth") == ("warning", None)


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        ("{", "manifest.json cannot be read"),
        ("[]", "holds no stack"),
        (
            '{"artifacts": {"A": {"type": "aws:cloudformation:stack", "properties": {"templateFile": "no.json"}}}}',
            "no.json cannot be read",
        ),
        ('{"artifacts": {"A": 3, "B": {"type": "aws:cloudformation:stack"}}}', "holds no stack"),
    ],
)
def test_an_assembly_that_is_damaged_is_an_error(manifest: str, words: str, project: Path, load: Load) -> None:
    assembly(project / "cdk.out", Shop=HELLO)
    (project / "cdk.out" / "manifest.json").write_text(manifest)
    loaded: Project = load()
    assert any(words in problem.message and problem.severity == "error" for problem in loaded.problems), loaded.problems
    assert loaded.broken and not loaded.functions


def test_an_asset_that_was_not_committed_says_how_to_make_it(project: Path, load: Load) -> None:
    assembly(project / "cdk.out", Shop=HELLO)
    shutil.rmtree(project / "cdk.out" / f"asset.{HASH}")
    (problem,) = check_project(load())
    assert problem.severity == "error" and "does not exist" in problem.message and "cdk synth" in problem.remedy


@pytest.mark.parametrize(
    "kind", [("aws:cloudformation:stack", "templateFile"), ("cdk:cloud-assembly", "directoryName")]
)
def test_an_assembly_names_only_what_is_in_it(kind: tuple[str, str], project: Path, load: Load) -> None:
    artifact = {"type": kind[0], "properties": {kind[1]: "../../elsewhere"}}
    (project / "cdk.out").mkdir()
    (project / "cdk.out/manifest.json").write_text(json.dumps({"artifacts": {"Shop": artifact}}))
    assert says(load(), "'../../elsewhere' lies outside of the assembly") == ("error", 1)


def test_a_template_with_types_that_are_no_texts_loads(project: Path, load: Load) -> None:
    assembly(project / "cdk.out", Shop={**HELLO, "Odd": {"Type": []}})
    assert [function.name for function in load().functions] == ["hi"]
