"""How fuzzers run: a fixed budget in `make test`; in `make fuzz` so many minutes or inputs a target, of fresh
randomness. Inputs are counted by target, and one that does not come to an end is a failure as well.

`LAMBDATUI_FUZZ_SEED=N` runs one round again that failed.
"""

from __future__ import annotations

import functools
import inspect
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

MINUTES = float(os.environ.get("LAMBDATUI_FUZZ_MINUTES") or 0)
EXAMPLES = int(os.environ.get("LAMBDATUI_FUZZ_EXAMPLES") or 0)
SEED = os.environ.get("LAMBDATUI_FUZZ_SEED")
LONG = bool(MINUTES or EXAMPLES or SEED)
ROUND = 400  # inputs of one seed
STUCK_S = 120  # every input is small: whatever takes so long, on a slow machine too, has no end

tried: Counter[str] = Counter()  # inputs by target


class StuckError(Exception):
    """An input that keeps the code busy."""


def fuzzed(inputs: int, **drawn: st.SearchStrategy[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A test that is run with `inputs` values of its arguments in `drawn`, and with fixtures for the others."""

    def decorate(check: Callable[..., None]) -> Callable[..., None]:
        target = check.__name__.removeprefix("test_")

        def test(**fixtures: Any) -> None:
            def one(**values: Any) -> None:
                tried[target] += 1
                signal.setitimer(signal.ITIMER_REAL, STUCK_S)
                try:
                    check(**fixtures, **values)
                finally:
                    signal.setitimer(signal.ITIMER_REAL, 0)

            before = signal.signal(signal.SIGALRM, _stuck)
            try:
                for number, size in _rounds(inputs):
                    try:
                        _run(one, drawn, number, size)
                    except BaseException as error:
                        error.add_note(f"LAMBDATUI_FUZZ_SEED={number} tries it again")
                        raise
            finally:
                signal.signal(signal.SIGALRM, before)

        functools.update_wrapper(test, check)
        del test.__wrapped__  # pytest would ask fixtures for what is drawn
        parameters = inspect.signature(check).parameters.values()
        test.__signature__ = inspect.Signature([each for each in parameters if each.name not in drawn])  # type: ignore[attr-defined]
        return test

    return decorate


def _run(one: Callable[..., None], drawn: dict[str, st.SearchStrategy[Any]], number: int | None, size: int) -> None:
    chosen = settings(
        max_examples=size, derandomize=number is None, database=None, deadline=None, print_blob=False,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    test = chosen(given(**drawn)(one))
    if number is not None:
        seed(number)(test)
    test()


def _rounds(inputs: int) -> Iterator[tuple[int | None, int]]:
    """(seed, inputs) one after the other; None: the same ones each time."""
    if SEED:
        yield int(SEED), ROUND
    elif not LONG:
        yield None, inputs
    else:
        until = time.monotonic() + MINUTES * 60
        left = EXAMPLES
        while left > 0 or time.monotonic() < until:
            yield random.SystemRandom().getrandbits(48), min(left, ROUND) if left > 0 else ROUND
            left -= ROUND


def _stuck(signum: int, frame: object) -> None:
    raise StuckError(f"an input was not done with after {STUCK_S} seconds")
