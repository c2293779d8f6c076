"""Versions and aliases of a template: AutoPublishAlias, AWS::Lambda::Version and AWS::Lambda::Alias."""

from __future__ import annotations

import re

from lambdatui.config.aws_names import FUNCTION_TYPES, Resource
from lambdatui.config.destinations import to_arn
from lambdatui.config.model import AliasConfig, Destination
from lambdatui.config.push_targets import entries
from lambdatui.config.settings import ALIAS_NAME, MAX_PROVISIONED, UNPUBLISHED
from lambdatui.config.template import Template
from lambdatui.config.values import Reader
from lambdatui.config.yaml_lines import Map, Seq, Value


def declare_published_alias(template: Template, reader: Reader) -> None:
    """AutoPublishAlias of a SAM function, with its ProvisionedConcurrencyConfig."""
    name = _alias_name(reader, "AutoPublishAlias")
    if name is None:
        if reader.resolved("ProvisionedConcurrencyConfig") is not None and "AutoPublishAlias" not in reader:
            reader.warn(
                "ProvisionedConcurrencyConfig",
                "To set ProvisionedConcurrencyConfig AutoPublishALias must be defined on the function",
                "Set AutoPublishAlias: live.",
            )
        return
    function = reader.function or ""
    template.published[function] = name
    alias = AliasConfig(name=name, provisioned_concurrency=_provisioned(reader))
    add_alias(template, function, alias, reader, "AutoPublishAlias")


def declare_version(template: Template, resource: Resource) -> None:
    """AWS::Lambda::Version: the function is published where an alias asks for it; references reach $LATEST."""
    reader = template.reader(resource)
    if template.into.function_named(reader.text("FunctionName") or "") is None:
        reader.warn("FunctionName", "it names no function of the template", "Name one by !Ref.")
    if reader.resolved("ProvisionedConcurrencyConfig") is not None:
        reader.warn(
            "ProvisionedConcurrencyConfig",
            "provisioned concurrency of a version is not served",
            "Give it to an alias of the version: AWS::Lambda::Alias.",
        )


def declare_alias(template: Template, resource: Resource) -> None:
    """AWS::Lambda::Alias."""
    reader = template.reader(resource)
    function = template.named_function(reader)
    if function is None:
        return
    name = _alias_name(reader, "Name")
    if name is None:
        if "Name" not in reader:
            reader.warn("Name", "Name is missing", "Set Name: live.")
        return
    version = _version(template, reader)
    provisioned = _provisioned(reader)
    if provisioned is not None and version == "$LATEST":
        reader.warn("ProvisionedConcurrencyConfig", UNPUBLISHED, "Let the alias name a version.")
        provisioned = None
    alias = AliasConfig(
        name=name,
        version=version,
        weights=_weights(template, reader, version),
        provisioned_concurrency=provisioned,
        description=reader.text("Description") or "",
    )
    add_alias(template, function.name, alias, reader, "Name")


def add_alias(template: Template, function: str, alias: AliasConfig, reader: Reader, key: str) -> None:
    """Add it to its function; a second one of the name is said and left out."""
    there = template.into.functions[function].published_aliases
    if any(one.name == alias.name for one in there):
        options = template.into.options
        arn = to_arn(Destination(kind="function", name=function, qualifier=alias.name), options.region, options.account)
        reader.warn(key, f"Alias already exists: {arn}", "Remove one of the two.")
        return
    template.into.update_function(function, published_aliases=(*there, alias))


def _alias_name(reader: Reader, key: str) -> str | None:
    name = reader.text(key)
    if name is None or (ALIAS_NAME.fullmatch(name) and len(name) <= 128):
        return name
    reader.warn(
        key,
        f"Value '{name[:140]}' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: "
        f"{ALIAS_NAME.pattern}, of at most 128 characters",
        "Rename it: letters, digits, - and _, not digits alone. The function has no such alias here.",
    )
    return None


def _provisioned(reader: Reader) -> int | None:
    """ProvisionedConcurrencyConfig."""
    if reader.resolved("ProvisionedConcurrencyConfig") is None:
        return None
    return reader.child("ProvisionedConcurrencyConfig").integer("ProvisionedConcurrentExecutions", 1, MAX_PROVISIONED)


def _version(template: Template, reader: Reader) -> str | None:
    """The FunctionVersion of an alias or a weight; None for the newest: that of a Version resource."""
    if is_published(template, reader.values.get("FunctionVersion")):
        return None
    version = reader.text("FunctionVersion")
    if version is None and "FunctionVersion" not in reader:
        reader.warn("FunctionVersion", "FunctionVersion is missing; the newest is used", "Name one: !GetAtt V.Version.")
    elif version is not None and not re.fullmatch(r"\$LATEST|[0-9]{1,18}", version):
        reader.warn(
            "FunctionVersion",
            f"Value '{version[:100]}' at 'functionVersion' failed to satisfy constraint: Member must satisfy regular "
            r"expression pattern: (\$LATEST|[0-9]+)",
            "Name a version: !GetAtt V.Version; the newest is used.",
        )
        return None
    return version


def is_published(template: Template, value: Value) -> bool:
    """Whether it is `!GetAtt V.Version` of a Version resource, or of the version that AutoPublishAlias adds."""
    argument = value.get("Fn::GetAtt") if isinstance(value, Map) and len(value) == 1 else None
    parts = argument.split(".") if isinstance(argument, str) else argument if isinstance(argument, Seq) else []
    named = template.resources.get(parts[0]) if parts and isinstance(parts[0], str) else None
    return named is not None and named.type in {"AWS::Lambda::Version", *FUNCTION_TYPES}


def _weights(template: Template, reader: Reader, version: str | None) -> dict[str, float]:
    """RoutingConfig.AdditionalVersionWeights: one more version, and its share of the calls."""
    if reader.resolved("RoutingConfig") is None:
        return {}
    routing = reader.child("RoutingConfig")
    found: dict[str, float] = {}
    for entry in _written_entries(reader) or entries(routing, "AdditionalVersionWeights"):
        other = _version(template, entry)
        weight = entry.number("FunctionWeight", 0, 1)
        if other is None and version is not None:
            entry.warn(
                "FunctionVersion",
                "the share of the newest version is not served: its number is known when it is published",
                "Let the alias itself name the newest, and the weight the other one by its number.",
            )
        elif other is not None and weight is not None and other != version:
            found[other] = weight
    if len(found) > 1:
        message = "Number of items in AdditionalVersionWeights cannot be greater than 1"
        routing.warn("AdditionalVersionWeights", message, "Keep one of them; the first counts.")
        found = dict([next(iter(found.items()))])
    if found and version == "$LATEST":
        routing.warn(
            "AdditionalVersionWeights",
            "$LATEST is not supported for an alias pointing to more than 1 version",
            "Let the alias name a version; it reaches $LATEST alone.",
        )
        return {}
    return found


def _written_entries(reader: Reader) -> list[Reader]:
    """The weights before their references are resolved, which tell the newest version; none where it is all one."""
    routing = reader.values.get("RoutingConfig")
    weights = routing.get("AdditionalVersionWeights") if isinstance(routing, Map) else None
    written = [one for one in weights if isinstance(one, Map)] if isinstance(weights, Seq) else []
    return [reader.inside(one) for one in written] if all("FunctionVersion" in one for one in written) else []
