"""list and check: what the project holds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lambdatui.cli.output import FAINT, colour, number, out, print_json, say, shown, table
from lambdatui.cli.project import Place, json_option, loading_options, place_options
from lambdatui.terminal import MASK

if TYPE_CHECKING:
    from lambdatui.config.model import Problem
    from lambdatui.schema import AliasRow, FunctionRow

COLOURS = {"error": "red", "warning": "yellow", "notice": "blue"}
_MOST_NAMED = 4  # functions of which one sentence says the same


@click.command()
@json_option
@loading_options
@place_options
def list_command(as_json: bool, place: Place) -> int:
    """List functions: configuration, reserve, state and problems.

    \b
    Example:
      lambdatui list
      lambdatui list --json | jq -r '.[].name'
    """
    with place.reading() as reading:
        rows = reading.functions()
    if as_json:
        print_json([_masked(row) for row in rows])
    elif not rows:
        say(f"no functions in {place.project}; `lambdatui check` says what was looked for")
    else:
        _print_functions(rows)
    return 0


def _masked(row: FunctionRow) -> FunctionRow:
    """Without the values of its secrets."""
    import msgspec

    hidden = dict.fromkeys(row.secrets, MASK)
    return msgspec.structs.replace(row, environment=row.environment | hidden) if hidden else row


def _print_functions(rows: list[FunctionRow]) -> None:
    titles = ["NAME", "RUNTIME", "HANDLER", "MEM", "TIME", "RES", "STATE", "PROBLEMS"]
    published = any(row.versions or row.version_aliases for row in rows)
    if published:
        titles.insert(-1, "VERSIONS")

    def cells(row: FunctionRow) -> list[object]:
        reserve = "" if row.reserved_concurrency is None else row.reserved_concurrency
        first = row.problems[0].message if row.problems else ""
        more = f" (+{len(row.problems) - 1})" if len(row.problems) > 1 else ""
        timeout = f"{number(row.timeout)}s"
        versions = [_versions(row)] if published else []
        return [row.name, row.runtime, row.handler, row.memory, timeout, reserve, row.state, *versions, first + more]

    def style(column: int, row: Sequence[str]) -> dict[str, Any]:
        if row[column] == FAINT:
            return {"dim": True}
        return {"fg": "red"} if titles[column] == "PROBLEMS" else {}

    table(titles, map(cells, rows), right=("MEM", "TIME", "RES"), style=style)


def _versions(row: FunctionRow) -> str:
    """`live→3`, `live→3 (10% to 2)`; without an alias the newest version."""
    if not row.version_aliases:
        return row.versions[-1].version if row.versions else ""
    return ", ".join(_alias(alias) for alias in row.version_aliases)


def _alias(alias: AliasRow) -> str:
    others = ", ".join(f"{share * 100:.3g}% to {version}" for version, share in alias.weights.items())
    return f"{alias.name}→{alias.version}" + (f" ({others})" if others else "")


@click.command()
@click.argument("directory", metavar="[DIR]", required=False)
@json_option
@loading_options
@place_options
def check_command(directory: str | None, as_json: bool, place: Place) -> int:
    """Say what would load and every problem, with file, line and remedy; runs none of the code. Exit 1 on a problem.

    \b
    Example:
      lambdatui check ./sample_functions
    """
    if directory is not None:
        place = Place(directory, place.given_data, template=place.template, parameters=place.parameters)
    reading = place.offline()
    try:
        rows, problems = reading.functions(), reading.problems
    finally:
        reading.close()
    failed = any(problem.severity != "notice" for problem in problems)
    if as_json:
        print_json({"functions": rows, "problems": [_document(problem) for problem in problems]})
    else:
        _print_check(place, rows, problems)
    return int(failed)


def _document(problem: Problem) -> dict[str, Any]:
    names = ("function", "severity", "file", "line", "message", "remedy")
    return {name: getattr(problem, name) for name in names}


def _mark(row: FunctionRow) -> str:
    if any(problem.severity == "error" for problem in row.problems):
        return colour("✖", fg="red")
    return colour("–", dim=True) if row.state == "unserved" else colour("✓", fg="green")


def _origin(place: Place, row: FunctionRow) -> str:
    """Where the function is declared, and what of the disk it runs: `from template.yaml:5, code src, layers common`."""
    parts = [f"from {row.file}" + (f":{row.line}" if row.line else "")] if row.file else []
    inline = Path(row.code_root).is_relative_to(place.data / "inline")
    parts.append("inline code" if inline else f"code {_near(place.project, row.code_root)}")
    if row.layers:
        parts.append("layers " + ", ".join(_near(place.project, layer) for layer in row.layers))
    if row.kept:
        parts.append("without meaning here: " + ", ".join(row.kept))
    return ", ".join(parts)


def _near(project: Path, folder: str) -> str:
    """The folder relative to the project where it lies inside."""
    path = Path(folder)
    return str(path.relative_to(project)) if path.is_relative_to(project) else folder


def _folded(problems: list[Problem]) -> list[tuple[Problem, str]]:
    """The first of those that say the same of several functions, and its text with their names."""
    same: dict[tuple[object, ...], list[Problem]] = {}
    for problem in problems:
        words = problem.message.removeprefix(f"{problem.function}: ")
        key = (problem.severity, problem.file, words, problem.remedy) if problem.function else (len(same),)
        same.setdefault(key, []).append(problem)
    return [(group[0], _text(group)) for group in same.values()]


def _text(group: list[Problem]) -> str:
    first = group[0]
    names = list(dict.fromkeys(problem.function or "" for problem in group))
    if first.function is None or (len(names) == 1 and first.message.startswith(first.function)):
        return first.message
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    about = ", ".join(names[:_MOST_NAMED]) + more
    return f"{about}: {first.message.removeprefix(f'{first.function}: ')}"


def _print_check(place: Place, rows: list[FunctionRow], problems: list[Problem]) -> None:
    for row in rows:
        triggers = f"  {colour(shown('← ' + ', '.join(row.triggers)), dim=True)}" if row.triggers else ""
        out(f"{_mark(row)} {shown(f'{row.name}  {row.runtime}  {row.handler}')}{triggers}")
        out(colour(shown("    " + _origin(place, row)), dim=True))
    if rows and problems:
        out()
    folded = _folded(problems)
    for problem, text in folded:
        where = problem.file or str(place.project)
        where += f":{problem.line}" if problem.line else ""
        severity = colour(problem.severity, fg=COLOURS.get(problem.severity))
        out(f"{shown(where)}: {severity}: {shown(text)}")
        out(shown(f"    {problem.remedy}"))
    counted = [(kind, sum(problem.severity == kind for problem, _ in folded)) for kind in COLOURS]
    parts = [f"{count} {kind}{'s' if count != 1 else ''}" for kind, count in counted if count]
    functions = f"{len(rows)} function{'s' if len(rows) != 1 else ''}"
    say(f"{functions}, {', '.join(parts) or 'no problems'}")
