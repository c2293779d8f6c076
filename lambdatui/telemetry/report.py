"""The platform's lines of an invocation, exactly as Lambda writes them."""

from __future__ import annotations


def start_line(request_id: str, version: str = "$LATEST") -> str:
    """`START RequestId: … Version: $LATEST`"""
    return f"START RequestId: {request_id} Version: {version}"


def end_line(request_id: str) -> str:
    """`END RequestId: …`"""
    return f"END RequestId: {request_id}"


def report_line(
    request_id: str,
    *,
    duration_us: int,
    billed_ms: int,
    memory_mb: int,
    max_memory_mb: int | None,
    init_us: int | None = None,
    status: str | None = None,
    error_type: str | None = None,
) -> str:
    """`REPORT RequestId: …`, tab-separated with a tab at its end. `init_us` on a cold start only.

    `status`: `timeout` or `error` (of the sandbox: an exit, a kill), with its `error_type`; None where the handler
    returned or raised.
    """
    parts = [
        f"REPORT RequestId: {request_id}",
        f"Duration: {duration_us / 1000:.2f} ms",
        f"Billed Duration: {billed_ms} ms",
        f"Memory Size: {memory_mb} MB",
        f"Max Memory Used: {max_memory_mb or 0} MB",
    ]
    if init_us is not None:
        parts.append(f"Init Duration: {init_us / 1000:.2f} ms")
    if status is None:
        return "\t".join(parts) + "\t"
    parts.append(f"Status: {status}")
    if status == "error" and error_type:
        parts.append(f"Error Type: {error_type}")
    return "\t".join(parts)
