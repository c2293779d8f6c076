"""Plots: places by logarithm, ticks around all values, names that do not cover each other."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from benchmarks.plots import NAME_GAP, Line, apart, decades, plot, short

LINES = [
    Line("one", [(1, 10), (10, 100), (100, 1000)]),
    Line("other <&>", [(1, 20), (10, 30), (100, 900)]),
]


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (1, 1000, [1, 10, 100, 1000]),
        (3, 700, [1, 10, 100, 1000]),
        (12, 45, [10, 20, 50]),
        (5, 5, [5, 10]),
        (0.8, 1.2, [0.5, 1, 2]),
    ],
)
def test_ticks_stand_around_all_values(low: float, high: float, ticks: list[float]):
    assert decades(low, high) == pytest.approx(ticks)


def test_equal_factors_are_equal_steps():
    [first, *_] = re.findall(r'class="line c0" d="M([^"]+)"', plot("T", "x", "ms", LINES))
    points = [tuple(map(float, point.split())) for point in first.split("L")]
    assert points[1][0] - points[0][0] == pytest.approx(points[2][0] - points[1][0], abs=0.2)
    assert points[1][1] - points[0][1] == pytest.approx(points[2][1] - points[1][1], abs=0.2)


def test_a_plot_is_xml_that_names_every_line():
    root = ElementTree.fromstring(plot("Time & size", "x", "ms", LINES))
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"one", "other <&>", "Time & size"} <= set(texts)


def test_a_single_size_can_be_drawn():
    assert "NaN" not in plot("T", "x", "ms", [Line("one", [(10, 5)])])


def test_names_stand_apart_in_the_order_of_their_lines():
    found = apart([100, 98, 300, 99])
    assert found[1] < found[3] < found[0] < found[2]
    assert sorted(found)[1] - sorted(found)[0] >= NAME_GAP


@pytest.mark.parametrize(("value", "text"), [(500, "500"), (2000, "2k"), (1_000_000, "1M"), (0.05, "0.05")])
def test_values_are_written_short(value: float, text: str):
    assert short(value) == text
