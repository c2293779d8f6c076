"""The platform's events in the JSON log format, those that the system log level lets through.

Fields: https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html; their order is that of recorded
CloudWatch events. Levels: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
"""

from __future__ import annotations

from typing import Any

import msgspec

from lambdatui.clock import iso_millis
from lambdatui.config.model import LoggingConfig
from lambdatui.telemetry.report import Init, Report, Sandbox, SystemLog, TextLog

_RANKS = {"DEBUG": 10, "INFO": 20, "WARN": 30}
MEGABYTE = 1024 * 1024


class JsonLog:
    """`level`: DEBUG, INFO or WARN, the least that is written."""

    def __init__(self, level: str) -> None:
        self._least = _RANKS[level]

    def init_started(self, now_us: int, sandbox: Sandbox) -> list[str]:
        day, _, sandbox_id = sandbox.stream.partition("[")
        record = {
            "initializationType": _kind(sandbox.provisioned),
            "phase": "init",
            "runtimeVersion": sandbox.runtime,
            "runtimeVersionArn": sandbox.runtime_arn,
            "functionName": sandbox.function,
            "functionVersion": sandbox.version,
            "instanceId": f"{day[:10]}/{sandbox.function}[{sandbox_id}",
            "instanceMaxMemory": sandbox.memory_mb * MEGABYTE,
        }
        return self._events(now_us, ("INFO", "initStart", record))

    def init_ended(self, now_us: int, init: Init) -> list[str]:
        good = init.status == "success"
        record: dict[str, Any] = {
            "initializationType": _kind(init.provisioned),
            "phase": init.phase,
            "status": init.status,
            **({"errorType": init.error_type} if init.status == "error" and init.error_type else {}),
        }
        report = {**record, "metrics": {"durationMs": init.duration_us / 1000}}
        usual = "INFO" if init.provisioned else "DEBUG"
        return self._events(
            now_us,
            ("DEBUG" if good else "WARN", "initRuntimeDone", record),
            (usual if good else "WARN", "initReport", report),
        )

    def started(self, now_us: int, request_id: str, arn: str, version: str) -> list[str]:
        record = {"requestId": request_id, "functionArn": arn, "version": version}
        return self._events(now_us, ("INFO", "start", record))

    def ended(self, now_us: int, report: Report) -> list[str]:
        status: dict[str, str] = {"status": report.status or "success"}
        if report.status == "error" and report.error_type:
            status["errorType"] = report.error_type
        duration = report.duration_us / 1000
        metrics: dict[str, float] = {
            "durationMs": duration,
            "billedDurationMs": report.billed_ms,
            "memorySizeMB": report.memory_mb,
            "maxMemoryUsedMB": report.max_memory_mb or 0,
        }
        if report.init_us is not None:
            metrics["initDurationMs"] = report.init_us / 1000
        done = {
            "requestId": report.request_id,
            **status,
            "metrics": {"durationMs": duration, "producedBytes": report.produced_bytes},
        }
        good = report.status is None
        return self._events(
            now_us,
            ("DEBUG" if good else "WARN", "runtimeDone", done),
            ("INFO" if good else "WARN", "report", {"requestId": report.request_id, "metrics": metrics, **status}),
        )

    def _events(self, now_us: int, *events: tuple[str, str, dict[str, Any]]) -> list[str]:
        """Those of (level, name, record) that are to be written, as JSON texts."""
        time = iso_millis(now_us)
        return [
            msgspec.json.encode({"time": time, "type": f"platform.{name}", "record": record}).decode()
            for level, name, record in events
            if _RANKS[level] >= self._least
        ]


def _kind(provisioned: bool) -> str:
    return "provisioned-concurrency" if provisioned else "on-demand"


def system_log(logging: LoggingConfig) -> SystemLog:
    """How the platform logs for a function that is configured like this."""
    return JsonLog(logging.system_level) if logging.format == "JSON" else TextLog()
