"""Handlers whose every sign has to be the same under AWS's runtime client and here. Each leaves its process as it was."""

import asyncio
import collections
import dataclasses
import datetime
import decimal
import enum
import io
import json
import logging
import os
import re
import sys
import threading
import types
import uuid
import warnings
from decimal import Decimal

RESULTS = {}  # name -> a function of the event that gives the result
HANDLERS = {}  # name -> a handler

log = logging.getLogger("shop")


def handler(event, context):
    """Event: {"case": name, "event": the case's own}."""
    name = event["case"]
    if name in RESULTS:
        return RESULTS[name]()
    return HANDLERS[name](event.get("event"), context)


def case(function):
    HANDLERS[function.__name__] = function
    return function


# --- results

Point = collections.namedtuple("Point", "x y")


class Colour(enum.Enum):
    RED = 1


class Number(enum.IntEnum):
    ONE = 1


class Word(str, enum.Enum):
    HELLO = "héllo"


class Ratio(float, enum.Enum):
    HALF = 0.5


@dataclasses.dataclass
class Order:
    id: int = 7


class LoudInt(int):
    def __repr__(self):
        return "loud"

    __str__ = __repr__


class LoudFloat(float):
    def __repr__(self):
        return "loud"


class Dictionary(dict):
    pass


class Odd:
    def _asdict(self):
        return {"odd": [1, Decimal("2.50")]}


class NoDictionary:
    def _asdict(self):
        return [1]


class ForJson:
    def for_json(self):
        return 1


def nested(depth, inside=None, of=list):
    value = inside
    for _ in range(depth):
        value = [value] if of is list else {"a": value}
    return value


def circular():
    value = {"a": []}
    value["a"].append(value)
    return value


