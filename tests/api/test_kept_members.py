"""What a template keeps of a function, as Lambda's own answers carry it."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from lambdatui.api.aws.kept import members, tags

CONFIGURATION = botocore.session.get_session().get_service_model("lambda").shape_for("FunctionConfiguration")


def valid(found: dict[str, Any]) -> bool:
    return not ParamValidator().validate(found, CONFIGURATION).has_errors()


def test_the_members_have_the_models_shape() -> None:
    found = members({
        "Role": "arn:aws:iam::000000000000:role/own",
        "KmsKeyArn": "arn:aws:kms:us-east-1:000000000000:key/k",
        "Tracing": "Active",
        "VpcConfig": {"SubnetIds": ["subnet-1", "<Net.Subnet is only known in an account>"], "SecurityGroupIds": []},
        "Layers": ["arn:aws:lambda:us-east-1:000000000000:layer:common:1"],
        "SnapStart": {"ApplyOn": "PublishedVersions"},
        "FileSystemConfigs": [{"Arn": "arn:aws:elasticfilesystem:a:b:access-point/x", "LocalMountPath": "/mnt/x"}],
        "Policies": ["AWSLambdaBasicExecutionRole"],
    })  # fmt: skip
    assert valid(found)
    assert found["TracingConfig"] == {"Mode": "Active"}
    assert found["VpcConfig"]["SubnetIds"] == ["subnet-1", "<Net.Subnet is only known in an account>"]
    assert found["Layers"] == [{"Arn": "arn:aws:lambda:us-east-1:000000000000:layer:common:1", "CodeSize": 0}]
    assert found["KMSKeyArn"].endswith("key/k") and "Policies" not in found


@pytest.mark.parametrize("value", ["text", 3, None, [], {}, [3], {"Size": "big"}, {"SubnetIds": "x"}, [{"Arn": 1}]])
@pytest.mark.parametrize(
    "key",
    ["Role", "KmsKeyArn", "Tracing", "TracingConfig", "VpcConfig", "Layers", "SnapStart",
     "FileSystemConfigs"],
)  # fmt: skip
def test_whatever_was_written_the_shape_stands(key: str, value: object) -> None:
    assert valid(members({key: value}))


def test_tags_of_both_languages() -> None:
    assert tags({"Tags": {"team": "a", "tier": 1}}) == {"team": "a", "tier": "1"}
    assert tags({"Tags": [{"Key": "team", "Value": "a"}, {"Key": "x"}, "y"]}) == {"team": "a"}
    assert tags({}) == {}
