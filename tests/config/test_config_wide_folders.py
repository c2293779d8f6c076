"""A code folder that holds far more than code is refused, not read."""

import os
from pathlib import Path

import pytest

from lambdatui.config import plain
from lambdatui.config.loader import load_project
from lambdatui.config.model import LoadOptions


def test_a_template_cannot_make_the_whole_disk_a_code_folder(tmp_path: Path) -> None:
    (tmp_path / "template.yaml").write_text(
        "Transform: AWS::Serverless-2016-10-31\n"
        "Resources:\n"
        "  Wide:\n"
        "    Type: AWS::Serverless::Function\n"
        "    Properties: {Runtime: python3.12, Handler: a.b, CodeUri: /}\n"
    )
    project = load_project(tmp_path, LoadOptions())
    (function,) = project.functions
    assert function.unserved == "its code folder is /"
    assert any(
        problem.function == "Wide" and problem.remedy == "Name the folder of its code." for problem in project.problems
    )


def test_a_folder_with_far_too_many_folders_is_searched_in_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plain, "MAX_FOLDERS", 5)
    for name in "abcdef":
        (tmp_path / name / "deep").mkdir(parents=True)
    (tmp_path / "b" / "app.py").write_text("def handler(event, context): ...\n")
    project = load_project(tmp_path, LoadOptions())
    assert [function.name for function in project.functions] == ["b"]
    assert any("only the nearest 5 folders" in problem.message for problem in project.problems)


def test_folders_that_may_not_be_entered_are_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = tmp_path / "closed"
    closed.mkdir()
    (tmp_path / "open.py").write_text("def handler(event, context): ...\n")
    real = os.stat

    def stat(path: object, *args: object, **options: object) -> object:
        if str(path).startswith(f"{closed}/"):  # as it is for a user who is not root
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *args, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(os, "stat", stat)
    project = load_project(tmp_path, LoadOptions())
    assert [function.name for function in project.functions] == ["open"]


def test_beside_a_template_that_does_not_parse_overrides_are_not_doubted(tmp_path: Path) -> None:
    (tmp_path / "template.yaml").write_text("Resources:\n  A: [\n")
    (tmp_path / "lambdatui.toml").write_text(
        "[functions.make-order]\nmemory = 256\n[functions.own]\nhandler = 'a.b'\ndead_letter_queue = 'lost'\n"
    )
    (tmp_path / "a.py").write_text("def b(event, context): ...\n")
    found = load_project(tmp_path, LoadOptions()).problems
    assert [problem.file for problem in found] == ["template.yaml"]