RESULTS.update({
    "none": lambda: None,
    "true": lambda: True,
    "empty text": lambda: "",
    "text": lambda: "plain \"quoted\" back\\slash / tab\t newline\n \x00\x1f\x7f",
    "non-ascii": lambda: {"é": "naïve \u2028\u2029 😀 日本"},
    "lone surrogate": lambda: {"a": "x\ud800y"},
    "lone surrogate key": lambda: {"\udc80": 1},
    "numbers": lambda: [0, -1, 1.0, -0.0, 0.1, 1e16, 1e-7, 1e22, 123456789012345678901234567890, 2**63],
    "keys": lambda: {1: "int", 2.5: "float", True: "bool", None: "none", "s": "str", b"b": "bytes", -0.0: "zero"},
    "keys that meet": lambda: {1: "a", "1": "b"},
    "nan": lambda: float("nan"),
    "not finite": lambda: [float("nan"), float("inf"), -float("inf"), {float("nan"): 1, float("inf"): 2}],
    "decimal": lambda: [Decimal("1.10"), Decimal("1E+2"), Decimal("-0"), Decimal("123456789.123456789012345678901234567890")],
    "decimal alone": lambda: Decimal("3"),
    "decimal nan": lambda: [Decimal("NaN"), Decimal("-NaN"), Decimal("sNaN")],
    "decimal infinity": lambda: Decimal("-Infinity"),
    "decimal huge": lambda: Decimal("1E+999999"),
    "decimal key": lambda: {Decimal("1"): 1},
    "date": lambda: datetime.date(2026, 1, 2),
    "datetime": lambda: {"at": datetime.datetime(2026, 1, 2, 3, 4, 5)},
    "timedelta": lambda: datetime.timedelta(1),
    "uuid": lambda: uuid.UUID(int=5),
    "set": lambda: {1},
    "frozenset": lambda: {"a": frozenset()},
    "bytes": lambda: b"raw \xff\x00",
    "empty bytes": lambda: b"",
    "nested bytes": lambda: {"a": b"caf\xc3\xa9", b"\xc3\xa9": [b""]},
    "nested bytes that are no text": lambda: [b"\xff"],
    "byte key that is no text": lambda: {b"\xff": 1},
    "bytearray": lambda: bytearray(b"x"),
    "memoryview": lambda: memoryview(b"x"),
    "named tuple": lambda: Point(1, Point("é", (1, 2))),
    "tuple": lambda: (1, (), ("a",)),
    "dataclass": lambda: Order(),
    "dataclass as a dictionary": lambda: dataclasses.asdict(Order()),
    "enum": lambda: Colour.RED,
    "int enum": lambda: [Number.ONE, {Number.ONE: Number.ONE}],
    "str enum": lambda: [Word.HELLO, {Word.HELLO: Word.HELLO}],
    "float enum": lambda: [Ratio.HALF, {Ratio.HALF: 1}],
    "subclasses": lambda: [LoudInt(5), LoudFloat(2.5), {LoudInt(5): 1, LoudFloat(2.5): 2}, Dictionary(a=1)],
    "ordered": lambda: collections.OrderedDict(z=1, a=2),
    "counter": lambda: collections.Counter("aab"),
    "defaultdict": lambda: collections.defaultdict(list, a=[1]),
    "deque": lambda: collections.deque([1]),
    "chain map": lambda: collections.ChainMap({"a": 1}),
    "mapping proxy": lambda: types.MappingProxyType({"a": 1}),
    "as dictionary": lambda: [Odd()],
    "as no dictionary": lambda: NoDictionary(),
    "for_json": lambda: ForJson(),
    "generator": lambda: (n for n in range(3)),
    "iterator": lambda: iter([1]),
    "range": lambda: range(3),
    "map": lambda: {"a": map(str, [1])},
    "complex": lambda: 1j,
    "function": lambda: handler,
    "class": lambda: Order,
    "module": lambda: json,
    "exception object": lambda: ValueError("x"),
    "regular expression": lambda: re.compile("a"),
    "object in the middle": lambda: {"a": [1, {"b": object()}]},
    "tuple key": lambda: {(1,): 1},
    "object key": lambda: {"a": {Colour.RED: 1}},
    "circular": circular,
    "same twice": lambda: [nested(2)] * 2,
    "deep": lambda: nested(900),
    "deep dictionaries": lambda: nested(900, of=dict),
    "deep with decimals": lambda: nested(900, Decimal("1.0")),
    "deep with named tuples": lambda: nested(900, Point(1, 2), of=dict),
    "too deep": lambda: nested(100_000),
    "too deep with decimals": lambda: nested(5_000, Decimal("1.0")),
    "too deep dictionaries": lambda: nested(5_000, of=dict),
    "big integer": lambda: 10**4000,
    "integer too big for text": lambda: [10**5000],
    "just under six megabytes": lambda: "x" * 6_291_554,
    "non-ascii just under six megabytes escaped": lambda: "é" * 1_048_592,
    "many small ones": lambda: [{"id": n, "name": "n%d" % n, "ok": None} for n in range(20_000)],
    "proxy response": lambda: {"statusCode": 200, "headers": {"X": "é"}, "body": json.dumps({"é": 1})},
})  # fmt: skip


@case
def echo(event, context):
    return [type(event).__name__, event]


# --- errors


class Custom(Exception):
    def __init__(self, code, text):
        super().__init__(code, text)
        self.code = code


class NoText(Exception):
    def __str__(self):
        return ""


class Nested:
    class InnerError(Exception):
        pass


def fails(error, cause=None):
    def raises(event, context):
        if cause is not None:
            raise error from cause
        raise error

    return raises


