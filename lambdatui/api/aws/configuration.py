"""A function, or a version of it, as FunctionConfiguration of Lambda's model."""

from __future__ import annotations

import base64
import contextlib
from pathlib import Path
from typing import Any

from lambdatui.api.aws.call import Door
from lambdatui.api.aws.errors import AwsError
from lambdatui.api.aws.invoke import find
from lambdatui.api.aws.kept import members
from lambdatui.api.ports import FunctionPort
from lambdatui.clock import iso
from lambdatui.config.destinations import to_arn
from lambdatui.config.model import Destination, FunctionConfig
from lambdatui.engine.model import LATEST
from lambdatui.errors import NotFound


def named(door: Door, name: str, qualifier: str | None) -> FunctionPort:
    """The function of a qualifier; of a weighted alias the version that gets what the weights leave. AWS's 404."""
    latest = find(door, name, None)
    try:
        return door.engine.versions.primary(latest, qualifier) or latest
    except NotFound:
        raise not_found(f"{latest.arn}:{qualifier}") from None


def unqualified(door: Door, name: str, qualifier: str | None) -> FunctionPort:
    """The function of an operation that concerns no single version."""
    if qualifier not in (None, LATEST):
        raise AwsError(
            "InvalidParameterValueException",
            f"The qualifier {qualifier} cannot be named here: this belongs to the function, not to a version or alias",
        )
    return find(door, name, None)


def place(version: FunctionPort) -> str:
    """Sorts the versions of a function: $LATEST, then the oldest."""
    return "" if version.version == LATEST else version.version.zfill(20)


def not_found(arn: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"Function not found: {arn}")


def stale() -> AwsError:
    return AwsError(
        "PreconditionFailedException",
        "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve "
        "the latest Revision Id",
    )


def configuration(door: Door, function: FunctionPort, qualifier: str | None = None) -> dict[str, Any]:
    """`qualifier`: as its ARN is to end."""
    config = function.config
    shown: dict[str, Any] = {
        "FunctionName": config.name,
        "FunctionArn": f"{function.arn}:{qualifier}" if qualifier else function.arn,
        "Runtime": config.runtime,
        "Role": f"arn:aws:iam::{door.account}:role/lambdatui",
        "Handler": config.handler,
        "CodeSize": function.code_size,
        "Description": config.description,
        "Timeout": max(1, round(config.timeout)),
        "MemorySize": config.memory,
        "LastModified": _modified(door, function),
        "CodeSha256": base64_sha(function.code_sha),
        "Version": function.version,
        "TracingConfig": {"Mode": "PassThrough"},
        "RevisionId": function.revision,
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "PackageType": "Zip",
        "Architectures": [config.architecture],
        "EphemeralStorage": {"Size": config.ephemeral_storage},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "RuntimeVersionConfig": {"RuntimeVersionArn": function.runtime_arn},
        "LoggingConfig": _logging(config),
        **members(config.kept),
    }
    if config.environment:
        shown["Environment"] = {"Variables": config.environment}
    if letters := config.dead_letter_queue or config.dead_letter_topic:
        target = Destination(kind="queue" if config.dead_letter_queue else "topic", name=letters)
        shown["DeadLetterConfig"] = {"TargetArn": to_arn(target, door.region, door.account)}
    return shown


def _logging(config: FunctionConfig) -> dict[str, str]:
    """Levels are shown with the JSON format, as they count with it alone."""
    logging = config.logging
    shown = {"LogFormat": logging.format, "LogGroup": logging.group or f"/aws/lambda/{config.name}"}
    if logging.format == "JSON":
        shown |= {"ApplicationLogLevel": logging.application_level, "SystemLogLevel": logging.system_level}
    return shown


def _modified(door: Door, function: FunctionPort) -> str:
    """`2026-11-21T14:31:09.434+0000`: the latest of its code, of the file that declares it, and of changes by API."""
    moments = [function.modified_us]
    if function.version == LATEST and function.config.file:
        with contextlib.suppress(OSError):
            moments.append(Path(door.engine.project.root, function.config.file).stat().st_mtime_ns // 1000)
    return iso(max(moments))[:23] + "+0000"


def base64_sha(sha: str) -> str:
    try:
        return base64.b64encode(bytes.fromhex(sha)).decode()
    except ValueError:
        return sha
