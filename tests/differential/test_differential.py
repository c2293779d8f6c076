"""The same handlers and events under AWS's own runtime client and here, compared byte by byte."""

from __future__ import annotations

import json
import os
import py_compile
import shutil
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest

pytest.importorskip("awslambdaric", reason="AWS's runtime client is there for Linux only")

from tests.differential import starts
from tests.differential.ours import Environment
from tests.differential.runtime_api import Call, Client, Clients
from tests.differential.seen import Seen, comparable
from tests.runtime import runtime_harness as harness

TASK = Path(__file__).parent / "task"
ARN = "arn:aws:lambda:us-east-1:000000000000:function:orders"
TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
UNICODE = {"AWS_EXECUTION_ENV": "AWS_Lambda_python3.13"}  # non-ASCII is no longer escaped
JSON = {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "INFO"}

sys.path.insert(0, str(TASK))
import cases  # noqa: E402 (the names of the cases are read from the handlers themselves)
import ends  # noqa: E402
import forms  # noqa: E402

sys.path.remove(str(TASK))
NAMES = [*cases.RESULTS, *cases.HANDLERS]
ENDS = [name for name, each in vars(ends).items() if isinstance(each, FunctionType) and name != "handler"]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The task's folder: the same one for both sides, so that paths are the same."""
    folder = tmp_path_factory.mktemp("differential") / "task"
    shutil.copytree(TASK, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "starts").mkdir()
    for name, source in starts.SOURCES.items():
        data = source if isinstance(source, bytes) else source.encode()
        (folder / "starts" / f"{name}.py").write_bytes(data)
    for module in (cases, ends, forms):  # they are imported by many processes
        py_compile.compile(str(folder / f"{module.__name__}.py"), doraise=True)
    return folder


@pytest.fixture(scope="module")
def spawner() -> Iterator[harness.SpawnerProcess]:
    process = harness.SpawnerProcess()
    yield process
    process.close()


@pytest.fixture(scope="module")
def clients(root: Path) -> Iterator[Clients]:
    process = Clients(root)
    yield process
    process.close()


class Sides:
    """Runs the same things on both sides, at the same time, and remembers what was seen."""

    def __init__(self, root: Path, clients: Clients, spawner: harness.SpawnerProcess) -> None:
        self.root = root
        self._clients = clients
        self._spawner = spawner
        self._zygote = harness.ZygoteProcess(spawner, ["ast", "logging", "traceback"])  # dear, and wanted by most
        self._bytecode = root.parent / "bytecode"
        self._bytecode.mkdir()
        self._runs: dict[str, list[tuple[Seen, Seen]]] = {}

    def run(self, handler: str, calls: list[Call], variables: Mapping[str, str]) -> list[tuple[Seen, Seen]]:
        """(AWS's, ours) for the init and for each of the calls. A process that has ended is followed by another one.

        Ours is a fresh process where the log is text, and else a forked one.
        """
        around = self._variables(handler, variables)
        zygote = self._zygote if around.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON" else None
        with ThreadPoolExecutor(2) as pool:
            theirs = pool.submit(self._one, lambda: Client(self._clients, handler, around), calls)
            ours = pool.submit(self._one, lambda: self._environment(handler, around, zygote), calls)
            return list(zip(theirs.result(), ours.result(), strict=True))

    def _environment(
        self, handler: str, variables: dict[str, str], zygote: harness.ZygoteProcess | None
    ) -> Environment:
        return Environment(self._spawner, self.root, handler, variables, zygote, bytecode=str(self._bytecode))

    @staticmethod
    def _one(start: Callable[[], Client | Environment], calls: list[Call]) -> list[Seen]:
        side = start()
        try:
            seen = [side.ready()]
            for each in calls if seen[0].kind == "ready" else ():
                if seen[-1].status is not None:
                    side.close()
                    side = start()
                    assert side.ready().kind == "ready"
                seen.append(side.invoke(each))
            return seen
        finally:
            side.close()

    def _variables(self, handler: str, more: Mapping[str, str]) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "TZ": ":UTC",
            "PYTHONDONTWRITEBYTECODE": "1",
            "_HANDLER": handler,
            "AWS_REGION": "us-east-1",
            "AWS_EXECUTION_ENV": "AWS_Lambda_python3.11",
            "AWS_LAMBDA_FUNCTION_NAME": "orders",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/orders",
            "AWS_LAMBDA_LOG_STREAM_NAME": "2026/01/01/[$LATEST]0123",
            "LAMBDA_TASK_ROOT": str(self.root),
            **more,
        }

    def remembered(
        self, key: str, handler: str, calls: Callable[[], list[Call]], variables: Mapping[str, str]
    ) -> list[tuple[Seen, Seen]]:
        """As `run`, once for all the tests that ask for it."""
        if key not in self._runs:
            self._runs[key] = self.run(handler, calls(), variables)
        return self._runs[key]


