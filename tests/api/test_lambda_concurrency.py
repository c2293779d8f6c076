"""Reserves, provisioned concurrency and recursive loop detection by boto3 on a whole engine, against the model."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambdatui.api.aws import concurrency, provisioned, recursion
from tests.api.model_check import watched_client
from tests.api.whole import Whole

CODE = """
import os
def handler(event, context):
    return os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"]
"""


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Whole]:
    (tmp_path / "f.py").write_text(CODE)
    running = Whole(tmp_path)
    yield running
    running.close()


def refused(call: Callable[..., Any], **arguments: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as raised:
        call(FunctionName="f", **arguments)
    error = raised.value.response["Error"]
    return error["Code"], error["Message"]


def until_ready(client: Any, qualifier: str) -> dict[str, Any]:
    """Asks the public API, as a deployment does."""
    for _ in range(6000):
        found: dict[str, Any] = client.get_provisioned_concurrency_config(FunctionName="f", Qualifier=qualifier)
        if found["Status"] != "IN_PROGRESS":
            return found
        time.sleep(0.01)
    raise AssertionError(found)


def test_every_answer_is_as_modelled(door: Whole) -> None:
    client, check = watched_client("lambda", door.url)
    client.publish_version(FunctionName="f")
    assert client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=5)
    assert client.get_function_concurrency(FunctionName="f")["ReservedConcurrentExecutions"] == 5
    assert client.get_function(FunctionName="f")["Concurrency"] == {"ReservedConcurrentExecutions": 5}
    put = client.put_provisioned_concurrency_config(FunctionName="f", Qualifier="1", ProvisionedConcurrentExecutions=1)
    assert (put["Status"], put["ResponseMetadata"]["HTTPStatusCode"]) == ("IN_PROGRESS", 202)
    ready = until_ready(client, "1")
    assert (ready["Status"], ready["AvailableProvisionedConcurrentExecutions"]) == ("READY", 1)
    (listed,) = client.list_provisioned_concurrency_configs(FunctionName="f")["ProvisionedConcurrencyConfigs"]
    assert listed["FunctionArn"].endswith(":function:f:1")
    answer = client.invoke(FunctionName="f", Qualifier="1")
    assert json.load(answer["Payload"]) == "provisioned-concurrency"
    client.delete_provisioned_concurrency_config(FunctionName="f", Qualifier="1")
    client.delete_function_concurrency(FunctionName="f")
    client.put_function_recursion_config(FunctionName="f", RecursiveLoop="Allow")
    assert client.get_function_recursion_config(FunctionName="f")["RecursiveLoop"] == "Allow"
    client.get_account_settings()
    ours = {route.name for module in (concurrency, provisioned, recursion) for route in module.ROUTES}
    assert ours <= check.answered


def test_what_cannot_be_provisioned_is_refused_in_awss_words(door: Whole) -> None:
    client, check = watched_client("lambda", door.url)
    put = client.put_provisioned_concurrency_config
    assert refused(put, Qualifier="$LATEST", ProvisionedConcurrentExecutions=1) == (
        "InvalidParameterValueException",
        "Provisioned Concurrency Configs cannot be applied to unpublished function versions.",
    )
    assert refused(put, Qualifier="7", ProvisionedConcurrentExecutions=1)[0] == "ResourceNotFoundException"
    assert "Cannot find alias arn" in refused(put, Qualifier="live", ProvisionedConcurrentExecutions=1)[1]
    client.publish_version(FunctionName="f")
    client.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    client.create_alias(FunctionName="f", Name="edge", FunctionVersion="$LATEST")
    assert "unpublished" in refused(put, Qualifier="edge", ProvisionedConcurrentExecutions=1)[1]
    says = "unreserved concurrency [1000]"
    assert says in refused(put, Qualifier="1", ProvisionedConcurrentExecutions=1001)[1]
    put(FunctionName="f", Qualifier="live", ProvisionedConcurrentExecutions=1)
    assert refused(put, Qualifier="1", ProvisionedConcurrentExecutions=1) == (
        "ResourceConflictException", "Version is pointed by a Provisioned Concurrency alias",
    )  # fmt: skip
    client.delete_provisioned_concurrency_config(FunctionName="f", Qualifier="live")
    assert refused(client.get_provisioned_concurrency_config, Qualifier="live") == (
        "ProvisionedConcurrencyConfigNotFoundException", "No Provisioned Concurrency Config found for this function",
    )  # fmt: skip
    put(FunctionName="f", Qualifier="1", ProvisionedConcurrentExecutions=1)
    assert refused(put, Qualifier="live", ProvisionedConcurrentExecutions=1)[0] == "ResourceConflictException"
    assert (
        "total provisioned concurrency [1]"
        in refused(client.put_function_concurrency, ReservedConcurrentExecutions=0)[1]
    )
    assert {error for _, error in check.failed} >= {"ResourceConflictException", "ResourceNotFoundException"}


def test_the_account_shows_what_is_left_of_it(door: Whole) -> None:
    client, _ = watched_client("lambda", door.url)
    client.publish_version(FunctionName="f")
    client.put_provisioned_concurrency_config(FunctionName="f", Qualifier="1", ProvisionedConcurrentExecutions=2)
    limits = client.get_account_settings()["AccountLimit"]
    assert (limits["ConcurrentExecutions"], limits["UnreservedConcurrentExecutions"]) == (1000, 998)
    client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=10)
    assert client.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"] == 990


def test_more_requests_a_second_than_ten_for_each_of_the_reserve_are_throttled(door: Whole) -> None:
    client, _ = watched_client("lambda", door.url)
    client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=1)
    with pytest.raises(ClientError) as raised:
        for _ in range(1000):
            client.invoke(FunctionName="f")
    answer = raised.value.response
    assert answer["Error"] == {"Code": "TooManyRequestsException", "Message": "Rate Exceeded."}
    assert answer["Reason"] == "ReservedFunctionInvocationRateLimitExceeded"
    assert (answer["ResponseMetadata"]["HTTPStatusCode"], answer["retryAfterSeconds"]) == (429, "1")
