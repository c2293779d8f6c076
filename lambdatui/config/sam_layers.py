"""Layers: those of the template become folders, and so do public ones whose packages pip has; of others, what replaces
them is said."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lambdatui.config import stand_ins
from lambdatui.config.aws_names import LAYER_TYPES, Resource
from lambdatui.config.intrinsics import Unresolved, as_written
from lambdatui.config.lockfiles import canonical
from lambdatui.config.manifests import ManifestError, manifest_of
from lambdatui.config.problems import did_you_mean
from lambdatui.config.sam_code import Code, layer_code
from lambdatui.config.support import LAYER
from lambdatui.config.template import Template
from lambdatui.config.values import UNRESOLVED_REMEDY, Reader
from lambdatui.config.yaml_lines import Map, Seq

MAX_LAYERS = 5
_CFNRESPONSE = re.compile(r"^[ \t]*(import|from) cfnresponse\b", re.MULTILINE)


@dataclass(frozen=True)
class _Known:
    """A well-known layer of others. `package` is what pip installs instead; None: it brings no Python of its own.

    `folder`: the layer that stands in for it, a list of its packages.
    """

    pattern: re.Pattern[str]
    package: str | None
    note: str = ""
    folder: str | None = None


def _known(pattern: str, package: str | None, note: str = "", folder: str | None = None) -> _Known:
    return _Known(re.compile(pattern, re.IGNORECASE), package, note, folder)


_WELL_KNOWN = (
    _known(r"AWSLambdaPowertoolsPythonV2", "aws-lambda-powertools[all]", folder="powertools_v2"),
    _known(
        r"AWSLambdaPowertoolsPythonV3|/aws/service/powertools/", "aws-lambda-powertools[all]", folder="powertools_v3"
    ),
    _known(r"AWSLambdaPowertoolsPython", "aws-lambda-powertools[all]"),
    _known(r"AWSSDKPandas|AWSDataWrangler|/aws-sdk-pandas/", "awswrangler", folder="aws_sdk_pandas"),
    _known(r"Klayers-p\d+-(?P<package>[A-Za-z0-9_.-]+)", ""),
    _known(r"AWSOpenTelemetryDistroPython|aws-otel-python", None, "nothing is traced"),
    _known(r"LambdaInsightsExtension|AWSCodeGuruProfiler", None, "the engine's own figures stand in `lambdatui stats`"),
    _known(r"Datadog-Extension|NewRelicLambdaExtension|Dynatrace", None, "nothing is sent to it"),
    _known(r"Datadog-Python", "datadog-lambda"),
    _known(r"NewRelicPython", "newrelic-lambda"),
    _known(r"SentryPython", "sentry-sdk"),
)


def declare_layers(template: Template) -> None:
    """Find the folder of each layer in the template, under the ARN that `Ref` gives."""
    for resource in template.resources.values():
        if resource.type not in LAYER_TYPES:
            continue
        arn = template.names.arn(resource)
        reader = template.reader(resource)
        for key in resource.properties:
            if key not in LAYER and not key.startswith("Fn::"):
                remedy = did_you_mean(key, LAYER, "Remove it.")
                template.problems.notice(
                    f"{resource.logical_id}: a layer has no property {key}", remedy, line=reader.line(key)
                )
        if isinstance(arn, Unresolved):
            reader.warn("LayerName", f"LayerName cannot be resolved: {arn.why}", UNRESOLVED_REMEDY, line=arn.line)
            arn = ""
        folder = _folder(template, resource, reader)
        template.layers[arn] = template.layers[resource.logical_id] = folder


def _folder(template: Template, resource: Resource, reader: Reader) -> Path | None:
    code = layer_code(template, resource, reader)
    if code.unserved is not None:
        return None
    key = "ContentUri" if "ContentUri" in reader else "Content"
    if not code.root.is_dir():
        reader.warn(key, f"the folder {template.into.shown(code.root)} does not exist", f"Create it, or correct {key}.")
        return None
    metadata = resource.body.get("Metadata")
    method = metadata.get("BuildMethod") if isinstance(metadata, Map) else None
    if method == "makefile":
        reader.warn(
            key,
            "it is built by a Makefile, which is not run: its folder is used as it stands",
            "Build it (sam build) and name the built folder, or lay its modules out below python/.",
        )
    return code.root


def layers_of(template: Template, reader: Reader, code: Code) -> tuple[str, ...]:
    """The folders of a function's layers in their order; those of others are problems of the function, unless its
    own requirements beside `code` bring the same. Behind them what CloudFormation gives to inline code."""
    folders: list[str] = []
    raw = reader.values.get("Layers")
    written = list(raw) if isinstance(raw, Seq) else []
    items = reader.items("Layers")
    for number, item in enumerate(items):
        line = _line(written[number] if len(written) == len(items) else item) or reader.line("Layers")
        folder = _one(template, reader, item, line, code.root)
        if folder is not None and str(folder) not in folders:
            folders.append(str(folder))
    if len(items) > MAX_LAYERS:
        reader.warn("Layers", f"a function has at most {MAX_LAYERS} layers", "They are served here; AWS would refuse.")
    if code.inline is not None and _CFNRESPONSE.search(code.inline):
        folders.append(str(stand_ins.FOLDER / "cfnresponse"))
    return tuple(folders)


def _one(template: Template, reader: Reader, item: object, line: int | None, code: Path) -> Path | None:
    if isinstance(item, Unresolved):
        reader.warn("Layers", f"a layer cannot be resolved: {item.why}", UNRESOLVED_REMEDY, line=item.line or line)
        return None
    if not isinstance(item, str):
        return None
    arn = as_written(item)
    if arn in template.layers:
        return template.layers[arn]  # a layer without a folder has a problem of its own
    if arn.rpartition(":")[0] + ":1" in template.layers:  # another version of one of the template
        return template.layers[arn.rpartition(":")[0] + ":1"]
    return _foreign(reader, arn, line, code)


def _foreign(reader: Reader, arn: str, line: int | None, code: Path) -> Path | None:
    """The folder that stands in for a layer which only an account has; None where nothing does."""
    name = arn.split(":layer:", 1)[-1] if ":layer:" in arn else arn
    message = f"the layer {name} belongs to an account and cannot be had here"
    for known in _WELL_KNOWN:
        match = known.pattern.search(arn)
        if match is None:
            continue
        if known.package is None:
            reader.problems.notice(
                f"{reader.where}: {message}: {known.note}",
                "Nothing needs to be done.",
                line=line,
                function=reader.function,
            )
            return None
        package = known.package or match["package"]
        remedy = f"Add {package} to the requirements.txt beside the function's code"
        if _required(code, package.partition("[")[0]):
            return None
        if known.folder is None:
            reader.warn("Layers", message, f"{remedy}.", line=line)
            return None
        reader.problems.notice(
            f"{reader.where}: the layer {name} belongs to an account: {package} is installed in its place",
            f"{remedy} to have a version of your own.",
            line=line,
            function=reader.function,
        )
        return stand_ins.FOLDER / known.folder
    reader.warn(
        "Layers",
        message,
        "Add the packages that it holds to the requirements.txt beside the function's code, or declare it as an "
        "AWS::Serverless::LayerVersion with a local ContentUri.",
        line=line,
    )
    return None


def _required(code: Path, package: str) -> bool:
    """Whether the packages that are installed for the code name it; those for development alone do not count."""
    with suppress(ManifestError):
        manifest = manifest_of(code)
        names = (re.match(r"[\w.-]+", line.text) for line in (manifest.lines if manifest else ()))
        return any(name is not None and canonical(name[0]) == canonical(package) for name in names)
    return True  # what cannot be read has a problem of its own


def _line(item: object) -> int | None:
    return getattr(item, "line", None)
