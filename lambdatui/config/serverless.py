"""Reads a serverless.yml by translating it into the SAM template that says the same: each meaning exists once.

Functions and events become AWS::Serverless::Function and its Events under the framework's own logical ids, so that
the file's `resources` find them by Ref and GetAtt.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from lambdatui.config.apis import add_api, add_route
from lambdatui.config.declared import Declared
from lambdatui.config.intrinsics import Unresolved, as_written
from lambdatui.config.model import ApiConfig, Severity
from lambdatui.config.problems import Problems, did_you_mean
from lambdatui.config.sam import declare_root, read_mapping
from lambdatui.config.sam_parameters import Given
from lambdatui.config.serverless_functions import add_functions, add_layers
from lambdatui.config.serverless_plugins import (
    WSGI_LAYER,
    add_constructs,
    construct_outputs,
    python_requirements,
    say_unknown,
    wsgi,
)
from lambdatui.config.serverless_service import Service, copied, joined, made, mapping, put, text
from lambdatui.config.serverless_sources import Sources
from lambdatui.config.serverless_support import PROVIDER, TOP
from lambdatui.config.serverless_variables import Variables
from lambdatui.config.template import Template
from lambdatui.config.yaml_lines import Map, Seq, Text, Value
from lambdatui.errors import UsageError

_SECTIONS = ("Parameters", "Mappings", "Conditions", "Resources")
_PSEUDO = re.compile(r"#\{([A-Za-z0-9:.]+)\}")
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
_BALANCER = "alb"  # one load balancer stands for all listeners
_LOGICAL = re.compile(r"\b[A-Za-z0-9]+LambdaFunction\b")


class _Spoken(Problems):
    """Says functions by their keys, where the readers of templates know logical ids."""

    def __init__(self, file: str | None) -> None:
        super().__init__(file)
        self.keys: dict[str, str] = {}

    def add(
        self, severity: Severity, message: str, remedy: str, *, line: int | None = None, function: str | None = None
    ) -> None:
        message = _LOGICAL.sub(lambda match: self.keys.get(match[0], match[0]), message)
        super().add(severity, message, remedy, line=line, function=function)


def load_serverless(path: Path, into: Declared, given: Sequence[Given]) -> None:
    """Add what the file declares. One that cannot be read at all leaves `into.broken` and a problem.

    `given`: values of options and parameters, lowest first.
    """
    problems = _Spoken(into.shown(path))
    try:
        _load(path, into, given, problems)
    finally:
        into.problems.extend(problems.found)


def _load(path: Path, into: Declared, given: Sequence[Given], problems: _Spoken) -> None:
    root = read_mapping(path, problems, "the file", "Begin it with service: NAME.")
    if root is None:
        into.broken = True
        return
    values = {name: value for one in given for name, value in one.values.items()}
    sources = Sources(path.parent, into, values)
    variables = sources.variables(root)
    service = _service(path.parent, root, sources, variables, problems)
    if service is None:
        into.broken = True
        return
    for key in root:
        if key not in TOP:
            remedy = did_you_mean(key, TOP, "Remove it, or put it below custom.")
            problems.notice(f"serverless.yml has no key {key}", remedy, line=root.lines.get(key))
    resources = variables.at("resources")
    template = _template(resources, service, problems)
    constructs = variables.at("constructs") if "serverless-lift" in service.plugins else None
    if isinstance(constructs, Map):
        add_constructs(service, constructs)
    python_requirements(service)
    wsgi(service)
    layers = variables.at("layers")
    if isinstance(layers, Map):
        add_layers(service, layers)
    add_functions(service)
    _extend(service, resources)
    problems.keys.update(service.keys)
    put(template, "Resources", service.resources, root.line_of("resources"))
    stack = text(service.provider, "stackName") or f"{service.name}-{service.stage}"
    left = _left(template, given, sources.used)
    aliases = {logical_id: _aliases(service, key) for logical_id, key in service.keys.items()}
    _finish(service, declare_root(path, template, into, left, problems, stack, aliases=aliases), into)


def _service(folder: Path, root: Map, sources: Sources, variables: Variables, problems: Problems) -> Service | None:
    """The file's head; None, which is said, where it is of another provider."""
    plugins = variables.at("plugins")
    names = plugins.get("modules") if isinstance(plugins, Map) else plugins
    known = {as_written(name) for name in names if isinstance(name, str)} if isinstance(names, Seq) else set()
    if "serverless-pseudo-parameters" in known:
        variables.change = _substituted
    dotenv = _dotenv(root, variables, known, sources, problems)
    if "serverless-lift" in known:
        written = root.get("constructs")
        sources.constructs.update(construct_outputs(written if isinstance(written, Map) else Map()))
    _take_region(variables, sources.into)
    provider = variables.at("provider")
    if isinstance(provider, str):
        provider = made(root.line_of("provider"), name=provider)
    if not isinstance(provider, Map):
        why = f" ({provider.why})" if isinstance(provider, Unresolved) else ""
        problems.error(f"it names no provider{why}", "Write provider: with name: aws below it.", line=1)
        return None
    cloud = text(provider, "name")
    if cloud not in {"aws", None}:
        line = provider.line_of("name")
        problems.error(f"the provider {cloud} is not served", "Only functions of the provider aws run here.", line=line)
        return None
    stage = sources.stage()
    _check_region(provider, sources.into, problems)
    if "serverless-dotenv-plugin" in known:
        own = Map(provider.line)
        for name, value in dotenv.items():
            put(own, name, Text(value), provider.line)
        provider = joined(made(provider.line, environment=own), provider)
        assert isinstance(provider, Map)
    custom = variables.at("custom")
    package = variables.at("package")
    service = Service(
        name=_name(root, variables, folder, problems),
        stage=stage,
        folder=folder,
        provider=provider,
        custom=custom if isinstance(custom, Map) else Map(),
        plugins=known,
        functions=_functions(variables.at("functions"), root, problems),
        problems=problems,
        package=package if isinstance(package, Map) else Map(),
    )
    service.check_keys(provider, PROVIDER, "provider")
    say_unknown(service, plugins if not isinstance(plugins, Unresolved) else None)
    return service


