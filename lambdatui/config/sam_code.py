"""Where the code of functions and layers is: a folder, an archive, an asset of the CDK, or text in the template."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from lambdatui.config.archives import ArchiveError, unpacked
from lambdatui.config.aws_names import Resource
from lambdatui.config.template import Template
from lambdatui.config.values import Reader
from lambdatui.config.yaml_lines import Map

_FOREIGN = re.compile(r"[a-z][a-z0-9+.-]+://")
_ARCHIVES = {".zip", ".jar", ".whl"}


@dataclass
class Code:
    """The task root, or a layer's; `inline` is the source of index.py; `unserved` why there is none."""

    root: Path
    inline: str | None = None
    unserved: str | None = None


def function_code(template: Template, resource: Resource, reader: Reader) -> Code:
    """The code of a function; what keeps it from being found is a problem and stands in `unserved`."""
    if "ImageUri" in reader or reader.text("PackageType") == "Image":
        return Code(template.path.parent)
    locator = _Locator(template, resource, reader)
    if resource.type == "AWS::Serverless::Function":
        if "InlineCode" in reader:
            return locator.inline(reader, "InlineCode")
        return locator.at_property("CodeUri") if "CodeUri" in reader else Code(template.path.parent)
    code = reader.get("Code")
    if isinstance(code, Map) and "ZipFile" in code:
        return locator.inline(reader.inside(code), "ZipFile")
    return locator.at_property("Code")


def layer_code(template: Template, resource: Resource, reader: Reader) -> Code:
    """The root of a layer, as `function_code`."""
    key = "ContentUri" if resource.type == "AWS::Serverless::LayerVersion" else "Content"
    return _Locator(template, resource, reader).at_property(key)


class _Locator:
    def __init__(self, template: Template, resource: Resource, reader: Reader) -> None:
        self.template = template
        self.resource = resource
        self.reader = reader
        self.base = template.path.parent

    def inline(self, reader: Reader, key: str) -> Code:
        root = self.template.into.data / "inline" / self.resource.logical_id
        source = reader.get(key)
        if not isinstance(source, str):
            return self._missing(key, f"{key} is no text", f"Write the source as text: {key}: |")
        return Code(root, inline=str(source))

    def at_property(self, key: str) -> Code:
        """By the asset that the CDK noted, else by what the property says."""
        metadata = self.resource.body.get("Metadata")
        asset = metadata.get("aws:asset:path") if isinstance(metadata, Map) else None
        if isinstance(asset, str):
            return self._at(key, str(asset))
        uri = self.reader.get(key)
        if isinstance(uri, str):
            return self._foreign(key) if _FOREIGN.match(uri) else self._at(key, uri)
        if not isinstance(uri, Map):
            what = "cannot be resolved" if key in self.reader else "is missing"
            return self._missing(key, f"{key} {what}", f"Set {key} to the folder of the code.")
        object_key = self.reader.inside(uri).text("S3Key") or self.reader.inside(uri).text("Key")
        if object_key in self.template.assets:
            return self._at(key, str(self.template.assets[object_key]))
        return self._foreign(key)

    def _at(self, key: str, uri: str) -> Code:
        try:
            path = (self.base / Path(uri)).resolve()
            is_file, is_folder = path.is_file(), path.is_dir()
        except (OSError, ValueError, RuntimeError):
            return self._missing(key, f"{uri[:80]!r} cannot be a path", "Name the folder of the code.")
        if is_file and path.suffix.lower() in _ARCHIVES:
            return self._archive(key, uri, path)
        if is_file and path.suffix != ".py":
            return self._missing(key, f"{uri} is no folder, archive or Python file", "Name the folder of the code.")
        # One that does not exist is said by those who look into it, and gone once the folder is there.
        return Code(path if is_folder or not is_file else path.parent)

    def _archive(self, key: str, uri: str, path: Path) -> Code:
        if str(path) not in self.template.into.files:
            self.template.into.files.append(str(path))  # a new archive is new code
        try:
            return Code(unpacked(path, self.template.into.data))
        except ArchiveError as exc:
            return self._missing(key, f"{uri} {exc}", "Name the folder that it was made of, or make it again.")

    def _foreign(self, key: str) -> Code:
        return self._missing(
            key, "its code is in S3, which cannot be had here", f"Set {key} to the folder of the code for local runs."
        )

    def _missing(self, key: str, message: str, remedy: str) -> Code:
        self.reader.warn(key, message, remedy)
        return Code(self.base, unserved=message)
