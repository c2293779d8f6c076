"""How an alias shares its calls between two versions. Pure.

https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html
"""

from __future__ import annotations

from collections.abc import Mapping


def choose(version: str, weights: Mapping[str, float], draw: float) -> str:
    """The version that answers one call: an additional one by its share of 0..1, else `version`.

    `draw`: a random number, 0 or more and below 1.
    """
    for other, share in weights.items():
        if draw < share:
            return other
        draw -= share
    return version
