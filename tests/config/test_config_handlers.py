"""Handlers are looked up in the source, as Python would find them, without running it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lambdatui.config.handlers import SyntaxFault, check_handler, compiles, find_module
from lambdatui.config.model import FunctionConfig, Problem
from tests.config.helpers import Write


def look(project: Path, handler: str) -> list[Problem]:
    function = FunctionConfig(
        name="f", logical_id="f", handler=handler, code_root=str(project), file="template.yaml", line=4
    )
    return check_handler(function, project)


@pytest.mark.parametrize(
    ("file", "handler"),
    [
        ("app.py", "app.handler"),
        ("a/b.py", "a/b.handler"),
        ("a/b.py", "a.b.handler"),
        ("a/b/__init__.py", "a.b.handler"),
        ("kinesis-consumer-fn.py", "kinesis-consumer-fn.handler"),
        ("src/my-app/main.py", "src/my-app/main.handler"),
    ],
)
def test_modules_that_are_found(file: str, handler: str, write: Write, project: Path) -> None:
    write(file)
    assert look(project, handler) == []


@pytest.mark.parametrize(
    "source",
    [
        "from other import handler",
        "from other import x as handler",
        "import handler",
        "from other import *",
        "handler = make()",
        "handler: object = make()",
        "(a, handler) = make()",
        "x = handler = make()",
        "class handler: ...",
        "async def handler(e, c): ...",
        "try:\n    import a\nexcept ImportError:\n    def handler(e, c): ...",
        "if x:\n    pass\nelse:\n    handler = 1",
        "with x() as handler: ...",
        "for handler in x: ...",
        "match x:\n    case 1:\n        handler = 1",
        "def __getattr__(name): ...",
        "globals()['handler'] = 1",
        "if (handler := make()): ...",
        "while True:\n    handler = 1\n    break",
    ],
)
def test_every_way_to_bind_a_name_counts(source: str, write: Write, project: Path) -> None:
    write("app.py", source + "\n")
    assert look(project, "app.handler") == []


@pytest.mark.parametrize(
    "source",
    [
        "def other(e, c): ...",
        "def f():\n    handler = 1",
        "x = [handler for handler in y]",
        "x = lambda: (handler := 1)",
    ],
)
def test_names_of_other_scopes_do_not_count(source: str, write: Write, project: Path) -> None:
    write("app.py", source + "\n")
    (problem,) = look(project, "app.handler")
    assert problem.message == "Handler 'handler' missing on module 'app'" and problem.file == "app.py"


def test_near_misses_are_named(write: Write, project: Path) -> None:
    write("app.py", "def lambda_handler(e, c): ...\n")
    assert look(project, "app.lamda_handler")[0].remedy == "Did you mean app.lambda_handler?"
    assert look(project, "app.main")[0].remedy == "Did you mean app.lambda_handler?"
    (problem,) = look(project, "ap.lambda_handler")
    assert problem.remedy == "Did you mean app?" and (problem.file, problem.line) == ("template.yaml", 4)
    assert "Unable to import module 'ap'" in problem.message


@pytest.mark.parametrize("handler", ["handler", "", ".handler", "app."])
def test_a_handler_without_module_or_name_is_malformed(handler: str, project: Path) -> None:
    assert look(project, handler)[0].message == f"Bad handler '{handler}'"


def test_a_code_folder_that_is_missing(project: Path) -> None:
    assert "does not exist" in look(project / "gone", "app.handler")[0].message


@pytest.mark.parametrize("handler", ["a\0b.handler", "x" * 5000 + ".handler", "/.h", "....h"])
def test_handlers_that_cannot_be_paths(handler: str, project: Path) -> None:
    assert look(project, handler)[0].severity == "error"


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("def handler(:\n", 1),
        ("x = 1\nreturn 2\n", 2),
        ("a\0b", None),
        ("# coding: nonsense\n", None),
        ("(" * 500, None),
    ],
)
def test_what_does_not_compile_is_told_with_its_line(
    source: str, line: int | None, write: Write, project: Path
) -> None:
    write("app.py", source)
    (problem,) = look(project, "app.handler")
    assert problem.message.startswith("Syntax error in module 'app'") and problem.file == "app.py"
    assert line is None or problem.line == line


def test_another_python_may_be_asked(write: Write, project: Path) -> None:
    """A file in a newer syntax than ours is not condemned where its own Python accepts it."""
    file = write("app.py", "type X[T] = list[T]\ndef handler(: ...\n")
    function = FunctionConfig(name="f", logical_id="f", handler="app.handler", code_root=str(project))
    assert check_handler(function, project, lambda path: None) == []
    asked = check_handler(function, project, lambda path: SyntaxFault("no", 7))
    assert asked[0].line == 7 and compiles(file) is not None


def test_packages_go_before_modules_and_folders_are_left_to_the_import(write: Write, project: Path) -> None:
    write("app.py")
    package = write("app/__init__.py")
    assert find_module(project, "app") == package
    write("space/x.txt", "")
    assert look(project, "space.handler") == []


def test_unserved_functions_are_not_looked_up(project: Path) -> None:
    function = FunctionConfig(name="f", logical_id="f", handler="", code_root=str(project), unserved="an image")
    assert check_handler(function, project) == []


@pytest.mark.parametrize("inside", ["", "python/"])
def test_a_handler_may_be_a_layers(inside: str, write: Write, project: Path) -> None:
    write("code/app.py")
    write(f"layer/{inside}wrapper.py", "def handler(e, c): ...\n")
    function = FunctionConfig(
        name="f", logical_id="f", handler="wrapper.handler", code_root=str(project / "code"),
        layers=(str(project / "layer"),),
    )  # fmt: skip
    assert check_handler(function, project) == []
