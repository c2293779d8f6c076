"""Reads a SAM or CloudFormation template: finds its resources and hands each to the reader of its type."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lambdatui.config import files
from lambdatui.config.aws_names import FUNCTION_TYPES, Resource, TemplateNames
from lambdatui.config.cfn_http_apis import declare_base_paths, declare_http_apis
from lambdatui.config.cfn_load_balancers import declare_load_balancers
from lambdatui.config.cfn_rest_apis import declare_rest_apis
from lambdatui.config.cycles import circles
from lambdatui.config.declared import Declared, partition
from lambdatui.config.finding import SAMCONFIG, TEMPLATES, exists
from lambdatui.config.intrinsics import Resolver, Unresolved
from lambdatui.config.loops import Loops
from lambdatui.config.problems import Problems, did_you_mean
from lambdatui.config.sam_apis import declare_sam_apis
from lambdatui.config.sam_destinations import declare_invoke_config, declare_invoke_config_resource
from lambdatui.config.sam_events import declare_events
from lambdatui.config.sam_functions import (
    FUNCTION_NAME,
    construct_aliases,
    declare_function,
    merged,
)
from lambdatui.config.sam_layers import declare_layers
from lambdatui.config.sam_mappings import declare_mapping
from lambdatui.config.sam_parameters import Given, parameter_values, samconfig, say_unknown, secret_values
from lambdatui.config.sam_push import PUSHING
from lambdatui.config.sam_queues import declare_queue, declare_stream
from lambdatui.config.sam_resources import HELD_TYPES, declare_resource
from lambdatui.config.sam_routes import declare_url
from lambdatui.config.sam_schedules import declare_rule, declare_schedule
from lambdatui.config.sam_versions import declare_alias, declare_version
from lambdatui.config.support import SAM_FUNCTION, nearest_resource, of_resource
from lambdatui.config.template import Template
from lambdatui.config.values import UNRESOLVED_REMEDY
from lambdatui.config.yaml_lines import Document, Map, ParseError, Seq, Value, parse_json, parse_yaml

SERVERLESS_TRANSFORM = "AWS::Serverless-2016-10-31"
_GLOBALS = (
    "Function",
    "Api",
    "HttpApi",
    "WebSocketApi",
    "SimpleTable",
    "StateMachine",
    "LayerVersion",
    "CapacityProvider",
)
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


def load_template(path: Path, into: Declared, given: Sequence[Given], assets: dict[str, Path] | None = None) -> None:
    """Add what the template declares. One that cannot be read at all leaves `into.broken` and a problem.

    `given`: values of its parameters, lowest first. `assets`: what its S3 keys stand for, from the CDK.
    """
    problems = Problems(into.shown(path))
    config: list[Problems] = []
    own = samconfig(path.parent, into.shown(path.parent / SAMCONFIG), config)
    if own is not None:
        into.files.append(str(path.parent / SAMCONFIG))
        given = [own, *given]
    try:
        _load(path, into, given, assets or {}, problems)
    finally:
        for found in (*config, problems):
            into.problems.extend(found.found)


def _load(path: Path, into: Declared, given: Sequence[Given], assets: dict[str, Path], problems: Problems) -> None:
    root = read_mapping(path, problems, "the template", "Begin it with Resources:.")
    if root is None:
        into.broken = True
        return
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
    declare_root(path, root, into, given, problems, assets=assets)


def declare_root(
    path: Path,
    root: Map,
    into: Declared,
    given: Sequence[Given],
    problems: Problems,
    stack: str | None = None,
    assets: dict[str, Path] | None = None,
    aliases: dict[str, tuple[str, ...]] | None = None,
) -> Template:
    """Add what a template's parsed text declares. `path` is where relative paths begin, `stack` the stack's name.

    `aliases`: more names of its functions, by logical id.
    """
    template = _template(path, root, into, given, problems, stack or into.stack)
    template.assets.update(assets or {})
    template.aliases.update(aliases or {})
    _declare(template)
    _say_dynamic(template)
    say_unknown(_section(root, "Parameters", problems), given, template.resolver.imported, problems)
    return template


def read_mapping(path: Path, problems: Problems, what: str, begin: str) -> Map | None:
    """The file's mapping, with a warning for each key that stands twice; None and an error where it is none."""
    document = read_document(path, problems)
    if document is None:
        return None
    if not isinstance(document.value, Map):
        problems.error(f"{what} is empty or no mapping", begin, line=1)
        return None
    for key, line in document.duplicates:
        problems.warning(f"the key {key} stands twice; the last one counts", "Remove or rename one.", line=line)
    return document.value


