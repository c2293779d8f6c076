"""Lambda's operations by the real boto3, every raw answer and error held against botocore's model."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lambdatui.api.aws.functions import ROUTES
from tests.api.api_support import Running
from tests.api.model_check import watched_client


@pytest.fixture
def door(fresh: Callable[..., Running]) -> Running:
    return fresh()


def test_every_answer_is_as_modelled(door: Running) -> None:
    client, check = watched_client("lambda", door.url)
    client.invoke(FunctionName="echo", Payload=b"{}")
    client.invoke(FunctionName="echo", InvocationType="Event", Payload=b"{}")
    client.invoke(FunctionName="echo", InvocationType="DryRun")
    client.invoke_async(FunctionName="echo", InvokeArgs=b"{}")
    client.list_functions(MaxItems=2)
    client.get_function(FunctionName="echo")
    client.get_function_configuration(FunctionName="echo")
    assert check.answered == {"Invoke", "InvokeAsync", *(route.name for route in ROUTES)}


def test_every_error_is_as_modelled(door: Running) -> None:
    client, check = watched_client("lambda", door.url)
    calls = (
        (client.invoke, {"FunctionName": "none"}),
        (client.invoke, {"FunctionName": "busy"}),
        (client.invoke, {"FunctionName": "echo", "Payload": b"{"}),
        (client.get_function, {"FunctionName": "none"}),
        (client.put_function_concurrency, {"FunctionName": "echo", "ReservedConcurrentExecutions": 950}),
    )
    for call, arguments in calls:
        with pytest.raises(client.exceptions.ClientError):
            call(**arguments)
    assert {error for _, error in check.failed} == {
        "ResourceNotFoundException", "TooManyRequestsException", "InvalidRequestContentException",
        "InvalidParameterValueException",
    }  # fmt: skip
