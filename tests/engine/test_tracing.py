"""Trace headers lead from a call back to the invocation that made it."""

from __future__ import annotations

import pytest

from lambdatui.clock import new_request_id
from lambdatui.engine.tracing import NOBODY, Traces

NOW_US = 1_764_000_000_000_000
LINEAGE = "Lineage=1:e547cb94:0"


def test_a_running_invocations_header_names_it() -> None:
    traces, request_id = Traces(), new_request_id()
    header = traces.begin(request_id, None, NOW_US, LINEAGE)
    assert traces.caller(header).request_id == request_id


def test_after_its_end_a_header_is_nobodys_but_keeps_its_trace() -> None:
    traces, request_id = Traces(), new_request_id()
    header = traces.begin(request_id, None, NOW_US, LINEAGE)
    traces.end(request_id)
    caller = traces.caller(header)
    assert caller.request_id is None
    assert caller.root is not None and caller.root in header


def test_a_called_function_continues_its_callers_trace() -> None:
    traces = Traces()
    first = traces.caller(traces.begin(new_request_id(), None, NOW_US, LINEAGE))
    second = traces.caller(traces.begin(new_request_id(), first.root, NOW_US + 1_000_000, LINEAGE))
    assert second.root == first.root
    assert second.request_id != first.request_id


@pytest.mark.parametrize(
    "header", [None, "", "Root=;Parent=", "Root=1-x", "x" * 5000, "Parent=0123456789abcdef", "ümläut"]
)
def test_what_is_no_trace_header_is_nobodys(header: str | None) -> None:
    assert Traces().caller(header) == NOBODY