HANDLERS.update({
    "exception": fails(Exception("it failed")),
    "exception without text": fails(Exception()),
    "empty text as error": fails(NoText()),
    "key error": fails(KeyError("total")),
    "os error": fails(FileNotFoundError(2, "No such file or directory", "/nowhere")),
    "unicode error": fails(UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")),
    "custom exception": fails(Custom(404, "nöt found")),
    "inner exception class": fails(Nested.InnerError("x")),
    "non-ascii error": fails(ValueError("é \u2028 😀\n second line\ttab")),
    "error of several lines": fails(ValueError("first\nsecond\r\nthird\n")),
    "error of control characters": fails(ValueError("\x00\x1b[31m\x7f")),
    "long error": fails(ValueError("x" * 300_000)),
    "error with bytes": fails(ValueError(b"\xff", {"a": 1})),
    "stop iteration": fails(StopIteration(1)),
    "timeout error": fails(TimeoutError("slow")),
    "system error": fails(SystemError("odd")),
    "memory error": fails(MemoryError()),
    "recursion error of its own": fails(RecursionError("mine")),
    "import error in the handler": fails(ImportError("no module")),
    "async cancelled": fails(asyncio.TimeoutError()),
    "explicit cause": fails(ValueError("outer"), KeyError("inner")),
    "suppressed context": fails(ValueError("outer"), None),
    "warning as error": fails(UserWarning("careful")),
})  # fmt: skip


@case
def context_chain(event, context):
    try:
        {}["missing"]
    except KeyError:
        raise ValueError("while handling")


@case
def chain_of_three(event, context):
    try:
        try:
            1 / 0
        except ZeroDivisionError as error:
            raise KeyError("two") from error
    except KeyError as error:
        raise RuntimeError("three") from error


@case
def exception_group(event, context):
    def raised(error):
        try:
            raise error
        except Exception as caught:
            return caught

    raise ExceptionGroup("several é", [raised(ValueError("a")), ExceptionGroup("more", [raised(TypeError("b"))])])


@case
def notes(event, context):
    error = ValueError("noted")
    error.add_note("remember this")
    raise error


@case
def deep_stack(event, context):
    def down(n):
        if n == 0:
            return int("no number")
        return down(n - 1)

    return down(5)


@case
def recursion(event, context):
    def forever():
        return forever()

    return forever()


@case
def recursion_of_two(event, context):
    def one(n):
        return two(n + 1)

    def two(n):
        return one(n + 1)

    return one(0)


@case
def error_in_generated_code(event, context):
    exec(compile("def f():\n    raise ValueError('generated')\nf()\n", "<generated>", "exec"), {})


@case
def error_in_a_library(event, context):
    json.loads("{")


@case
def error_in_a_lambda(event, context):
    return sorted([1, "a"], key=lambda each: each + 1)


@case
def reraised(event, context):
    try:
        1 / 0
    except ZeroDivisionError:
        raise


@case
def raises_a_class(event, context):
    raise ValueError


@case
def assertion(event, context):
    assert event == "something", "the event is %r" % (event,)


@case
def attribute_of_none(event, context):
    return event.get("a").upper()


@case
def unpacking(event, context):
    a, b = [1]


@case
def long_line_and_expression(event, context):
    return {"first": 1, "second": 2}["first"] + {"third": [1, 2, 3]}["third"][7] + len("something rather long on one line")  # noqa: E501


@case
def statement_over_lines(event, context):
    return dict(
        a=1,
        b=int(
            "x",
        ),
    )


# --- output


@case
def prints(event, context):
    print("a line")
    print("two\nlines")
    print("é 😀 \u2028")
    print()
    print("a", 1, None, sep="\t")
    print("no newline", end="")
    print(" and its end")
    print("at the end", end="")


@case
def prints_to_stderr(event, context):
    print("out")
    print("err", file=sys.stderr)
    sys.stderr.write("err without newline")
    sys.stdout.write("out again\n")
    print("lone \udc80 in stderr", file=sys.stderr)


@case
def writes_and_lines(event, context):
    given = [sys.stdout.write("text\n"), sys.stdout.writelines(["a\n", "b\n"]), sys.stderr.write("e\n")]
    sys.stdout.flush()
    return given


@case
def prints_a_lone_surrogate(event, context):
    print("before")
    print("x\ud800y")


@case
def prints_an_escaped_byte(event, context):
    print("x\udcffy")


@case
def about_the_streams(event, context):
    return [
        sys.stdout.encoding, sys.stdout.errors, sys.stderr.errors, sys.stdout.isatty(), sys.stdout.fileno(),
        sys.stdout.line_buffering, type(sys.stdout).__name__, sys.stdout.name, sys.stderr.name, sys.stdin.read(),
        isinstance(sys.stdout, io.TextIOBase), isinstance(sys.__stdout__, io.TextIOWrapper),
        hasattr(sys.stdout, "reconfigure"), hasattr(sys.stdout, "buffer"), sys.stdout.writable(), sys.stdout.closed,
    ]  # fmt: skip


@case
def writes_bytes(event, context):
    print("text")
    sys.stdout.buffer.write(b"bytes \xff\n")
    sys.stdout.flush()
    os.write(1, b"fd one\n")
    os.write(2, b"fd two\n")
    print("text again")


@case
def redirects(event, context):
    import contextlib

    with contextlib.redirect_stdout(io.StringIO()) as caught:
        print("caught")
        logging.warning("logged meanwhile")
    print("free", caught.getvalue().strip())


@case
def stream_as_context(event, context):
    with sys.stdout as stream:
        print("inside", stream is sys.stdout)
    print("behind")


@case
def child_process(event, context):
    print("before")
    os.system("echo from the shell; echo to its stderr >&2")
    print("after")


@case
def thread_prints(event, context):
    thread = threading.Thread(target=lambda: print("from a thread"))
    thread.start()
    thread.join()
    print("from the handler")


@case
def thread_fails(event, context):
    def work():
        raise ValueError("in a thread")

    thread = threading.Thread(target=work, name="worker")
    thread.start()
    thread.join()
    return "went on"


@case
def thread_logs(event, context):
    thread = threading.Thread(target=lambda: log.error("from %s", threading.current_thread().name), name="worker")
    thread.start()
    thread.join()


@case
def warns(event, context):
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old", DeprecationWarning)
        warnings.warn("user")


@case
def raises_in_del(event, context):
    class Bad:
        def __del__(self):
            raise ValueError("in del")

    Bad()
    return "ok"


@case
def prints_a_traceback(event, context):
    import traceback

    try:
        int("x")
    except ValueError:
        traceback.print_exc()
    traceback.print_exc()


@case
def context_logs(event, context):
    context.log("straight")
    context.log("line\n")
    context.log({"a": "é"})
    print("plain")


# --- logging


@case
def every_level(event, context):
    for name in ("debug", "info", "warning", "error", "critical"):
        getattr(log, name)("at %s", name)
    log.log(5, "below debug")
    log.log(35, "between")
    log.log(99, "above all")
    log.fatal("fatal")
    log.warn("warn") if hasattr(log, "warn") else None
    logging.error("of the root")


@case
def every_level_with_root_at_debug(event, context):
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.DEBUG)
    every_level(event, context)
    root.setLevel(before)
    return logging.getLevelName(before)


