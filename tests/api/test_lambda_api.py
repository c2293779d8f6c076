"""Lambda's operations, asked by the real boto3: its models decide whether an answer is AWS's."""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.api.api_support import ACCOUNT, Running

Clients = Callable[..., Any]


def test_a_synchronous_call_gives_the_functions_payload_byte_by_byte(client: Clients) -> None:
    answer = client("lambda").invoke(
        FunctionName="echo", Payload=b'{"name": "M\xc3\xbcller",  "n": 1.50}', LogType="Tail"
    )
    assert json.load(answer["Payload"]) == {"name": "Müller", "n": 1.5}
    assert answer["StatusCode"] == 200
    assert answer["ExecutedVersion"] == "$LATEST"
    assert "FunctionError" not in answer
    tail = base64.b64decode(answer["LogResult"])
    assert len(tail) == 4096
    assert tail.endswith(b"END\n")
    assert len(answer["ResponseMetadata"]["RequestId"]) == 36


def test_the_payload_reaches_the_engine_untouched(client: Clients, door: Running) -> None:
    client("lambda").invoke(FunctionName="echo", Payload=b' {"n" : 1.50, "n": 2}\n')
    assert door.engine.requests[-1].payload == b' {"n" : 1.50, "n": 2}\n'


def test_a_failed_function_is_a_200_with_its_error(client: Clients) -> None:
    answer = client("lambda").invoke(FunctionName="fail")
    assert answer["StatusCode"] == 200
    assert answer["FunctionError"] == "Unhandled"
    assert json.load(answer["Payload"])["errorType"] == "KeyError"


def test_an_empty_payload_reaches_the_handler_as_an_object(client: Clients) -> None:
    assert client("lambda").invoke(FunctionName="echo")["Payload"].read() == b"{}"


def test_none_is_null(client: Clients) -> None:
    assert client("lambda").invoke(FunctionName="echo", Payload=b"null")["Payload"].read() == b"null"


def test_an_event_is_on_disk_before_its_202(client: Clients, door: Running) -> None:
    before = door.store.events.count()
    answer = client("lambda").invoke(FunctionName="echo", InvocationType="Event", Payload=b'{"a":1}')
    assert answer["StatusCode"] == 202
    assert answer["Payload"].read() == b""
    assert door.store.events.count() == before + 1


def test_the_deprecated_invoke_async_still_works(client: Clients) -> None:
    assert client("lambda").invoke_async(FunctionName="echo", InvokeArgs=b"{}")["Status"] == 202


def test_a_dry_run_runs_nothing(client: Clients, door: Running) -> None:
    before = len(door.engine.requests)
    answer = client("lambda").invoke(FunctionName="echo", InvocationType="DryRun")
    assert answer["StatusCode"] == 204
    assert len(door.engine.requests) == before


@pytest.mark.parametrize(
    "name",
    [
        "echo",
        "echo:$LATEST",
        f"{ACCOUNT}:function:echo",
        "function:echo",
        f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:echo",
        f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:echo:$LATEST",
    ],
)
def test_a_function_has_many_names(client: Clients, name: str) -> None:
    assert client("lambda").invoke(FunctionName=name)["StatusCode"] == 200


def test_client_context_is_decoded(client: Clients, door: Running) -> None:
    context = base64.b64encode(b'{"custom": {"a": "b"}}').decode()
    client("lambda").invoke(FunctionName="echo", ClientContext=context)
    assert json.loads(door.engine.requests[-1].client_context or "") == {"custom": {"a": "b"}}


def error_of(call: Callable[..., Any], **arguments: Any) -> tuple[str, str, int]:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    response = caught.value.response
    return response["Error"]["Code"], response["Error"]["Message"], response["ResponseMetadata"]["HTTPStatusCode"]


