"""Declared resources as AWS calls."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs

import pytest

from lambdatui.config.model import ResourceConfig
from lambdatui.localaws.create import calls_for, generated
from lambdatui.localaws.local import told


def resource(kind: str, name: str = "thing", **properties: Any) -> ResourceConfig:
    return ResourceConfig(type=kind, logical_id=name.title(), name=name, properties=properties)


def test_a_table_without_throughput_is_on_demand_and_its_stream_and_ttl_are_asked_for() -> None:
    create, live = calls_for(
        resource(
            "AWS::DynamoDB::Table",
            "orders",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            StreamSpecification={"StreamViewType": "NEW_IMAGE"},
            TimeToLiveSpecification={"AttributeName": "expires", "Enabled": True},
            PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
        ),
        "us-east-1",
    )
    assert json.loads(create.body) == {
        "TableName": "orders",
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
        "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    }
    assert json.loads(live.body)["TimeToLiveSpecification"] == {"AttributeName": "expires", "Enabled": True}


def test_throughput_written_as_text_is_a_number_and_indexes_have_the_tables() -> None:
    [create] = calls_for(
        resource(
            "AWS::DynamoDB::Table",
            ProvisionedThroughput={"ReadCapacityUnits": "5", "WriteCapacityUnits": 2},
            GlobalSecondaryIndexes=[{"IndexName": "by-mail", "KeySchema": [], "Projection": {"ProjectionType": "ALL"}}],
        ),
        "us-east-1",
    )
    body = json.loads(create.body)
    assert body["ProvisionedThroughput"] == {"ReadCapacityUnits": 5, "WriteCapacityUnits": 2}
    assert body["GlobalSecondaryIndexes"][0]["ProvisionedThroughput"] == body["ProvisionedThroughput"]


def test_a_bucket_elsewhere_names_its_place_and_leaves_its_notifications_out() -> None:
    create, versioning, cors = calls_for(
        resource(
            "AWS::S3::Bucket",
            "uploads",
            VersioningConfiguration={"Status": "Enabled"},
            CorsConfiguration={"CorsRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"], "MaxAge": 60}]},
            NotificationConfiguration={"LambdaConfigurations": [{"Event": "s3:ObjectCreated:*"}]},
        ),
        "eu-west-1",
    )
    assert (create.path, b"eu-west-1" in create.body) == ("/uploads", True)
    assert versioning.path == "/uploads?versioning"
    assert b"<AllowedMethod>GET</AllowedMethod>" in cors.body
    assert b"<MaxAgeSeconds>60</MaxAgeSeconds>" in cors.body


def test_a_fifo_topic_is_created_as_one() -> None:
    [create] = calls_for(resource("AWS::SNS::Topic", "a.fifo", FifoTopic=True), "us-east-1")
    form = parse_qs(create.body.decode())
    assert (form["Name"], form["Attributes.entry.1.key"], form["Attributes.entry.1.value"]) == (
        ["a.fifo"],
        ["FifoTopic"],
        ["true"],
    )


def test_what_is_no_resource_of_the_local_aws_makes_no_call() -> None:
    assert calls_for(resource("AWS::SQS::Queue"), "us-east-1") == []


def test_a_generated_secret_has_every_kind_of_character_but_those_excluded() -> None:
    for _ in range(50):
        secret = generated({"PasswordLength": 6, "ExcludePunctuation": True, "ExcludeCharacters": "abc0"})
        assert len(secret) == 6
        assert not set(secret) & set("abc0")
        assert all(any(test(one) for one in secret) for test in (str.islower, str.isupper, str.isdigit))


def test_a_generated_secret_stands_in_its_template() -> None:
    rules = {"SecretStringTemplate": '{"user": "me"}', "GenerateStringKey": "password", "PasswordLength": 10}
    secret = json.loads(generated(rules))
    assert (secret["user"], len(secret["password"])) == ("me", 10)


def test_a_secret_of_no_characters_is_refused() -> None:
    everything = {f"Exclude{kind}": True for kind in ("Lowercase", "Uppercase", "Numbers", "Punctuation")}
    with pytest.raises(ValueError, match="excludes every character"):
        generated(everything)


def test_what_was_created_is_counted_by_kind() -> None:
    made = [resource(f"AWS::{kind}") for kind in ("DynamoDB::Table", "DynamoDB::Table", "S3::Bucket")]
    assert told(made) == "2 tables, 1 bucket created"
    assert told([resource("AWS::Events::EventBus"), resource("AWS::Events::EventBus")]) == "2 event buses created"
