"""Reads a SAM or CloudFormation template: finds its resources and hands each to the reader of its type."""

from __future__ import annotations

from pathlib import Path

from lambdatui.config.aws_names import FUNCTION_TYPES, Resource, TemplateNames, partition
from lambdatui.config.declared import Declared
from lambdatui.config.intrinsics import Resolved, Resolver, Unresolved
from lambdatui.config.problems import Problems, did_you_mean
from lambdatui.config.sam_apis import declare_sam_apis
from lambdatui.config.sam_events import declare_events, declare_mapping, declare_rule
from lambdatui.config.sam_functions import (
    FUNCTION_NAME,
    declare_function,
    declare_invoke_config,
    declare_invoke_config_resource,
    merged,
)
from lambdatui.config.sam_layers import declare_layers
from lambdatui.config.sam_queues import declare_queue, declare_stream
from lambdatui.config.sam_resources import HELD_TYPES, declare_resource
from lambdatui.config.sam_routes import declare_url
from lambdatui.config.support import of_resource
from lambdatui.config.template import Template
from lambdatui.config.values import UNRESOLVED_REMEDY
from lambdatui.config.yaml_lines import Document, Map, ParseError, Seq, Text, parse_json, parse_yaml

SERVERLESS_TRANSFORM = "AWS::Serverless-2016-10-31"
_KNOWN_TRANSFORMS = {SERVERLESS_TRANSFORM, "AWS::LanguageExtensions"}
_SECTIONS = {
    "AWSTemplateFormatVersion",
    "Transform",
    "Description",
    "Metadata",
    "Globals",
    "Parameters",
    "Rules",
    "Mappings",
    "Conditions",
    "Resources",
    "Outputs",
    "Hooks",
}


def load_template(path: Path, into: Declared, parameters: dict[str, str]) -> None:
    """Add what the template declares. One that cannot be read at all leaves `into.broken` and a problem."""
    problems = Problems(into.shown(path))
    try:
        _load(path, into, parameters, problems)
    finally:
        into.problems.extend(problems.found)


def _load(path: Path, into: Declared, parameters: dict[str, str], problems: Problems) -> None:
    document = _read(path, problems)
    root = document.value if document else None
    if document is None or not isinstance(root, Map):
        into.broken = True
        if document is not None:
            problems.error("the template is empty or no mapping", "Begin it with Resources:.", line=1)
        return
    for key, line in document.duplicates:
        problems.warning(f"the key {key} stands twice; the last one counts", "Remove or rename one.", line=line)
    if not isinstance(root.get("Resources"), Map):
        into.broken = True
        near = [key for key in root if key not in _SECTIONS]
        remedy = did_you_mean("Resources", near, "Declare the functions below Resources:.")
        problems.error("the template has no Resources", remedy, line=1)
        return
    for key in root:
        if key not in _SECTIONS:
            remedy = did_you_mean(key, _SECTIONS, "Remove it.")
            problems.notice(f"a template has no section {key}", remedy, line=root.lines.get(key))
    _check_transforms(root, problems)
    template = _template(path, root, into, parameters, problems)
    _declare(template)


def _read(path: Path, problems: Problems) -> Document | None:
    try:
        text = path.read_bytes().decode("utf-8-sig")
        return parse_json(text) if path.suffix == ".json" else parse_yaml(text)
    except ParseError as exc:
        problems.error(f"cannot be read: {exc.message}", "Correct the template.", line=exc.line)
    except UnicodeDecodeError as exc:
        line = exc.object.count(b"\n", 0, exc.start) + 1
        problems.error("cannot be read: it is not UTF-8", "Save the template as UTF-8.", line=line)
    except OSError as exc:
        problems.error(f"cannot be read: {exc.strerror or exc}", "Make the file readable.")
    return None


def _check_transforms(root: Map, problems: Problems) -> None:
    transforms = root.get("Transform")
    for transform in transforms if isinstance(transforms, Seq) else [transforms]:
        if isinstance(transform, str) and transform not in _KNOWN_TRANSFORMS:
            problems.warning(
                f"the transform {transform} is not applied",
                "What it would add or change is missing here.",
                line=root.lines.get("Transform"),
            )


def _template(path: Path, root: Map, into: Declared, parameters: dict[str, str], problems: Problems) -> Template:
    options = into.options
    pseudo = {
        "AWS::Region": options.region,
        "AWS::AccountId": options.account,
        "AWS::StackName": into.stack,
        "AWS::StackId": f"arn:{partition(options.region)}:cloudformation:{options.region}:{options.account}:"
        f"stack/{into.stack}/local",
        "AWS::Partition": partition(options.region),
        "AWS::URLSuffix": "amazonaws.com.cn" if options.region.startswith("cn-") else "amazonaws.com",
        "AWS::NotificationARNs": "",
    }
    resolver = Resolver(
        parameters=_parameters(_section(root, "Parameters", problems), parameters, problems),
        pseudo=pseudo,
        mappings=_section(root, "Mappings", problems),
        conditions=_section(root, "Conditions", problems),
    )
    resources = _resources(root["Resources"], resolver, problems)
    names = TemplateNames(resources, resolver, options)
    names.valid = lambda resource, name: resource.type not in FUNCTION_TYPES or bool(FUNCTION_NAME.fullmatch(name))
    resolver.names = names
    return Template(path, _section(root, "Globals", problems), resolver, names, resources, into, problems)


