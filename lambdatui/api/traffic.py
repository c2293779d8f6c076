"""Requests and errors of each HTTP route since the engine began; the front counts, whoever lists routes reads."""

from __future__ import annotations


class RouteTraffic:
    """Counts by `RouteConfig.id`. An error is any answer of 500 or above, the function's own included."""

    def __init__(self) -> None:
        self._requests: dict[str, int] = {}
        self._errors: dict[str, int] = {}

    def count(self, route_id: str, *, error: bool) -> None:
        self._requests[route_id] = self._requests.get(route_id, 0) + 1
        if error:
            self._errors[route_id] = self._errors.get(route_id, 0) + 1

    def figures(self, route_id: str) -> tuple[int, int]:
        """(requests, errors) of a route; zeros where it was never asked."""
        return self._requests.get(route_id, 0), self._errors.get(route_id, 0)
