"""What a handler sees and what comes out of it, on real environments."""

from __future__ import annotations

import json
import re
import signal

import pytest
import runtime_harness as harness
from runtime_harness import Start

from lambdatui import wire

ECHO = "def handler(event, context):\n    return event\n"


@pytest.mark.parametrize("python", harness.pythons())
def test_a_handler_runs_on_every_python_that_is_there(start: Start, python: str) -> None:
    code = """
import logging, sys
logging.warning("init")
def handler(event, context):
    print("no newline", end="")
    logging.getLogger().info("hidden")
    logging.error("shown")
    if event == "fail":
        raise KeyError("x")
    return {"python": list(sys.version_info[:2]), "event": event}
"""
    environment = start(code, python=python)
    ready = environment.ready()
    assert ready.kind == wire.READY
    assert re.fullmatch(rb"\[WARNING\]\t\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\t\tinit\n", ready.log)
    answer = environment.invoke("é")
    assert (answer.kind, answer.json["event"]) == (wire.RESULT, "é")
    assert ("é".encode() in answer.payload) == (tuple(answer.json["python"]) >= (3, 12))
    shown = rf"no newline\[ERROR\]\t[-\d:T.]+Z\t{environment.request_id}\tshown\n".encode()
    assert re.fullmatch(shown, answer.log)
    failed = environment.invoke("fail")
    assert failed.json["errorType"] == "KeyError"
    assert failed.json["stackTrace"][0].endswith('line 9, in handler\n    raise KeyError("x")\n')


def test_six_megabytes_pass_both_ways(start: Start) -> None:
    environment = start(ECHO)
    environment.ready()
    event = json.dumps("x" * (6_291_556 - 2)).encode()
    answer = environment.invoke(event)
    assert (answer.kind, answer.payload) == (wire.RESULT, event)
    too_large = environment.invoke(json.dumps("x" * (6_291_556 - 1)).encode())
    assert (too_large.kind, too_large.json["errorType"]) == (wire.ERROR, "Function.ResponseSizeTooLarge")
    assert environment.exited()["status"] == 1


def test_an_empty_event_is_an_empty_object_and_a_broken_one_an_error(start: Start) -> None:
    environment = start(ECHO)
    environment.ready()
    assert environment.invoke(b"").json == {}
    broken = environment.invoke(b'{"a":').json
    assert broken["errorType"] == "Runtime.UnmarshalError"
    assert broken["errorMessage"].startswith("Unable to unmarshal input: Expecting value: line 1 column 6")
    assert environment.invoke(b"\xff").json["errorType"] == "Runtime.UnmarshalError"
    assert environment.invoke(b" [1, 2.5, null] ").json == [1, 2.5, None]


def test_the_context_has_lambdas_attributes(start: Start) -> None:
    code = """
import os
def handler(event, context):
    left = context.get_remaining_time_in_millis()
    assert 0 < left <= 3000, left
    assert type(context.memory_limit_in_mb) is str
    context.log("straight\\n")
    client = context.client_context
    return [context.function_name, context.function_version, context.invoked_function_arn, context.memory_limit_in_mb,
        context.aws_request_id, context.log_group_name, context.log_stream_name, context.identity.cognito_identity_id,
        context.tenant_id, client and [client.custom, client.env, client.client.app_title], context.w3c(),
        os.environ.get("_X_AMZN_TRACE_ID"), os.getcwd()]
"""
    environment = start(code)
    environment.ready()
    answer = environment.invoke(None)
    arn = "arn:aws:lambda:us-east-1:000000000000:function:orders"
    assert answer.json == [
        "orders", "$LATEST", arn, "128", str(environment.request_id), "/aws/lambda/orders",
        "2026/01/01/[$LATEST]0123", None, None, None, {}, None, str(environment.root),
    ]  # fmt: skip
    assert answer.log == b"straight\n"
    client = '{"custom": {"a": 1}, "env": {}, "client": {"app_title": "t"}, "w3c": {"traceparent": "p", "x": "y"}}'
    meta = {"client_context": client, "identity": {"cognitoIdentityId": "i"}, "tenant_id": "blue", "trace_id": "Root=1"}
    answer = environment.invoke(None, **meta)
    assert answer.json[7:12] == ["i", "blue", [{"a": 1}, {}, "t"], {"traceparent": "p"}, "Root=1"]
    assert environment.invoke(None).json[11] is None
    broken = environment.invoke(None, client_context="{")
    assert broken.json["errorType"] == "Runtime.LambdaContextUnmarshalError"