@case
def root_state(event, context):
    root = logging.getLogger()
    (handler,) = root.handlers
    record = logging.LogRecord("n", logging.INFO, "p", 1, "m", (), None)
    passed = [one.filter(record) for one in handler.filters]
    return [
        root.level, type(handler).__name__, handler.level, type(handler.formatter).__name__, handler.formatter._fmt,
        handler.formatter.datefmt, [type(one).__name__ for one in handler.filters], passed, record.aws_request_id,
        record.tenant_id, hasattr(handler, "log_sink"), logging.Formatter.converter.__name__,
        [name for name in logging.root.manager.loggerDict if name.startswith(("aws", "lambdatui", "_lambdatui"))],
    ]  # fmt: skip


@case
def extra(event, context):
    log.error("with extra", extra={"order": 7, "é": "ü", "none": None, "price": Decimal("1.5"), "at": datetime.date(2026, 1, 2)})
    log.error("nested", extra={"items": [1, {"a": Colour}], "level": "mine", "nan": float("nan")})


@case
def extra_that_clashes(event, context):
    log.error("clash", extra={"message": "mine"})


@case
def exc_info(event, context):
    try:
        {}["a"]
    except KeyError:
        log.exception("failed for %s", "é")
        log.error("again", exc_info=True)
        log.warning("the cause", exc_info=ValueError("given"))
    log.error("no exception", exc_info=True)
    log.error("not asked", exc_info=False)


