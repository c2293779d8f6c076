"""What an error's payload is read as, also one that user code has written to the channel itself."""

from __future__ import annotations

import msgspec
import pytest

from lambdatui import wire
from lambdatui.engine import results
from lambdatui.engine.environment import Outcome


def failure(payload: bytes) -> results.Failure:
    outcome = Outcome(kind="error", payload=payload, error_type="Odd", error_message="it is")
    found = results.of("id", outcome, 3, 0)
    assert found is not None
    return found


def test_an_error_is_shown_with_its_traceback() -> None:
    payload = msgspec.json.encode({"errorMessage": "it is", "errorType": "Odd", "stackTrace": ["  File x\n"]})
    assert results.error_text(failure(payload)) == "Traceback (most recent call last):\n  File x\nOdd: it is"


@pytest.mark.parametrize("payload", [b"", b"\xff", b"[]", b'{"stackTrace": 1}', b'{"a": ' + b"[" * 50_000, b'"\xff"'])
def test_one_whose_payload_cannot_be_read_is_shown_without(payload: bytes) -> None:
    assert results.error_text(failure(payload)) == "Odd: it is"


def test_one_that_is_larger_than_a_response_may_be_is_refused_as_a_response_is() -> None:
    assert failure(b" " * (wire.MAX_SYNC_PAYLOAD + 1)) == results.too_large()
