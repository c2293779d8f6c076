"""Rows of functions for the feed: what has moved is built and told, everything else comes round within a second."""

from __future__ import annotations

from collections.abc import Collection, Hashable
from typing import Any, cast

import msgspec
import pytest

from lambdatui import schema
from lambdatui.api.function_section import REBUILT_S, FunctionSection


class Functions:
    """What the section asks an engine."""

    def __init__(self, count: int) -> None:
        self.moved = {f"f{number:02}": 0 for number in range(count)}
        self.errors = dict.fromkeys(self.moved, 0)  # no mark tells of it
        self.built: list[str] = []

    def function_marks(self) -> dict[str, Hashable]:
        return dict(self.moved)

    def function_rows(self, names: Collection[str]) -> list[schema.FunctionRow]:
        self.built += names
        return [
            schema.FunctionRow(
                name=name, handler="", runtime="", memory=128, timeout=3, reserved_concurrency=None, state="idle",
                invocations=self.moved[name], errors=self.errors[name],
            )
            for name in self.moved if name in names
        ]  # fmt: skip


@pytest.fixture
def functions() -> Functions:
    return Functions(50)


@pytest.fixture
def section(functions: Functions) -> FunctionSection:
    made = FunctionSection(cast(Any, functions))
    made.refresh(0.0)
    functions.built.clear()
    return made


def told(section: FunctionSection, sent: int) -> tuple[str, list[str]]:
    news = section.news(sent)
    assert news is not None
    rows = [msgspec.msgpack.decode(bytes(raw), type=schema.FunctionRow) for raw in news[1]]
    return news[0], [row.name for row in rows]


def test_a_screen_that_comes_is_told_all_and_then_only_what_has_changed(
    functions: Functions, section: FunctionSection
) -> None:
    assert told(section, -1) == ("functions", sorted(functions.moved))
    sent = section.number
    assert section.news(sent) is None
    functions.moved["f07"] = 1
    section.refresh(0.01)
    assert functions.built == ["f07"]
    assert told(section, sent) == ("function_changes", ["f07"])
    assert section.news(section.number) is None


def test_what_no_mark_tells_of_is_there_within_a_second_and_no_tick_builds_all(
    functions: Functions, section: FunctionSection
) -> None:
    sent = section.number
    functions.errors = dict.fromkeys(functions.errors, 1)
    most = 0
    for tick in range(1, 6):
        functions.built.clear()
        section.refresh(tick * REBUILT_S / 5)
        most = max(most, len(functions.built))
    assert most <= len(functions.moved) / 4
    assert told(section, sent) == ("function_changes", sorted(functions.moved))


def test_a_function_that_comes_or_goes_is_a_new_list(functions: Functions, section: FunctionSection) -> None:
    sent = section.number
    del functions.moved["f00"]
    section.refresh(0.01)
    assert told(section, sent)[0] == "functions"
    assert "f00" not in told(section, sent)[1]


def test_a_project_without_functions_is_told_too() -> None:
    section = FunctionSection(cast(Any, Functions(0)))
    section.refresh(0.0)
    assert section.news(-1) == ("functions", [])
    sent = section.number
    section.refresh(5.0)
    assert section.news(sent) is None
