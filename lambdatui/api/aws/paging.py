"""Pages of Lambda's lists: `MaxItems` and `Marker` in, a piece of the list and `NextMarker` out. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import TypeVar

from lambdatui.api.aws.constraints import Constraints
from lambdatui.api.aws.errors import AwsError

_Item = TypeVar("_Item")


def page(
    items: Sequence[_Item], query: dict[str, str], *, key: Callable[[_Item], str], most: int = 10_000, cap: int = 50
) -> tuple[list[_Item], str | None]:
    """A page of at most `cap` items and the marker of the next one, None at the end.

    `key` tells an item apart; the items have to be in its order, so that a page begins where the last one ended though
    items have come or gone. `most`: the model's limit of MaxItems. Raises InvalidParameterValueException.
    """
    members = Constraints.of_query(query)
    limit = members.number("MaxItems", 1, most)
    members.check()
    first = _unmark(query["Marker"]) if query.get("Marker") else ""
    rest = [item for item in items if key(item) >= first]
    size = min(cap, limit or cap)
    return rest[:size], _mark(key(rest[size])) if len(rest) > size else None


def _mark(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode()


def _unmark(marker: str) -> str:
    try:
        return base64.b64decode(marker.encode(), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise AwsError("InvalidParameterValueException", "Invalid Marker value provided") from None
