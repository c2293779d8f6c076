"""The platform's own lines, in both log formats, as recorded from AWS."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambdatui.config.model import LoggingConfig
from lambdatui.telemetry.lines import own_level
from lambdatui.telemetry.report import Init, Report, Sandbox
from lambdatui.telemetry.report_json import system_log

REQUEST = "8d3ad5e2-4b1e-4a0a-9c58-3a3c1b6e2f11"
ARN = "arn:aws:lambda:us-east-1:000000000000:function:notifier"
NOW = 1_791_444_627_768_999  # 2026-10-08T07:30:27.768999Z
SANDBOX = Sandbox(
    function="notifier",
    version="$LATEST",
    stream="2026/10/08/[$LATEST]22be53a8cfde4e68b844f8ec293b2543",
    memory_mb=256,
    runtime="python:3.13.v122",
    runtime_arn="arn:aws:lambda:eu-central-1::runtime:775dab0d",
)
TEXT = system_log(LoggingConfig())


def json_log(level: Any = "INFO") -> Any:
    return system_log(LoggingConfig(format="JSON", system_level=level))


def report(**more: Any) -> Report:
    given = {
        "request_id": REQUEST,
        "duration_us": 1_233_960,
        "billed_ms": 1698,
        "memory_mb": 256,
        "max_memory_mb": 123,
        "init_us": 463_512,
    }
    return Report(**{**given, **more})


def test_text_lines_are_awss() -> None:
    assert TEXT.init_started(NOW, SANDBOX) == [
        "INIT_START Runtime Version: python:3.13.v122"
        "\tRuntime Version ARN: arn:aws:lambda:eu-central-1::runtime:775dab0d"
    ]
    assert TEXT.started(NOW, REQUEST, ARN, "$LATEST") == [f"START RequestId: {REQUEST} Version: $LATEST"]
    assert TEXT.ended(NOW, report()) == [
        f"END RequestId: {REQUEST}",
        f"REPORT RequestId: {REQUEST}\tDuration: 1233.96 ms\tBilled Duration: 1698 ms\tMemory Size: 256 MB"
        "\tMax Memory Used: 123 MB\tInit Duration: 463.51 ms\t",
    ]


@pytest.mark.parametrize(
    ("more", "end"),
    [
        ({}, "\tMax Memory Used: 123 MB\t"),
        ({"status": "timeout"}, "\tMax Memory Used: 123 MB\tStatus: timeout"),
        (
            {"status": "error", "error_type": "Runtime.ExitError"},
            "\tMax Memory Used: 123 MB\tStatus: error\tError Type: Runtime.ExitError",
        ),
        ({"trace": "Root=1-62e900b2-710d76f009d6e7785905449a;Parent=0efbd19962d95b05;Sampled=0"}, "Used: 123 MB\t"),
        (
            {"trace": "Root=1-62e900b2-710d76f009d6e7785905449a;Parent=0efbd19962d95b05;Sampled=1"},
            "\t\nXRAY TraceId: 1-62e900b2-710d76f009d6e7785905449a\tSegmentId: 0efbd19962d95b05\tSampled: true\t",
        ),
    ],
)
def test_a_report_ends_with_what_went_wrong_or_a_tab(more: dict[str, Any], end: str) -> None:
    assert TEXT.ended(NOW, report(init_us=None, **more))[1].endswith(end)


def test_a_failed_init_has_a_report_of_its_own() -> None:
    assert TEXT.init_ended(NOW, Init(duration_us=1_000_000)) == []
    assert TEXT.init_ended(NOW, Init(duration_us=9_999_790, status="timeout")) == [
        "INIT_REPORT Init Duration: 9999.79 ms\tPhase: init\tStatus: timeout"
    ]
    failed = Init(duration_us=150_790, status="error", error_type="Runtime.UserCodeSyntaxError", phase="invoke")
    assert TEXT.init_ended(NOW, failed) == [
        "INIT_REPORT Init Duration: 150.79 ms\tPhase: invoke\tStatus: error\tError Type: Runtime.UserCodeSyntaxError"
    ]


def test_json_events_are_awss_byte_for_byte() -> None:
    log = json_log()
    assert log.init_started(NOW, SANDBOX) == [
        '{"time":"2026-10-08T07:30:27.768Z","type":"platform.initStart","record":{"initializationType":"on-demand",'
        '"phase":"init","runtimeVersion":"python:3.13.v122",'
        '"runtimeVersionArn":"arn:aws:lambda:eu-central-1::runtime:775dab0d","functionName":"notifier",'
        '"functionVersion":"$LATEST","instanceId":"2026/10/08/notifier[$LATEST]22be53a8cfde4e68b844f8ec293b2543",'
        '"instanceMaxMemory":268435456}}'
    ]
    assert log.started(NOW, REQUEST, ARN, "$LATEST") == [
        '{"time":"2026-10-08T07:30:27.768Z","type":"platform.start","record":{"requestId":"' + REQUEST + '",'
        '"functionArn":"' + ARN + '","version":"$LATEST"}}'
    ]
    assert log.ended(NOW, report()) == [
        '{"time":"2026-10-08T07:30:27.768Z","type":"platform.report","record":{"requestId":"' + REQUEST + '",'
        '"metrics":{"durationMs":1233.96,"billedDurationMs":1698,"memorySizeMB":256,"maxMemoryUsedMB":123,'
        '"initDurationMs":463.512},"status":"success"}}'
    ]
    assert json_log("WARN").init_ended(NOW, Init(duration_us=10_000_487, status="timeout"))[1] == (
        '{"time":"2026-10-08T07:30:27.768Z","type":"platform.initReport","record":{"initializationType":"on-demand",'
        '"phase":"init","status":"timeout","metrics":{"durationMs":10000.487}}}'
    )


def test_the_system_log_level_says_which_events_are_written() -> None:
    bad = {"status": "error", "error_type": "Runtime.OutOfMemory"}

    def written(level: str, *, good: bool, provisioned: bool = False) -> list[str]:
        log = json_log(level)
        init = Init(duration_us=1, status="success" if good else "error", provisioned=provisioned)
        lines = log.init_started(NOW, SANDBOX) + log.init_ended(NOW, init)
        lines += log.started(NOW, REQUEST, ARN, "1") + log.ended(NOW, report(**({} if good else bad)))
        return [json.loads(line)["type"].removeprefix("platform.") for line in lines]

    everything = ["initStart", "initRuntimeDone", "initReport", "start", "runtimeDone", "report"]
    assert written("DEBUG", good=True) == written("DEBUG", good=False) == everything
    assert written("INFO", good=True) == ["initStart", "start", "report"]
    assert written("INFO", good=True, provisioned=True) == ["initStart", "initReport", "start", "report"]
    assert written("INFO", good=False) == everything
    assert written("WARN", good=True) == []
    assert written("WARN", good=False) == ["initRuntimeDone", "initReport", "runtimeDone", "report"]


def test_a_failures_type_stands_in_the_json_report() -> None:
    done, last = map(json.loads, json_log().ended(NOW, report(status="error", error_type="Runtime.ExitError")))
    assert (done["record"]["status"], done["record"]["errorType"]) == ("error", "Runtime.ExitError")
    assert (last["record"]["status"], last["record"]["errorType"]) == ("error", "Runtime.ExitError")


def test_an_uncaught_exceptions_json_line_is_an_error() -> None:
    assert own_level('{"timestamp": "2024-06-17T17:23:55Z", "log_level": "ERROR", "errorType": "KeyError"}') == "ERROR"
