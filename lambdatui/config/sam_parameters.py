"""The values of a template's parameters: its defaults < samconfig.toml < lambdatui.toml < the command line.

What the template itself asks of a value (AllowedValues, AllowedPattern, ...) is checked in CloudFormation's words.
"""

from __future__ import annotations

import re
import shlex
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lambdatui.config import files
from lambdatui.config.backtracking import is_endless
from lambdatui.config.finding import SAMCONFIG
from lambdatui.config.intrinsics import Resolved, Unresolved, as_written
from lambdatui.config.problems import Problems, did_you_mean
from lambdatui.config.yaml_lines import Map, Seq, Text, Value

_SECTIONS = ("global", "deploy")  # of the environment `default`; the later one wins
_STORED = "AWS::SSM::Parameter::Value<"
_NUMBER = re.compile(r"\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?\s*")
_PAIR = re.compile(r"ParameterKey=(?P<key>[^,]+),ParameterValue=(?P<value>.*)", re.DOTALL)
_GIVE = "Give it another value: --parameter {name}=VALUE, or [parameters] in lambdatui.toml."


@dataclass(frozen=True)
class Given:
    """Values from one place. `deployment`: they are meant for AWS, where a stored parameter's value is its name."""

    where: str  # "samconfig.toml", "--parameter"
    values: dict[str, str]
    deployment: bool = False


def samconfig(folder: Path, shown: str, problems: list[Problems]) -> Given | None:
    """The parameter overrides of the samconfig.toml in `folder`; None where there is no such file.

    One that cannot be read is a warning: it is only SAM's, and the rest of the project stands without it.
    """
    path = folder / SAMCONFIG
    if not path.is_file():
        return None
    import tomllib  # for those who have the file

    from lambdatui.config import toml_table

    here = Problems(shown)
    problems.append(here)
    values: dict[str, str] = {}
    try:
        document, lines = toml_table.parse(files.read(path).decode("utf-8-sig"))
        table = document.get("default")
        for section in _SECTIONS:
            inner = table.get(section) if isinstance(table, dict) else None
            inner = inner.get("parameters") if isinstance(inner, dict) else None
            overrides = inner.get("parameter_overrides") if isinstance(inner, dict) else None
            line = lines.get(("default", section, "parameters", "parameter_overrides"))
            values.update(_overrides(overrides, here, line))
    except tomllib.TOMLDecodeError as exc:
        here.warning(f"cannot be read: {exc}", f"Correct {SAMCONFIG}.", line=toml_table.error_line(exc))
    except (OSError, ValueError, RecursionError) as exc:
        here.warning(f"cannot be read: {exc}", f"Correct {SAMCONFIG}.")
    return Given(SAMCONFIG, values, deployment=True)


def _overrides(written: object, problems: Problems, line: int | None) -> dict[str, str]:
    """`A=1 B="2 3"`, a list of such texts, a table, or SAM's older ParameterKey=A,ParameterValue=1."""
    if isinstance(written, dict):
        return {str(key): _toml_text(value) for key, value in written.items()}
    texts = written if isinstance(written, list) else [] if written is None else [written]
    values: dict[str, str] = {}
    for text in texts:
        try:
            parts = shlex.split(str(text))
        except ValueError as exc:
            problems.warning(f"parameter_overrides: {exc}", 'Write it as "Name=value Other=value".', line=line)
            continue
        for part in parts:
            pair = _PAIR.fullmatch(part)
            key, equals, value = (pair["key"], "=", pair["value"]) if pair else part.partition("=")
            if equals and key:
                values[key] = value.strip("\"'") if pair else value
            else:
                message = f"parameter_overrides: {part!r} is no Name=value"
                problems.warning(message, 'Write it as "Name=value Other=value".', line=line)
    return values


def _toml_text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(_toml_text, value)) if isinstance(value, list) else str(value)


def parameter_values(
    section: Map, given: Iterable[Given], stored: dict[str, Value], problems: Problems
) -> dict[str, Resolved]:
    """The values by name. `stored` are the template's own AWS::SSM::Parameter values by their names."""
    given = list(given)
    result: dict[str, Resolved] = {}
    for name, body in section.items():
        line = section.line_of(name)
        values = body if isinstance(body, Map) else Map(line)
        kind = values.get("Type")
        kind = str(kind) if isinstance(kind, str) else "String"
        found = _value(name, values, kind, given, stored)
        if isinstance(found, str):
            _check(name, values, kind, as_written(found), line, problems)
            found = _list(found, line) if kind == "CommaDelimitedList" or kind.startswith("List<") else found
        result[name] = found
    return result


