"""What each way to fail leaves with the caller and in the log, through a real environment.

Payloads and lines are those of the runtime client where the client ends the invocation (tests/differential compares
them), and the service's own where the sandbox does.
"""

from __future__ import annotations

import json
import re

import pytest

from lambdatui.engine.engine import Engine
from lambdatui.engine.model import InvokeResult
from tests.engine.conftest import Start, call

TRACEBACK = r"Traceback \(most recent call last\):"
REPORT = (
    r"REPORT RequestId: ID\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\tMemory Size: 128 MB\tMax Memory Used: \d+ MB"
)
WARNING = r"\[WARNING\]\tTIME\t\tLAMBDA_WARNING: Unhandled exception\. [^\n]*\r"
SANDBOX = "RequestId: ID Error: "
HANDLER = "def handler(event, context):\n    "


def events_of(engine: Engine, result: InvokeResult) -> list[str]:
    """The log's events from START on, their request id and times by name."""
    events = [line.message.replace(result.request_id, "ID") for line in engine.telemetry.logs.after(0)[0]]
    events = [re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "TIME", event) for event in events]
    return [event for event in events if not event.startswith(("INIT_START", "INIT_REPORT"))]


CASES = {
    "exception": (
        HANDLER + "raise KeyError('total')\n", "app.handler", "KeyError", "'total'",
        rf"\[ERROR\] KeyError: 'total'\n{TRACEBACK}\n\xa0\xa0File .*app\.py\", line 2, in handler\n\xa0+raise .*",
        None,
    ),
    "marshal error": (
        HANDLER + "return {1}\n", "app.handler", "Runtime.MarshalError",
        "Unable to marshal response: Object of type set is not JSON serializable",
        rf"\[ERROR\] Runtime\.MarshalError: Unable to marshal response: Object of type set is .*\n{TRACEBACK}", None,
    ),
    "exit with a status": (
        HANDLER + "import os; os._exit(127)\n", "app.handler", "Runtime.ExitError",
        SANDBOX + "Runtime exited with error: exit status 127",
        r"RequestId: ID Error: Runtime exited with error: exit status 127\nRuntime\.ExitError", "Runtime.ExitError",
    ),
    "exit without a reason": (
        HANDLER + "raise SystemExit\n", "app.handler", "Runtime.ExitError",
        SANDBOX + "Runtime exited without providing a reason",
        r"RequestId: ID Error: Runtime exited without providing a reason\nRuntime\.ExitError", "Runtime.ExitError",
    ),
    "signal": (
        HANDLER + "import os; os.kill(os.getpid(), 11)\n", "app.handler", "Runtime.ExitError",
        SANDBOX + "Runtime exited with error: signal: segmentation fault",
        r"RequestId: ID Error: Runtime exited with error: signal: segmentation fault\nRuntime\.ExitError",
        "Runtime.ExitError",
    ),
    "timeout": (
        HANDLER + "import time; time.sleep(9)\n", "app.handler", "Sandbox.Timedout",
        SANDBOX + "Task timed out after 1.00 seconds", r"TIME ID Task timed out after 1\.00 seconds", "timeout",
    ),
    "out of memory": (
        HANDLER + "import time; x = bytes(b'x') * 200_000_000; time.sleep(9)\n", "app.handler", "Runtime.OutOfMemory",
        SANDBOX + "Runtime exited with error: signal: killed",
        r"RequestId: ID Error: Runtime exited with error: signal: killed\nRuntime\.OutOfMemory", "Runtime.OutOfMemory",
    ),
    "oversized response": (
        HANDLER + "return 'x' * 6_291_555\n", "app.handler", "Function.ResponseSizeTooLarge",
        "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
        r"RuntimeError: Failed to post invocation response", "Function.ResponseSizeTooLarge",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
async def test_a_failure_of_the_invocation(start: Start, name: str) -> None:
    code, handler, error_type, message, event, report = CASES[name]
    timeout = 1 if error_type == "Sandbox.Timedout" else 9  # a busy machine takes long to fill 200 MB
    toml = f"[functions.app]\nhandler='{handler}'\ncode='fns'\ntimeout={timeout}\nmemory=128\n"
    engine = await start({"fns/app.py": code, "lambdatui.toml": toml})
    result = await call(engine, "app")
    body = json.loads(result.payload)
    assert result.function_error == "Unhandled"
    assert (body["errorType"], body["errorMessage"].replace(result.request_id, "ID")) == (error_type, message)
    first, *middle, end, last = events_of(engine, result)
    assert (first, end) == ("START RequestId: ID Version: $LATEST", "END RequestId: ID")
    assert re.fullmatch(event, middle[-1])
    status = {None: r"(\tInit Duration: [\d.]+ ms)?\t", "timeout": r"(\tInit Duration: [\d.]+ ms)?\tStatus: timeout"}
    ending = status.get(report, rf"(\tInit Duration: [\d.]+ ms)?\tStatus: error\tError Type: {report}")
    assert re.fullmatch(REPORT + ending, last)


INITS = {
    "init error": ("raise OSError('no disk')\n", "app.handler", "OSError", "no disk"),
    "import error": (
        "import not_there\n", "app.handler", "Runtime.ImportModuleError",
        "Unable to import module 'app': No module named 'not_there'",
    ),
    "handler missing": (
        "x = 1\n", "app.handler", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'app'",
    ),
    "syntax error": (
        "def handler(:\n", "app.handler", "Runtime.UserCodeSyntaxError",
        "Syntax error in module 'app': invalid syntax (app.py, line 1)",
    ),
    "malformed handler": (
        "x = 1\n", "app", "Runtime.MalformedHandlerName",
        "Bad handler 'app': not enough values to unpack (expected 2, got 1)",
    ),
    "built-in module": (
        "x = 1\n", "sys.exit", "Runtime.BuiltInModuleConflict", "Cannot use built-in module sys as a handler module",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", INITS)
async def test_a_failure_of_the_init(start: Start, name: str) -> None:
    code, handler, error_type, message = INITS[name]
    toml = f"[functions.app]\nhandler='{handler}'\ncode='fns'\nmemory=128\n"
    engine = await start({"fns/app.py": code, "lambdatui.toml": toml})
    result = await call(engine, "app")
    body = json.loads(result.payload)
    assert (result.function_error, body["errorType"], body["errorMessage"]) == ("Unhandled", error_type, message)
    assert body["requestId"] == ""
    events = events_of(engine, result)
    assert re.fullmatch(WARNING, events[0])
    assert events[1].startswith(f"[ERROR] {error_type}: {message}\nTraceback (most recent call last):")
    reported = error_type if error_type.startswith("Runtime.") else "Runtime.Unknown"
    assert re.fullmatch(REPORT + rf"\tStatus: error\tError Type: {reported}", events[-1])
    inits = [line.message for line in engine.telemetry.logs.after(0)[0] if line.message.startswith("INIT_REPORT")]
    assert [line.partition("Phase: ")[2] for line in inits] == [
        f"{phase}\tStatus: error\tError Type: {reported}" for phase in ("init", "invoke")
    ]


async def test_after_an_oversized_response_the_next_call_starts_anew(start: Start) -> None:
    """As on Lambda, whose client ends when its response is refused: what the module remembered is gone."""
    code = "calls = []\ndef handler(event, context):\n    calls.append(1)\n    return 'x' * event['n'] or len(calls)\n"
    engine = await start({"app.py": code})
    assert (await call(engine, "app", {"n": 6_291_555})).error_type == "Function.ResponseSizeTooLarge"
    again = await call(engine, "app", {"n": 0})
    assert (again.status, json.loads(again.payload)) == ("ok", 1)


async def test_the_json_format_has_records_of_its_level_and_the_tail_is_what_was_written(start: Start) -> None:
    template = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Transform": "AWS::Serverless-2016-10-31",
        "Resources": {
            "App": {
                "Type": "AWS::Serverless::Function",
                "Properties": {
                    "CodeUri": "fns", "Handler": "app.handler", "Runtime": "python3.11", "FunctionName": "app",
                    "LoggingConfig": {"LogFormat": "JSON", "ApplicationLogLevel": "WARN"},
                },
            }
        },
    }  # fmt: skip
    code = (
        "import logging, os\ndef handler(event, context):\n    logging.info('hidden')\n    logging.warning('a\\nb')\n"
        "    return [os.environ['AWS_LAMBDA_LOG_FORMAT'], os.environ['AWS_LAMBDA_LOG_LEVEL']]\n"
    )
    engine = await start({"fns/app.py": code, "template.json": json.dumps(template)})
    result = await call(engine, "app")
    assert json.loads(result.payload) == ["JSON", "WARN"]
    (line,) = [each for each in engine.telemetry.logs.after(0)[0] if each.level == "WARNING"]
    record = json.loads(line.message)
    assert (record["level"], record["message"], record["requestId"]) == ("WARNING", "a\nb", result.request_id)
    assert line.message.encode() + b"\n" in result.log_tail and b"hidden" not in result.log_tail
