"""Permissions as statements of a queue's policy, whatever somebody has set as that policy."""

from __future__ import annotations

import json

import pytest

from lambdatui.api.aws import sqs_policy

ARN = "arn:aws:sqs:us-east-1:000000000000:orders"


@pytest.mark.parametrize("policy", ['{"Statement": ["Allow", 7]}', '{"Statement": "Allow"}', "[]", '"x"', None])
def test_a_statement_is_added_beside_whatever_stands_there_and_removed_again(policy: str | None) -> None:
    added = sqs_policy.add_statement(policy, ARN, "by-one", ["111122223333"], ["SendMessage"])
    assert json.loads(added)["Statement"][-1]["Sid"] == "by-one"
    left = sqs_policy.remove_statement(added, ARN, "by-one")
    assert "by-one" not in left