def is_secret(body: Value) -> bool:
    """Whether a parameter is declared with `NoEcho`: nobody is to read its value."""
    return isinstance(body, Map) and str(body.get("NoEcho")).lower() == "true"


def secret_values(section: Map, values: dict[str, Resolved]) -> Iterator[str]:
    """The values that are declared with `NoEcho`."""
    for name, body in section.items():
        value = values.get(name)
        if is_secret(body) and isinstance(value, str):
            yield as_written(value)


def _value(name: str, body: Map, kind: str, given: list[Given], stored: dict[str, Value]) -> Resolved:
    default = body.get("Default")
    chosen = next((one for one in reversed(given) if name in one.values), None)
    text: Value = Text(chosen.values[name]) if chosen else default
    if kind.startswith(_STORED) and (chosen is None or chosen.deployment):
        if not isinstance(text, str):
            return Unresolved(f"the parameter {name} has no default")
        return stored.get(str(text)) or Unresolved(
            f"the parameter {name} is read from the Parameter Store ({text}) at deployment"
        )
    return text if isinstance(text, str) else Unresolved(f"the parameter {name} has no default")


def _list(text: str, line: int | None) -> Seq:
    items = Seq(line)
    items.extend(Text(part.strip(), line) for part in text.split(","))
    return items


def _check(name: str, body: Map, kind: str, value: str, line: int | None, problems: Problems) -> None:
    """Whether the value is one that CloudFormation would take; it is used all the same."""
    values = [part.strip() for part in value.split(",")] if kind in {"CommaDelimitedList", "List<Number>"} else [value]
    for one in values:
        reason = _violation(body, kind, one)
        if reason is not None:
            said = body.get("ConstraintDescription")
            message = f"Parameter {name} failed to satisfy constraint: {said if isinstance(said, str) else reason}"
            told = "" if is_secret(body) else f" (it is {one!r})"
            problems.warning(f"{message}{told}", _GIVE.format(name=name), line=line)
            return


def _violation(body: Map, kind: str, value: str) -> str | None:
    allowed = body.get("AllowedValues")
    if isinstance(allowed, Seq):
        words = [as_written(item) for item in allowed if isinstance(item, str)]
        if value not in words:
            return f"Parameter must be one of AllowedValues: {', '.join(words)[:200]}"
    pattern = body.get("AllowedPattern")
    if isinstance(pattern, str) and not _matches(pattern, value):
        return f"Parameter must match pattern {pattern}"
    numeric = kind in {"Number", "List<Number>"}
    if numeric and not _NUMBER.fullmatch(value):
        return "Parameter must be a number"
    size = float(value) if numeric else float(len(value))
    low, high, what = ("MinValue", "MaxValue", "value") if numeric else ("MinLength", "MaxLength", "length")
    least, most = _bound(body, low), _bound(body, high)
    if least is not None and size < least:
        return f"Parameter {what} must be at least {least:g}"
    if most is not None and size > most:
        return f"Parameter {what} must be at most {most:g}"
    return None


def _bound(body: Map, key: str) -> float | None:
    written = body.get(key)
    return float(written) if isinstance(written, str) and _NUMBER.fullmatch(written) else None


def _matches(pattern: str, value: str) -> bool:
    """Java's and Python's expressions agree on what templates use; one that Python does not know passes, and one that
    it might try for ever."""
    value = value[:4096]
    if is_endless(pattern, len(value)):
        return True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return re.fullmatch(pattern, value) is not None
    except (re.error, RecursionError, OverflowError):
        return True


def say_unknown(section: Map, given: Iterable[Given], used: set[str], problems: Problems) -> None:
    """Names that neither the template's parameters nor its imports (`used`) have."""
    for one in given:
        for name in one.values:
            if name not in section and name not in used:
                remedy = did_you_mean(name, section, "Remove it.")
                problems.notice(f"the template has no parameter {name}, which {one.where} sets", remedy)
