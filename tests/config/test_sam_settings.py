"""Logging, storage, recursion and the lengths of texts, in templates and serverless.yml."""

from __future__ import annotations

import pytest

from lambdatui.config.model import LoggingConfig
from tests.config.helpers import Load, Write, says

HEAD = """Transform: AWS::Serverless-2016-10-31
Resources:
  Lines: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: /shop/lines}}
  F:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
"""
FUNCTION = HEAD + "      Handler: a.b\n"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("{}", LoggingConfig()),
        ("{LogFormat: JSON}", LoggingConfig(format="JSON")),
        (
            "{LogFormat: JSON, ApplicationLogLevel: TRACE, SystemLogLevel: WARN}",
            LoggingConfig(format="JSON", application_level="TRACE", system_level="WARN"),
        ),
        ("{LogGroup: !Ref Lines}", LoggingConfig(group="/shop/lines")),
        ("{LogGroup: /shop/other, LogFormat: Text}", LoggingConfig(group="/shop/other")),
    ],
)
def test_logging_is_as_it_is_configured(written: str, expected: LoggingConfig, write: Write, load: Load) -> None:
    write("template.yaml", FUNCTION + f"      LoggingConfig: {written}\n")
    project = load()
    assert project.functions[0].logging == expected
    assert project.problems == ()


def test_globals_and_the_function_share_their_logging(write: Write, load: Load) -> None:
    globals_ = "Globals: {Function: {LoggingConfig: {LogFormat: JSON}, EphemeralStorage: {Size: 1024}}}\n"
    write("template.yaml", FUNCTION + "      LoggingConfig: {ApplicationLogLevel: ERROR}\n" + globals_)
    function = load().functions[0]
    assert function.logging == LoggingConfig(format="JSON", application_level="ERROR")
    assert function.ephemeral_storage == 1024


@pytest.mark.parametrize("level", ["ApplicationLogLevel: DEBUG", "LogFormat: Text, SystemLogLevel: DEBUG"])
def test_levels_need_the_json_format(level: str, write: Write, load: Load) -> None:
    write("template.yaml", FUNCTION + f"      LoggingConfig: {{{level}}}\n")
    assert says(load(), 'LogLevel is not supported when LogFormat is set to "Text"') == ("warning", 9)


@pytest.mark.parametrize(
    ("written", "member"),
    [
        ("LoggingConfig: {LogFormat: json}", "logFormat"),
        ("LoggingConfig: {LogFormat: JSON, ApplicationLogLevel: WARNING}", "applicationLogLevel"),
        ("LoggingConfig: {LogFormat: JSON, SystemLogLevel: ERROR}", "systemLogLevel"),
        ("RecursiveLoop: Never", "recursiveLoop"),
    ],
)
def test_a_word_that_aws_does_not_know_is_said_in_its_words(
    written: str, member: str, write: Write, load: Load
) -> None:
    write("template.yaml", FUNCTION + f"      {written}\n")
    assert says(load(), f"at '{member}' failed to satisfy constraint: Member must satisfy enum value set") == (
        "warning",
        9,
    )


@pytest.mark.parametrize(
    ("size", "expected", "said"), [(512, 512, 0), (10_240, 10_240, 0), (511, 512, 1), (10_241, 10_240, 1)]
)
def test_storage_has_its_bounds(size: int, expected: int, said: int, write: Write, load: Load) -> None:
    write("template.yaml", FUNCTION + f"      EphemeralStorage: {{Size: {size}}}\n")
    project = load()
    assert (project.functions[0].ephemeral_storage, len(project.problems)) == (expected, said)


def test_a_loop_may_be_allowed(write: Write, load: Load) -> None:
    write("template.yaml", FUNCTION)
    assert load().functions[0].recursive_loop == "Terminate"
    write("template.yaml", FUNCTION + "      RecursiveLoop: Allow\n")
    assert load().functions[0].recursive_loop == "Allow"


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        ("Handler: " + "a" * 127 + ".b", "at 'handler' failed to satisfy constraint: Member must have length less"),
        ("Handler: a b.c", r"at 'handler' failed to satisfy constraint: Member must satisfy regular expression"),
        ("Handler: a.b\n      Description: " + "x" * 257, "at 'description' failed to satisfy constraint"),
    ],
)
def test_texts_that_are_too_long_are_served_and_said(body: str, rule: str, write: Write, load: Load) -> None:
    write("template.yaml", HEAD + f"      {body}\n")
    project = load()
    assert says(project, rule)[0] == "warning"
    assert project.functions[0].unserved is None


def test_reserved_variables_are_refused_in_aws_words_and_lambdas_own_stay(write: Write, load: Load) -> None:
    names = ["AWS_REGION", "AWS_LAMBDA_FUNCTION_NAME", "AWS_ACCESS_KEY_ID", "_HANDLER", "LAMBDA_TASK_ROOT"]
    given = ", ".join(f"{name}: x" for name in names)
    write("template.yaml", FUNCTION + f"      Environment: {{Variables: {{{given}, TZ: Europe/Vienna, LANG: C}}}}\n")
    project = load()
    keys = "Reserved keys used in this request: AWS_ACCESS_KEY_ID, AWS_LAMBDA_FUNCTION_NAME, AWS_REGION"
    assert says(project, f"{keys}, LAMBDA_TASK_ROOT, _HANDLER") == ("warning", 4)
    assert project.functions[0].environment == {"TZ": "Europe/Vienna", "LANG": "C"}
    assert project.functions[0].unserved is None


def test_serverless_yml_logs_by_provider_and_function(write: Write, load: Load) -> None:
    write(
        "serverless.yml",
        "service: shop\nprovider:\n  name: aws\n  runtime: python3.12\n"
        "  logs: {restApi: true, lambda: {logFormat: JSON, applicationLogLevel: WARN, logGroup: /shop}}\n"
        "functions:\n  a: {handler: a.b}\n"
        "  b: {handler: a.b, ephemeralStorageSize: 2048, logs: {applicationLogLevel: DEBUG, systemLogLevel: DEBUG}}\n",
    )
    project = load()
    a, b = project.functions
    assert a.logging == LoggingConfig(format="JSON", application_level="WARN", group="/shop")
    assert b.logging == LoggingConfig(format="JSON", application_level="DEBUG", system_level="DEBUG", group="/shop")
    assert (a.ephemeral_storage, b.ephemeral_storage) == (512, 2048)
    assert project.problems == ()
