"""What is advised where an import failed."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from lambdatui.config.model import FunctionConfig
from lambdatui.engine.missing import import_problem


def remedy(code: Path, module: str) -> str:
    config = FunctionConfig(name="f", logical_id="f", handler="app.handler", code_root=str(code))
    function: Any = SimpleNamespace(config=config, name="f", interpreter=None, own_manifest=None)
    init: Any = SimpleNamespace(error_message=f"No module named '{module}'", kind="error", error_type=None)
    return import_problem(function, init).remedy


def test_a_package_is_to_be_added(tmp_path: Path) -> None:
    assert remedy(tmp_path, "yaml.nodes").startswith(f"write PyYAML into {tmp_path}/requirements.txt")


def test_a_module_of_the_projects_own_folder_is_no_package(tmp_path: Path) -> None:
    (tmp_path / "auth").mkdir()
    (tmp_path / "auth" / "basic.py").touch()
    assert remedy(tmp_path, "auth.bearer").startswith("auth is the project's own")
