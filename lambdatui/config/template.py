"""One template while it is being read: what its readers share."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from lambdatui.config.aws_names import Resource, TemplateNames
from lambdatui.config.declared import Declared
from lambdatui.config.intrinsics import Resolver
from lambdatui.config.model import FunctionConfig
from lambdatui.config.problems import Problems
from lambdatui.config.values import Reader
from lambdatui.config.yaml_lines import Map


@dataclass
class Template:
    """The template at `path`; what it declares goes `into`."""

    path: Path
    globals: Map
    resolver: Resolver
    names: TemplateNames
    resources: dict[str, Resource]
    into: Declared
    problems: Problems
    function_names: dict[str, str] = field(default_factory=dict)  # logical id -> name, of those that were declared
    aliases: dict[str, tuple[str, ...]] = field(default_factory=dict)  # logical id -> more names of the function
    assets: dict[str, Path] = field(default_factory=dict)  # S3 key -> folder or archive: what the CDK synthesised
    layers: dict[str, Path | None] = field(default_factory=dict)  # ARN and logical id -> folder, if it can be had
    published: dict[str, str] = field(default_factory=dict)  # function's name -> its `AutoPublishAlias`
    default_authorizers: dict[str, str] = field(default_factory=dict)  # API -> authorizer of routes that name none
    properties: dict[str, Map] = field(default_factory=dict)  # logical id -> properties with Globals merged in

    def reader(self, resource: Resource, function: str | None = None) -> Reader:
        """Reads the resource's own properties."""
        return self.read(resource.properties, resource.logical_id, function)

    def named_function(self, reader: Reader, key: str = "FunctionName") -> FunctionConfig | None:
        """The function that `key` of a resource names; the resource's problems are that function's from here on. None,
        with a warning, where it names none.
        """
        function = self.into.function_named(reader.text(key) or "")
        if function is None:
            reader.warn(key, "it names no function of the template", "Name one by !Ref.")
        else:
            reader.function = function.name
        return function

    def read(self, values: Map, where: str, function: str | None = None) -> Reader:
        """Reads any properties of this template."""
        return Reader(values, self.resolver, self.problems, where, function)
