"""Metric math by CloudWatch's documentation, on series that fit into one line."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdatui.telemetry.metric_math import MathError, evaluate, names

M1, M2 = {0: 1.0, 60: 2.0, 120: 4.0}, {60: 10.0, 120: 0.0, 180: 7.0}


def value(expression: str, **more: Any) -> Any:
    return evaluate(expression, {"m1": M1, "m2": M2, **more}, [M1, M2], 60, range(0, 240, 60))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("1 + 2 * 3", 7.0),
        ("-2 ^ 2", -4.0),
        ("2 ^ 3 ^ 2", 512.0),
        ("(1 + 2) * 3 - 10 / 4", 6.5),
        ("m1 + m2", {60: 12.0, 120: 4.0}),
        ("m1 / m2", {60: 0.2}),
        ("100 * m1 / 4", {0: 25.0, 60: 50.0, 120: 100.0}),
        ("m1 > 1", {0: 0.0, 60: 1.0, 120: 1.0}),
        ("m1 > 1 AND m1 < 4 OR m1 == 1", {0: 1.0, 60: 1.0, 120: 0.0}),
        ("SUM(m1)", 7.0),
        ("AVG(m1)", 7 / 3),
        ("SUM([m1, m2])", {0: 1.0, 60: 12.0, 120: 4.0, 180: 7.0}),
        ("MAX(METRICS())", {0: 1.0, 60: 10.0, 120: 4.0, 180: 7.0}),
        ("FILL(m2, 0)", {0: 0.0, 60: 10.0, 120: 0.0, 180: 7.0}),
        ("FILL(m1, REPEAT)", {0: 1.0, 60: 2.0, 120: 4.0, 180: 4.0}),
        ("FILL(m2, REPEAT)", M2),
        ("IF(m1 > 1, m2)", {60: 10.0, 120: 0.0}),
        ("IF(m1 > 1, 5, 6)", {0: 6.0, 60: 5.0, 120: 5.0}),
        ("RATE(m1)", {60: 1 / 60, 120: 2 / 60}),
        ("DIFF(m1)", {60: 1.0, 120: 2.0}),
        ("RUNNING_SUM(m1)", {0: 1.0, 60: 3.0, 120: 7.0}),
        ("m1 / PERIOD(m1)", {0: 1 / 60, 60: 2 / 60, 120: 4 / 60}),
        ("ABS(0 - m1)", M1),
        ("CEIL(m1 / 3)", {0: 1.0, 60: 1.0, 120: 2.0}),
        ("METRICS() * 2", [{at: 2 * x for at, x in M1.items()}, {at: 2 * x for at, x in M2.items()}]),
    ],
)
def test_expressions(expression: str, expected: Any) -> None:
    assert value(expression) == expected


def test_a_gap_is_filled_in_a_line() -> None:
    assert value("FILL(m3, LINEAR)", m3={0: 0.0, 180: 3.0}) == {0: 0.0, 60: 1.0, 120: 2.0, 180: 3.0}


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("", "ends too early"),
        ("1 +", "ends too early"),
        ("m1 m2", "unexpected 'm2'"),
        ("m9", "there is no m9"),
        ("(1", "')' is missing"),
        ("1 / 0", "divides by zero"),
        ("9 ^ 9999", "too large"),
        ("SEARCH('x')", "unexpected"),
        ("ANOMALY_DETECTION_BAND(m1)", "is not served"),
        ("[1]", "series only"),
        ("1" * 3000, "longer than 2048"),
        ("(" * 60 + "1" + ")" * 60, "nested too deep"),
        ("-" * 200 + "1", "nested too deep"),
    ],
)
def test_what_cannot_be_evaluated_is_said(expression: str, why: str) -> None:
    with pytest.raises(MathError, match=re.escape(why)):
        value(expression)


def test_names_are_ids_and_not_functions() -> None:
    assert names("SUM([m1, error_rate]) / PERIOD(m1) AND FILL(x, REPEAT)") == {"m1", "error_rate", "x"}


@given(st.text(alphabet="m12 +-*/^()[],<>=ANDORSUMFILLIF.e&|", max_size=40))
def test_any_text_has_a_value_or_a_reason(expression: str) -> None:
    try:
        found = value(expression)
    except MathError as error:
        assert str(error)
    else:
        assert isinstance(found, float | dict | list)


@given(st.dictionaries(st.integers(0, 10).map(lambda n: n * 60), st.floats(-1e6, 1e6)))
def test_filling_keeps_what_was_there(series: dict[int, float]) -> None:
    for filler in ("0", "REPEAT", "LINEAR"):
        filled = value(f"FILL(x, {filler})", x=series)
        assert {at: filled[at] for at in series} == series
        assert all(math.isfinite(each) for each in filled.values())
