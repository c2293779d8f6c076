"""Event patterns and filter policies: what they match, and what is wrong with one."""

from __future__ import annotations

from typing import Any

import pytest

from lambdatui.config.patterns import attributes, matches, problem

# The examples of AWS's guide, and the corners around them.
CASES: list[tuple[dict[str, Any], Any, bool]] = [
    ({"source": ["aws.ec2"]}, {"source": "aws.ec2", "more": 1}, True),
    ({"source": ["aws.ec2"]}, {"source": "aws.s3"}, False),
    ({"source": ["aws.ec2"]}, {}, False),
    ({"a": [1], "b": [2]}, {"a": 1, "b": 3}, False),
    ({"detail": {"state": ["running", "stopped"]}}, {"detail": {"state": "stopped"}}, True),
    ({"detail": {"state": ["running"]}}, {"detail": "running"}, False),
    ({"resources": ["b"]}, {"resources": ["a", "b"]}, True),
    ({"n": [300]}, {"n": 300.0}, True),
    ({"n": [1]}, {"n": True}, False),
    ({"n": [True]}, {"n": 1}, False),
    ({"n": ["1"]}, {"n": 1}, False),
    ({"n": [None]}, {"n": None}, True),
    ({"n": [None]}, {}, False),
    ({"n": [""]}, {"n": ""}, True),
    ({"n": [{"exists": True}]}, {"n": None}, True),
    ({"n": [{"exists": False}]}, {"n": None}, False),
    ({"n": [{"exists": False}]}, {}, True),
    ({"d": {"n": [{"exists": False}]}}, {}, True),
    ({"n": [{"exists": False}]}, {"n": []}, True),
    ({"n": [{"exists": False}, "x"]}, {"n": "x"}, True),
    ({"time": [{"prefix": "2017-10-02"}]}, {"time": "2017-10-02T18:43:48Z"}, True),
    ({"s": [{"prefix": {"equals-ignore-case": "EventB"}}]}, {"s": "eventbridge"}, True),
    ({"f": [{"suffix": ".png"}]}, {"f": "a.png"}, True),
    ({"f": [{"suffix": ".png"}]}, {"f": "a.jpg"}, False),
    ({"f": [{"suffix": ".png"}]}, {"f": 5}, False),
    ({"s": [{"anything-but": "x"}]}, {"s": "y"}, True),
    ({"s": [{"anything-but": ["x", "y"]}]}, {"s": "y"}, False),
    ({"s": [{"anything-but": [1, 2]}]}, {"s": 3}, True),
    ({"s": [{"anything-but": "x"}]}, {}, False),
    ({"s": [{"anything-but": {"prefix": "init"}}]}, {"s": "initial"}, False),
    ({"s": [{"anything-but": {"prefix": ["a", "b"]}}]}, {"s": "c"}, True),
    ({"s": [{"anything-but": {"suffix": ".txt"}}]}, {"s": "a.txt"}, False),
    ({"s": [{"anything-but": {"equals-ignore-case": ["INIT"]}}]}, {"s": "init"}, False),
    ({"s": [{"anything-but": {"wildcard": "*/lib/*"}}]}, {"s": "a/lib/b"}, False),
    ({"s": [{"anything-but": "x"}]}, {"s": ["x", "y"]}, True),
    ({"n": [{"numeric": [">", 0, "<=", 5]}]}, {"n": 5}, True),
    ({"n": [{"numeric": [">", 0, "<=", 5]}]}, {"n": 0}, False),
    ({"n": [{"numeric": ["=", 3.5]}]}, {"n": 3.5}, True),
    ({"n": [{"numeric": ["=", 1]}]}, {"n": True}, False),
    ({"ip": [{"cidr": "10.0.0.0/24"}]}, {"ip": "10.0.0.255"}, True),
    ({"ip": [{"cidr": "10.0.0.0/24"}]}, {"ip": "10.0.1.0"}, False),
    ({"ip": [{"cidr": "10.0.0.0/24"}]}, {"ip": "no address"}, False),
    ({"s": [{"equals-ignore-case": "ALICE"}]}, {"s": "alice"}, True),
    ({"s": [{"wildcard": "dir/*/*.png"}]}, {"s": "dir/a/b.png"}, True),
    ({"s": [{"wildcard": "dir/*.png"}]}, {"s": "dir/a.jpg"}, False),
    ({"s": [{"wildcard": "a\\*b"}]}, {"s": "a*b"}, True),
    ({"s": [{"wildcard": "a\\*b"}]}, {"s": "axb"}, False),
    ({"$or": [{"a": [1]}, {"b": [2]}]}, {"b": 2}, True),
    ({"$or": [{"a": [1]}, {"b": [2]}], "c": [3]}, {"b": 2}, False),
    ({"detail": {"$or": [{"a": [1]}, {"b": [2]}]}}, {"detail": {"a": 1}}, True),
    ({"items": {"sku": ["x"]}}, {"items": [{"sku": "y"}, {"sku": "x"}]}, True),
    ({"items": {"sku": ["x"], "n": [1]}}, {"items": [{"sku": "x", "n": 2}, {"sku": "y", "n": 1}]}, False),
]


