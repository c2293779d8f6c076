"""Which events a mapping's FilterCriteria let through."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdatui.sources.filters import Filters, valid

RECORD = json.dumps({
    "messageId": "1", "body": "-", "eventSource": "aws:sqs", "attributes": {"ApproximateReceiveCount": "2"},
}).encode()  # fmt: skip


def passes(pattern: Any, body: Any, *more: Any) -> bool:
    text = body if isinstance(body, str) else json.dumps(body)
    return Filters([json.dumps(each) for each in (pattern, *more)]).message(text, RECORD)


# Bodies and patterns of AWS's own documentation and of answers recorded from it.
@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ({"body": {"my-key": ["my-value"]}}, {"my-key": "my-value"}, {"my-key": "other"}),
        ({"body": {"my-key": ["one", "two"]}}, {"my-key": "two"}, {"my-key": "three"}),
        ({"body": {"a": ["1"], "b": ["2"]}}, {"a": "1", "b": "2"}, {"a": "x", "b": "2"}),
        ({"body": {"my-key": [{"exists": True}]}}, {"my-key": "any"}, {"other-key": "any"}),
        ({"body": {"my-number": [{"numeric": [">", 100]}]}}, {"my-number": 101}, {"my-number": 100}),
        ({"body": {"my-number": [{"numeric": [">=", 100, "<", 200]}]}}, {"my-number": 100}, {"my-number": 200}),
        ({"body": {"my-key": [{"prefix": "yes"}]}}, {"my-key": "yes-value"}, {"my-key": "no-value"}),
        ({"body": {"my-key": ["my-value"]}}, {"my-key": "my-value"}, "plain-string"),
        ({"body": [{"prefix": "Result: "}]}, "Result: 3", "Error: 3"),
        ({"body": ["plain"]}, "plain", {"plain": "plain"}),
        ({"body": {"$or": [{"a": [1]}, {"b": [2]}]}}, {"b": 2}, {"b": 3}),
        ({"$or": [{"body": {"a": [1]}}, {"body": ["go"]}]}, "go", {"a": 2}),
        ({"body": {"a": [{"exists": False}]}}, {"b": 1}, "plain text has no fields, and yet it is dropped"),
        ({"body": [{"anything-but": "x"}]}, "y", {"y": 1}),
    ],
)
def test_a_message_passes_by_its_body(pattern: Any, matching: Any, other: Any) -> None:
    assert valid(json.dumps(pattern), "sqs")
    assert passes(pattern, matching)
    assert not passes(pattern, other)


def test_one_of_several_patterns_is_enough_and_without_any_all_pass() -> None:
    assert passes({"body": {"a": [1]}}, {"b": 2}, {"body": {"b": [2]}})
    assert not passes({"body": {"a": [1]}}, {"b": 3}, {"body": {"b": [2]}})
    assert Filters().message("anything", b"not even read")
    assert not Filters()


def test_a_pattern_without_the_body_takes_bodies_of_any_form() -> None:
    pattern = {"attributes": {"ApproximateReceiveCount": ["2"]}}
    assert passes(pattern, "plain") and passes(pattern, {"a": 1})
    assert not passes({"eventSource": ["aws:kinesis"]}, {"a": 1})
    assert not passes({"eventSource": ["aws:sqs"], "body": {"a": [1]}}, {"a": 2})


def test_the_record_is_read_only_where_a_pattern_asks_for_more_than_the_body() -> None:
    assert Filters(['{"body": {"a": [1]}}']).message('{"a": 1}', b"no JSON at all")


def kinesis(data: bytes) -> bytes:
    return json.dumps({
        "kinesis": {"partitionKey": "p-1", "data": base64.b64encode(data).decode(), "sequenceNumber": "4959"},
        "eventSource": "aws:kinesis",
    }).encode()  # fmt: skip


@pytest.mark.parametrize(
    ("pattern", "data", "passes"),
    [
        ({"data": {"order": {"type": ["buy"]}}}, b'{"order": {"type": "buy"}}', True),
        ({"data": {"order": {"type": ["buy"]}}}, b'{"order": {"type": "sell"}}', False),
        ({"data": {"order": {"type": ["buy"]}}}, b"\xff\x00 no text", False),
        ({"partitionKey": [{"prefix": "p-"}]}, b"\xff\x00 no text", True),
        ({"partitionKey": ["other"], "data": {"a": [1]}}, b'{"a": 1}', False),
        ({"kinesis": {"partitionKey": ["p-1"]}}, b"{}", False),
    ],
)
def test_a_kinesis_record_passes_by_its_decoded_data_and_its_metadata(pattern: Any, data: bytes, passes: bool) -> None:
    assert Filters([json.dumps(pattern)]).data(data, kinesis(data)) is passes


def test_a_tables_change_passes_by_its_name_its_keys_and_its_images() -> None:
    change = json.dumps({
        "eventName": "INSERT",
        "dynamodb": {"Keys": {"Customer": {"S": "Any"}}, "NewImage": {"Customer": {"S": "Any"}, "Age": {"N": "40"}}},
    }).encode()  # fmt: skip
    keys = {"dynamodb": {"Keys": {"Customer": {"S": ["Any"]}}}}
    assert Filters([json.dumps(keys | {"eventName": ["INSERT"]})]).change(change)
    assert not Filters([json.dumps(keys | {"eventName": ["REMOVE"]})]).change(change)
    assert not Filters(['{"dynamodb": {"NewImage": {"Age": {"N": [{"prefix": "5"}]}}}}']).change(change)
    assert Filters().change(b"not even read")


@pytest.mark.parametrize(
    "text",
    ["", "null", "simple string", '"text"', "[]", "{}", '{"eventSource": "aws:sqs"}', '{"eventSource": []}',
     '{"body": {"a": []}}', '{"body": {"a": [{"unknown": 1}]}}', '{"body": {"a": 1}}', "[" * 50_000],
)  # fmt: skip
def test_what_aws_refuses_as_a_pattern_is_none(text: str) -> None:
    assert not valid(text, "sqs")


def test_a_streams_data_is_matched_as_json_only() -> None:
    assert valid('{"body": ["plain"]}', "sqs")
    assert not valid('{"data": ["plain"]}', "kinesis")
    assert not valid('{"$or": [{"data": ["plain"]}, {"data": {"a": [1]}}]}', "kinesis")
    assert not valid('{"dynamodb": ["plain"]}', "dynamodb")
    assert valid('{"eventName": ["INSERT"]}', "dynamodb")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


@given(json_values, st.text(max_size=20))
def test_no_body_breaks_a_filter(value: Any, text: str) -> None:
    filters = Filters(['{"body": {"a": [1, {"prefix": "a"}], "b": {"c": [{"exists": false}]}}}', '{"body": ["a"]}'])
    for body in (json.dumps(value), text):
        assert filters.message(body, RECORD) in (True, False)


@given(json_values)
def test_no_json_breaks_the_check_of_a_pattern(value: Any) -> None:
    for source in ("sqs", "kinesis", "dynamodb"):
        assert valid(json.dumps(value), source) in (True, False)