def _name(root: Map, variables: Variables, folder: Path, problems: Problems) -> str:
    service = variables.at("service")
    name = service.get("name") if isinstance(service, Map) else service  # the mapping is version 1's
    if isinstance(name, str) and name:
        return as_written(name)
    why = f": {name.why}" if isinstance(name, Unresolved) else ""
    message = f"service, its name, cannot be resolved{why}" if why else "it has no service, its name"
    problems.warning(f"{message}; the folder's serves", "Write service: NAME.", line=root.lines.get("service", 1))
    return folder.name or "service"


def _dotenv(root: Map, variables: Variables, plugins: set[str], sources: Sources, problems: Problems) -> dict[str, str]:
    version = variables.text_at("frameworkVersion") or ""
    fourth = re.match(r"\s*[\^~>=]*\s*4", version) is not None or "stages" in root
    if not fourth and "serverless-dotenv-plugin" not in plugins and variables.text_at("useDotenv") != "true":
        return {}
    try:
        sources.read_dotenv(sources.stage())
    except UsageError as exc:
        line = root.lines.get("useDotenv", 1)
        problems.warning(f"the variables of .env are not read: {exc}", "Correct the file.", line=line)
    # The stage may have been read before the variables were: what had none may have one now.
    variables.forget()
    return sources.dotenv


def _substituted(text: Text) -> Value:
    """serverless-pseudo-parameters: `#{AWS::Region}` is what `${AWS::Region}` is within Fn::Sub."""
    if not _PSEUDO.search(text):
        return text
    result = Map(text.line)
    put(result, "Fn::Sub", Text(_PSEUDO.sub(r"${\1}", text), text.line), text.line)
    return result


def _take_region(variables: Variables, into: Declared) -> None:
    """As with the framework, where nobody asked for another."""
    region = variables.text_at("provider", "region")
    if into.options.own_region and region is not None and _REGION.fullmatch(region):
        into.options = msgspec.structs.replace(into.options, region=region)
        variables.forget()  # some may hold the former


def _check_region(provider: Map, into: Declared, problems: Problems) -> None:
    region = text(provider, "region")
    if region is not None and region != into.options.region:
        problems.notice(
            f"provider.region is {region}, and the engine's region is {into.options.region}",
            f"Start it with --region {region} to have the same ARNs.",
            line=provider.line_of("region"),
        )


