"""What the platform itself writes to a function's log, exactly as Lambda does in the text format.

The JSON format is `report_json`'s. Texts and fields are as recorded from AWS.
"""

from __future__ import annotations

import re
from typing import Literal, Protocol

import msgspec

_ROOT = re.compile(r"Root=([^;]+)")
_PARENT = re.compile(r"Parent=([0-9a-f]{16})")
_REPORTED = re.compile(r"(Runtime|Function)\.[A-Z][a-zA-Z]+")


def reported_type(error_type: str | None) -> str | None:
    """A failed init's `Error Type`: the runtime's own names as they are, a class of the user's as Runtime.Unknown."""
    if error_type is None or _REPORTED.search(error_type):
        return error_type
    return "Runtime.Unknown"


class Sandbox(msgspec.Struct, frozen=True, kw_only=True):
    """An execution environment that starts."""

    function: str
    version: str
    stream: str  # its log stream's name
    memory_mb: int
    runtime: str  # "python:3.13.v0"
    runtime_arn: str
    provisioned: bool = False


class Init(msgspec.Struct, frozen=True, kw_only=True):
    """How an init ended. `phase` invoke: it was tried again inside the first invocation."""

    duration_us: int
    status: Literal["success", "error", "timeout"] = "success"
    error_type: str | None = None
    phase: Literal["init", "invoke"] = "init"
    provisioned: bool = False


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt. `init_us` on a cold start only.

    `status`: of the sandbox, `timeout` or `error` (an exit, a kill) with its `error_type`; None where the handler
    returned or raised. `trace`: the X-Ray header that the function saw.
    """

    request_id: str
    duration_us: int
    billed_ms: int
    memory_mb: int
    max_memory_mb: int | None
    init_us: int | None = None
    status: str | None = None
    error_type: str | None = None
    produced_bytes: int = 0
    trace: str = ""


class SystemLog(Protocol):
    """The platform's lines, each as one event of the log, without the newline at its end. `now_us`: when."""

    def init_started(self, now_us: int, sandbox: Sandbox) -> list[str]: ...
    def init_ended(self, now_us: int, init: Init) -> list[str]: ...
    def started(self, now_us: int, request_id: str, arn: str, version: str) -> list[str]: ...
    def ended(self, now_us: int, report: Report) -> list[str]: ...


class TextLog:
    """`INIT_START`, `INIT_REPORT`, `START`, `END` and `REPORT`, whatever the system log level is: that is JSON's."""

    def init_started(self, _: int, sandbox: Sandbox) -> list[str]:
        return [f"INIT_START Runtime Version: {sandbox.runtime}\tRuntime Version ARN: {sandbox.runtime_arn}"]

    def init_ended(self, _: int, init: Init) -> list[str]:
        """A good init on demand is told by its invocation's REPORT alone."""
        head = f"INIT_REPORT Init Duration: {_ms(init.duration_us)}"
        if init.status == "success":
            return [head] if init.provisioned else []
        parts = [head, f"Phase: {init.phase}", f"Status: {init.status}"]
        if init.status == "error" and init.error_type:
            parts.append(f"Error Type: {init.error_type}")
        return ["\t".join(parts)]

    def started(self, _: int, request_id: str, arn: str, version: str) -> list[str]:
        return [f"START RequestId: {request_id} Version: {version}"]

    def ended(self, _: int, report: Report) -> list[str]:
        return [f"END RequestId: {report.request_id}", _report_line(report)]


def _report_line(report: Report) -> str:
    """`REPORT RequestId: …`, tab-separated; with a tab at its end unless a status stands there."""
    parts = [
        f"REPORT RequestId: {report.request_id}",
        f"Duration: {_ms(report.duration_us)}",
        f"Billed Duration: {report.billed_ms} ms",
        f"Memory Size: {report.memory_mb} MB",
        f"Max Memory Used: {report.max_memory_mb or 0} MB",
    ]
    if report.init_us is not None:
        parts.append(f"Init Duration: {_ms(report.init_us)}")
    if report.status is not None:
        parts.append(f"Status: {report.status}")
        if report.status == "error" and report.error_type:
            parts.append(f"Error Type: {report.error_type}")
    line = "\t".join(parts) + ("\t" if report.status is None else "")
    return line + _xray(report.trace)


def _xray(trace: str) -> str:
    """The line of a sampled trace, which belongs to the same event; "" for others."""
    if "Sampled=1" not in trace:
        return ""
    root, parent = _ROOT.search(trace), _PARENT.search(trace)
    if root is None or parent is None:
        return ""
    return f"\nXRAY TraceId: {root[1]}\tSegmentId: {parent[1]}\tSampled: true\t"


def _ms(us: int) -> str:
    return f"{us / 1000:.2f} ms"
