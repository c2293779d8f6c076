"""Expressions that a template or a caller wrote, on texts that they wrote too."""

from __future__ import annotations

import re
import time

import pytest

from lambdatui.config.backtracking import Bounded, HeavyError, is_endless


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


SLOW = [
    "(a+)+b", "a*a*b", "(.*)(.*)x", "a*b", ".*x", "(?:a|aa){0,20}b", "(?:a{0,19}){0,19}b", "(?:a?){20}a{20}",
    "a{0,20}a{0,20}a{0,20}b", r"(a)(?:x|\1)*b", "(?=a*a*b)c", "(?:(?:a|a)*)*b", "(?i:A*a*b)", r"^(?:\w+\s?){1,15}$",
    "(?>a*a*b)", "(x)?(?(1)a|a*a*)*b",
]  # fmt: skip


@pytest.mark.parametrize("pattern", ["(?:a{0,19}){0,19}b", "(?:a|aa){0,30}b", "(?:a?){30}a{30}"])
def test_small_repeats_of_small_repeats_are_known_too(pattern: str) -> None:
    assert is_endless(pattern, 60)


@pytest.mark.parametrize("pattern", SLOW)
def test_a_bounded_pattern_ends_soon_or_says_that_it_might_not(pattern: str) -> None:
    bounded = Bounded(re.compile(pattern))
    for text in ("a", "ab", "a a ", "b" + "a"):
        length, begun = 1, time.process_time()
        while length < 4_000:
            try:
                bounded.search(text * (length // len(text) + 1) + "!")
            except HeavyError:
                break
            length *= 2
        else:
            pytest.fail("a text of 4,000 characters passed")
        assert time.process_time() - begun < 5


@pytest.mark.parametrize("pattern", ["no such text", "(?i)timeout", r"\bERROR\b", "foo|bar", "[a-z]{3}"])
def test_what_searches_usually_look_for_is_never_heavy_on_a_line_of_a_log(pattern: str) -> None:
    assert Bounded(re.compile(pattern)).search("x" * 60_000) is None or pattern == "[a-z]{3}"
