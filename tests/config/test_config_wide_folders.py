"""A code folder that holds far more than code is refused, not read."""

from pathlib import Path

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