def _functions(section: Value | Unresolved, root: Map, problems: Problems) -> dict[str, Map]:
    """The functions by key: a mapping, or a list of such mappings, as they come from several files."""
    line = root.lines.get("functions")
    found: dict[str, Map] = {}
    for part in section if isinstance(section, Seq) else [section]:
        if isinstance(part, Unresolved):
            message = f"functions cannot be resolved: {part.why}"
            problems.error(message, "Correct it to have its functions.", line=part.line or line)
        elif isinstance(part, Map):
            for key, body in part.items():
                if isinstance(body, Map):
                    found[key] = copied(body)
                    found[key].line = part.line_of(key)
                else:
                    why = f": {body.why}" if isinstance(body, Unresolved) else ""
                    message = f"the function {key} must be a mapping{why}"
                    problems.error(message, "Write handler: below it.", line=part.line_of(key), function=key)
        elif part is not None:
            problems.error("functions must be a mapping", "Write each function below it, by its key.", line=line)
    return found


# resources


def _template(section: Value | Unresolved, service: Service, problems: Problems) -> Map:
    """The sections of the template that the file's own resources make; `service` gets the resources."""
    template = Map(section.line if isinstance(section, Map | Seq | Unresolved) else None)
    for part in section if isinstance(section, Seq) else [section]:
        if isinstance(part, Map):
            for name in _SECTIONS:
                if isinstance(part.get(name), Map):
                    put(template, name, joined(template.get(name), part[name]), part.line_of(name))
                elif part.get(name) is not None:
                    problems.warning(f"resources.{name} must be a mapping", "Correct it.", line=part.line_of(name))
        elif part is not None:
            why = f": {part.why}" if isinstance(part, Unresolved) else ""
            message = f"resources cannot be read{why or ': a mapping with Resources is needed'}"
            line = getattr(part, "line", None) or template.line
            problems.warning(message, "Correct it to have what it declares.", line=line)
    service.resources = copied(mapping(template, "Resources"))
    for logical_id, body in service.resources.items():
        if isinstance(body, Map):
            own = copied(body)
            if isinstance(properties := body.get("Properties"), Map):
                put(own, "Properties", copied(properties), body.line_of("Properties"))
            service.resources[logical_id] = own
    return template


def _extend(service: Service, section: Value | Unresolved) -> None:
    """`resources.extensions`: properties on top of what the framework makes."""
    for part in section if isinstance(section, Seq) else [section]:
        for logical_id, own in (mapping(part, "extensions") if isinstance(part, Map) else Map()).items():
            body = service.resources.get(logical_id)
            if isinstance(body, Map) and isinstance(own, Map):
                properties = joined(mapping(body, "Properties"), mapping(own, "Properties"))
                put(body, "Properties", properties, body.line)


def _aliases(service: Service, key: str) -> tuple[str, ...]:
    """`service-stage-key`, which is its name on AWS, and the `name` that may be written instead."""
    names = dict.fromkeys((service.full_name(key), text(service.functions[key], "name")))
    return tuple(name for name in names if name is not None and name != key)


def _left(template: Map, given: Sequence[Given], used: set[str]) -> list[Given]:
    """The values that were no options of the framework's, or are CloudFormation parameters as well."""
    names = mapping(template, "Parameters")
    return [
        replace(one, values={name: value for name, value in one.values.items() if name in names or name not in used})
        for one in given
    ]


def _finish(service: Service, template: Template, into: Declared) -> None:
    """What a template cannot say: packages, WSGI, routes that are refused or a load balancer's."""
    for logical_id, key in service.keys.items():
        name = template.function_names.get(logical_id)
        if name is None:
            continue
        into.update_function(name, requirements=service.requirements.get(key))
        if key in service.wsgi:
            function = into.functions[name]
            into.update_function(
                name,
                layers=(*function.layers, str(WSGI_LAYER)),
                environment={**function.environment, "SERVERLESS_WSGI": service.wsgi[key]},
            )
    for place, route in enumerate(into.routes):
        if route.id in service.refused:
            into.routes[place] = msgspec.structs.replace(route, refused=service.refused[route.id])
    names = {key: template.function_names.get(logical_id) for logical_id, key in service.keys.items()}
    for route in service.balanced:
        behind = names.get(route.function)
        if behind is not None:
            if _BALANCER not in into.apis:
                add_api(template, ApiConfig(id=_BALANCER, kind="alb", file=template.problems.file, line=route.line))
            qualifier = template.published.get(behind)
            add_route(template, msgspec.structs.replace(route, function=behind, api=_BALANCER, qualifier=qualifier))
