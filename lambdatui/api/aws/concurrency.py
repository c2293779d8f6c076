"""Lambda's operations on reserved concurrency, and the account's settings, in the shapes of its service model.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
"""

from __future__ import annotations

import msgspec

from lambdatui.api.aws.call import FUNCTION, Answer, Call, Route, route
from lambdatui.api.aws.configuration import unqualified
from lambdatui.api.aws.constraints import Constraints
from lambdatui.api.aws.errors import AwsError
from lambdatui.errors import UsageError

CODE_LIMIT = 80_530_636_800
UNZIPPED_LIMIT = 262_144_000
ZIPPED_LIMIT = 52_428_800
MOST = 2**31 - 1  # Integer of the model


async def put(call: Call) -> Answer:
    """Takes effect at once; 0 stops the function. The account keeps 100 unreserved."""
    name = unqualified(call.door, call.name, call.qualifier).name
    body = Constraints.of_body(call.body)
    reserve = body.number("ReservedConcurrentExecutions", 0, MOST, required=True)
    body.check()
    await _set(call, name, reserve)
    return Answer(msgspec.json.encode({"ReservedConcurrentExecutions": reserve}))


def get(call: Call) -> Answer:
    """Without a reserve there is nothing to show, as on AWS."""
    reserve = call.door.engine.reserved_concurrency(unqualified(call.door, call.name, call.qualifier).name)
    return Answer(b"{}" if reserve is None else msgspec.json.encode({"ReservedConcurrentExecutions": reserve}))


async def delete(call: Call) -> Answer:
    await _set(call, unqualified(call.door, call.name, call.qualifier).name, None)
    return Answer(b"", 204)


async def _set(call: Call, name: str, value: int | None) -> None:
    try:
        await call.door.engine.set_reserved_concurrency(name, value)
    except UsageError as error:
        raise AwsError("InvalidParameterValueException", str(error)) from None


def account_settings(call: Call) -> Answer:
    """`UnreservedConcurrentExecutions` is what neither reserves nor provisioned concurrency outside of them take."""
    engine = call.door.engine
    limit, unreserved = engine.account_concurrency()
    functions, versions = engine.functions(), engine.versions
    return Answer(
        msgspec.json.encode({
            "AccountLimit": {
                "TotalCodeSize": CODE_LIMIT,
                "CodeSizeUnzipped": UNZIPPED_LIMIT,
                "CodeSizeZipped": ZIPPED_LIMIT,
                "ConcurrentExecutions": limit,
                "UnreservedConcurrentExecutions": unreserved,
            },
            "AccountUsage": {
                "TotalCodeSize": sum(one.code_size for each in functions for one in (each, *versions.of(each))),
                "FunctionCount": len(functions),
            },
        })
    )  # fmt: skip


ROUTES: list[Route] = [
    route("PUT", f"/2017-10-31{FUNCTION}/concurrency", "PutFunctionConcurrency", put),
    route("GET", f"/2019-09-30{FUNCTION}/concurrency", "GetFunctionConcurrency", get),
    route("DELETE", f"/2017-10-31{FUNCTION}/concurrency", "DeleteFunctionConcurrency", delete),
    route("GET", "/2016-08-19/account-settings", "GetAccountSettings", account_settings),
]
