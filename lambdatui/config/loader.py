"""Opens a project folder: which kind it is, what it declares, and everything that is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from lambdatui.config.declared import Declared
from lambdatui.config.finding import (
    CDK_APP,
    SAMCONFIG,
    SERVERLESS,
    SERVERLESS_PROGRAMS,
    TEMPLATES,
    TOML,
    Source,
    exists,
    find_source,
    templates_below,
    templates_beside,
)
from lambdatui.config.finish import finish
from lambdatui.config.handlers import Compiles, check_handler, compiles
from lambdatui.config.model import LoadOptions, Problem, Project, Severity
from lambdatui.config.plain import find_functions
from lambdatui.config.problems import Problems
from lambdatui.errors import UsageError

if TYPE_CHECKING:
    from lambdatui.config.toml import TomlFile

# All files whose appearance or change is a reload, beside those that were read.
CONFIGURATION_FILES = (*TEMPLATES, *SERVERLESS, TOML, SAMCONFIG)
_MOST_NAMED = 8  # templates of subfolders that one sentence names
Kind = Literal["sam", "serverless", "toml", "plain"]


def find_project(root: Path, options: LoadOptions) -> None:
    """Raise UsageError where `load_project` would: `root` is no folder that can be read, or the template is no file."""
    find_source(_folder(root), options.template)


def load_project(root: Path, options: LoadOptions, data: Path | None = None) -> Project:
    """Read the project in `root`. Whatever it says becomes problems; only a folder that is none raises UsageError.

    `data` is the folder for state (default `root`/.lambdatui): inline code has its code root below it.
    `Project.broken` tells that a configuration file could not be read at all, so that its part is missing.
    """
    root = _folder(root)
    stack = root.name or "root"
    into = Declared(root=root, stack=stack, options=options, data=data or root / ".lambdatui")
    toml_path = root / TOML
    toml = _toml(toml_path)
    source = find_source(root, options.template)
    kind: Kind = "toml" if toml else "plain"
    if source is None:
        _plain(into, toml)
    else:
        kind = "serverless" if source.kind == "serverless" else "sam"
        _read(source, into, toml)
    if toml is not None:
        into.files.append(str(toml_path))
        into.broken = into.broken or toml.broken
        toml.apply(into)
    finish(into)
    if not into.functions and not any(problem.severity == "error" for problem in into.problems):
        _no_functions(into, kind)
    if source is None and not (toml and toml.declared()):
        _say_templates(into)
    if source is not None and options.template is None:
        _say_passed_over(source, into)
    return _project(into, kind)


def check_project(project: Project, check: Compiles = compiles) -> tuple[Problem, ...]:
    """Every problem that shows without running code: those of the load, then handlers that cannot be found or compiled.

    `check` compiles one file; the default asks this process's own Python.
    """
    root = Path(project.root)
    found = [problem for function in project.functions for problem in check_handler(function, root, check)]
    return (*project.problems, *found)


def _folder(root: Path) -> Path:
    try:
        root = Path(root).expanduser()
        if not root.exists():
            raise UsageError(f"there is no folder {root}: name the folder that holds the functions")
        if not root.is_dir():
            raise UsageError(f"{root} is not a folder: name the folder that holds it")
        root = root.resolve()
        next(root.iterdir(), None)
        return root
    except (OSError, ValueError, RuntimeError) as exc:
        reason = getattr(exc, "strerror", None) or exc
        raise UsageError(f"the folder {root} cannot be read: {reason}") from None


# Each language is imported where it is spoken: together they would be a fifth of an engine's start.


def _toml(path: Path) -> TomlFile | None:
    if not exists(path):
        return None
    from lambdatui.config.toml import TomlFile

    return TomlFile(path, TOML)


def _read(source: Source, into: Declared, toml: TomlFile | None) -> None:
    from lambdatui.config.sam_parameters import Given

    given = [Given(TOML, toml.parameters if toml else {}), Given("--parameter", into.options.parameters)]
    if source.kind == "cdk":
        from lambdatui.config.cdk import load_assembly

        load_assembly(source.path, source.stack, into, given)
        return
    into.files.append(str(source.path))
    if source.kind == "sam":
        from lambdatui.config.sam import load_template

        load_template(source.path, into, given)
    else:
        from lambdatui.config.serverless import load_serverless

        load_serverless(source.path, into, given)


def _say_templates(into: Declared) -> None:
    """A folder of several projects, one folder too high, or a template of another name: name what is there."""
    found = [into.shown(path) for path in templates_below(into.root)]
    beside = [into.shown(path) for path in templates_beside(into.root)]
    problems = Problems(None)
    if exists(into.root / CDK_APP):
        problems.warning("this is a CDK app, and what it makes is not here", "Make it: cdk synth (it writes cdk.out).")
    for name in SERVERLESS_PROGRAMS:
        if exists(into.root / name):
            problems.warning(
                f"{name} is a program, which is not run here: its functions are missing",
                "Write what it makes into serverless.json: npx serverless print --format json > serverless.json",
            )
    severity: Severity = "notice" if into.functions else "warning"
    if beside:
        declares = "declares" if len(beside) == 1 else "declare"
        problems.add(
            severity,
            f"the folder has no template.yaml, but {_some(beside)}, which {declares} functions",
            f"Name the one that is meant: --template {beside[0]}",
        )
    if found:
        problems.add(
            severity,
            f"the folder has no template of its own; below it {'is' if len(found) == 1 else 'are'} {_some(found)}",
            f"Name its folder instead of this one, or add --template {found[0]}",
        )
    into.problems.extend(problems.found)


def _say_passed_over(source: Source, into: Declared) -> None:
    """Who has a template and a serverless.yml may mean the other one."""
    for name in (*TEMPLATES, *SERVERLESS):
        if exists(into.root / name) and into.root / name != source.path:
            problems = Problems(name)
            problems.notice(
                f"{name} is not read, because {into.shown(source.path)} is there",
                f"To run it instead: --template {name}",
            )
            into.problems.extend(problems.found)


def _some(names: list[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more


def _plain(into: Declared, toml: TomlFile | None) -> None:
    """The folder's own functions. Where lambdatui.toml declares functions, only those that it names beside them."""
    problems = Problems(None)
    found = {function.name: function for function in find_functions(into.root, problems)}
    if toml is None or not toml.declared():
        into.problems.extend(problems.found)
    else:
        named = toml.root.table("functions").values
        found = {name: function for name, function in found.items() if name in named and name not in toml.declared()}
    into.functions.update(found)