@pytest.fixture(scope="module")
def sides(root: Path, clients: Clients, spawner: harness.SpawnerProcess) -> Sides:
    return Sides(root, clients, spawner)


def call(event: object = None, **meta: Any) -> Call:
    payload = event if isinstance(event, bytes) else json.dumps(event).encode()
    meta.setdefault("arn", ARN)
    return Call(str(uuid.uuid4()), payload, meta, int((time.time() + 3600) * 1000))


def same(seen: tuple[Seen, Seen]) -> Seen:
    """Assert that both sides showed the same; returns AWS's."""
    theirs, ours = seen
    assert comparable(ours) == comparable(theirs)
    return theirs


# --- results, errors, output, logging and what a handler sees: many cases in one process

SETTINGS: dict[str, dict[str, str]] = {
    "text": {},
    "text, unicode": UNICODE,
    "text at DEBUG": {"AWS_LAMBDA_LOG_LEVEL": "DEBUG"},
    "json": JSON,
    "json, unicode": {**JSON, **UNICODE},
}


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("name", NAMES)
def test_a_handler_gives_the_same(sides: Sides, name: str, setting: str) -> None:
    seen = sides.remembered(
        setting, "cases.handler", lambda: [call({"case": each}) for each in NAMES], SETTINGS[setting]
    )
    same(seen[NAMES.index(name) + 1])


LEVELS = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL", "WARNING", "trace", "info", "nonsense", ""]
FORMATS = [*(("JSON", level) for level in LEVELS), ("Text", "TRACE"), ("Text", "ERROR"), ("Text", ""), ("json", "INFO")]
LOGGING = ["every_level", "root_state", "exc_info", "extra", "prints", "key error", "custom_level", "own_formatter"]


@pytest.mark.parametrize(("log_format", "level"), FORMATS)
def test_the_log_is_the_same_in_each_format_and_at_each_level(sides: Sides, log_format: str, level: str) -> None:
    variables = {"AWS_LAMBDA_LOG_FORMAT": log_format, "AWS_LAMBDA_LOG_LEVEL": level}
    for each in sides.run("cases.handler", [call({"case": name}, tenant_id="blue") for name in LOGGING], variables):
        same(each)


def test_what_is_logged_has_the_content_that_the_cases_are_about(sides: Sides) -> None:
    """The comparison would be content with two sides that show nothing."""
    seen = dict(zip(NAMES, sides.remembered("json", "cases.handler", list, {})[1:], strict=True))
    assert [json.loads(record.text)["level"] for record in seen["every_level"][0].log] == [
        "INFO", "WARNING", "ERROR", "CRITICAL", "WARNING", "CRITICAL", "CRITICAL", "WARNING", "ERROR",
    ]  # fmt: skip
    assert {each.kind for pair in seen.values() for each in pair} == {"result", "error"}


# --- what ends the process


@pytest.mark.parametrize("setting", ["text", "json, unicode"])
@pytest.mark.parametrize("name", ENDS)
def test_an_end_looks_the_same(sides: Sides, name: str, setting: str) -> None:
    seen = sides.remembered("ends " + setting, "ends.handler", lambda: [call(each) for each in ENDS], SETTINGS[setting])
    same(seen[ENDS.index(name) + 1])


def test_the_ends_are_ends(sides: Sides) -> None:
    seen = sides.remembered("ends text", "ends.handler", lambda: [call(each) for each in ENDS], {})
    ended = {name: theirs.status for name, (theirs, _) in zip(ENDS, seen[1:], strict=True)}
    assert (ended["exits_with_three"], ended["killed"], ended["base_exception"]) == (3, -9, 1)
    assert [name for name, status in ended.items() if status is None] == ["unspeakable_cause", "exits_in_a_thread"]


# --- inits