def test_an_unknown_function_is_aws_404(client: Clients) -> None:
    lambda_ = client("lambda")
    with pytest.raises(lambda_.exceptions.ResourceNotFoundException) as caught:
        lambda_.invoke(FunctionName="nobody")
    response = caught.value.response
    assert response["Type"] == "User"
    assert response["Message"] == f"Function not found: arn:aws:lambda:us-east-1:{ACCOUNT}:function:nobody"
    code, message, status = error_of(lambda_.invoke, FunctionName="echo", Qualifier="7")
    assert (code, status) == ("ResourceNotFoundException", 404)
    assert message.endswith(":function:echo:7")


def test_a_throttle_is_aws_429_with_its_reason(client: Clients) -> None:
    lambda_ = client("lambda")
    with pytest.raises(lambda_.exceptions.TooManyRequestsException) as caught:
        lambda_.invoke(FunctionName="busy")
    response = caught.value.response
    assert response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    assert response["Type"] == "User"
    assert response["message"] == "Rate Exceeded."
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 429


NOT_JSON = [b"{", b'{"a": NaN}', b'"\xff"', b"[1,]", b"{} {}", b"[" * 100_000, b"\xef\xbb\xbf{}"]


@pytest.mark.parametrize("payload", NOT_JSON, ids=range(len(NOT_JSON)))
@pytest.mark.parametrize("kind", ["RequestResponse", "Event"])
def test_what_is_not_json_is_refused(client: Clients, payload: bytes, kind: str) -> None:
    code, message, status = error_of(client("lambda").invoke, FunctionName="echo", InvocationType=kind, Payload=payload)
    assert (code, status) == ("InvalidRequestContentException", 400)
    assert message.startswith("Could not parse request body into json: Could not parse payload into json: ")


def test_large_payloads_are_checked_too(client: Clients) -> None:
    code, _, _ = error_of(client("lambda").invoke, FunctionName="echo", Payload=b'["' + b"x" * 400_000 + b'"')
    assert code == "InvalidRequestContentException"
    lone = b'["\\ud800"]'
    assert client("lambda").invoke(FunctionName="echo", Payload=lone)["Payload"].read() == lone


def test_sync_payloads_end_at_six_megabytes(client: Clients) -> None:
    lambda_ = client("lambda")
    largest = b'"' + b"x" * (6_291_456 - 2) + b'"'
    assert len(lambda_.invoke(FunctionName="echo", Payload=largest)["Payload"].read()) == 6_291_456
    with pytest.raises(lambda_.exceptions.RequestTooLargeException) as caught:
        lambda_.invoke(FunctionName="echo", Payload=largest + b" ")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413


def test_event_payloads_end_at_one_megabyte(client: Clients) -> None:
    code, _, status = error_of(
        client("lambda").invoke, FunctionName="echo", InvocationType="Event", Payload=b'"' + b"x" * 1_048_576 + b'"'
    )
    assert (code, status) == ("RequestTooLargeException", 413)


def raw_call(door: Running, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection("127.0.0.1", door.port, timeout=60)
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status, {**(json.loads(text) if text else {}), "type": answer.headers.get("x-amzn-errortype")}


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/2015-03-31/functions/echo/invocations", {"x_amz_invocation_type": "Sometimes"}),
        ("/2015-03-31/functions/a%2Fb/invocations", {}),
        ("/2015-03-31/functions/echo%20x/invocations", {}),
        ("/2015-03-31/functions/echo:1/invocations?Qualifier=2", {}),
        ("/2015-03-31/functions/" + "x" * 300 + "/invocations", {}),
        ("/2015-03-31/functions/%00/invocations", {}),
        ("/2015-03-31/functions/echo/invocations?Qualifier=%21", {}),
    ],
    ids=range(7),
)
def test_malformed_calls_are_invalid_parameters(door: Running, path: str, headers: dict[str, str]) -> None:
    status, body = raw_call(door, "POST", path, b"{}", **headers)
    assert (status, body["type"], body["Type"]) == (400, "InvalidParameterValueException", "User")


