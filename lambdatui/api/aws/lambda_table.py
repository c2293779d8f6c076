"""Lambda's table of method and path -> operation. Invoke and InvokeAsync are answered before it."""

from __future__ import annotations

from itertools import chain

from lambdatui.api.aws import (
    aliases,
    concurrency,
    event_invoke,
    functions,
    mappings,
    provisioned,
    recursion,
    update,
    versions,
)
from lambdatui.api.aws.call import Route

# Each module of operations brings its own.
TABLE: list[Route] = list(
    chain(
        functions.ROUTES,
        update.ROUTES,
        versions.ROUTES,
        aliases.ROUTES,
        concurrency.ROUTES,
        provisioned.ROUTES,
        recursion.ROUTES,
        event_invoke.ROUTES,
        mappings.ROUTES,
    )
)
