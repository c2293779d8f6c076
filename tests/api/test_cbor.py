"""CBOR against itself, against RFC 8949's examples, and against botocore's parser."""

from __future__ import annotations

import contextlib
import math
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.parsers import RpcV2CBORParser
from hypothesis import given
from hypothesis import strategies as st

from lambdatui.api.aws import cbor
from lambdatui.api.aws.cbor import CborError, Moment

INTEGERS = st.integers(-(2**64), 2**64 - 1)
SCALARS = st.none() | st.booleans() | INTEGERS | st.floats(allow_nan=False) | st.text() | st.binary()
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5), max_leaves=20
)


@given(VALUES)
def test_what_is_written_is_read_again(value: Any) -> None:
    assert cbor.decode(cbor.encode(value)) == value


@given(st.floats(0, 4e9) | st.integers(0, 4_000_000_000))
def test_times_stay_times(seconds: float) -> None:
    again = cbor.decode(cbor.encode(Moment(seconds)))
    assert isinstance(again, Moment)
    assert again == seconds


@given(st.recursive(st.booleans() | INTEGERS | st.floats(allow_nan=False) | st.text(), st.lists))
def test_botocore_reads_the_same(value: Any) -> None:
    parser = RpcV2CBORParser()
    assert parser.parse_data_item(parser.get_peekable_stream_from_bytes(cbor.encode(value))) == value


def test_botocore_reads_times() -> None:
    parser = RpcV2CBORParser()
    read = parser.parse_data_item(parser.get_peekable_stream_from_bytes(cbor.encode(Moment(1_700_000_000.25))))
    assert read == datetime(2023, 11, 14, 22, 13, 20, 250_000, UTC)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(CborError):
        cbor.decode(data)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        ("00", 0),
        ("1bffffffffffffffff", 2**64 - 1),
        ("3903e7", -1000),
        ("f93c00", 1.0),
        ("fa47c35000", 100000.0),
        ("fbc010666666666666", -4.1),
        ("f97c00", math.inf),
        ("62c3bc", "ü"),
        ("c11a514b67b0", 1363896240),
        ("5f42010243030405ff", b"\x01\x02\x03\x04\x05"),
        ("7f657374726561646d696e67ff", "streaming"),
        ("9f018202039f0405ffff", [1, [2, 3], [4, 5]]),
        ("bf61610161629f0203ffff", {"a": 1, "b": [2, 3]}),
        ("f7", None),
    ],
)
def test_the_standards_examples(data: str, value: Any) -> None:
    """https://www.rfc-editor.org/rfc/rfc8949.html#section-appendix.a"""
    assert cbor.decode(bytes.fromhex(data)) == value


@pytest.mark.parametrize(
    "data",
    ["", "18", "9b7fffffffffffffff00", "a10101", "61ff", "c249010000000000000000", "0000", "f8ff", "5f6161ff", "1c",
     "81" * 100 + "00"],
)  # fmt: skip
def test_what_is_broken_or_not_served_is_refused(data: str) -> None:
    with pytest.raises(CborError):
        cbor.decode(bytes.fromhex(data))