def read_document(path: Path, problems: Problems) -> Document | None:
    """The file as YAML or, by its suffix, as JSON; None and an error where it is neither."""
    try:
        text = files.read(path).decode("utf-8-sig")
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
        transform = transform.get("Name") if isinstance(transform, Map) else transform
        if isinstance(transform, str) and transform not in _KNOWN_TRANSFORMS:
            problems.warning(
                f"the transform {transform} is not applied",
                "What it would add or change is missing here.",
                line=root.lines.get("Transform"),
            )


def _check_globals(globals_: Map, problems: Problems) -> None:
    """Slips in Globals: SAM knows few sections, and those of functions have functions' properties."""
    function = globals_.get("Function")
    words = [(globals_, _GLOBALS, "Globals has no section"), (function, SAM_FUNCTION, "a function has no property")]
    for values, known, message in words:
        for key in values if isinstance(values, Map) else ():
            if isinstance(values, Map) and key not in known and not key.startswith("Fn::"):
                problems.notice(f"{message} {key}", did_you_mean(key, known, "Remove it."), line=values.line_of(key))


def _template(
    path: Path, root: Map, into: Declared, given: Sequence[Given], problems: Problems, stack: str
) -> Template:
    options = into.options
    pseudo = {
        "AWS::Region": options.region,
        "AWS::AccountId": options.account,
        "AWS::StackName": stack,
        "AWS::StackId": f"arn:{partition(options.region)}:cloudformation:{options.region}:{options.account}:"
        f"stack/{stack}/local",
        "AWS::Partition": partition(options.region),
        "AWS::URLSuffix": "amazonaws.com.cn" if options.region.startswith("cn-") else "amazonaws.com",
        "AWS::NotificationARNs": "",
    }
    resolver = Resolver(
        parameters=parameter_values(_section(root, "Parameters", problems), given, _stored(root), problems),
        pseudo=pseudo,
        mappings=_section(root, "Mappings", problems),
        conditions=_section(root, "Conditions", problems),
    )
    for one in given:
        resolver.imports.update(one.values)
    resolver.secrets.update(secret_values(_section(root, "Parameters", problems), resolver.parameters))
    section = Loops(resolver, problems).written_out(root.get("Resources"))
    resources = _resources(section, resolver, problems)
    names = TemplateNames(resources, resolver, options)
    written = section.items() if isinstance(section, Map) else ()
    names.left_out = {name for name, one in written if name not in resources and isinstance(one, Map) and "Type" in one}
    names.valid = lambda resource, name: resource.type not in FUNCTION_TYPES or bool(FUNCTION_NAME.fullmatch(name))
    resolver.names = names
    _check_circles(resources, resolver, problems)
    globals_ = _section(root, "Globals", problems)
    _check_globals(globals_, problems)
    defaults = globals_.get("Function")
    names.published_alias = defaults.get("AutoPublishAlias") if isinstance(defaults, Map) else None
    return Template(path, globals_, resolver, names, resources, into, problems)


def _check_circles(resources: dict[str, Resource], resolver: Resolver, problems: Problems) -> None:
    for group in circles(resources, resolver):
        named = ", ".join(group[:12]) + (", …" if len(group) > 12 else "")
        problems.warning(
            f"Circular dependency between resources: [{named}]",
            "It runs here, and CloudFormation refuses it: let one of them name the other by its text.",
            line=resources[group[0]].line,
        )


def _say_dynamic(template: Template) -> None:
    """The dynamic references that stayed as they are written."""
    for text, line in template.resolver.left.items():
        template.problems.notice(
            f"{text} is left as text: only an account knows its value",
            "Declare the parameter or secret with its value in the template, or give the variable by --env-vars.",
            line=line,
        )