@case
def exc_info_of_a_chain(event, context):
    try:
        try:
            1 / 0
        except ZeroDivisionError as error:
            raise ValueError("outer") from error
    except ValueError:
        log.exception("chain")


@case
def stack_info(event, context):
    def inner():
        log.error("where", stack_info=True)

    inner()


@case
def several_lines(event, context):
    log.error("first\nsecond\n\nfourth")
    log.error("ends with a newline\n")
    log.error("carriage\rreturn and \r\n")
    log.error("")


@case
def non_ascii_log(event, context):
    log.error("é 😀 \u2028 \x00 \x1b[0m")
    log.error("%s", "日本")


@case
def surrogate_log(event, context):
    log.error("x\ud800y")


@case
def surrogate_log_caught(event, context):
    try:
        log.error("x\udc80y")
    except UnicodeEncodeError as error:
        return str(error)


@case
def wrong_arguments(event, context):
    log.error("%d apples", "two")


@case
def too_many_arguments(event, context):
    log.error("no place", 1)


@case
def odd_messages(event, context):
    log.error({"a": 1, "é": Decimal("1")})
    log.error({"a": "%s"}, 1) if event else None
    log.error(["list", 1])
    log.error(ValueError("an exception"))
    log.error(None)
    log.error(12)
    log.error({"deep": {"set": {1}}})
    log.error("%(a)s and %(b)s", {"a": 1, "b": "é"})


@case
def logger_names(event, context):
    logging.getLogger("a.b.c").error("dotted")
    logging.getLogger("").error("empty")
    logging.getLogger("é").error("non-ascii")
    logging.LoggerAdapter(log, {"order": 9}).error("adapted")


@case
def custom_level(event, context):
    logging.addLevelName(25, "NOTICE")
    log.log(25, "noticed")
    log.log(45, "between error and critical")


@case
def basic_config(event, context):
    logging.basicConfig(level=logging.DEBUG, format="%(message)s")
    log.info("not shown: there is a handler")
    log.error("shown")


@case
def own_formatter(event, context):
    (handler,) = logging.getLogger().handlers
    before = handler.formatter
    handler.setFormatter(logging.Formatter("%(levelname)s|%(aws_request_id)s|%(name)s|%(message)s"))
    log.error("formatted")
    log.error("two\nlines")
    try:
        1 / 0
    except ZeroDivisionError:
        log.exception("and a traceback")
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    log.error("with a time")
    handler.setFormatter(before)


@case
def own_handler(event, context):
    mine = logging.StreamHandler(sys.stdout)
    mine.setFormatter(logging.Formatter("mine %(message)s %(aws_request_id)s"))
    log.addHandler(mine)
    try:
        log.error("asks for what is not there yet")
    finally:
        log.removeHandler(mine)
    root = logging.getLogger()
    root.addHandler(mine)
    log.error("twice")
    root.removeHandler(mine)


@case
def json_logger(event, context):
    """As aws_lambda_powertools does it: a logger of its own that does not propagate and writes JSON to stdout."""

    class Json(logging.Formatter):
        def format(self, record):
            return json.dumps({"level": record.levelname, "location": record.funcName, "message": record.getMessage()})

    logger = logging.getLogger("powertools")
    logger.propagate = False
    logger.setLevel("INFO")
    if not logger.handlers:
        stream = logging.StreamHandler(sys.stdout)
        stream.setFormatter(Json())
        logger.addHandler(stream)
    logger.info("informed")
    logger.error("é")
    logger.debug("hidden")


@case
def handlers_replaced(event, context):
    """As many projects do it: the handlers of the root are thrown away."""
    root = logging.getLogger()
    kept = list(root.handlers)
    for handler in kept:
        root.removeHandler(handler)
    log.error("by the handler of last resort")
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", force=True)
    log.info("by basicConfig")
    context.log("and by the context\n")
    root.handlers[:] = kept
    root.setLevel(logging.WARNING)


