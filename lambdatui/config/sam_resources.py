"""What the local AWS holds for the project: tables, buckets, topics, parameters, secrets and buses as declared.

They are described, not created: `localaws` does that. A table with a stream also gives the stream, which is read like
any other.
"""

from __future__ import annotations

from typing import Any

from lambdatui.config.aws_names import TABLE_TYPES, Resource
from lambdatui.config.declared import table_stream
from lambdatui.config.intrinsics import Unresolved, plain
from lambdatui.config.model import ResourceConfig, StreamConfig
from lambdatui.config.template import Template
from lambdatui.config.values import UNRESOLVED_REMEDY, Reader

# The properties without which the thing would not be what was declared.
_NEEDED = {
    "AWS::DynamoDB::Table": ("KeySchema", "AttributeDefinitions"),
    "AWS::DynamoDB::GlobalTable": ("KeySchema", "AttributeDefinitions"),
    "AWS::Serverless::SimpleTable": (),
    "AWS::S3::Bucket": (),
    "AWS::SNS::Topic": (),
    "AWS::SSM::Parameter": ("Value",),
    "AWS::SecretsManager::Secret": (),
    "AWS::Events::EventBus": (),
}
HELD_TYPES = frozenset(_NEEDED)
# Where a value that only an account knows makes the local one differ from what was declared.
_TOLD = {"AWS::SSM::Parameter": ("Value",), "AWS::SecretsManager::Secret": ("SecretString",)}
_ATTRIBUTE_TYPES = {"String": "S", "Number": "N", "Binary": "B"}


def declare_resource(template: Template, resource: Resource) -> None:
    """Add the resource under its physical name, its properties as plain JSON values without what is unknown."""
    reader = template.reader(resource)
    name = template.names.name(resource)
    if isinstance(name, Unresolved):
        message = f"its name cannot be resolved: {name.why}; it is called {template.names.default_name(resource)}"
        reader.warn("Name", message, UNRESOLVED_REMEDY, line=name.line)
        name = template.names.default_name(resource)
    for key in _NEEDED[resource.type]:
        if key not in reader:
            reader.warn(key, f"{key} is missing: it is not created in the local AWS", f"Add {key}.")
            return
    for key in _TOLD.get(resource.type, ()):
        value = reader.resolved(key)
        if isinstance(value, Unresolved):
            reader.warn(key, f"{key} cannot be resolved: {value.why}; it is empty", UNRESOLVED_REMEDY, line=value.line)
    resolved = {key: _known(plain(reader.resolver.resolve(value))) for key, value in resource.properties.items()}
    properties: dict[str, Any] = {key: value for key, value in resolved.items() if value is not None}
    kind = resource.type
    if kind in TABLE_TYPES:
        kind = "AWS::DynamoDB::Table"
        if resource.type == "AWS::Serverless::SimpleTable":
            properties = _simple_table(reader, properties)
        _declare_stream(template, resource, name, properties)
    template.into.resources.append(
        ResourceConfig(
            type=kind,
            logical_id=resource.logical_id,
            name=name,
            properties=properties,
            file=template.problems.file,
            line=resource.line,
        )
    )


def _known(value: object) -> object:
    """Without the members that are null: what was not written, and what only an account knows."""
    if isinstance(value, dict):
        return {key: _known(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_known(item) for item in value if item is not None]
    return value


def _simple_table(reader: Reader, properties: dict[str, Any]) -> dict[str, Any]:
    """The table that SAM makes of it: one key, `id` unless PrimaryKey says otherwise."""
    key = reader.child("PrimaryKey") if "PrimaryKey" in reader else None
    name = (key.text("Name") if key else None) or "id"
    kind = (key.text("Type") if key else None) or "String"
    if kind not in _ATTRIBUTE_TYPES and key:
        key.warn("Type", f"there is no key type {kind}", "Use String, Number or Binary; String is used.")
    table = {
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": _ATTRIBUTE_TYPES.get(kind, "S")}],
        "KeySchema": [{"AttributeName": name, "KeyType": "HASH"}],
    }
    rest = {key: value for key, value in properties.items() if key != "PrimaryKey"}
    return {**({} if "ProvisionedThroughput" in rest else {"BillingMode": "PAY_PER_REQUEST"}), **table, **rest}


def _declare_stream(template: Template, resource: Resource, table: str, properties: dict[str, Any]) -> None:
    if not isinstance(properties.get("StreamSpecification"), dict):
        return
    name = table_stream(table)
    template.into.streams[name] = StreamConfig(
        name=name,
        logical_id=resource.logical_id,
        table=table,
        file=template.problems.file,
        line=resource.properties.line_of("StreamSpecification"),
    )
