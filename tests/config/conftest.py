"""A project folder to write into, and what loading it gives."""

from __future__ import annotations

from pathlib import Path

import pytest

from lambdatui.config.loader import load_project
from lambdatui.config.model import LoadOptions, Project
from tests.config.helpers import Load, Write


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An empty folder called shop."""
    folder = tmp_path / "shop"
    folder.mkdir()
    return folder


@pytest.fixture
def write(project: Path) -> Write:
    """write("orders/app.py", text) below the project."""

    def write_file(name: str, text: str = "def handler(event, context):\n    return event\n") -> Path:
        file = project / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    return write_file


@pytest.fixture
def load(project: Path) -> Load:
    """Load the project with LoadOptions' fields as keywords."""

    def load_it(**options: object) -> Project:
        return load_project(project, LoadOptions(**options))  # type: ignore[arg-type]

    return load_it
