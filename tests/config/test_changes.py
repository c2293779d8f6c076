"""What a sentence says about a reload."""

from __future__ import annotations

from pathlib import Path

from lambdatui.config.changes import describe_change
from lambdatui.config.loader import load_project
from lambdatui.config.model import LoadOptions, Project

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Orders: {Type: AWS::Serverless::Function, Properties: {Handler: app.handler, InlineCode: x}}
  Jobs: {Type: AWS::SQS::Queue, Properties: {QueueName: jobs}}
"""
TOPIC = "  News: {Type: AWS::SNS::Topic, Properties: {TopicName: news}}\n"


def loaded(tmp_path: Path, text: str) -> Project:
    (tmp_path / "template.yaml").write_text(text)
    return load_project(tmp_path, LoadOptions(), tmp_path / "data")


def told(tmp_path: Path, text: str) -> str:
    said = describe_change(loaded(tmp_path, TEMPLATE), loaded(tmp_path, text))
    return said.removeprefix("configuration reloaded: ")


def test_what_only_moved_within_its_file_has_not_changed(tmp_path: Path) -> None:
    assert told(tmp_path, TEMPLATE.replace("Resources:\n", "Resources:\n" + TOPIC)) == "new topic news"
    assert told(tmp_path, "# a comment\n" + TEMPLATE) == "events, routes or problems changed"


def test_each_kind_is_called_by_its_name(tmp_path: Path) -> None:
    assert (
        told(tmp_path, TEMPLATE.replace("QueueName: jobs", "QueueName: work")) == "new queue work, removed queue jobs"
    )
    slower = TEMPLATE.replace("InlineCode: x", "InlineCode: x, Timeout: 9")
    assert told(tmp_path, slower) == "changed Orders (timeout 3 → 9)"


def test_what_a_function_or_queue_has_now_is_told_beside_what_it_had(tmp_path: Path) -> None:
    more = "InlineCode: x, MemorySize: 512, Timeout: 2.5, ReservedConcurrentExecutions: 5"
    assert told(tmp_path, TEMPLATE.replace("InlineCode: x", more)) == (
        "changed Orders (memory 128 → 512, timeout 3 → 2.5, reserved concurrency none → 5)"
    )
    fewer = TEMPLATE.replace("app.handler", "index.run").replace("jobs}", "jobs, VisibilityTimeout: 60}")
    assert told(tmp_path, fewer) == (
        "changed Orders (handler app.handler → index.run), changed queue jobs (visibility timeout 30 → 60)"
    )


def test_values_of_variables_and_texts_are_not_told(tmp_path: Path) -> None:
    secret = "InlineCode: y, Description: hunter2, Environment: {Variables: {KEY: hunter2, STAGE: dev}}"
    assert told(tmp_path, TEMPLATE.replace("InlineCode: x", secret)) == (
        "changed Orders (inline code, environment KEY STAGE, description)"
    )
