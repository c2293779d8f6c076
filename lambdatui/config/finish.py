"""The last pass over what was declared: variables from the command line, and rules between one thing and another."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from lambdatui.config.declared import Declared
from lambdatui.config.made import endpoints
from lambdatui.config.model import FunctionConfig, QueueMapping, RouteConfig, StreamMapping
from lambdatui.config.problems import Problems, did_you_mean
from lambdatui.config.qualifiers import check_provisioned, check_qualifiers

# https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
RESERVED_VARIABLES = frozenset(
    {
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_DEFAULT_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_MAX_CONCURRENCY",
        "AWS_LAMBDA_METADATA_API",
        "AWS_LAMBDA_METADATA_TOKEN",
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
    }
)
VARIABLE_NAME = re.compile(r"[a-zA-Z]([a-zA-Z0-9_])+")
MAX_ENVIRONMENT = 4096  # bytes of names and values together
_EVERYBODY = ("", "Parameters")


def finish(declared: Declared) -> None:
    """Apply --env-vars and check what only the whole can show."""
    given = declared.options.env_vars
    names = [*declared.functions, *(function.logical_id for function in declared.functions.values())]
    for name in given:
        if name not in _EVERYBODY and name not in names and not declared.broken:
            here = Problems(None)
            remedy = did_you_mean(name, names, "Name a function of the project, or Parameters for all of them.")
            here.notice(f"--env-vars names {name}, which is no function", remedy)
            declared.problems.extend(here.found)
    for function in list(declared.functions.values()):
        _variables(declared, function, given)
        _not_too_wide(declared, function)
        _lengths(declared, function)
        check_provisioned(declared, function)
    check_qualifiers(declared)
    _mappings(declared)
    _queues(declared)
    _routes(declared)


def _not_too_wide(declared: Declared, function: FunctionConfig) -> None:
    """A code folder such as / or the user's home is a slip (too many ../): it would be read and watched whole."""
    code = Path(function.code_root)
    home = Path.home()
    if function.inline_code is None and code != declared.root and (code == home or code in home.parents):
        here = Problems(function.file)
        here.warning(
            f"the code folder of {function.name} is {code}, which holds far more than its code",
            "Name the folder of its code.",
            line=function.line,
            function=function.name,
        )
        declared.problems.extend(here.found)
        declared.update_function(function.name, unserved=f"its code folder is {code}")


def _lengths(declared: Declared, function: FunctionConfig) -> None:
    """Texts that AWS would refuse as too long, or for spaces in a handler; they are served."""
    here = Problems(function.file)
    for name, value, most in (("handler", function.handler, 128), ("description", function.description, 256)):
        rule = None
        if len(value) > most:
            rule = f"Member must have length less than or equal to {most}"
        elif name == "handler" and re.search(r"\s", value):
            rule = r"Member must satisfy regular expression pattern: [^\s]+"
        if rule is not None:
            here.warning(
                f"{function.name}: Value '{value[:150]}' at '{name}' failed to satisfy constraint: {rule}",
                "It is served here; AWS would refuse it.",
                line=function.line,
                function=function.name,
            )
    declared.problems.extend(here.found)


def _variables(declared: Declared, function: FunctionConfig, given: dict[str, dict[str, str]]) -> None:
    """The final variables: reserved and impossible names are refused in AWS's words, the others stay."""
    variables = dict(function.environment)
    for who in (*_EVERYBODY, function.logical_id, function.name):
        variables.update(given.get(who, {}))
    here = Problems(function.file)
    reserved = sorted(RESERVED_VARIABLES.intersection(variables))
    invalid = sorted(name for name in variables if name not in RESERVED_VARIABLES and not VARIABLE_NAME.fullmatch(name))
    if reserved:
        here.warning(
            f"{function.name}: Lambda was unable to configure your environment variables because the environment "
            "variables you have provided contains reserved keys that are currently not supported for modification. "
            f"Reserved keys used in this request: {', '.join(reserved)}",
            "Remove them: the runtime sets them itself.",
            line=function.line,
            function=function.name,
        )
    if invalid:
        here.warning(
            f"{function.name}: the variables {', '.join(map(repr, invalid))} are refused: Map keys must satisfy "
            "constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]",
            "Rename them: a letter first, then letters, digits and _, at least two characters.",
            line=function.line,
            function=function.name,
        )
    kept = {name: value for name, value in variables.items() if name not in {*reserved, *invalid}}
    size = sum(len(name.encode()) + len(value.encode("utf-8", "replace")) for name, value in kept.items())
    if size > MAX_ENVIRONMENT:
        here.warning(
            f"{function.name}: Lambda was unable to configure your environment variables because the environment "
            f"variables you have provided exceeded the 4KB limit. Measured size: {size} bytes",
            "They are served here; AWS would refuse them.",
            line=function.line,
            function=function.name,
        )
    declared.update_function(function.name, environment=kept)
    declared.problems.extend(here.found)


