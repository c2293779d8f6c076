"""The root handler that Lambda's runtime client puts into `logging`, in the text and the JSON format."""

from __future__ import annotations

import os
from json import JSONEncoder
from time import gmtime

TYPE_CHECKING = False  # importing `typing` would take a third of a cold start
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

    from .logcapture import LogCapture

_encode = JSONEncoder(ensure_ascii=False).encode
_TEXT = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n"
_TIME = "%Y-%m-%dT%H:%M:%S"
_NAMES = (
    "name msg args levelname levelno pathname filename module exc_info exc_text stack_info lineno funcName created"
    " msecs relativeCreated thread threadName processName process taskName aws_request_id tenant_id"
)
_STANDARD_FIELDS = frozenset(_NAMES.split())


def install(logging: Any, capture: LogCapture) -> None:
    """Handler, format and level: WARNING unless AWS_LAMBDA_LOG_LEVEL says otherwise."""

    class LambdaLoggerHandler(logging.Handler):  # type: ignore[misc]  # the name that code looks for in handlers
        def emit(self, record: Any) -> None:
            record.aws_request_id = capture.request_id
            record.tenant_id = capture.tenant_id
            try:
                capture.write(self.format(record))
            except Exception:
                self.handleError(record)

    handler = LambdaLoggerHandler()
    logging.Formatter.converter = gmtime
    formatter = _json_formatter(logging) if capture.json_format else logging.Formatter(_TEXT, _TIME)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "").upper()
    level = "DEBUG" if level == "TRACE" else level
    if level in ("DEBUG", "INFO", "WARN", "WARNING", "ERROR", "CRITICAL", "FATAL"):
        root.setLevel(level)
    root.addHandler(handler)


def _json_formatter(logging: Any) -> Any:
    class JsonFormatter(logging.Formatter):  # type: ignore[misc]
        def format(self, record: Any) -> str:
            return _encode(_json_record(logging, record)) + "\n"

    return JsonFormatter()


def _json_record(logging: ModuleType, record: Any) -> dict[str, Any]:
    """The keys of Lambda's JSON log format; absent ones are left out."""
    import traceback

    level = logging.getLevelName(min(50, max(0, record.levelno)) // 10 * 10)
    seconds = int(record.created)
    stamp = "%04d-%02d-%02dT%02d:%02d:%02d" % gmtime(seconds)[:6]
    kind, error, trace = record.exc_info or (None, None, None)
    fields = {
        "timestamp": "%s.%03dZ" % (stamp, int((record.created - seconds) * 1000)),
        "level": level,
        "message": record.getMessage(),
        "logger": record.name,
        "stackTrace": traceback.format_tb(trace) if kind else None,
        "errorType": kind.__name__ if kind else None,
        "errorMessage": str(error) if kind else None,
        "requestId": record.aws_request_id,
        "location": "%s:%s:%s" % (record.pathname, record.funcName, record.lineno) if kind else None,
        "tenantId": record.tenant_id,
    }
    for key, value in record.__dict__.items():
        if key not in _STANDARD_FIELDS and key not in fields:
            fields[key] = value
    return {key: value for key, value in fields.items() if value is not None}
