"""The root handler that Lambda's runtime client puts into `logging`, in the text and the JSON format.

Names of classes and attributes, and that errors reach the code that logs, are the client's: projects look for them.
"""

from __future__ import annotations

import os
from json import JSONEncoder
from time import gmtime, time, time_ns

from ..wire import log_record_type

TYPE_CHECKING = False  # importing `typing` would take a third of a cold start
if TYPE_CHECKING:
    from typing import Any

    from .logcapture import LogCapture

_encode = JSONEncoder(ensure_ascii=False, default=str).encode
_TEXT = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n"
_TIME = "%Y-%m-%dT%H:%M:%S"
_NAMES = (
    "name msg args levelname levelno pathname filename module exc_info exc_text stack_info lineno funcName created"
    " msecs relativeCreated thread threadName processName process aws_request_id tenant_id _frame_type"
)
_STANDARD_FIELDS = frozenset(_NAMES.split())
_PLAIN = log_record_type(0, False)


class _Sink:
    """Where records go; `context.log` finds it as the handler's `log_sink`."""

    def __init__(self, capture: LogCapture) -> None:
        self._capture = capture

    def log(self, msg: str, frame_type: int | None = None) -> None:
        self._capture.record(msg, frame_type or _PLAIN)


class Installation:
    """What `LogCapture` has put into `logging`."""

    def __init__(self, logging: Any, capture: LogCapture) -> None:
        self._logging = logging
        self._capture = capture
        self._settings = _settings(capture)
        logging.Formatter.converter = gmtime
        root = logging.getLogger()
        self._level_before = root.level
        self._handler = _handler(logging, capture, self._settings)
        if self._settings[1] in logging._nameToLevel:
            root.setLevel(self._settings[1])
        root.addHandler(self._handler)

    def renew(self) -> None:
        """In a fork: the handler for its variables, in the place of the zygote's if libraries have left that there."""
        logging = self._logging
        logging._startTime = time_ns() if isinstance(logging._startTime, int) else time()
        settings = _settings(self._capture)
        if settings == self._settings:
            return
        root = logging.getLogger()
        if settings[1] in logging._nameToLevel and root.level == self._level_before:
            root.setLevel(settings[1])
        old, self._handler = self._handler, _handler(logging, self._capture, settings)
        root.handlers[:] = [self._handler if each is old else each for each in root.handlers]


def _settings(capture: LogCapture) -> tuple[bool, str]:
    """Whether in JSON, and the level: WARNING unless AWS_LAMBDA_LOG_LEVEL says otherwise."""
    level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "")
    return capture.json_format, "DEBUG" if level == "TRACE" else level.upper()


def _handler(logging: Any, capture: LogCapture, settings: tuple[bool, str]) -> Any:
    """Handler and format."""

    class LambdaLoggerHandler(logging.Handler):  # type: ignore[misc]
        def __init__(self, log_sink: _Sink) -> None:
            super().__init__()
            self.log_sink = log_sink

        def emit(self, record: Any) -> None:
            self.log_sink.log(self.format(record))

    class LambdaLoggerHandlerWithFrameType(LambdaLoggerHandler):
        def emit(self, record: Any) -> None:
            message = self.format(record)
            kind = getattr(record, "_frame_type", None)
            self.log_sink.log(message, kind or log_record_type(_rounded(record.levelno), False))

    class LambdaLoggerFilter(logging.Filter):  # type: ignore[misc]
        def filter(self, record: Any) -> bool:
            record.aws_request_id = capture.request_id
            record.tenant_id = capture.tenant_id
            return True

    json_format, level = settings
    kind = LambdaLoggerHandlerWithFrameType if json_format or level else LambdaLoggerHandler
    handler = kind(_Sink(capture))
    handler.setFormatter(_json_formatter(logging) if json_format else logging.Formatter(_TEXT, _TIME))
    handler.addFilter(LambdaLoggerFilter())
    return handler


def _rounded(level: int) -> int:
    """One of the five levels, or 0."""
    return min(50, max(0, level)) // 10 * 10


def _json_formatter(logging: Any) -> Any:
    class JsonFormatter(logging.Formatter):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(datefmt=_TIME + "Z")

        def format(self, record: Any) -> str:
            record.levelno = _rounded(record.levelno)
            record.levelname = logging.getLevelName(record.levelno)
            record._frame_type = log_record_type(record.levelno, True)
            return _encode(_json_record(record, self.formatTime(record, self.datefmt))) + "\n"

    return JsonFormatter()


def _json_record(record: Any, stamp: str) -> dict[str, Any]:
    """The keys of Lambda's JSON log format; absent ones are left out."""
    import traceback

    raised = record.exc_info
    fields = {
        "timestamp": stamp,
        "level": record.levelname,
        "message": record.msg if isinstance(record.msg, dict) and not record.args else record.getMessage(),
        "logger": record.name,
        "stackTrace": traceback.format_tb(raised[2]) if raised else None,
        "errorType": raised[0].__name__ if raised else None,
        "errorMessage": str(raised[1]) if raised else None,
        "requestId": getattr(record, "aws_request_id", None),
        "location": "%s:%s:%s" % (record.pathname, record.funcName, record.lineno) if raised else None,
    }
    if getattr(record, "tenant_id", None) is not None:
        fields["tenantId"] = record.tenant_id
    for key, value in record.__dict__.items():
        if key not in _STANDARD_FIELDS and key not in fields:
            fields[key] = value
    return {key: value for key, value in fields.items() if value is not None}
