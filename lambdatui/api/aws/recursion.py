"""Lambda's operations on recursive loop detection, in the shapes of its service model.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
"""

from __future__ import annotations

import msgspec

from lambdatui.api.aws.call import FUNCTION, Answer, Call, Route, route
from lambdatui.api.aws.configuration import unqualified
from lambdatui.api.aws.constraints import Constraints


async def put(call: Call) -> Answer:
    """Takes effect at once, as an override of what the files say."""
    function = unqualified(call.door, call.name, call.qualifier)
    body = Constraints.of_body(call.body)
    loop = body.choice("RecursiveLoop", ("Allow", "Terminate"), required=True)
    body.check()
    await call.door.engine.update_configuration(function.name, {"recursive_loop": loop})
    return Answer(msgspec.json.encode({"RecursiveLoop": loop}))


def get(call: Call) -> Answer:
    function = unqualified(call.door, call.name, call.qualifier)
    return Answer(msgspec.json.encode({"RecursiveLoop": function.config.recursive_loop}))


_PATH = f"/2024-08-31{FUNCTION}/recursion-config"
ROUTES: list[Route] = [
    route("PUT", _PATH, "PutFunctionRecursionConfig", put),
    route("GET", _PATH, "GetFunctionRecursionConfig", get),
]