def _section(root: Map, name: str, problems: Problems) -> Map:
    section = root.get(name)
    if section is not None and not isinstance(section, Map):
        problems.warning(f"{name} must be a mapping", f"Write its entries below {name}:.", line=root.lines.get(name))
    return section if isinstance(section, Map) else Map()


def _stored(root: Map) -> dict[str, Value]:
    """The values of the template's own AWS::SSM::Parameter resources by their names, as far as both are texts."""
    resources = root.get("Resources")
    found: dict[str, Value] = {}
    for body in resources.values() if isinstance(resources, Map) else ():
        properties = body.get("Properties") if isinstance(body, Map) else None
        if isinstance(body, Map) and body.get("Type") == "AWS::SSM::Parameter" and isinstance(properties, Map):
            name, value = properties.get("Name"), properties.get("Value")
            if isinstance(name, str) and isinstance(value, str):
                found[str(name)] = value
    return found


def _resources(section: object, resolver: Resolver, problems: Problems) -> dict[str, Resource]:
    result: dict[str, Resource] = {}
    if not isinstance(section, Map):
        return result
    for logical_id, body in section.items():
        line = section.lines.get(logical_id)
        if logical_id.startswith("Fn::"):
            name = body.get("Name") if isinstance(body, Map) else None
            what = f"the transform {name}" if isinstance(name, str) else logical_id
            problems.warning(f"{what} is not applied: its resources are missing", "Write them out.", line=line)
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
        if len(values) > 1 and "Fn::Transform" in values:
            transform = values["Fn::Transform"]
            name = transform.get("Name") if isinstance(transform, Map) else None
            problems.warning(
                f"{logical_id}: the transform {name or ''} is not applied to its properties",
                "Write out what it would include.",
                line=values.line_of("Fn::Transform"),
            )
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
            "Set the parameter to have it: --parameter NAME=VALUE, or [parameters] in lambdatui.toml.",
            line=line,
        )
    return truth


def _declare(template: Template) -> None:
    """Hand each resource to the reader of its type: first what others name, then what names it."""
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
    construct_aliases(template)
    declare_sam_apis(template)
    declare_rest_apis(template)
    declare_http_apis(template)
    declare_load_balancers(template)
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
        elif resource.type == "AWS::Lambda::Alias":
            declare_alias(template, resource)
        elif resource.type == "AWS::Lambda::Version":
            declare_version(template, resource)
        elif resource.type == "AWS::Events::Rule":
            declare_rule(template, resource)
        elif resource.type == "AWS::Scheduler::Schedule":
            declare_schedule(template, resource)
        elif resource.type in PUSHING:
            PUSHING[resource.type](template, resource)
        else:
            _unserved(template, resource)
    declare_base_paths(template)


def _unserved(template: Template, resource: Resource) -> None:
    """Say what a resource's row of the support table says; types that it lacks go to the local AWS."""
    support = of_resource(resource.type)
    if support is None and (meant := nearest_resource(resource.type)):
        message = f"{resource.logical_id}: there is no resource type {resource.type}"
        template.problems.warning(message, f"Did you mean {meant}?", line=resource.line)
    elif support is None:
        template.problems.notice(
            f"{resource.logical_id}: {resource.type} is not served by the engine itself",
            "Calls to it go to --aws (auto starts a local AWS for it).",
            line=resource.line,
        )
    elif support.status == "not served":
        remedy = _of_nested(template, resource) or support.remedy
        template.problems.warning(f"{resource.logical_id}: {support.note}", remedy, line=resource.line)


def _of_nested(template: Template, resource: Resource) -> str | None:
    """What to do about a nested application or stack: its template's own command, where that is a file here."""
    key = {"AWS::Serverless::Application": "Location", "AWS::CloudFormation::Stack": "TemplateURL"}.get(resource.type)
    location = resource.properties.get(key) if key else None
    if isinstance(location, Map) and "ApplicationId" in location:
        return "It comes from the Serverless Application Repository, which is not asked: what uses it gets no answer."
    if not isinstance(location, str) or not exists(file := template.path.parent / location):
        return None
    shown = template.into.shown(file.resolve())
    if file.name in TEMPLATES and file.parent.resolve() != template.into.root:
        return f"Run it by itself: lambdatui run {Path(shown).parent}"
    return f"Run it by itself: lambdatui run --template {shown} --data DIR (a folder for its own state)"
