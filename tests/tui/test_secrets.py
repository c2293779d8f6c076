"""Secrets that the configuration names are on no page and in no file that the screen writes."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from lambdatui.schema import LogLine
from lambdatui.terminal import LEAST_SECRET, MASK
from lambdatui.tui.function_lines import configuration_lines
from lambdatui.tui.text import Secrets
from lambdatui.tui.widgets.logview import LogView

from . import moment
from .fakes import opened

SECRET = 'hunter2-"hunter2'


def test_a_variable_that_holds_one_is_shown_without_its_value() -> None:
    row = moment.function("orders", environment={"DB_PASSWORD": "root", "STAGE": "dev"}, secrets=["DB_PASSWORD"])
    shown = " ".join(line.text for line in configuration_lines(row, moment.ROOT, 60))
    assert f"DB_PASSWORD={MASK}" in shown and "root" not in shown and "STAGE=dev" in shown


async def test_its_value_is_masked_in_logs_on_the_screen_and_in_what_is_written(tmp_path: Path) -> None:
    row = moment.function("orders", environment={"DB": SECRET}, secrets=["DB"])
    said = f'plain {SECRET}, as JSON {{"db": "hunter2-\\"hunter2"}}, but not hunter1'
    line = LogLine(id=9000, time=moment.at(1), function="orders", request_id=None, level="INFO", message=said)
    async with opened(moment.shop(functions=(row,), logs=(line,), new_logs=(line,), logs_reset=True)) as shop:
        shop.app.data = tmp_path
        await shop.press("4")
        await shop.until(lambda: "but not hunter1" in shop.text())
        assert "hunter2" not in shop.text() and shop.text().count(MASK) == 2
        shop.app.screen.query_one(LogView).focus()
        await shop.press("w")
        await shop.until(lambda: "written to" in shop.told())
        [path] = (tmp_path / "written").iterdir()
        assert "hunter2" not in path.read_text() and path.read_text().count(MASK) == 2


@given(st.lists(st.text(min_size=1, max_size=20), max_size=4), st.text(), st.text())
def test_no_long_secret_is_left_and_nothing_else_is_touched(values: list[str], before: str, after: str) -> None:
    secrets = Secrets()
    secrets.hide(values)
    for value in values:
        text = secrets.masked(before + value + after)
        assert len(value) < LEAST_SECRET or MASK in text
    if all(len(value) < LEAST_SECRET for value in values):
        assert secrets.masked(before + after) == before + after