@pytest.mark.parametrize(("pattern", "event", "expected"), CASES)
def test_a_pattern_matches_as_on_aws(pattern: dict[str, Any], event: Any, expected: bool) -> None:
    assert problem(pattern) is None
    assert matches(pattern, event) is expected


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ([], "it must be an object"),
        ({}, "it is empty"),
        ({"a": "x"}, "field a: its value must be a list or an object"),
        ({"a": {"b": [{"starts": "x"}]}}, "field b: there is no operator starts"),
        ({"a": [{"numeric": [">"]}]}, "field a: numeric does not take ['>']"),
        ({"a": [{"numeric": ["~", 1]}]}, "field a: numeric does not take ['~', 1]"),
        ({"a": [{"cidr": "10/99"}]}, "field a: cidr does not take '10/99'"),
        ({"a": [{"prefix": 1}]}, "field a: prefix does not take 1"),
        ({"a": [{"exists": "no"}]}, "field a: exists does not take 'no'"),
        ({"a": [["x"]]}, "field a: a list must not stand in a list"),
        ({"$or": [{"a": [1]}, {"b": 2}]}, "field b: its value must be a list or an object"),
    ],
)
def test_a_wrong_pattern_is_named_by_its_field(pattern: Any, said: str) -> None:
    assert problem(pattern) == said


def test_a_messages_attributes_have_the_types_that_they_say() -> None:
    given = attributes(
        {
            "store": {"DataType": "String", "StringValue": "5"},
            "price": {"DataType": "Number", "StringValue": "210.75"},
            "interests": {"DataType": "String.Array", "StringValue": '["rugby", "tennis"]'},
            "blob": {"DataType": "Binary", "BinaryValue": "AAA="},
        }
    )
    assert matches({"price": [{"numeric": [">=", 100]}], "interests": ["tennis"]}, given)
    assert not matches({"store": [5]}, given)
    assert not matches({"blob": ["AAA="]}, given)
    assert matches({"blob": [{"exists": True}]}, given)


def test_what_is_nested_very_deep_is_matched_or_refused() -> None:
    lists: Any = {"a": "x"}
    for _ in range(5_000):
        lists = [lists]
    assert matches({"a": ["x"]}, lists)
    assert not matches({"a": ["y"]}, lists)
    deep: Any = ["x"]
    for _ in range(300):
        deep = {"a": deep}
    assert "nested more than 100 deep" in (problem(deep) or "")
    told = attributes({"a": {"DataType": "String.Array", "StringValue": "[" * 5_000}})
    assert told == {"a": "[" * 5_000}


def test_a_wildcard_of_many_stars_comes_to_an_end() -> None:
    pattern = {"a": [{"wildcard": "*a" * 30 + "*b"}]}
    assert not matches(pattern, {"a": "a" * 3_000})
    assert matches(pattern, {"a": "xa" * 40 + "b"})
