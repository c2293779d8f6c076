"""Expressions that a template or a caller wrote, on texts that they wrote too."""

from __future__ import annotations

import re
import time

import pytest

from lambdatui.config.backtracking import is_endless


@pytest.mark.parametrize(
    "pattern", ["(a+)+b", "(a*)*b", "(a|a)*b", "(a|aa)+$", "((a{1,64})+b)?", "a*a*a*a*a*b", "(?:a+?)+?b"]
)
def test_what_would_try_for_ever_is_known_beforehand(pattern: str) -> None:
    assert is_endless(pattern, 60)


@pytest.mark.parametrize("pattern", ["(a+)+b", "(a*)*b", "(a|a)*b", "a*a*a*a*a*b"])
@pytest.mark.parametrize("length", [8, 14, 18])
def test_what_passes_ends_soon(pattern: str, length: int) -> None:
    if not is_endless(pattern, length):
        begun = time.process_time()
        assert re.fullmatch(pattern, "a" * length) is None
        assert time.process_time() - begun < 5


@pytest.mark.parametrize(
    "pattern",
    ["^[a-z0-9-]{3,64}$", "[^@ ]+@[^@ ]+", "dev|test|prod", r"arn:aws:[a-z]+:.*", "a++b", "(?i)x{0,9}", "(", "é*"],
)
def test_what_people_write_passes(pattern: str) -> None:
    assert not is_endless(pattern, 1000)
    assert not is_endless(pattern)


def test_on_long_texts_only_repeats_of_repeats_are_refused() -> None:
    assert not is_endless(".*GET.*orders.*500") and not is_endless("(GET|POST)+ /.*")
    assert is_endless(r"(\w+\s?)*$")