HANDLERS = [
    *(f"starts/{name}.fn" for name in starts.SOURCES),
    "starts.no_handler.fn", "starts/dynamic.fn", "starts.dynamic.other",
    "nowhere.fn", "starts.nowhere.fn", "cases.nothing_of_that_name", "cases.Point", "package.deep.inner.fn",
    "package/deep/inner.fn", "package/deep.NAME", "package/with-hyphen.fn", "package.deep/inner.fn",
    "cases", "", ".", ".fn", "cases.", "..fn", "cases..fn", "/cases.fn", "cases/.fn", "cases.handler.fn",
    "sys.exit", "time/x.sleep", "builtins.print", "json.loads", "os.path.join", "é.fn", "cases.é", "has space.fn",
    "bootstrap.fn", "bootstrap.deeper",
]  # fmt: skip


@pytest.mark.parametrize("handler", HANDLERS)
def test_an_init_goes_the_same_way(sides: Sides, handler: str) -> None:
    setting = JSON if HANDLERS.index(handler) % 2 else {}
    for each in sides.run(handler, [call({"a": 1})], setting):
        same(each)


@pytest.mark.parametrize("name", [name for name in vars(forms) if not name.startswith("_")])
def test_what_stands_behind_the_name_is_called_the_same_way(sides: Sides, name: str) -> None:
    for each in sides.run(f"forms.{name}", [call({"a": 1}), call("again")], {}):
        same(each)


# --- what comes in

EVENTS = [
    b"null", b"true", b"0", b"-0", b"-0.0", b"1.5e3", b"1E400", b"123456789012345678901234567890", b"0.1",
    b'""', b"[]", b"{}", b' {"a" : [ 1 , 2 ] } ', b"\n\t{}\r\n", b'"caf\xc3\xa9"', b'"\\u00e9\\ud83d\\ude00"',
    b'"\\ud800"', b'"\\udc00\\ud800"', b'{"a": 1, "b": 2, "a": 3}', b'{"": {"": ""}}', b'"\\/\\b\\f\\n\\r\\t\\""',
    b"[" * 500 + b"]" * 500, b'{"a":' * 500 + b"1" + b"}" * 500, b"9" * 4300, b'"' + b"x" * 100_000 + b'"',
    b'"\xe2\x80\xa8 \x7f"', b'{"\xc3\xa9": "\xf0\x9f\x98\x80"}', b"[1.0, 1, 1e2, -1e-2, 10000000000000000000000.5]",
    b'{"nested": {"list": [null, true, false, {"deep": [[]]}]}}',
]  # fmt: skip


def test_events_reach_the_handler_alike(sides: Sides) -> None:
    for each in sides.run("cases.echo", [call(event) for event in EVENTS], {}):
        same(each)


@pytest.mark.parametrize("setting", ["text", "json"])
def test_the_context_is_the_same(sides: Sides, setting: str) -> None:
    clients = [
        {}, {"custom": {"a": "é"}, "env": {"b": 1}, "client": {"app_title": "t", "installation_id": "i", "x": "y"}},
        {"custom": None, "w3c": {"traceparent": "p", "tracestate": 5, "x": "y"}}, {"w3c": "none", "client": {}},
        {"client": None}, {"other": 1},
    ]  # fmt: skip
    identities = [{}, {"cognitoIdentityId": "id", "cognitoIdentityPoolId": "pool"}, {"cognitoIdentityId": None}]
    texts = ["{", "null", "[]", "[1]", '"text"', "5", "0", "true", '{"client": 5}', '{"client": []}', "é"]
    metas: list[dict[str, Any]] = [
        *({"client_context": json.dumps(each)} for each in clients),
        *({"identity": json.dumps(each)} for each in identities),
        *({"client_context": each} for each in texts if each.isascii()),
        *({"identity": each} for each in texts if each.isascii()),
        {"trace_id": TRACE}, {}, {"trace_id": TRACE, "tenant_id": "blue"}, {"tenant_id": "two words"},
        {"arn": ARN + ":live"},
    ]  # fmt: skip
    for each in sides.run("cases.context_attributes", [call({}, **meta) for meta in metas], SETTINGS[setting]):
        same(each)


def test_a_response_that_is_too_large_ends_the_same_way(sides: Sides) -> None:
    """What the caller gets is the service's word, which the client does not show; its log and its end are."""
    _, fits, theirs_and_ours, again = sides.run("large.handler", [call(6_291_554), call(6_291_555), call(5)], {})
    same(fits)
    same(again)
    theirs, ours = map(comparable, theirs_and_ours)
    assert (ours["log"], ours["status"]) == (theirs["log"], theirs["status"])
    assert (theirs_and_ours[0].status, json.loads(theirs_and_ours[1].payload)["errorType"]) == (
        1, "Function.ResponseSizeTooLarge",
    )  # fmt: skip
