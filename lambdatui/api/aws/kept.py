"""What a template says of a function that means nothing here, in the shapes of Lambda's service model. Pure.

Parts that only an account knows stand as `<why>`; a member of another type than the model's is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_TEXTS = {"KmsKeyArn": "KMSKeyArn", "Role": "Role"}


def members(kept: Mapping[str, Any]) -> dict[str, Any]:
    """The members of FunctionConfiguration that `kept` has something for."""
    found: dict[str, Any] = {name: kept[key] for key, name in _TEXTS.items() if isinstance(kept.get(key), str)}
    if mode := _tracing(kept):
        found["TracingConfig"] = {"Mode": mode}
    if isinstance(network := kept.get("VpcConfig"), dict):
        subnets, groups = _texts(network.get("SubnetIds")), _texts(network.get("SecurityGroupIds"))
        found["VpcConfig"] = {"SubnetIds": subnets, "SecurityGroupIds": groups, "VpcId": ""}
    if layers := _texts(kept.get("Layers")):
        found["Layers"] = [{"Arn": arn, "CodeSize": 0} for arn in layers]
    if isinstance(snap := kept.get("SnapStart"), dict) and isinstance(apply := snap.get("ApplyOn"), str):
        found["SnapStart"] = {"ApplyOn": apply, "OptimizationStatus": "Off"}
    if mounts := _mounts(kept.get("FileSystemConfigs")):
        found["FileSystemConfigs"] = mounts
    return found


def tags(kept: Mapping[str, Any]) -> dict[str, str]:
    """The function's tags: a mapping in SAM, a list of keys and values in CloudFormation."""
    written = kept.get("Tags")
    if isinstance(written, list):
        written = {one["Key"]: one["Value"] for one in written if isinstance(one, dict) and {"Key", "Value"} <= {*one}}
    return {str(key): str(value) for key, value in written.items()} if isinstance(written, dict) else {}


def _tracing(kept: Mapping[str, Any]) -> str | None:
    config = kept.get("TracingConfig")
    mode = config.get("Mode") if isinstance(config, dict) else kept.get("Tracing")
    return mode if mode in ("Active", "PassThrough") else None


def _mounts(written: object) -> list[dict[str, str]]:
    mounts = [one for one in written if isinstance(one, dict)] if isinstance(written, list) else []
    names = ("Arn", "LocalMountPath")
    return [{name: one[name] for name in names} for one in mounts if all(isinstance(one.get(n), str) for n in names)]


def _texts(written: object) -> list[str]:
    return [one for one in written if isinstance(one, str)] if isinstance(written, list) else []
