"""What is advised where an import failed."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from lambdatui.config.handlers import check_handler
from lambdatui.config.model import FunctionConfig, Problem
from lambdatui.engine.missing import import_problem


def problem(code: Path, message: str, *, error_type: str = "", handler: str = "app.handler") -> Problem:
    config = FunctionConfig(name="f", logical_id="f", handler=handler, code_root=str(code))
    found = check_handler(config, code)
    function: Any = SimpleNamespace(config=config, name="f", interpreter=None, own_manifest=None, code_problems=found)
    init: Any = SimpleNamespace(error_message=message, kind="error", error_type=error_type)
    return import_problem(function, init)


def remedy(code: Path, module: str) -> str:
    return problem(code, f"No module named '{module}'").remedy


def test_a_package_is_to_be_added(tmp_path: Path) -> None:
    assert remedy(tmp_path, "yaml.nodes").startswith(f"write PyYAML into {tmp_path}/requirements.txt")


def test_a_module_of_the_projects_own_folder_is_no_package(tmp_path: Path) -> None:
    (tmp_path / "auth").mkdir()
    (tmp_path / "auth" / "basic.py").touch()
    assert remedy(tmp_path, "auth.bearer").startswith("auth is the project's own")


def test_the_handlers_own_module_is_no_package_and_told_as_the_check_tells_it(tmp_path: Path) -> None:
    told = problem(tmp_path, "Unable to import module 'app': No module named 'app'")
    assert told.message == "Unable to import module 'app': no app.py in ."
    assert told.remedy.startswith("Create app.py in .")


def test_the_package_of_the_handler_is_no_package_to_install_either(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "items.py").write_text("def create(event, context): ...")
    told = problem(tmp_path, "No module named 'src'", handler="src.items.create")  # from a layer that hides it
    assert told.remedy == "src is the handler's: create it, or correct the handler"


def test_a_handler_that_is_not_there_is_told_once_with_the_name_that_was_meant(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("def handlr(event, context): ...")
    told = problem(tmp_path, "Handler 'handler' missing on module 'app'", error_type="Runtime.HandlerNotFound")
    assert told.remedy == "Did you mean app.handlr?"
