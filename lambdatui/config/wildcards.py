"""`*` in patterns of all kinds as a regular expression that needs no more than length times length steps. Pure."""

from __future__ import annotations

from collections.abc import Sequence


def any_between(parts: Sequence[str]) -> str:
    """For `fullmatch` with DOTALL: the parts with any text between them. Each is an expression of one length.

    A part that has been found is not looked for again further on: plain `.*` would take exponential time for
    `*a*a*a*a*b`.
    """
    first, *rest = parts
    if not rest:
        return first
    *middle, last = rest
    return first + "".join(f"(?>.*?{part})" for part in middle) + ".*" + last