def _no_functions(into: Declared, kind: Kind) -> None:
    template = into.shown(Path(into.files[0])) if into.files and kind != "plain" else None
    problems = Problems(template)
    if kind == "sam":
        problems.notice(
            "the template declares no functions", "Add a resource of type AWS::Serverless::Function.", line=1
        )
    elif kind == "serverless":
        problems.notice("serverless.yml declares no functions", "Add one below functions:.", line=1)
    else:
        problems.warning(
            "no functions were found",
            "Write NAME.py or NAME/app.py with def handler(event, context), or declare functions in a template.",
        )
    into.problems.extend(problems.found)


def _project(into: Declared, kind: Kind) -> Project:
    return Project(
        root=str(into.root),
        name=into.stack,
        kind=kind,
        region=into.options.region,
        account=into.options.account,
        functions=tuple(into.functions.values()),
        queues=tuple(into.queues.values()),
        streams=tuple(into.streams.values()),
        mappings=tuple(into.mappings),
        schedules=tuple(into.schedules),
        apis=tuple(into.apis.values()),
        routes=tuple(into.routes),
        pushes=tuple(into.pushes),
        resources=tuple(into.resources),
        problems=_ordered(into),
        files=tuple(into.files),
        broken=into.broken,
    )


def _ordered(into: Declared) -> tuple[Problem, ...]:
    """Each once; where a file could not be read, that comes first, because it explains what is missing."""
    once = dict.fromkeys(into.problems)
    if not into.broken:
        return tuple(once)
    return tuple(sorted(once, key=lambda problem: problem.severity != "error" or problem.function is not None))