def test_an_exception_has_lambdas_payload_log_and_local_values(start: Start) -> None:
    code = """
class Loud:
    def __repr__(self):
        raise RuntimeError("no repr")
def inner(order):
    password = "hunter2"
    loud = Loud()
    items = list(range(10_000))
    settings = {"api_key": "hunter3", "a": 1}
    return order["total"]
def handler(event, context):
    return inner(event)
"""
    environment = start(code)
    environment.ready()
    answer = environment.invoke({"id": 1})
    file = str(environment.root / "app.py")
    assert answer.json == {
        "errorMessage": "'total'",
        "errorType": "KeyError",
        "requestId": str(environment.request_id),
        "stackTrace": [
            f'  File "{file}", line 12, in handler\n    return inner(event)\n',
            f'  File "{file}", line 10, in inner\n    return order["total"]\n',
        ],
    }
    assert list(answer.json) == ["errorMessage", "errorType", "requestId", "stackTrace"]
    assert (answer.meta["error_type"], answer.meta["error_message"]) == ("KeyError", "'total'")
    lines = answer.log.decode().split("\n")
    assert lines[:2] == ["[ERROR] KeyError: 'total'", "Traceback (most recent call last):"]
    assert lines[2] == f'\u00a0\u00a0File "{file}", line 12, in handler'
    assert answer.diagnostics is not None
    outer, frame = answer.diagnostics["frames"]
    assert (outer["function"], frame["function"], frame["file"], frame["line"]) == ("handler", "inner", file, 10)
    assert [10, '    return order["total"]'] in frame["source"] and [5, "def inner(order):"] in frame["source"]
    assert frame["locals"]["order"] == "{'id': 1}"
    assert frame["locals"]["password"] == "********" and "hunter" not in json.dumps(
        answer.diagnostics["frames"][1]["locals"]
    )
    assert frame["locals"]["loud"] == "<repr() of Loud raised RuntimeError>"
    assert len(frame["locals"]["items"]) <= 200


def test_diagnostics_stay_small_and_a_repr_that_hangs_does_not_hide_the_error(start: Start) -> None:
    code = """
import time
class Slow:
    def __repr__(self):
        time.sleep(600)
def deep(n, **kwargs):
    a = b = c = d = e = f = g = h = "x" * 100_000
    if n == 0:
        raise ValueError("deep")
    deep(n - 1, **{"k%d" % i: "y" * 300 for i in range(60)})
def handler(event, context):
    if event == "deep":
        deep(100)
    slow = Slow()
    raise ValueError("slow")
"""
    environment = start(code)
    environment.ready()
    answer = environment.invoke("deep")
    assert answer.json["errorMessage"] == "deep"
    assert answer.diagnostics is not None
    assert answer.diagnostics["frames"][-1]["line"] == 9
    assert len(json.dumps(answer.diagnostics)) <= 64 * 1024
    assert all(len(frame["locals"]) <= 40 for frame in answer.diagnostics["frames"])
    answer = environment.invoke("slow")
    assert (answer.json["errorMessage"], answer.diagnostics) == ("slow", None)