@case
def propagate_off(event, context):
    logger = logging.getLogger("silent")
    logger.propagate = False
    logger.error("by the handler of last resort")
    logger.propagate = True
    logger.error("by the root")


@case
def filters(event, context):
    class Masks(logging.Filter):
        def filter(self, record):
            record.msg = str(record.msg).replace("secret", "***")
            return "drop" not in record.msg

    mask = Masks()
    log.addFilter(mask)
    log.error("the secret")
    log.error("drop me")
    log.removeFilter(mask)


@case
def disabled(event, context):
    logging.disable(logging.ERROR)
    log.error("hidden")
    log.critical("shown")
    logging.disable(logging.NOTSET)


@case
def captured_warnings(event, context):
    logging.captureWarnings(True)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("through logging")
    logging.captureWarnings(False)


@case
def dict_config(event, context):
    import logging.config

    root = logging.getLogger()
    kept, level = list(root.handlers), root.level
    logging.config.dictConfig({
        "version": 1, "disable_existing_loggers": False,
        "formatters": {"plain": {"format": "%(levelname)s:%(message)s"}},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain", "stream": "ext://sys.stdout"}},
        "root": {"level": "INFO", "handlers": ["console"]},
    })  # fmt: skip
    log.info("configured")
    root.handlers[:] = kept
    root.setLevel(level)


@case
def prints_and_logs(event, context):
    print("one", end="")
    log.error("two")
    print(" three")
    sys.stderr.write("four ")
    log.error("five")
    raise ValueError("six")


@case
def long_log(event, context):
    log.error("x" * 20_000)
    print("y" * 20_000)


@case
def record_factory(event, context):
    before = logging.getLogRecordFactory()

    def factory(*args, **kwargs):
        record = before(*args, **kwargs)
        record.custom = "from the factory"
        return record

    logging.setLogRecordFactory(factory)
    log.error("made")
    logging.setLogRecordFactory(before)


@case
def asyncio_logs(event, context):
    async def work():
        log.error("in a task")
        return 5

    return asyncio.run(work())


# --- what the handler sees


@case
def context_attributes(event, context):
    left = context.get_remaining_time_in_millis()
    client = context.client_context
    return {
        "repr": repr(context),
        "vars": sorted(vars(context)),
        "public": [name for name in dir(context) if not name.startswith("_")],
        "types": {name: type(value).__name__ for name, value in sorted(vars(context).items())},
        "left": [type(left).__name__, 0 < left <= 3_600_000],
        "class": [type(context).__name__, type(context.identity).__name__],
        "identity": [context.identity.cognito_identity_id, context.identity.cognito_identity_pool_id],
        "client": client and [client.custom, client.env, client.client and client.client.app_title],
        "w3c": context.w3c(),
        "trace": os.environ.get("_X_AMZN_TRACE_ID"),
        "memory": context.memory_limit_in_mb,
    }


@case
def context_is_free(event, context):
    context.mine = 1
    context.aws_request_id = "changed"
    log.error("still its own id")
    for name in ("nothing", "timeout"):
        getattr(context, name)


@case
def identity_has_slots(event, context):
    context.identity.something = 1


@case
def changed_variables(event, context):
    os.environ["AWS_LAMBDA_FUNCTION_NAME"] = "renamed"
    return os.environ["AWS_LAMBDA_FUNCTION_NAME"]


@case
def context_after_change(event, context):
    name = context.function_name
    os.environ["AWS_LAMBDA_FUNCTION_NAME"] = "orders"
    return name


@case
def variables(event, context):
    return {name: value for name, value in sorted(os.environ.items()) if name != "AWS_LAMBDA_RUNTIME_API"}


@case
def about_the_process(event, context):
    return [
        os.getcwd(), __name__, __file__, handler.__module__, sys.path[0], __spec__.name, __package__,
        threading.current_thread().name, sys.getrecursionlimit(), sys.flags.optimize, sys.flags.utf8_mode,
        sys.getfilesystemencoding(), sys.getdefaultencoding(), callable(exit), callable(quit),
    ]  # fmt: skip
