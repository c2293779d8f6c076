"""UpdateFunctionConfiguration: changes that are laid over what the files say; and why code is changed in files alone.

https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionConfiguration.html
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from lambdatui.api.aws.call import FUNCTION, Answer, Call, Route, route
from lambdatui.api.aws.configuration import configuration, stale, unqualified
from lambdatui.api.aws.constraints import Constraints
from lambdatui.api.aws.errors import AwsError
from lambdatui.api.ports import FunctionPort
from lambdatui.config.destinations import from_arn
from lambdatui.config.finish import MAX_ENVIRONMENT, RESERVED_VARIABLES, VARIABLE_NAME
from lambdatui.config.model import LoggingConfig, QueueMapping
from lambdatui.config.pythons import wanted_version

_ROLE = r"arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+"
_ARN_OR_NONE = r"(arn:(aws[a-zA-Z-]*)?:[a-z0-9-.]+:.*)|()"
_GROUP = r"[\.\-_/#A-Za-z0-9]+"
_LEVELS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
# What names things that stand in the project's files, or that no function here can have.
_NOT_CHANGED = (
    "Layers", "ImageConfig", "CapacityProviderConfig", "DurableConfig", "RuntimeConfig", "AcceleratorConfig",
)  # fmt: skip
_NOT_CHANGED_ENDINGS = {"Layers": "layers come from the project's files"}
_CANNOT = (
    "Lambda was unable to configure your environment variables because the environment variables you have provided"
)


async def update_configuration(call: Call) -> Answer:
    """What is given is in force at once, marked as an override, until the same property is edited in a file."""
    function = unqualified(call.door, call.name, call.qualifier)
    body = Constraints.of_body(call.body)
    async with call.door.changing:
        changes = _changes(body, function)
        revision = body.text("RevisionId")
        body.check()
        for name in _NOT_CHANGED:
            if body.has(name):
                why = _NOT_CHANGED_ENDINGS.get(name, "functions here have none")
                raise AwsError("InvalidParameterValueException", f"{name} cannot be changed by API: {why}")
        if revision and revision != function.revision:
            raise stale()
        _check_runtime(changes)
        _check_environment(changes)
        _check_letters(call, changes)
        _check_timeout(call, function, changes)
        await call.door.engine.update_configuration(function.config.name, changes)
    return Answer(msgspec.json.encode(configuration(call.door, function)))


def _changes(body: Constraints, function: FunctionPort) -> dict[str, Any]:
    """Fields of FunctionConfig, as far as the request names them."""
    config = function.config
    plain = {
        "description": body.text("Description", high=256),
        "handler": body.text("Handler", pattern=r"[^\s]+", high=128),
        "timeout": body.number("Timeout", 1, 900),
        "memory": body.number("MemorySize", 128, 10_240),
        "runtime": body.text("Runtime"),
    }
    changes: dict[str, Any] = {name: value for name, value in plain.items() if value is not None}
    if (environment := body.object("Environment")) is not None:
        variables = environment.map("Variables") or {}
        if not all(isinstance(value, str) for value in variables.values()):
            environment.fail("Variables", "Map value must be of type String")
        elif not all(VARIABLE_NAME.fullmatch(name) for name in variables.keys() - RESERVED_VARIABLES):
            environment.fail(
                "Variables",
                "Map keys must satisfy constraint: [Member must satisfy regular expression pattern: "
                f"{VARIABLE_NAME.pattern}]",
            )
        else:
            changes["environment"] = variables
    if (storage := body.object("EphemeralStorage")) is not None:
        size = storage.number("Size", 512, 10_240, required=True)
        changes |= {} if size is None else {"ephemeral_storage": size}
    if (logging := body.object("LoggingConfig")) is not None:
        changes["logging"] = _logging(logging, config.logging)
    if (letters := body.object("DeadLetterConfig")) is not None:
        changes["dead_letter_arn"] = letters.text("TargetArn", pattern=_ARN_OR_NONE) or ""
    kept = _kept(body)
    return changes | ({"kept": {**config.kept, **kept}} if kept else {})


def _logging(logging: Constraints, present: LoggingConfig) -> LoggingConfig:
    """Levels are for the JSON format alone."""
    chosen = logging.choice("LogFormat", ("JSON", "Text")) or present.format
    application = logging.choice("ApplicationLogLevel", _LEVELS)
    system = logging.choice("SystemLogLevel", ("DEBUG", "INFO", "WARN"))
    group = logging.text("LogGroup", pattern=_GROUP, low=1, high=512)
    if chosen == "Text" and (application or system):
        raise AwsError(
            "InvalidParameterValueException",
            "To use ApplicationLogLevel or SystemLogLevel, you must set your LogFormat to JSON.",
        )
    return msgspec.convert(
        {
            "format": chosen,
            "application_level": application or present.application_level,
            "system_level": system or present.system_level,
            "group": group or present.group,
        },
        LoggingConfig,
    )


def _kept(body: Constraints) -> dict[str, Any]:
    """What means nothing here and is given back as it was said."""
    found: dict[str, Any] = {
        "Role": body.text("Role", pattern=_ROLE, high=10_000),
        "KmsKeyArn": body.text("KMSKeyArn", pattern=_ARN_OR_NONE, high=10_000),
    }
    if (network := body.object("VpcConfig")) is not None:
        found["VpcConfig"] = {
            "SubnetIds": network.texts("SubnetIds", high=16) or [],
            "SecurityGroupIds": network.texts("SecurityGroupIds", high=5) or [],
        }
    snap = body.object("SnapStart")
    if snap is not None and (applied := snap.choice("ApplyOn", ("PublishedVersions", "None"))):
        found["SnapStart"] = {"ApplyOn": applied}
    tracing = body.object("TracingConfig")
    if tracing is not None and (mode := tracing.choice("Mode", ("Active", "PassThrough"))):
        found["TracingConfig"] = {"Mode": mode}
    if (mounts := body.objects("FileSystemConfigs", high=1)) is not None:
        found["FileSystemConfigs"] = [
            {name: one.text(name, required=True) for name in ("Arn", "LocalMountPath")} for one in mounts
        ]
    return {name: value for name, value in found.items() if value is not None}


def _check_runtime(changes: dict[str, Any]) -> None:
    runtime = changes.get("runtime")
    if runtime is not None and wanted_version(runtime) is None:
        raise AwsError(
            "InvalidParameterValueException", f"The runtime {runtime} is not served: name one like python3.13"
        )


def _check_environment(changes: dict[str, Any]) -> None:
    variables: dict[str, str] = changes.get("environment", {})
    if reserved := sorted(RESERVED_VARIABLES.intersection(variables)):
        raise AwsError(
            "InvalidParameterValueException",
            f"{_CANNOT} contains reserved keys that are currently not supported for modification. Reserved keys used "
            f"in this request: {', '.join(reserved)}",
        )
    measured = msgspec.json.encode(variables)
    if len(measured) > MAX_ENVIRONMENT:
        raise AwsError(
            "InvalidParameterValueException",
            f"{_CANNOT} exceeded the 4KB limit. String measured: {measured.decode()}",
        )


def _check_letters(call: Call, changes: dict[str, Any]) -> None:
    """The dead-letter target by its ARN: a queue of the project or a topic; an empty one takes it away."""
    if "dead_letter_arn" not in changes:
        return
    arn = changes.pop("dead_letter_arn")
    changes |= {"dead_letter_queue": None, "dead_letter_topic": None}
    if not arn:
        return
    target = from_arn(arn)
    if target is None or target.kind not in ("queue", "topic"):
        raise AwsError(
            "InvalidParameterValueException", f"DeadLetterConfig: {arn} names neither an SQS queue nor an SNS topic"
        )
    if target.kind == "queue" and not any(one.name == target.name for one in call.door.engine.project.queues):
        raise AwsError("InvalidParameterValueException", f"There is no queue {target.name}: create or declare it first")
    changes[f"dead_letter_{target.kind}"] = target.name


def _check_timeout(call: Call, function: FunctionPort, changes: dict[str, Any]) -> None:
    """A queue that the function is fed from must not show a message again while it is worked on."""
    timeout = changes.get("timeout")
    project = call.door.engine.project
    fed = {
        one.queue for one in project.mappings if isinstance(one, QueueMapping) and one.function == function.config.name
    }
    for queue in project.queues:
        if timeout is not None and queue.name in fed and queue.visibility_timeout < timeout:
            raise AwsError(
                "InvalidParameterValueException",
                f"Queue visibility timeout: {queue.visibility_timeout:g} seconds is less than Function timeout: "
                f"{timeout} seconds",
            )


def update_code(call: Call) -> Answer:
    """The code is what the project's files hold."""
    function = unqualified(call.door, call.name, call.qualifier)
    raise AwsError(
        "ResourceConflictException",
        f"The code of {function.config.name} is the project's: save its files in {function.config.code_root}, and the "
        "next invocation runs them; lambdatui changes no file of the project",
    )


def create_function(call: Call) -> Answer:
    """Functions are what the project's files declare."""
    body = Constraints.of_body(call.body)
    name = body.text("FunctionName", required=True, low=1, high=140) or ""
    body.check()
    for function in call.door.engine.functions():
        if re.fullmatch(rf"(.*:)?{re.escape(function.config.name)}", name):
            raise AwsError("ResourceConflictException", f"Function already exist: {function.config.name}")
    raise AwsError(
        "InvalidParameterValueException",
        f"{name} cannot be made by API: declare it in the project's template, serverless.yml or lambdatui.toml, and it "
        "is served at once",
    )


ROUTES: list[Route] = [
    route("PUT", f"/2015-03-31{FUNCTION}/configuration", "UpdateFunctionConfiguration", update_configuration),
    route("PUT", f"/2015-03-31{FUNCTION}/code", "UpdateFunctionCode", update_code),
    route("POST", "/2015-03-31/functions", "CreateFunction", create_function),
]