def _section(root: Map, name: str, problems: Problems) -> Map:
    section = root.get(name)
    if section is not None and not isinstance(section, Map):
        problems.warning(f"{name} must be a mapping", f"Write its entries below {name}:.", line=root.lines.get(name))
    return section if isinstance(section, Map) else Map()


def _parameters(section: Map, given: dict[str, str], problems: Problems) -> dict[str, Resolved]:
    """The values of the template's parameters: what lambdatui.toml gives, else their defaults."""
    result: dict[str, Resolved] = {}
    for name, body in section.items():
        kind = body.get("Type") if isinstance(body, Map) else None
        default = body.get("Default") if isinstance(body, Map) else None
        if name in given:
            result[name] = Text(given[name])
        elif isinstance(kind, str) and kind.startswith("AWS::SSM::Parameter::Value"):
            result[name] = Unresolved(f"the parameter {name} is read from the Parameter Store at deployment")
        elif isinstance(default, str):
            result[name] = default
        else:
            result[name] = Unresolved(f"the parameter {name} has no default")
    for name in given:
        if name not in section:
            remedy = did_you_mean(name, section, "Remove it.")
            problems.notice(f"the template has no parameter {name}, which lambdatui.toml sets", remedy)
    return result


def _resources(section: object, resolver: Resolver, problems: Problems) -> dict[str, Resource]:
    result: dict[str, Resource] = {}
    if not isinstance(section, Map):
        return result
    for logical_id, body in section.items():
        line = section.lines.get(logical_id)
        if logical_id.startswith("Fn::"):
            problems.warning(f"{logical_id} is not evaluated", "Write the resources out.", line=line)
            continue
        kind = body.get("Type") if isinstance(body, Map) else None
        if not isinstance(body, Map) or not isinstance(kind, str):
            problems.warning(f"{logical_id} has no Type", "Give it one, or remove it.", line=line)
            continue
        condition = body.get("Condition")
        if isinstance(condition, str) and not _created(logical_id, condition, resolver, problems, body):
            continue
        properties = body.get("Properties")
        if properties is not None and not isinstance(properties, Map):
            problems.warning(
                f"{logical_id}: Properties must be a mapping", "Write them below it.", line=body.lines.get("Properties")
            )
        values = properties if isinstance(properties, Map) else Map(line)
        result[logical_id] = Resource(logical_id, str(kind), values, body, line)
    return result


def _created(logical_id: str, condition: str, resolver: Resolver, problems: Problems, body: Map) -> bool:
    truth = resolver.condition(condition)
    line = body.lines.get("Condition")
    if isinstance(truth, Unresolved):
        problems.warning(
            f"{logical_id}: its condition {condition} cannot be decided ({truth.why}); it is taken as true",
            UNRESOLVED_REMEDY,
            line=line,
        )
        return True
    if not truth:
        problems.notice(
            f"{logical_id} is left out: its condition {condition} is false with the parameters' values",
            "Set the parameter under [parameters] in lambdatui.toml to have it.",
            line=line,
        )
    return truth


def _declare(template: Template) -> None:
    resources = template.resources.values()
    for resource in resources:
        if resource.type == "AWS::SQS::Queue":
            declare_queue(template, resource)
        elif resource.type == "AWS::Kinesis::Stream":
            declare_stream(template, resource)
        elif resource.type in HELD_TYPES:
            declare_resource(template, resource)
    declare_layers(template)
    functions = [resource for resource in resources if resource.type in FUNCTION_TYPES]
    defaults = template.globals.get("Function")
    for resource in functions:
        sam = resource.type == "AWS::Serverless::Function"
        values = merged(defaults, resource.properties) if sam else resource.properties
        declare_function(template, resource, values if isinstance(values, Map) else resource.properties)
    declare_sam_apis(template)
    for resource in resources:
        name = template.function_names.get(resource.logical_id)
        if name is not None:
            values = template.properties[resource.logical_id]
            declare_invoke_config(template, name, values)
            if resource.type == "AWS::Serverless::Function":
                declare_events(template, resource, name, values)
        elif resource.type == "AWS::Lambda::EventSourceMapping":
            declare_mapping(template, resource)
        elif resource.type == "AWS::Lambda::EventInvokeConfig":
            declare_invoke_config_resource(template, resource)
        elif resource.type == "AWS::Lambda::Url":
            declare_url(template, resource)
        elif resource.type == "AWS::Events::Rule":
            declare_rule(template, resource)
        else:
            _unserved(template, resource)


def _unserved(template: Template, resource: Resource) -> None:
    """Say what a resource's row of the support table says; types that it lacks go to the local AWS."""
    support = of_resource(resource.type)
    if support is None:
        template.problems.notice(
            f"{resource.logical_id}: {resource.type} is not served by the engine itself",
            "Calls to it go to --aws (auto starts a local AWS for it).",
            line=resource.line,
        )
    elif support.status == "not served":
        template.problems.warning(f"{resource.logical_id}: {support.note}", support.remedy, line=resource.line)
