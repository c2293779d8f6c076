"""The log of one invocation as it comes: lines to telemetry, the last 4 KB kept for the caller."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambdatui.telemetry.lines import LineSplitter

if TYPE_CHECKING:
    from lambdatui.clock import Clock
    from lambdatui.engine.environment import Launch
    from lambdatui.store.records import LogStream
    from lambdatui.telemetry.telemetry import Telemetry

TAIL = 4096  # bytes of X-Amz-Log-Result before base64


class InvocationLog:
    """An `Output`: takes raw bytes of fds 1 and 2, attributes each line to the request and the environment's stream.

    `request_id` None: an init that no request waits for.
    """

    def __init__(self, telemetry: Telemetry, clock: Clock, function: str, request_id: str | None) -> None:
        self._telemetry = telemetry
        self._clock = clock
        self._function = function
        self._request_id = request_id
        self._stream: LogStream | None = None  # until there is an environment
        self._splitter = LineSplitter()
        self._tail = bytearray()

    def starting(self, launch: Launch) -> None:
        self._stream = launch.log_stream

    def joined(self, launch: Launch) -> None:
        self._stream = launch.log_stream

    def feed(self, data: bytes) -> None:
        """Bytes as they were read from the pipe, cut anywhere."""
        self._keep(data)
        self._write(self._splitter.feed(data))

    def platform(self, line: str) -> None:
        """A START, END or REPORT line; what the function left without a newline ends before it."""
        self._end_partial()
        self._keep(line.encode() + b"\n")
        self._write([("PLATFORM", line)])

    def runtime_error(self, line: str) -> None:
        """A line that Lambda itself writes about a failure: timeout, exit, memory."""
        self._end_partial()
        self._keep(line.encode() + b"\n")
        self._write([("ERROR", line)])

    def tail(self) -> bytes:
        return bytes(self._tail[-TAIL:])

    def _end_partial(self) -> None:
        rest = self._splitter.flush()
        if rest:
            self._keep(b"\n")
            self._write(rest)

    def _keep(self, data: bytes) -> None:
        self._tail += data[-TAIL:]
        if len(self._tail) > 4 * TAIL:
            del self._tail[:-TAIL]

    def _write(self, lines: list[tuple[str, str]]) -> None:
        if lines:
            now = self._clock.now_us()
            self._telemetry.log_lines(
                self._function,
                self._request_id,
                [(now, level, message) for level, message in lines],
                stream=self._stream,
            )
