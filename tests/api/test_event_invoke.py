"""The PutFunctionEventInvokeConfig family by the real boto3, held against botocore's model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambdatui.api.aws.event_invoke import ROUTES
from tests.api.api_support import Running
from tests.api.model_check import watched_client

QUEUE = "arn:aws:sqs:us-east-1:000000000000:orders"
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:echo:$LATEST"


@pytest.fixture
def door(fresh: Callable[..., Running]) -> Running:
    return fresh()


def refused(call: Callable[..., Any], **arguments: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as raised:
        call(**arguments)
    error = raised.value.response["Error"]
    return error["Code"], error["Message"]


def test_settings_are_put_changed_listed_and_deleted(door: Running) -> None:
    client, check = watched_client("lambda", door.url)
    put = client.put_function_event_invoke_config(
        FunctionName="echo", MaximumRetryAttempts=1, DestinationConfig={"OnFailure": {"Destination": QUEUE}}
    )
    assert (put["FunctionArn"], put["MaximumRetryAttempts"], "MaximumEventAgeInSeconds" in put) == (FUNCTION, 1, False)
    changed = client.update_function_event_invoke_config(FunctionName="echo", MaximumEventAgeInSeconds=60)
    assert (changed["MaximumRetryAttempts"], changed["MaximumEventAgeInSeconds"]) == (1, 60)
    assert changed["DestinationConfig"] == {"OnSuccess": {}, "OnFailure": {"Destination": QUEUE}}
    got = client.get_function_event_invoke_config(FunctionName="echo")
    (listed,) = client.list_function_event_invoke_configs(FunctionName="echo")["FunctionEventInvokeConfigs"]
    assert got["LastModified"] == listed["LastModified"] == changed["LastModified"]
    client.delete_function_event_invoke_config(FunctionName="echo")
    assert client.list_function_event_invoke_configs(FunctionName="echo")["FunctionEventInvokeConfigs"] == []
    assert check.answered == {route.name for route in ROUTES}


def test_a_function_without_settings_has_none_to_show_change_or_delete(door: Running) -> None:
    client, _ = watched_client("lambda", door.url)
    says = f"The function {FUNCTION} doesn't have an EventInvokeConfig"
    for call in (
        client.get_function_event_invoke_config,
        client.delete_function_event_invoke_config,
    ):
        assert refused(call, FunctionName="echo") == ("ResourceNotFoundException", says)
    assert refused(client.update_function_event_invoke_config, FunctionName="echo", MaximumRetryAttempts=1)[1] == says


def test_putting_again_forgets_what_is_not_given(door: Running) -> None:
    client, _ = watched_client("lambda", door.url)
    client.put_function_event_invoke_config(FunctionName="echo", MaximumRetryAttempts=1)
    put = client.put_function_event_invoke_config(FunctionName="echo", MaximumEventAgeInSeconds=60)
    assert "MaximumRetryAttempts" not in put


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({}, "You must specify at least one of error handling or destination setting."),
        ({"MaximumRetryAttempts": 3}, "Value '3' at 'maximumRetryAttempts' failed to satisfy constraint"),
        ({"MaximumEventAgeInSeconds": 59}, "Member must have value greater than or equal to 60"),
        ({"DestinationConfig": {"OnFailure": {"Destination": "dead"}}}, "at 'destinationConfig.onFailure.destination'"),
        (
            {"DestinationConfig": {"OnFailure": {"Destination": FUNCTION.replace(":$LATEST", "")}}},
            "You can't specify the function as a destination for itself.",
        ),
        (
            {"DestinationConfig": {"OnSuccess": {"Destination": "arn:aws:s3:::kept"}}},
            "arn:aws:s3:::kept is not supported as an OnSuccess destination.",
        ),
        ({"DestinationConfig": {"OnFailure": {"Destination": QUEUE + "-nowhere"}}}, "does not exist"),
    ],
)
def test_what_awss_rules_refuse_is_refused_in_their_words(door: Running, settings: Any, says: str) -> None:
    client, _ = watched_client("lambda", door.url, parameter_validation=False)
    code, message = refused(client.put_function_event_invoke_config, FunctionName="echo", **settings)
    assert code == "InvalidParameterValueException"
    assert says in message