@pytest.mark.parametrize(
    ("files", "handler", "kind", "message"),
    [
        ({"app.py": "import nothere\n"}, "app.handler", "ImportModuleError", "Unable to import module 'app': No module named 'nothere'"),  # noqa: E501
        ({}, "app.handler", "ImportModuleError", "Unable to import module 'app': No module named 'app'"),
        ({"a/b.py": "x = 1\n"}, "a/b.fn", "HandlerNotFound", "Handler 'fn' missing on module 'a/b'"),
        ({"app.py": "def handler(:\n"}, "app.handler", "UserCodeSyntaxError", "Syntax error in module 'app': invalid syntax (app.py, line 1)"),  # noqa: E501
        ({}, "app", "MalformedHandlerName", "Bad handler 'app': not enough values to unpack (expected 2, got 1)"),
        ({}, "sys.exit", "BuiltInModuleConflict", "Cannot use built-in module sys as a handler module"),
    ],
)  # fmt: skip
def test_what_keeps_a_function_from_starting(
    start: Start, files: dict[str, str], handler: str, kind: str, message: str
) -> None:
    environment = start(files, handler)
    answer = environment.ready()
    assert answer.kind == wire.INIT_ERROR
    assert (answer.json["errorType"], answer.json["requestId"]) == ("Runtime." + kind, "")
    assert answer.json["errorMessage"] == message
    warning, _, error = answer.log.partition(b"\r\n")
    assert b"\t\tLAMBDA_WARNING: Unhandled exception. " in warning
    assert error.startswith(f"[ERROR] Runtime.{kind}: {message}\nTraceback".encode())
    assert environment.exited()["status"] == 1


def test_an_exception_during_init_is_an_init_error_with_its_frames(start: Start) -> None:
    answer = start("limit = 3\nraise RuntimeError('no database')\n").ready()
    assert (answer.kind, answer.json["errorType"], answer.json["errorMessage"]) == (
        wire.INIT_ERROR, "RuntimeError", "no database",
    )  # fmt: skip
    assert "raise RuntimeError('no database')" in answer.json["stackTrace"][-1]
    assert answer.diagnostics is not None
    assert answer.diagnostics["frames"][-1]["locals"]["limit"] == "3"


@pytest.mark.parametrize(
    ("statement", "status", "number"),
    [
        ("import os; os._exit(127)", 127, None),
        ("import sys; sys.exit(3)", 3, None),
        ("import os; os.kill(os.getpid(), 9)", None, signal.SIGKILL),
        ("import os; os.kill(os.getpid(), 15)", None, signal.SIGTERM),
    ],
)
def test_a_handler_that_ends_its_process_leaves_its_lines(
    start: Start, statement: str, status: int | None, number: int | None
) -> None:
    environment = start(f"def handler(event, context):\n    print('last', end='')\n    {statement}\n")
    environment.ready()
    with pytest.raises(EOFError, match="last"):
        environment.invoke(1)
    told = environment.exited()
    assert (told["status"], told["signal"]) == (status, number)


def test_what_is_no_exception_ends_the_process_with_its_traceback(start: Start) -> None:
    environment = start("def handler(event, context):\n    raise KeyboardInterrupt('stop')\n")
    environment.ready()
    with pytest.raises(EOFError, match="KeyboardInterrupt: stop"):
        environment.invoke(1)
    assert environment.exited()["signal"] == signal.SIGINT


