"""Where an API's OpenAPI document stands: in the template, in a file of the project, or partly in each.

Knows nothing of what the document says.
"""

from __future__ import annotations

from pathlib import Path

from lambdatui.config import files
from lambdatui.config.finding import exists
from lambdatui.config.intrinsics import as_written
from lambdatui.config.problems import Problems
from lambdatui.config.template import Template
from lambdatui.config.values import Reader
from lambdatui.config.yaml_lines import Map, ParseError, Seq, Text, Value, parse_json, parse_yaml

_IN_S3 = "the definition lies in S3, which cannot be had: its routes are missing"
_OUTSIDE = "Copy it into the project, or run the folder that holds both, with --template."
_LOCAL = "Name a local file of the project instead, or declare the routes as events of the functions."


def definition(template: Template, reader: Reader, key: str) -> tuple[Value, Problems]:
    """The document below `key`, unresolved, and where its problems go; None where it cannot be had, which is said."""
    value = reader.values.get(key)
    if key in {"DefinitionUri", "BodyS3Location"}:
        where = reader.get(key)
        if isinstance(where, str) and "://" not in where:
            return _file(template, as_written(where), reader, key)
        if where is not None:
            reader.warn(key, _IN_S3, _LOCAL)
        return None, reader.problems
    if isinstance(value, Map) and set(value) == {"Fn::Transform"}:
        location = _included(value["Fn::Transform"], reader, key)
        return _file(template, location, reader, key) if location is not None else (None, reader.problems)
    return _with_includes(template, value, reader, key), reader.problems


def _included(transform: Value, reader: Reader, key: str) -> str | None:
    """The file that `Fn::Transform: {Name: AWS::Include, Parameters: {Location: …}}` names."""
    inner = reader.inside(transform if isinstance(transform, Map) else Map(reader.line(key)))
    if inner.text("Name") != "AWS::Include":
        reader.warn(key, f"the macro {inner.text('Name') or ''} is not applied", "Write out what it would add.")
        return None
    location = inner.child("Parameters").text("Location")
    if location is not None and "://" in location:
        reader.warn(key, _IN_S3, _LOCAL)
        return None
    return location


def _with_includes(template: Template, value: Value, reader: Reader, key: str) -> Value:
    """The value with every AWS::Include inside of it replaced by its file."""
    if isinstance(value, Seq):
        items = Seq(value.line)
        items.extend(_with_includes(template, item, reader, key) for item in value)
        return items
    if not isinstance(value, Map):
        return value
    result = Map(value.line)
    for name, item in value.items():
        if name != "Fn::Transform":
            result[name] = _with_includes(template, item, reader, key)
            result.lines[name] = value.line_of(name) or 1
            continue
        location = _included(item, reader, key)
        found = _file(template, location, reader, key)[0] if location is not None else None
        for inner_name, inner in (found or Map()).items():
            result.setdefault(inner_name, _moved(inner, value.line_of(name) or 1))
            result.lines.setdefault(inner_name, value.line_of(name) or 1)
    return result


def _moved(value: Value, line: int) -> Value:
    """The value as if all of it stood on the line that includes it: its own lines are another file's."""
    if isinstance(value, Seq):
        items = Seq(line)
        items.extend(_moved(item, line) for item in value)
        return items
    if isinstance(value, Map):
        result = Map(line)
        for name, item in value.items():
            result[name], result.lines[name] = _moved(item, line), line
        return result
    return Text(value, line, value.plain) if isinstance(value, Text) else value


def _file(template: Template, location: str, reader: Reader, key: str) -> tuple[Map | None, Problems]:
    """The document in a file beside the template, and where its problems go."""
    path = template.path.parent / location
    problems = Problems(template.into.shown(path))
    if not exists(path):
        reader.warn(key, f"there is no file {location[:80]}", "Name a file, relative to the template's folder.")
        return None, problems
    if not any(path.resolve().is_relative_to(root) for root in (template.into.root, template.path.parent.resolve())):
        reader.warn(key, f"{location} lies outside of the project, and is not read", _OUTSIDE)
        return None, problems
    try:
        text = files.read(path).decode("utf-8-sig")
        value = (parse_json(text) if path.suffix == ".json" else parse_yaml(text)).value
    except (OSError, UnicodeDecodeError) as exc:
        why = getattr(exc, "strerror", None) or "it is not UTF-8"
        reader.warn(key, f"{location} cannot be read: {why}", "Make it readable, as UTF-8, and of less than 4 MB.")
        return None, problems
    except ParseError as exc:
        reader.warn(key, f"{location}, line {exc.line or 1}: {exc.message}", f"Correct {Path(location).name}.")
        return None, problems
    finally:
        if str(path) not in template.into.files:
            template.into.files.append(str(path))
    if not isinstance(value, Map):
        reader.warn(key, f"{location} holds no mapping", "Begin it with openapi: or swagger:.")
        return None, problems
    return value, problems
