"""Requests are read by their model's constraints, and refused in AWS's words."""

from __future__ import annotations

import pytest

from lambdatui.api.aws.constraints import Constraints
from lambdatui.api.aws.errors import AwsError


def refusal(members: Constraints) -> str:
    with pytest.raises(AwsError) as raised:
        members.check()
    assert raised.value.type == "InvalidParameterValueException"
    return raised.value.message


def test_a_number_below_its_least_is_named_with_value_and_constraint() -> None:
    members = Constraints.of_body(b'{"MaximumRetryAttempts": -1}')
    members.number("MaximumRetryAttempts", 0, 2)
    assert refusal(members) == (
        "1 validation error detected: Value '-1' at 'maximumRetryAttempts' failed to satisfy constraint: "
        "Member must have value greater than or equal to 0"
    )


def test_everything_that_is_wrong_is_told_at_once_with_the_path_of_its_object() -> None:
    members = Constraints.of_body(b'{"Config": {"Rate": 3}}')
    members.text("Name", required=True)
    config = members.object("Config")
    assert config is not None
    config.number("Rate", 1, 2)
    assert refusal(members) == (
        "2 validation errors detected: Value null at 'name' failed to satisfy constraint: Member must not be null; "
        "Value '3' at 'config.rate' failed to satisfy constraint: Member must have value less than or equal to 2"
    )


def test_what_is_right_is_given_and_what_is_absent_is_none() -> None:
    members = Constraints.of_body(b'{"A": "x", "B": 2, "C": true, "D": ["y"], "E": 0.5}')
    assert members.text("A", pattern="[a-z]", low=1, high=2) == "x"
    assert members.number("B", 1, 3) == 2
    assert members.flag("C") is True
    assert members.texts("D", low=1) == ["y"]
    assert members.decimal("E", 0, 1) == 0.5
    assert members.text("absent") is None
    assert members.objects("absent") is None
    members.check()


def test_a_member_of_another_type_is_refused() -> None:
    members = Constraints.of_body(b'{"A": true, "B": "x", "C": [1], "D": {}}')
    assert members.number("A", 0, 1) is None
    assert members.flag("B") is None
    assert members.texts("C") is None
    assert members.text("D") is None
    assert refusal(members).startswith("4 validation errors detected: Value 'true' at 'a' failed")


@pytest.mark.parametrize("body", [b"[]", b"{", b'"x"', b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_object_cannot_be_read(body: bytes) -> None:
    with pytest.raises(AwsError) as raised:
        Constraints.of_body(body)
    assert raised.value.type == "SerializationException"


def test_a_query_holds_its_numbers_as_text() -> None:
    members = Constraints.of_query({"MaxItems": "50", "Other": "x"})
    assert members.number("MaxItems", 1, 100) == 50
    assert members.number("Other", 1, 100) is None
    assert "Member must be of type Integer" in refusal(members)