def test_json_log_format_has_lambdas_keys(start: Start) -> None:
    code = """
import logging
def handler(event, context):
    log = logging.getLogger("shop")
    log.warning("sold %s", 2, extra={"order": 7})
    try:
        1 / 0
    except ZeroDivisionError:
        log.exception("failed")
    raise ValueError("out")
"""
    environment = start(code, env={"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "INFO"})
    environment.ready()
    first, second, third = map(json.loads, environment.invoke(1, tenant_id="blue").log.splitlines())
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", first.pop("timestamp"))
    assert first == {
        "level": "WARNING", "message": "sold 2", "logger": "shop", "requestId": str(environment.request_id),
        "tenantId": "blue", "order": 7,
    }  # fmt: skip
    assert (second["errorType"], second["errorMessage"]) == ("ZeroDivisionError", "division by zero")
    assert second["location"].endswith("app.py:handler:9") and "1 / 0" in second["stackTrace"][0]
    assert (third["level"], third["errorType"], third["errorMessage"]) == ("ERROR", "ValueError", "out")


def test_results_are_marshalled_as_by_lambdas_client(start: Start) -> None:
    code = """
import collections, datetime, decimal, enum
Point = collections.namedtuple("Point", "x y")
def handler(event, context):
    return eval(event)
"""
    environment = start(code, env={"AWS_EXECUTION_ENV": "AWS_Lambda_python3.13"})
    environment.ready()
    for expression, payload in {
        "None": "null", "b'raw \\xff'": b"raw \xff", "{'n': decimal.Decimal('1.10'), 'é': [Point(1, b'x')]}":
        '{"n": 1.10, "é": [{"x": 1, "y": "x"}]}',
        "[float('nan'), decimal.Decimal('nan'), -1e999]": "[NaN, NaN, -Infinity]",
        "{b'k': (1, 2.5), 1: True, None: 1e16}":
        '{"k": [1, 2.5], "1": true, "null": 1e+16}', "decimal.Decimal('1E+2')": "1E+2",
    }.items():  # fmt: skip
        expected = payload.encode() if isinstance(payload, str) else payload
        assert environment.invoke(expression).payload == expected
    for expression, message in {
        "{1}": "Object of type set is not JSON serializable",
        "datetime.date.today()": "Object of type date is not JSON serializable",
        "{(1,): 1}": "keys must be str, int, float, bool or None, not tuple",
        "(lambda a: a.append(a) or a)([])": "Circular reference detected",
        "(x for x in 'a')": "Object of type generator is not JSON serializable",
    }.items():
        error = environment.invoke(expression).json
        assert (error["errorType"], error["errorMessage"]) == (
            "Runtime.MarshalError", "Unable to marshal response: " + message,
        )  # fmt: skip
        assert error["stackTrace"] == []
    nested = "__import__('functools').reduce(lambda a, _: [a], range(200_000), [])"
    assert environment.invoke(nested).json["errorType"] == "Runtime.MarshalError"


def test_user_code_may_do_as_it_likes_with_its_process(start: Start) -> None:
    code = """
import io, json, logging, os, signal, sys, time
def handler(event, context):
    if event == "streams":
        print("before")
        sys.stdout = io.StringIO()
        sys.stderr = None
        print("nowhere")
    elif event == "patches":
        time.time = time.sleep = json.loads = json.dumps = os.write = os.read = os.getpid = None
        os.environ = {}
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        logging.shutdown = None
    elif event == "descriptors":
        os.close(0), os.close(1), os.close(2)
        logging.error("still there")
    elif event == "fork":
        return "child" if os.fork() == 0 else "parent"
    elif event == "folder":
        os.chdir("/")
    elif event == "stdin":
        return sys.stdin.read()
    elif event == "breakpoint":
        breakpoint()
    return event
"""
    environment = start(code)
    environment.ready()
    assert environment.invoke("stdin").json == ""
    assert environment.invoke("breakpoint").log.startswith(b"breakpoint() ignored at app.py:")
    for event in ("streams", "folder", "descriptors"):
        answer = environment.invoke(event)
        assert answer.json == event
    assert answer.log.endswith(b"\tstill there\n")
    assert environment.invoke("fork").json == "parent"
    for _ in range(2):
        assert environment.invoke("patches").json == "patches"
    assert environment.invoke({"é": 1}).json == {"é": 1}


def test_children_of_a_handler_do_not_get_the_channel(start: Start) -> None:
    code = """
import subprocess, sys
def handler(event, context):
    return subprocess.run([sys.executable, "-I", "-S", "-c", "import os; print(sorted(os.listdir('/proc/self/fd')))"],
        capture_output=True, text=True, close_fds=False).stdout
"""
    environment = start(code)
    environment.ready()
    assert environment.invoke(1).json == "['0', '1', '2', '3']\n"


def test_an_environment_ends_when_the_engine_hangs_up_whatever_its_threads_do(start: Start) -> None:
    code = "import threading, time\nthreading.Thread(target=time.sleep, args=(600,)).start()\n" + ECHO
    environment = start(code)
    environment.ready()
    environment.channel.close()
    assert environment.exited()["status"] == 0


def test_the_notice_about_the_python_is_a_line_of_the_log(start: Start) -> None:
    ready = start(ECHO, python_notice="python3.8 is not installed").ready()
    assert ready.log.endswith(b"\t\tpython3.8 is not installed\n") and ready.log.startswith(b"[WARNING]\t")
    assert ready.meta["init_us"] > 0


def test_exit_is_there_although_site_is_not(start: Start) -> None:
    environment = start("def handler(event, context):\n    exit(4)\n")
    environment.ready()
    with pytest.raises(EOFError):
        environment.invoke(1)
    assert environment.exited()["status"] == 4