def _mappings(declared: Declared) -> None:
    seen: set[tuple[str, str, str | None]] = set()
    kept: list[QueueMapping | StreamMapping] = []
    for mapping in declared.mappings:
        source = mapping.queue if isinstance(mapping, QueueMapping) else mapping.stream
        function = declared.functions[mapping.function]
        here = Problems(function.file)
        if endpoints(mapping) in seen:
            here.warning(
                f"{function.name}: {source} is already an event source of this function",
                "Remove one of the two.",
                line=function.line,
                function=function.name,
            )
            declared.problems.extend(here.found)
            continue
        seen.add(endpoints(mapping))
        kept.append(mapping)
        if isinstance(mapping, QueueMapping):
            queue = declared.queues[mapping.queue]
            if queue.visibility_timeout < function.timeout:
                here = Problems(queue.file)
                here.warning(
                    f"{queue.name}: Queue visibility timeout: {queue.visibility_timeout:g} seconds is less than "
                    f"Function timeout: {function.timeout:g} seconds",
                    f"Raise it to {function.timeout * 6:g} (six times the timeout of {function.name}, as AWS advises).",
                    line=queue.line,
                    function=function.name,
                )
        declared.problems.extend(here.found)
    declared.mappings = kept


def _queues(declared: Declared) -> None:
    """Redrive targets exist, differ from their source and are of its kind."""
    for queue in list(declared.queues.values()):
        if queue.redrive_queue is None:
            continue
        here = Problems(queue.file)
        target = declared.need_queue(queue.redrive_queue, here, queue.line, None)
        declared.queues[queue.name] = msgspec.structs.replace(queue, redrive_queue=target)
        if target == queue.name:
            here.warning(
                f"{queue.name}: a queue cannot be its own dead-letter queue", "Name another one.", line=queue.line
            )
        elif declared.queues[target].fifo != queue.fifo:
            kind = "a FIFO queue" if queue.fifo else "a standard queue"
            here.warning(
                f"{queue.name}: the dead-letter queue of {kind} must be {kind} too", "Name another.", line=queue.line
            )
        declared.problems.extend(here.found)


def _routes(declared: Declared) -> None:
    """Two functions on one route: the first declared answers at the bare path. Function URLs have an address each."""
    seen: dict[tuple[str, str], RouteConfig] = {}
    order = {api: place for place, api in enumerate(declared.apis)}  # in which the front asks them
    for route in sorted(declared.routes, key=lambda route: order.get(route.api, len(order))):
        if route.kind in {"url", "alb"} or not route.function:
            continue
        first = seen.setdefault((route.method, route.path), route)
        if first.function == route.function:
            continue
        function = declared.functions[route.function]
        here = Problems(function.file)
        message = f"{function.name}: {route.method} {route.path} is already answered by {first.function or first.api}"
        if route.api == first.api:
            here.warning(
                f"{message} in the same API",
                f"Remove one of the two; invoke it directly: lambdatui invoke {function.name}",
                line=route.line or function.line,
                function=function.name,
            )
        else:
            path = "/" if route.path == "$default" else route.path
            here.notice(
                f"{message} of {first.api or 'another API'}, which was declared before",
                f"Reach it at the API's own address: /_api/{route.api}{path}",
                line=route.line or function.line,
                function=function.name,
            )
        declared.problems.extend(here.found)
