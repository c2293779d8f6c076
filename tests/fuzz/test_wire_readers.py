"""What reads bytes from outside: each is read, or refused with an error that the caller is told."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from unittest import mock
from urllib.parse import urlencode
from xml.etree import ElementTree

from hypothesis import strategies as st

from lambdatui.api import jsoncheck
from lambdatui.api.aws import cbor, cloudwatch_wire, sqs_query
from lambdatui.api.aws.cloudwatch_wire import Request
from lambdatui.api.aws.constraints import Constraints
from lambdatui.api.aws.errors import CLOUDWATCH, COMMON, SQS, AwsError
from tests.fuzz.fuzzing import fuzzed
from tests.fuzz.values import AWKWARD, WORDS, json_values, mutated

NAMES = st.lists(
    st.sampled_from([
        "Action", "Version", "QueueUrl", "Attribute", "MessageAttribute", "SendMessageBatchRequestEntry",
        "AttributeName", "Tag",
        "Name", "Key", "Value", "StringValue", "Id", "member", "Dimensions", "MetricDataQueries", "StartTime",
        "Period", "1", "2",
        "10", "-1", "", "x", "\x00",
    ]),
    min_size=1,
    max_size=9,
).map(".".join)  # fmt: skip
FORMS = st.lists(st.tuples(NAMES, WORDS), max_size=8).map(
    lambda pairs: urlencode([("Action", "SendMessage"), *pairs], errors="surrogatepass").encode()
)
BODIES = (
    FORMS
    | st.binary(max_size=60)
    | mutated("Action=X&A.1.B=c&A.2.B=d").map(lambda text: text.encode("utf-8", "replace"))
)


@fuzzed(120, body=BODIES, path=WORDS | st.sampled_from(["/", "/000000000000/orders"]))
def test_sqs_forms(body: bytes, path: str) -> None:
    try:
        operation, members = sqs_query.read_form(body, path)
    except AwsError as error:
        assert error.type in SQS or error.type in COMMON
        ElementTree.fromstring(sqs_query.write_error(error, "id")[1])
        return
    assert operation
    json.dumps(members)
    ElementTree.fromstring(sqs_query.write_answer("ReceiveMessage", {"Messages": [{"Body": path}]}, "id"))


def _small(value: Any) -> bool:
    return all(abs(int(number)) < 2**63 for number in _integers(value))


def _integers(value: Any) -> list[int]:
    if isinstance(value, dict | list):
        inside = value.values() if isinstance(value, dict) else value
        return [number for each in inside for number in _integers(each)]
    return [value] if isinstance(value, int) else []


CBOR = st.one_of(
    st.binary(max_size=60),
    st.builds(lambda value, cut: cbor.encode(value)[:cut], json_values.filter(_small),
    st.integers(0, 60)),
    st.lists(
        st.sampled_from([b"\x9f", b"\xbf", b"\xff", b"\x81", b"\xa1", b"\x61a", b"\x5f", b"\x7f", b"\xc1", b"\xfb",
        b"\x1b" + b"\xff" * 8,
                         b"\x9b" + b"\xff" * 8, b"\xbb" + b"\x7f" * 8, b"\x5b\x00\x00\x00\xff\xff\xff\xff\xff",
                         b"\xf9\x7e\x00", b"\x81" * 3_000]),
        max_size=12,
    ).map(b"".join),
)  # fmt: skip


@fuzzed(
    120,
    body=CBOR | FORMS | json_values.map(lambda value: json.dumps(value).encode()),
    protocol=st.sampled_from(["cbor", "json", "query"]),
)
def test_cloudwatch_bodies(body: bytes, protocol: Any) -> None:
    request = Request(protocol, "ListMetrics")
    try:
        operation, members = cloudwatch_wire.read(request, body)
    except AwsError as error:
        assert error.type in CLOUDWATCH or error.type in COMMON
        status, told, _ = cloudwatch_wire.write_error(request, error, "id")
        assert status >= 400
        if protocol == "query":
            ElementTree.fromstring(told)
        return
    assert operation
    assert isinstance(members, dict)


JSON_TEXTS = st.one_of(
    json_values.map(lambda value: json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")),
    json_values.map(lambda value: json.dumps(value).encode()),
    mutated('{"a": [1.5e3, "\\u00e9\\ud83d\\ude00", null, true], "b": {"c": ""}}').map(
        lambda text: text.encode("utf-8", "surrogatepass")
    ),
    st.lists(
        st.sampled_from([*'{}[],:"\\ \t\r\n\x00', "\\u", "\\ud800", "\\udc00", "\\x", "0", "-", "1", ".", "e", "+",
        "01", "1.", ".5", "NaN", "Infinity",
                         "true", "tru", "null", "ü", "\ufeff", "//", "'", '"a"', '"a":']),
        max_size=12,
    ).map(lambda parts: "".join(parts).encode()),
    st.integers(1, 2_500).map(lambda depth: b"[" * depth + b"]" * depth),
    st.binary(max_size=20),
)  # fmt: skip


def _is_json(data: bytes) -> bool | None:
    """What the standard library says; None where it gives up."""
    try:
        json.loads(data.decode(), parse_constant=jsoncheck._no_constant)
    except RecursionError:
        return None
    except ValueError:
        return False
    return True


@fuzzed(120, data=JSON_TEXTS)
def test_json_check(data: bytes) -> None:
    """Small and large events are judged alike, and as Python's own parser judges them."""
    small = asyncio.run(jsoncheck.json_problem(data))
    with mock.patch.object(jsoncheck, "INLINE_LIMIT", -1):
        large = asyncio.run(jsoncheck.json_problem(data))
    expected = _is_json(data)
    if expected is None or data.count(b"[") > 900:
        return  # how deep is too deep differs
    assert (small is None) == expected, small
    assert (large is None) == expected, large


@fuzzed(50, body=JSON_TEXTS, name=st.sampled_from(AWKWARD))
def test_members_of_a_body(body: bytes, name: str) -> None:
    try:
        members = Constraints.of_body(body)
        members.fail(name or "x", "Member must not be this")
        members.check()
    except AwsError as error:
        error.message.encode("utf-8", "surrogatepass")