def test_a_wrong_client_context_is_refused(door: Running) -> None:
    for context in ("%%%", base64.b64encode(b"[1").decode(), base64.b64encode(b'"x"').decode()):
        status, body = raw_call(
            door, "POST", "/2015-03-31/functions/echo/invocations", b"{}", x_amz_client_context=context
        )
        assert (status, body["type"]) == (400, "InvalidRequestContentException")


def test_unsigned_requests_reach_lambda_too(door: Running) -> None:
    status, body = raw_call(door, "POST", "/2015-03-31/functions/echo/invocations", b'{"by": "curl"}')
    assert (status, body["by"]) == (200, "curl")
    status, body = raw_call(door, "GET", "/2015-03-31/functions/")
    assert (status, len(body["Functions"])) == (200, 6)


def test_functions_are_listed_by_name_in_pages(client: Clients) -> None:
    lambda_ = client("lambda")
    pages = list(lambda_.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 4}))
    assert [len(page["Functions"]) for page in pages] == [4, 2]
    names = [function["FunctionName"] for page in pages for function in page["Functions"]]
    assert names == sorted(names)
    code, _, _ = error_of(lambda_.list_functions, Marker="%%")
    assert code == "InvalidParameterValueException"


def test_a_functions_configuration_has_the_models_shape(client: Clients) -> None:
    lambda_ = client("lambda")
    found = lambda_.get_function_configuration(FunctionName="echo")
    assert found["Environment"] == {"Variables": {"STAGE": "test"}}
    assert found["DeadLetterConfig"]["TargetArn"].endswith(":letters")
    assert (found["Timeout"], found["MemorySize"], found["Version"], found["State"]) == (3, 128, "$LATEST", "Active")
    assert lambda_.get_function(FunctionName="echo")["Configuration"]["CodeSha256"] == found["CodeSha256"]
    lambda_.get_waiter("function_active_v2").wait(FunctionName="echo")


def test_a_reserve_is_put_told_and_taken_back(client: Clients) -> None:
    lambda_ = client("lambda")
    assert "ReservedConcurrentExecutions" not in lambda_.get_function_concurrency(FunctionName="slow")
    put = lambda_.put_function_concurrency(FunctionName="slow", ReservedConcurrentExecutions=0)
    assert put["ReservedConcurrentExecutions"] == 0
    assert lambda_.get_function_concurrency(FunctionName="slow")["ReservedConcurrentExecutions"] == 0
    assert lambda_.get_function(FunctionName="slow")["Concurrency"] == {"ReservedConcurrentExecutions": 0}
    code, message, status = error_of(
        lambda_.put_function_concurrency, FunctionName="slow", ReservedConcurrentExecutions=901
    )
    assert (code, status) == ("InvalidParameterValueException", 400)
    assert "[100]" in message
    lambda_.delete_function_concurrency(FunctionName="slow")
    assert "ReservedConcurrentExecutions" not in lambda_.get_function_concurrency(FunctionName="slow")


def test_account_settings(client: Clients) -> None:
    limits = client("lambda").get_account_settings()["AccountLimit"]
    assert (limits["ConcurrentExecutions"], limits["UnreservedConcurrentExecutions"]) == (1000, 1000)


def test_what_is_not_served_says_so_in_aws_form(client: Clients) -> None:
    code, message, status = error_of(client("lambda").list_layers)
    assert (code, status) == ("NotImplementedException", 501)
    assert "does not serve GET /2018-10-31/layers yet" in message


def test_every_error_is_in_botocores_model_with_our_status(client: Clients) -> None:
    from lambdatui.api.aws.errors import LAMBDA

    model = client("lambda").meta.service_model
    common = {"SerializationException", "ValidationException"}  # AWS gives them to any operation
    ours = {"ServiceUnavailableException", "NotImplementedException"}
    for name, shape in LAMBDA.items():
        if name in ours | common:
            continue
        modelled = model.shape_for(name)
        assert modelled.metadata["error"]["httpStatusCode"] == shape.status
        assert shape.key in modelled.members
