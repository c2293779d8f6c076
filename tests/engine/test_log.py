"""The log of an invocation: which lines ApplicationLogLevel lets through."""

from __future__ import annotations

from typing import Any, cast

import pytest

from lambdatui import wire
from lambdatui.clock import ManualClock
from lambdatui.config.model import LoggingConfig
from lambdatui.engine.log import InvocationLog

WRITTEN = (
    b'{"level": "debug", "msg": "small", "timestamp": "2026-11-21T16:51:31Z"}\n'
    b"printed\n"
    b'{"level": "WARNING", "msg": "odd"}\n'
    b'{"msg": "no level"}\n'
)


class Lines:
    """What telemetry is told."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def log_lines(self, function: str, request_id: str, time_us: int, lines: list[tuple[str, str]], **_: Any) -> None:
        self.messages += [message for _, message in lines]


def record(level: int, text: str) -> bytes:
    return wire.LOG_RECORD.pack(wire.log_record_type(level, True), len(text), 0) + text.encode()


def sent(logging: LoggingConfig, data: bytes) -> tuple[list[str], str]:
    lines = Lines()
    log = InvocationLog(cast(Any, lines), ManualClock(), "app", "0f0e9d3c-0000-4000-8000-000000000001", logging)
    log.feed(data)
    return lines.messages, log.tail().decode()


@pytest.mark.parametrize(
    ("level", "count"), [("TRACE", 4), ("DEBUG", 4), ("INFO", 3), ("WARN", 1), ("ERROR", 0), ("FATAL", 0)]
)
def test_json_logs_below_the_application_level_are_not_sent_and_no_level_is_info(level: Any, count: int) -> None:
    messages, tail = sent(LoggingConfig(format="JSON", application_level=level), WRITTEN)
    assert len(messages) == count
    assert tail.count("\n") == count


def test_records_of_logging_count_by_their_level_whatever_the_code_has_set() -> None:
    data = record(10, '{"message":"a"}\n') + record(40, '{"message":"b"}\n')
    assert sent(LoggingConfig(format="JSON", application_level="INFO"), data)[0] == ['{"message":"b"}']


def test_text_logs_are_all_sent() -> None:
    messages, tail = sent(LoggingConfig(format="Text", application_level="FATAL"), WRITTEN)
    assert (len(messages), tail.encode()) == (4, WRITTEN)
