"""Reads `--env-vars FILE`: SAM's JSON form, or a .env file."""

from __future__ import annotations

import json
import re
from pathlib import Path

from lambdatui.errors import UsageError

_ASSIGNMENT = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=[ \t]*")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "$": "$"}


def load_env_vars(path: Path) -> dict[str, dict[str, str]]:
    """Variables by function name or logical id; `Parameters` (JSON) and "" (.env) are for every function.

    UsageError with file and line where it is neither form.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as exc:
        raise UsageError(f"--env-vars {path}: {exc.strerror or exc}") from None
    except UnicodeDecodeError as exc:
        line = exc.object.count(b"\n", 0, exc.start) + 1
        raise UsageError(f"{path}, line {line}: it is not UTF-8: save the file as UTF-8") from None
    if path.suffix == ".json" or text.lstrip().startswith("{"):
        return _from_json(path, text)
    return {"": _from_dotenv(path, text)}


def _from_json(path: Path, text: str) -> dict[str, dict[str, str]]:
    try:
        document = json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
    except json.JSONDecodeError as exc:
        raise UsageError(f"{path}, line {exc.lineno}: no JSON: {exc.msg}") from None
    except RecursionError:
        raise UsageError(f"{path}: no JSON: it is nested too deep") from None
    form = '{"FunctionName": {"VARIABLE": "value"}, "Parameters": {...}}'
    if not isinstance(document, dict):
        raise UsageError(f"{path}, line 1: write it as {form}")
    result: dict[str, dict[str, str]] = {}
    for name, variables in document.items():
        if not isinstance(variables, dict):
            line = _line_of(text, name)
            raise UsageError(f"{path}, line {line}: {name} must hold an object of variables: write it as {form}")
        result[name] = {key: _text(path, text, name, key, value) for key, value in variables.items()}
    return result


def _text(path: Path, source: str, name: str, key: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    line = _line_of(source, key)
    raise UsageError(f"{path}, line {line}: {name}.{key} must be a text, a number or a boolean: write it as a text")


def _line_of(text: str, key: str) -> int:
    at = text.find(json.dumps(key))
    return text.count("\n", 0, at) + 1 if at >= 0 else 1


def _from_dotenv(path: Path, text: str) -> dict[str, str]:
    result: dict[str, str] = {}
    text = text.replace("\r\n", "\n")
    position = 0
    while position < len(text):
        end = text.find("\n", position)
        end = len(text) if end < 0 else end
        line = text[position:end].strip()
        if not line or line.startswith("#"):
            position = end + 1
            continue
        number = text.count("\n", 0, position) + 1
        match = _ASSIGNMENT.match(text, position, end)
        if not match:
            raise UsageError(f"{path}, line {number}: {line[:60]!r} is no NAME=value")
        result[match[1]], position = _value(path, text, match.end(), number)
    return result


def _value(path: Path, text: str, start: int, number: int) -> tuple[str, int]:
    """(value, where the next line begins). Quoted values may span lines; `\\n` counts in double quotes only."""
    quote = text[start : start + 1]
    if quote not in {'"', "'"}:
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        bare = text[start:end]
        if bare.startswith("#"):
            return "", end + 1
        return re.split(r"\s#", bare, maxsplit=1)[0].strip(), end + 1
    position, parts = start + 1, []
    while position < len(text) and text[position] != quote:
        char = text[position]
        if quote == '"' and char == "\\" and text[position + 1 : position + 2] in _ESCAPES:
            parts.append(_ESCAPES[text[position + 1]])
            position += 2
        else:
            parts.append(char)
            position += 1
    if position >= len(text):
        raise UsageError(f"{path}, line {number}: the quote {quote} is not closed")
    end = text.find("\n", position)
    end = len(text) if end < 0 else end
    rest = text[position + 1 : end].strip()
    if rest and not rest.startswith("#"):
        raise UsageError(f"{path}, line {number}: {rest[:40]!r} stands after the closing quote")
    return "".join(parts), end + 1
