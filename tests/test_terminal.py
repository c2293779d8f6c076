"""What reaches a terminal is text and colours, whoever wrote it."""

from __future__ import annotations

import json
import re

from hypothesis import given
from hypothesis import strategies as st

from lambdatui.terminal import coloured, harmless, json_text

_OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def test_harmless_keeps_tabs_and_lines() -> None:
    assert harmless("a\tb\nc\r\x9b\x7f") == "a\tb\nc\\x0d\\x9b\\x7f"


def test_colours_stay_and_nothing_else_that_begins_as_they_do() -> None:
    assert coloured("\x1b[1;31mred\x1b[0m") == "\x1b[1;31mred\x1b[0m"
    assert coloured("\x1b[2J\x1b[1;1H\x1b]0;t\x07\x1b[31") == "\\x1b[2J\\x1b[1;1H\\x1b]0;t\\x07\\x1b[31"


@given(st.text(st.characters() | st.sampled_from("\x1b\x9b[]m;0\x07\u202e")))
def test_no_text_drives_a_terminal(text: str) -> None:
    assert not _OBEYED.search(harmless(text))
    assert not _OBEYED.search(re.sub(r"\x1b\[[0-9;]*m", "", coloured(text)))


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_json_stays_the_same_json(text: str) -> None:
    written = json.dumps(text, ensure_ascii=False)
    assert json.loads(json_text(written)) == text
