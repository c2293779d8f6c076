"""The log of one invocation as it comes: lines to telemetry, the last 4 KB kept for the caller."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from lambdatui.config.model import LoggingConfig
from lambdatui.schema import LEVELS
from lambdatui.telemetry.framing import Framing, Piece
from lambdatui.telemetry.lines import LineSplitter
from lambdatui.telemetry.report import Init, Report, Sandbox, reported_type
from lambdatui.telemetry.report_json import system_log

if TYPE_CHECKING:
    from lambdatui.clock import Clock
    from lambdatui.engine.environment import Launch, Outcome
    from lambdatui.store.records import LogStream
    from lambdatui.telemetry.telemetry import Telemetry

TAIL = 4096  # bytes of X-Amz-Log-Result before base64
# Of what is less, Lambda sends nothing to CloudWatch; what states no level is INFO:
# https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
_LEAST = {"TRACE": 0, "DEBUG": 10, "INFO": 20, "WARN": 30, "ERROR": 40, "FATAL": 50}
_EXITS = {"exit": "Runtime.ExitError", "memory": "Runtime.OutOfMemory"}


class InvocationLog:
    """An environment's `Output`: takes raw bytes of fds 1 and 2, attributes each line to the request and the stream.

    `request_id` None: an init that no request waits for. `provisioned`: for provisioned concurrency. `phase` is that
    of the next init.
    """

    def __init__(
        self,
        telemetry: Telemetry,
        clock: Clock,
        function: str,
        request_id: str | None,
        logging: LoggingConfig,
        *,
        provisioned: bool = False,
    ) -> None:
        self._telemetry = telemetry
        self._clock = clock
        self._function = function
        self._request_id = request_id
        self._json = logging.format == "JSON"
        self._least = _LEAST[logging.application_level] if self._json else None
        self._system = system_log(logging)
        self._provisioned = provisioned
        self._stream: LogStream | None = None  # until there is an environment
        self._framing = Framing()
        self._splitter = LineSplitter()
        self._fed = False  # since a line of the platform's ended what stood there unfinished
        self._tail = bytearray()
        self.phase: Literal["init", "invoke"] = "init"

    # --- what the environment says

    def starting(self, launch: Launch) -> None:
        self._stream = launch.log_stream
        sandbox = Sandbox(
            function=launch.function,
            version=launch.version,
            stream=launch.log_stream.name,
            memory_mb=launch.memory_mb,
            runtime=launch.runtime,
            runtime_arn=launch.runtime_arn,
            provisioned=self._provisioned,
        )
        # A text tail begins with START on AWS; one in JSON with platform.initStart.
        self._platform(self._system.init_started(self._clock.now_us(), sandbox), in_tail=self._json)

    def initialised(self, outcome: Outcome) -> None:
        good, late = outcome.kind == "result", outcome.kind == "timeout"
        init = Init(
            duration_us=outcome.duration_us,
            status="success" if good else "timeout" if late else "error",
            error_type=reported_type(outcome.error_type) or _EXITS.get(outcome.kind),
            phase=self.phase,
            provisioned=self._provisioned,
        )
        self._platform(self._system.init_ended(self._clock.now_us(), init))

    def joined(self, launch: Launch) -> None:
        self._stream = launch.log_stream

    def feed(self, data: bytes) -> None:
        """Bytes as they were read from the pipe, cut anywhere."""
        self._fed = True
        self._take(self._framing.feed(data))

    def wants_rest(self) -> bool:
        """Whether what it was fed waits for the disk: no more is to be read for now."""
        return self._telemetry.behind

    # --- what the platform says

    def started(self, arn: str, version: str) -> None:
        """The invocation begins; what the init left without a newline ends before it."""
        assert self._request_id is not None
        self._platform(self._system.started(self._clock.now_us(), self._request_id, arn, version))

    def ended(self, report: Report) -> None:
        """The invocation has ended, and what it wrote has been read."""
        self._platform(self._system.ended(self._clock.now_us(), report))

    def runtime_error(self, line: str) -> None:
        """What Lambda itself writes about a failure: timeout, exit, memory."""
        self._end_partial()
        self._keep(line.encode() + b"\n")
        self._write([("ERROR", line.rstrip("\n"))])

    def tail(self) -> bytes:
        return bytes(self._tail[-TAIL:])

    def _platform(self, lines: list[str], *, in_tail: bool = True) -> None:
        self._end_partial()
        if in_tail and lines:
            self._keep("\n".join([*lines, ""]).encode())
        self._write([("PLATFORM", line) for line in lines])

    def _take(self, pieces: list[Piece]) -> None:
        """What is printed becomes lines; a record of the runtime is one line of the log, as one event is on AWS."""
        lines: list[tuple[str, str]] = []
        for piece in pieces:
            if piece.level is None:
                lines += self._splitter.feed(piece.data)
            else:
                lines.append(piece.line())
        if self._least is None:
            self._keep_last(pieces)
        else:
            lines = self._sent(lines)
        self._write(lines)

    def _keep_last(self, pieces: list[Piece]) -> None:
        """As `_keep` of each; of many only the last can be in the tail."""
        size, begin = 0, len(pieces)
        while begin and size < TAIL:
            begin -= 1
            size += len(pieces[begin].data)
        for piece in pieces[begin:]:
            self._keep(piece.data)

    def _sent(self, lines: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """The lines that ApplicationLogLevel lets through."""
        sent = [(level, text) for level, text in lines if LEVELS[level] >= (self._least or 0)]
        for _, text in sent:
            self._keep(text.encode("utf-8", "replace") + b"\n")
        return sent

    def _end_partial(self) -> None:
        if not self._fed:
            return
        self._fed = False
        self._take(self._framing.flush())
        rest = self._splitter.flush()
        if rest and self._least is not None:
            self._write(self._sent(rest))
        elif rest:
            if not self._tail.endswith(b"\n"):  # a record may stand behind what has no end
                self._keep(b"\n")
            self._write(rest)

    def _keep(self, data: bytes) -> None:
        self._tail += data[-TAIL:]
        if len(self._tail) > 4 * TAIL:
            del self._tail[:-TAIL]

    def _write(self, lines: list[tuple[str, str]]) -> None:
        if lines:
            now = self._clock.now_us()
            self._telemetry.log_lines(self._function, self._request_id, now, lines, stream=self._stream)
