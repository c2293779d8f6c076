"""What Lambda answers when an invocation did not end by itself. Pure.

The texts are AWS's own, as recorded: timeout (late 2025), exit, signal, memory, oversized response. A failure of the
sandbox stands in the log before END: a timeout with its time, everything else with its type on a second line.
"""

from __future__ import annotations

import signal

import msgspec

from lambdatui import wire
from lambdatui.clock import iso_millis
from lambdatui.engine.environment import Outcome
from lambdatui.store.refusals import passes, remedy
from lambdatui.telemetry.report import reported_type


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """An error payload as the caller gets it, and what the log says beside it."""

    status: str  # error | timeout
    error_type: str
    error_message: str
    payload: bytes
    report_type: str | None = None  # "Error Type" of the REPORT line
    log_line: str | None = None  # one event of the log, without the newline at its end


def _failure(
    request_id: str, error_type: str, text: str, *, status: str = "error", log_line: str | None = None
) -> Failure:
    message = f"RequestId: {request_id} Error: {text}"
    payload = msgspec.json.encode({"errorType": error_type, "errorMessage": message})
    return Failure(
        status=status,
        error_type=error_type,
        error_message=message,
        payload=payload,
        report_type=error_type,
        log_line=log_line or f"{message}\n{error_type}",
    )


def timed_out(request_id: str, timeout_s: float, now_us: int) -> Failure:
    text = f"Task timed out after {timeout_s:.2f} seconds"
    line = f"{iso_millis(now_us)} {request_id} {text}\n"
    return _failure(request_id, "Sandbox.Timedout", text, status="timeout", log_line=line)


def out_of_memory(request_id: str) -> Failure:
    return _failure(request_id, "Runtime.OutOfMemory", "Runtime exited with error: signal: killed")


def exited(request_id: str, outcome: Outcome) -> Failure:
    """The process ended under the handler, or there was none."""
    if outcome.error_type and outcome.error_message:
        return _failure(request_id, outcome.error_type, outcome.error_message)
    end = outcome.exit
    if end is not None and end.signal:
        name = (signal.strsignal(end.signal) or str(end.signal)).partition(":")[0]  # macOS: "Killed: 9"
        text = f"Runtime exited with error: signal: {name.lower()}"
    elif end is not None and end.status:
        text = f"Runtime exited with error: exit status {end.status}"
    else:
        text = "Runtime exited without providing a reason"
    return _failure(request_id, "Runtime.ExitError", text)


def not_started(request_id: str, reason: Exception) -> Failure:
    """There is no environment to run in: the disk is full, the code cannot be kept, ..."""
    why = f"{reason.strerror or reason}: {remedy(reason)}" if isinstance(reason, OSError) and passes(reason) else reason
    return _failure(request_id, "Runtime.InvalidEntrypoint", f"the environment could not be prepared: {why}")


def not_installed(handler: str, reason: Exception) -> Failure:
    """Its packages could not be installed: what its import would have come to, with the cause."""
    module = handler.rpartition(".")[0] or handler
    message = f"Unable to import module '{module}': {reason}"
    error_type = "Runtime.ImportModuleError"
    return Failure(
        status="error",
        error_type=error_type,
        error_message=message,
        payload=msgspec.json.encode(
            {"errorType": error_type, "errorMessage": message, "requestId": "", "stackTrace": []}
        ),
        log_line=f"[ERROR] {error_type}: {message}",
    )


def too_large() -> Failure:
    message = f"Response payload size exceeded maximum allowed payload size ({wire.MAX_SYNC_PAYLOAD} bytes)."
    body = {"errorMessage": message, "errorType": wire.RESPONSE_TOO_LARGE}
    return Failure(
        status="error",
        error_type=wire.RESPONSE_TOO_LARGE,
        error_message=message,
        payload=msgspec.json.encode(body),
        report_type=wire.RESPONSE_TOO_LARGE,
    )


def unserved(reason: str) -> Failure:
    """A function that is declared and cannot run here."""
    message = f"This function is not run here: {reason}"
    body = {"errorMessage": message, "errorType": "Runtime.Unsupported"}
    return Failure(
        status="error",
        error_type="Runtime.Unsupported",
        error_message=message,
        payload=msgspec.json.encode(body),
    )


def of(request_id: str, outcome: Outcome, timeout_s: float, now_us: int) -> Failure | None:
    """The failure that `outcome` is, None where the function succeeded. `now_us`: when it ended."""
    match outcome.kind:
        case "result":
            return too_large() if len(outcome.payload) > wire.MAX_SYNC_PAYLOAD else None
        case "error" if len(outcome.payload) > wire.MAX_SYNC_PAYLOAD:
            return too_large()
        case "error":
            return Failure(
                status="error",
                error_type=outcome.error_type or "Exception",
                error_message=outcome.error_message or "",
                payload=outcome.payload,
                report_type=_report_type(outcome),
            )
        case "timeout":
            return timed_out(request_id, timeout_s, now_us)
        case "memory":
            return out_of_memory(request_id)
        case _:
            return exited(request_id, outcome)


def _report_type(outcome: Outcome) -> str | None:
    """REPORT tells of no error that the handler raised, and of each that kept it from running."""
    if outcome.of_init:
        return reported_type(outcome.error_type)
    return wire.RESPONSE_TOO_LARGE if outcome.error_type == wire.RESPONSE_TOO_LARGE else None


class _Body(msgspec.Struct):
    stackTrace: list[str] = []  # noqa: N815 (AWS's key)


def error_text(failure: Failure) -> str:
    """The error with its traceback as text, as `show` prints it."""
    try:
        trace = msgspec.json.decode(failure.payload, type=_Body).stackTrace
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        trace = []
    head = ["Traceback (most recent call last):", *(line.rstrip("\n") for line in trace)] if trace else []
    return "\n".join([*head, f"{failure.error_type}: {failure.error_message}"])
