"""Dead letters and destination records in AWS's shapes."""

import msgspec

from lambdatui.config.model import Destination
from lambdatui.engine.destinations import dead_letter, destination_record, encoded, object_key
from lambdatui.engine.model import InvokeResult
from lambdatui.engine.retry import Finished
from lambdatui.store.records import AsyncEvent

EVENT = AsyncEvent(
    request_id="0f0e9d3c-0000-4000-8000-000000000001",
    function="ship",
    payload=b'{"order": 1189,  "n": 1e2}',
    accepted_us=1_700_000_000_000_000,
    visible_us=0,
    attempt=3,
)
FAILED = InvokeResult(
    request_id=EVENT.request_id,
    status="error",
    payload=b'{"errorMessage":"\'postcode\'","errorType":"KeyError"}',
    error_type="KeyError",
    error_message="'postcode'",
    function_error="Unhandled",
)
EXHAUSTED = Finished(condition="RetriesExhausted")


def test_the_dead_letters_body_is_the_event_to_the_byte() -> None:
    assert dead_letter(EVENT, EXHAUSTED, FAILED).body == '{"order": 1189,  "n": 1e2}'


def test_the_dead_letters_attributes_are_awss() -> None:
    assert dead_letter(EVENT, EXHAUSTED, FAILED).attributes == {
        "RequestID": {"DataType": "String", "StringValue": EVENT.request_id},
        "ErrorCode": {"DataType": "Number", "StringValue": "200"},
        "ErrorMessage": {"DataType": "String", "StringValue": "'postcode'"},
    }


def test_a_long_message_is_cut_at_a_kilobyte_between_characters() -> None:
    long = msgspec.structs.replace(FAILED, error_message="é" * 2000)
    text = dead_letter(EVENT, EXHAUSTED, long).attributes["ErrorMessage"]["StringValue"]
    assert text == "é" * 512


def test_an_event_that_was_never_run_counts_no_attempt() -> None:
    first = msgspec.structs.replace(EVENT, attempt=1)
    letter = dead_letter(first, Finished(condition="ZeroReservedConcurrency"), None)
    assert (letter.attempts, letter.error_code) == (0, "ZeroReservedConcurrency")


def test_the_on_failure_record_carries_request_and_response() -> None:
    arn = "arn:aws:lambda:us-east-1:000000000000:function:ship:$LATEST"
    record = destination_record(EVENT, arn, EXHAUSTED, FAILED, 0)
    assert msgspec.json.decode(msgspec.json.encode(record)) == {
        "version": "1.0",
        "timestamp": "1970-01-01T00:00:00.000Z",
        "requestContext": {
            "requestId": EVENT.request_id,
            "functionArn": "arn:aws:lambda:us-east-1:000000000000:function:ship:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 3,
        },
        "requestPayload": {"order": 1189, "n": 100.0},
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "responsePayload": {"errorMessage": "'postcode'", "errorType": "KeyError"},
    }


def test_a_record_of_an_event_that_never_ran_has_no_response() -> None:
    first = msgspec.structs.replace(EVENT, attempt=1)
    record = destination_record(first, "arn", Finished(condition="ZeroReservedConcurrency"), None, 0)
    assert "responseContext" not in record
    assert record["requestContext"]["approximateInvokeCount"] == 0  # type: ignore[index]


def test_a_topics_record_beyond_its_limit_goes_without_payloads() -> None:
    large = msgspec.structs.replace(EVENT, payload=b'"' + b"x" * 300_000 + b'"')
    record = destination_record(large, "arn", EXHAUSTED, FAILED, 0)
    sent = msgspec.json.decode(encoded(record, Destination(kind="topic", name="news")))
    assert set(sent) == {"version", "timestamp", "requestContext", "responseContext"}
    assert len(encoded(record, Destination(kind="queue", name="lost"))) > 300_000


def test_a_bucket_keeps_records_by_function_and_day() -> None:
    assert (
        object_key("ship", "0f0e", 1_700_000_000_000_000) == "aws/lambda/async/ship/2023/11/14/2023-11-14T22.13.20-0f0e"
    )


def test_a_throttle_is_no_try_in_the_record() -> None:
    throttled = InvokeResult(request_id=EVENT.request_id, status="throttled", payload=b"")
    first = msgspec.structs.replace(EVENT, attempt=1)
    record = destination_record(first, "arn", Finished(condition="EventAgeExceeded"), throttled, 0)
    assert record["requestContext"]["approximateInvokeCount"] == 0  # type: ignore[index]
    assert "responseContext" not in record
