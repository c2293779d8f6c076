"""Schedule expressions and filter patterns: what is refused is refused in words, what is taken works on anything."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from hypothesis import strategies as st

from lambdatui.api.aws import logs_pattern
from lambdatui.clock import MICROS
from lambdatui.config import filters, patterns, schedules
from lambdatui.errors import UsageError
from lambdatui.sources.filters import Filters
from tests.fuzz.fuzzing import fuzzed
from tests.fuzz.values import WORDS, json_values, mutated

CRON_PARTS = st.sampled_from([
    *"*?L,/-#W:() ", "0", "1", "5", "12", "23", "29", "31", "59", "60", "1970", "2024", "2199", "2200", "JAN",
    "feb", "MON",
    "FRI", "SUN", "mon-fri", "1/2", "*/5", "L-3", "15W", "LW", "6#5", "2L", "0/0", "5-", "٣", "99999999999", "",
])  # fmt: skip
FIELD = st.lists(CRON_PARTS, min_size=1, max_size=3).map("".join)
EXPRESSIONS = st.one_of(
    st.lists(FIELD, min_size=6, max_size=6).map(lambda parts: f"cron({' '.join(parts)})"),
    st.tuples(FIELD, st.sampled_from(["minute", "minutes", "hours", "day", "s",
    "ms"])).map("rate({0[0]} {0[1]})".format),
    st.tuples(st.integers(0, 10**30), st.sampled_from(["ms", "s", "m", "h", "d"])).map("every {0[0]}{0[1]}".format),
    st.datetimes().map(lambda moment: f"at({moment:%Y-%m-%dT%H:%M:%S})"),
    mutated("cron(0/5 8-17 ? * MON-FRI *)", "cron(15 10 L-2 FEB ? 2024-2199/4)", "rate(5 minutes)",
    "at(2026-01-01T00:00:00)"),
    st.text(max_size=300),
)  # fmt: skip
ZONES = st.none() | st.sampled_from(["Europe/Berlin", "America/New_York", "Pacific/Apia", "Asia/Kathmandu", "Nowhere"])


@fuzzed(150, expression=EXPRESSIONS, zone=ZONES, us=st.integers(0, 240 * 366 * 86_400 * MICROS))
def test_schedules(expression: str, zone: str | None, us: int) -> None:
    """A schedule is due later than asked about, never skips what it names, and comes to an end after its last time."""
    try:
        schedule = schedules.parse(expression, zone)
    except UsageError as error:
        assert str(error)
        assert zone == "Nowhere" or schedules.expression_problem(expression, finer=True, once=True)
        return
    due = schedule.next_after(us)
    for _ in range(3):
        if due is None:
            break
        assert due > us
        assert schedule.next_after(due - 1) == due, "asked about just before, it is due all the same"
        us, due = due, schedule.next_after(due)


FIELDS = st.sampled_from(["a", "b", "body", "data", "dynamodb", "$or", "eventName", "x.y", ""])
OPERATORS = st.one_of(
    st.fixed_dictionaries({"prefix": WORDS | st.fixed_dictionaries({"equals-ignore-case": WORDS})}),
    st.fixed_dictionaries({"suffix": WORDS}),
    st.fixed_dictionaries({"exists": st.booleans()}),
    st.fixed_dictionaries({"equals-ignore-case": WORDS}),
    st.fixed_dictionaries({"wildcard": st.text("ab*\\", max_size=12) | WORDS}),
    st.fixed_dictionaries({"cidr": st.sampled_from(["10.0.0.0/8", "::/0", "10.0.0.1", "x"])}),
    st.fixed_dictionaries({"numeric": st.lists(st.sampled_from(["<", ">=", "=", 5, 1.5, -(10**400), True]),
    max_size=4)}),
    st.fixed_dictionaries({"anything-but": json_values}),
    st.fixed_dictionaries({"anything-but": st.fixed_dictionaries({"prefix": WORDS | st.lists(WORDS)})}),
    json_values,
)  # fmt: skip
PATTERNS = st.recursive(
    st.lists(OPERATORS, max_size=3) | json_values,
    lambda inner: st.dictionaries(FIELDS, inner, max_size=3) | st.lists(st.dictionaries(FIELDS, inner, max_size=2)),
    max_leaves=8,
)
DEEP = st.tuples(st.integers(1, 3_000), st.sampled_from(["[]", '{"a":}', '{"body":}', '[{"a":}]'])).map(
    lambda drawn: (
        drawn[1][:-1].replace("}", "").replace("]", "") * drawn[0]
        + "1"
        + "".join({"{": "}", "[": "]"}.get(each, "") for each in reversed(drawn[1])) * drawn[0]
    )
)
BODIES = (
    st.dictionaries(FIELDS, json_values | st.lists(json_values, max_size=3), max_size=3).map(json.dumps)
    | DEEP
    | st.text(max_size=20)
)


@fuzzed(
    120, pattern=PATTERNS.map(json.dumps) | DEEP | st.text(max_size=20), body=BODIES,
    source=st.sampled_from(["sqs", "kinesis", "dynamodb"]),
)  # fmt: skip
def test_event_filters(pattern: str, body: str, source: Any) -> None:
    said = filters.problem(pattern, source)
    if said is not None:
        assert said.strip()
        return
    chosen = Filters([pattern])
    with contextlib.suppress(UnicodeEncodeError):
        data = body.encode()
        chosen.message(body, json.dumps({"messageId": "1", "body": ""}).encode())
        chosen.data(data, json.dumps({"kinesis": {"data": "", "partitionKey": "k"}, "eventID": "1"}).encode())
    with contextlib.suppress(ValueError, RecursionError):  # the engine's own records are shallow
        json.loads(body)
        if body.count("{") + body.count("[") < 100:
            chosen.change(b'{"eventName": "INSERT", "dynamodb": ' + body.encode() + b"}")


@fuzzed(50, pattern=PATTERNS, event=json_values | st.dictionaries(FIELDS, json_values, max_size=3))
def test_rules(pattern: Any, event: Any) -> None:
    """EventBridge's rules and SNS's filter policies."""
    if patterns.problem(pattern) is None:
        patterns.matches(pattern, event)
        text = json.dumps(event)
        told = {
            "a": {"DataType": "String.Array", "StringValue": text},
            "b": {"DataType": "Number", "StringValue": text},
        }
        patterns.matches(pattern, patterns.attributes(told))


LOG_PARTS = st.sampled_from([
    "{", "}", "[", "]", "(", ")", "$", ".a", ".b", "[0]", "[*]", ".*", "['a.b']", "=", "!=", "<", ">=", "=!", '"x"',
    '"', "%",
    "%a+b%", "%(a%", "%[%", "%a{9999999999}%", "5", "1e999", "-", "?", "ERROR", "*", "a*b*c*", "&&", "||", ",",
    "...", "IS NULL",
    "NOT EXISTS", "IS TRUE", "ip", " ", "\\", "\x00", "ü",
])  # fmt: skip
LOG_PATTERNS = st.one_of(
    st.lists(LOG_PARTS, max_size=25).map("".join),
    st.lists(LOG_PARTS, max_size=20).map(lambda parts: "{ $.a = " + "".join(parts) + " }"),
    st.lists(LOG_PARTS, max_size=20).map(lambda parts: "[" + "".join(parts) + "]"),
    mutated('{ ($.a = "x*") && $.b[0].c NOT EXISTS || $.* IS NULL }', "[ip, ..., status = 4* && status != 403]",
    '-x ?"y z" ?%a+%'),
    st.integers(1, 3_000).map(lambda depth: "{ " + "(" * depth + "$.a = 1" + ")" * depth + " }"),
    st.text(max_size=60),
)  # fmt: skip
MESSAGES = BODIES | st.lists(LOG_PARTS, max_size=30).map(" ".join)


@fuzzed(120, pattern=LOG_PATTERNS, message=MESSAGES)
def test_log_patterns(pattern: str, message: str) -> None:
    try:
        matches = logs_pattern.compiled(pattern).matches
    except logs_pattern.PatternError as error:
        assert str(error)
        return
    assert matches(message) in (True, False)
