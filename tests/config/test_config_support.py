"""The tables of what is served: the docs are made of them, and the readers decide by them."""

from __future__ import annotations

from lambdatui.config import support
from tests.config.helpers import Load, Write, says
from tools import support_tables


def test_the_page_in_the_docs_is_what_the_tables_give() -> None:
    assert support_tables.TARGET.read_text(encoding="utf-8") == support_tables.document(), "run: make tables"


def test_everything_that_is_not_served_has_a_sentence_and_a_remedy() -> None:
    rows = [(title, name, row) for title, table in support.TABLES.items() for name, row in table.items()]
    assert [
        (title, name) for title, name, row in rows if row.status == "not served" and not (row.note and row.remedy)
    ] == []
    assert [(title, name) for title, name, row in rows if row.remedy and row.status != "not served"] == []


def test_a_resource_is_found_by_its_type_then_by_its_family() -> None:
    method = support.of_resource("AWS::ApiGateway::Method")
    plan = support.of_resource("AWS::ApiGateway::UsagePlan")
    assert method is support.RESOURCES["AWS::ApiGateway::Method"] and plan is support.RESOURCES["AWS::ApiGateway::*"]
    assert support.of_resource("AWS::Nobody::Knows") is None


def test_a_resource_that_is_not_served_is_said_in_the_tables_words(write: Write, load: Load) -> None:
    write("template.yaml", "Resources:\n  Steps:\n    Type: AWS::StepFunctions::StateMachine\n")
    row = support.RESOURCES["AWS::StepFunctions::StateMachine"]
    assert says(load(), row.note) == ("warning", 2)
    assert any(problem.remedy == row.remedy for problem in load().problems)
