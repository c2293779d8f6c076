"""Versions, aliases and configuration by the real boto3 over a real engine; every raw answer held to the model."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lambdatui.api.aws import aliases, functions, update, versions
from tests.api.model_check import ModelCheck, watched_client
from tests.api.whole import Whole

ARN = "arn:aws:lambda:us-east-1:000000000000:function:app"
CODE = 'import os\ndef handler(event, context): return [1, context.function_version, os.environ.get("COLOUR")]\n'
TOML = """
[functions.app]
handler = "app.handler"
code = "app"
timeout = 5
[queues.letters]
"""


def project(folder: Path) -> Path:
    (folder / "lambdatui.toml").write_text(TOML)
    (folder / "app").mkdir()
    (folder / "app/app.py").write_text(CODE)
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return project(tmp_path)


@pytest.fixture
def door(root: Path) -> Iterator[Whole]:
    running = Whole(root)
    yield running
    running.close()


@pytest.fixture
def watched(door: Whole) -> tuple[Any, ModelCheck]:
    return watched_client("lambda", door.url)


@pytest.fixture
def client(watched: tuple[Any, ModelCheck]) -> Any:
    return watched[0]


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A client of an engine that has version 1 and the alias one, for what is refused and changes nothing."""
    running = Whole(project(tmp_path_factory.mktemp("still")))
    client, _ = watched_client("lambda", running.url)
    client.publish_version(FunctionName="app")
    client.create_alias(FunctionName="app", Name="one", FunctionVersion="1")
    yield client
    running.close()


def edit(client: Any, root: Path, number: int) -> None:
    """Another code, in force when this returns."""
    before = client.get_function_configuration(FunctionName="app")["CodeSha256"]
    (root / "app/app.py").write_text(CODE.replace("[1,", f"[{number},"))
    end = time.monotonic() + 60
    while client.get_function_configuration(FunctionName="app")["CodeSha256"] == before:
        assert time.monotonic() < end, "the save was never seen"
        call(client)  # looks at the files


def call(client: Any, qualifier: str | None = None) -> Any:
    named = {} if qualifier is None else {"Qualifier": qualifier}
    answer = client.invoke(FunctionName="app", **named)
    assert "FunctionError" not in answer
    result = json.load(answer["Payload"])
    assert answer["ExecutedVersion"] == result[1]
    return result


def refused(client: Any, operation: Any, **arguments: Any) -> tuple[str, str]:
    with pytest.raises(client.exceptions.ClientError) as caught:
        operation(**arguments)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_every_operation_answers_as_modelled(watched: tuple[Any, ModelCheck], root: Path) -> None:
    client, check = watched
    client.publish_version(FunctionName="app", Description="first")
    edit(client, root, 2)
    client.publish_version(FunctionName="app")
    client.list_versions_by_function(FunctionName="app")
    client.list_functions(FunctionVersion="ALL")
    client.get_function(FunctionName="app:1")
    client.get_function_configuration(FunctionName=f"{ARN}:1")
    client.create_alias(FunctionName="app", Name="live", FunctionVersion="1")
    client.update_alias(
        FunctionName="app", Name="live", FunctionVersion="2", RoutingConfig={"AdditionalVersionWeights": {"1": 0.25}}
    )
    client.get_alias(FunctionName="app", Name="live")
    client.list_aliases(FunctionName="app", FunctionVersion="1")
    client.delete_alias(FunctionName="app", Name="live")
    client.delete_function(FunctionName="app", Qualifier="1")
    client.update_function_configuration(FunctionName="app", Timeout=9)
    names = {route.name for module in (versions, aliases) for route in module.ROUTES}
    assert names | {"ListFunctions", "GetFunction", "UpdateFunctionConfiguration"} <= check.answered
    assert {route.name for route in update.ROUTES + functions.ROUTES}.isdisjoint(names)


def test_an_alias_serves_the_old_code_after_an_edit(client: Any, root: Path) -> None:
    published = client.publish_version(FunctionName="app", Description="first")
    assert (published["Version"], published["FunctionArn"]) == ("1", f"{ARN}:1")
    client.create_alias(FunctionName="app", Name="live", FunctionVersion="1")
    edit(client, root, 2)
    assert call(client, "live") == [1, "1", None]
    assert call(client) == [2, "$LATEST", None]
    assert [one["Version"] for one in client.list_versions_by_function(FunctionName="app")["Versions"]] == [
        "$LATEST", "1",
    ]  # fmt: skip


def test_a_version_keeps_its_configuration(client: Any) -> None:
    client.update_function_configuration(
        FunctionName="app", Environment={"Variables": {"COLOUR": "red"}}, MemorySize=256
    )
    client.publish_version(FunctionName="app")
    client.update_function_configuration(
        FunctionName="app", Environment={"Variables": {"COLOUR": "blue"}}, MemorySize=300
    )
    assert call(client, "1") == [1, "1", "red"]
    assert call(client) == [1, "$LATEST", "blue"]
    assert client.get_function_configuration(FunctionName="app", Qualifier="1")["MemorySize"] == 256


def test_publishing_again_without_a_change_gives_the_same_version(client: Any) -> None:
    first = client.publish_version(FunctionName="app", Description="first")
    again = client.publish_version(FunctionName="app", Description="again")
    assert (again["Version"], again["Description"], again["RevisionId"]) == ("1", "first", first["RevisionId"])


def test_a_weighted_alias_is_drawn_for_each_call(client: Any, root: Path) -> None:
    client.publish_version(FunctionName="app")
    edit(client, root, 2)
    client.publish_version(FunctionName="app")
    client.create_alias(
        FunctionName="app", Name="half", FunctionVersion="1", RoutingConfig={"AdditionalVersionWeights": {"2": 0.5}}
    )
    seen = Counter(call(client, "half")[1] for _ in range(60))
    assert seen["1"] + seen["2"] == 60
    assert min(seen.values()) >= 10  # fewer comes about once in ten million runs
    client.update_alias(FunctionName="app", Name="half", RoutingConfig={"AdditionalVersionWeights": {"2": 1.0}})
    assert {call(client, "half")[1] for _ in range(5)} == {"2"}
    client.update_alias(FunctionName="app", Name="half", RoutingConfig={"AdditionalVersionWeights": {}})
    assert {call(client, "half")[1] for _ in range(5)} == {"1"}
    assert "RoutingConfig" not in client.get_alias(FunctionName="app", Name="half")


def test_preconditions_are_checked_against_what_is_there(client: Any) -> None:
    now = client.get_function_configuration(FunctionName="app")
    assert refused(client, client.publish_version, FunctionName="app", RevisionId="old") == (
        "PreconditionFailedException",
        "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve "
        "the latest Revision Id",
    )
    code, message = refused(client, client.publish_version, FunctionName="app", CodeSha256="old")
    assert code == "InvalidParameterValueException"
    assert message.startswith("CodeSHA256 (old) is different from current CodeSHA256 in $LATEST (")
    client.publish_version(FunctionName="app", RevisionId=now["RevisionId"], CodeSha256=now["CodeSha256"])
    made = client.create_alias(FunctionName="app", Name="live", FunctionVersion="1")
    changed = client.update_alias(FunctionName="app", Name="live", Description="new", RevisionId=made["RevisionId"])
    assert changed["RevisionId"] != made["RevisionId"]
    code, _ = refused(
        client, client.update_alias, FunctionName="app", Name="live", RevisionId=made["RevisionId"], Description="x"
    )
    assert code == "PreconditionFailedException"
    code, _ = refused(client, client.update_function_configuration, FunctionName="app", RevisionId="old", Timeout=4)
    assert code == "PreconditionFailedException"


def test_a_revision_changes_with_the_thing_and_not_with_a_restart(client: Any, door: Whole, root: Path) -> None:
    def revisions(of: Any) -> list[str]:
        found = [of.get_function_configuration(FunctionName="app", Qualifier=one) for one in ("$LATEST", "1")]
        return [*(one["RevisionId"] for one in found), of.get_alias(FunctionName="app", Name="live")["RevisionId"]]

    call(client)
    client.publish_version(FunctionName="app")
    client.create_alias(FunctionName="app", Name="live", FunctionVersion="1")
    before = revisions(client)
    changed = client.update_function_configuration(FunctionName="app", Timeout=7)
    assert changed["RevisionId"] != before[0]
    client.update_function_configuration(FunctionName="app", Timeout=5)
    door.close()
    again = Whole(root)
    try:
        other, _ = watched_client("lambda", again.url)
        call(other)
        assert revisions(other) == before
        assert call(other, "live") == [1, "1", None]
    finally:
        again.close()
        door.__init__(root)  # type: ignore[misc]  # for the fixture to close


def test_a_version_is_deleted_unless_an_alias_points_to_it(client: Any) -> None:
    client.publish_version(FunctionName="app")
    client.create_alias(FunctionName="app", Name="live", FunctionVersion="1")
    assert refused(client, client.delete_function, FunctionName="app", Qualifier="1") == (
        "ResourceConflictException", "Unable to delete version because the following aliases reference it: [live]",
    )  # fmt: skip
    client.delete_alias(FunctionName="app", Name="live")
    client.delete_function(FunctionName="app", Qualifier="1")
    assert refused(client, client.invoke, FunctionName="app", Qualifier="1") == (
        "ResourceNotFoundException", f"Function not found: {ARN}:1",
    )  # fmt: skip
    client.delete_function(FunctionName="app", Qualifier="1")  # gone is gone
    assert client.publish_version(FunctionName="app")["Version"] == "2"


@pytest.mark.parametrize(
    ("operation", "arguments", "error", "message"),
    [
        ("create_alias", {"Name": "one", "FunctionVersion": "1"}, "ResourceConflictException",
         f"Alias already exists: {ARN}:one"),
        ("create_alias", {"Name": "two", "FunctionVersion": "9"}, "ResourceNotFoundException",
         f"Function not found: {ARN}:9"),
        ("create_alias", {"Name": "12", "FunctionVersion": "1"}, "InvalidParameterValueException", "at 'name'"),
        ("create_alias", {"Name": "two", "FunctionVersion": "x"}, "InvalidParameterValueException",
         "at 'functionVersion'"),
        ("create_alias", {"Name": "two", "FunctionVersion": "$LATEST",
                          "RoutingConfig": {"AdditionalVersionWeights": {"1": 0.5}}},
         "InvalidParameterValueException", "$LATEST is not supported for an alias pointing to more than 1 version"),
        ("create_alias", {"Name": "two", "FunctionVersion": "1",
                          "RoutingConfig": {"AdditionalVersionWeights": {"1": 0.5}}},
         "InvalidParameterValueException", "already included in routing configuration"),
        ("create_alias", {"Name": "two", "FunctionVersion": "1",
                          "RoutingConfig": {"AdditionalVersionWeights": {"9": 0.5}}},
         "ResourceNotFoundException", f"Function not found: {ARN}:9"),
        ("update_alias", {"Name": "one", "RoutingConfig": {"AdditionalVersionWeights": {"2": 1.5}}},
         "InvalidParameterValueException", "Member must have value less than or equal to 1.0"),
        ("update_alias", {"Name": "one", "RoutingConfig": {"AdditionalVersionWeights": {"2": 0.1, "3": 0.1}}},
         "InvalidParameterValueException", "Number of items in AdditionalVersionWeights cannot be greater than 1"),
        ("update_alias", {"Name": "two"}, "ResourceNotFoundException", f"Cannot find alias arn: {ARN}:two"),
        ("get_alias", {"Name": "two"}, "ResourceNotFoundException", f"Cannot find alias arn: {ARN}:two"),
        ("delete_function", {"Qualifier": "$LATEST"}, "InvalidParameterValueException",
         "$LATEST version cannot be deleted without deleting the function."),
        ("delete_function", {"Qualifier": "one"}, "InvalidParameterValueException",
         "Deletion of aliases is not currently supported."),
        ("delete_function", {}, "ResourceConflictException", "is declared in lambdatui.toml: remove it there"),
        ("get_function", {"Qualifier": "9"}, "ResourceNotFoundException", f"Function not found: {ARN}:9"),
        ("update_function_code", {"ZipFile": b"x"}, "ResourceConflictException", "save its files in"),
        ("publish_version", {"Description": "x" * 257}, "InvalidParameterValueException", "less than or equal to 256"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_the_words_of_aws(
    still: Any, operation: str, arguments: dict[str, Any], error: str, message: str
) -> None:
    found = refused(still, getattr(still, operation), FunctionName="app", **arguments)
    assert found[0] == error
    assert message in found[1]


def test_lists_come_in_pages(client: Any, root: Path) -> None:
    for number in range(2, 5):
        client.publish_version(FunctionName="app")
        edit(client, root, number)
    first = client.list_versions_by_function(FunctionName="app", MaxItems=3)
    rest = client.list_versions_by_function(FunctionName="app", MaxItems=3, Marker=first["NextMarker"])
    assert [one["Version"] for one in first["Versions"] + rest["Versions"]] == ["$LATEST", "1", "2", "3"]
    assert "NextMarker" not in rest
    for name in ("b", "a", "c"):
        client.create_alias(FunctionName="app", Name=name, FunctionVersion="1")
    pages = client.get_paginator("list_aliases").paginate(FunctionName="app", PaginationConfig={"PageSize": 2})
    assert [one["Name"] for page in pages for one in page["Aliases"]] == ["a", "b", "c"]
    assert client.list_aliases(FunctionName="app", FunctionVersion="2")["Aliases"] == []
    every = client.list_functions(FunctionVersion="ALL")["Functions"]
    assert [one["FunctionArn"] for one in every] == [f"{ARN}:{one}" for one in ("$LATEST", "1", "2", "3")]
    assert [one["FunctionArn"] for one in client.list_functions()["Functions"]] == [ARN]


def test_a_changed_configuration_is_an_override_until_its_file_is_edited(client: Any, door: Whole, root: Path) -> None:
    client.update_function_configuration(
        FunctionName="app", Timeout=9, MemorySize=200, Description="mine", EphemeralStorage={"Size": 600},
        LoggingConfig={"LogFormat": "JSON", "ApplicationLogLevel": "DEBUG"}, TracingConfig={"Mode": "Active"},
        DeadLetterConfig={"TargetArn": "arn:aws:sqs:us-east-1:000000000000:letters"},
    )  # fmt: skip
    [row] = door.engine.function_rows()
    assert {"timeout", "memory", "description", "ephemeral_storage", "logging", "kept"} <= row.overrides.keys()
    assert row.dead_letter_queue == "letters"
    assert "letters" in door.engine.dlq_names()
    door.close()
    (root / "lambdatui.toml").write_text(TOML.replace("timeout = 5", "timeout = 6"))
    door.__init__(root)  # type: ignore[misc]
    other, _ = watched_client("lambda", door.url)
    shown = other.get_function_configuration(FunctionName="app")
    assert (shown["Timeout"], shown["MemorySize"], shown["Description"]) == (6, 200, "mine")
    assert shown["LoggingConfig"]["ApplicationLogLevel"] == "DEBUG"
    assert shown["TracingConfig"] == {"Mode": "Active"}
    assert shown["DeadLetterConfig"]["TargetArn"].endswith(":letters")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"Timeout": 901}, "Value '901' at 'timeout' failed to satisfy constraint: Member must have value less"),
        ({"MemorySize": 10_241}, "Value '10241' at 'memorySize' failed to satisfy constraint: Member must have"),
        ({"Environment": {"Variables": {"AWS_REGION": "x"}}},
         "Lambda was unable to configure your environment variables because the environment variables you have "
         "provided contains reserved keys that are currently not supported for modification. Reserved keys used in "
         "this request: AWS_REGION"),
        ({"Environment": {"Variables": {"1A": "x"}}}, "Map keys must satisfy constraint"),
        ({"Environment": {"Variables": {"LONG": "x" * 4096}}}, "exceeded the 4KB limit"),
        ({"EphemeralStorage": {"Size": 10241}}, "at 'ephemeralStorage.size' failed to satisfy constraint"),
        ({"LoggingConfig": {"ApplicationLogLevel": "DEBUG"}}, "you must set your LogFormat to JSON"),
        ({"DeadLetterConfig": {"TargetArn": "arn:aws:sqs:us-east-1:000000000000:none"}}, "There is no queue none"),
        ({"Layers": ["arn:aws:lambda:us-east-1:000000000000:layer:x:1"]}, "layers come from the project's files"),
        ({"Runtime": "nodejs22.x"}, "The runtime nodejs22.x is not served"),
    ],
)  # fmt: skip
def test_a_configuration_that_cannot_be_is_refused(still: Any, arguments: dict[str, Any], message: str) -> None:
    code, said = refused(still, still.update_function_configuration, FunctionName="app", **arguments)
    assert code == "InvalidParameterValueException"
    assert message in said


def test_what_means_nothing_here_is_given_back(watched: tuple[Any, ModelCheck]) -> None:
    client, _ = watched
    network = {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}
    shown = client.update_function_configuration(
        FunctionName="app", Role="arn:aws:iam::000000000000:role/own", VpcConfig=network,
        SnapStart={"ApplyOn": "PublishedVersions"}, Runtime="python3.11", Handler="app.handler",
    )  # fmt: skip
    assert (shown["Role"], shown["Runtime"]) == ("arn:aws:iam::000000000000:role/own", "python3.11")
    assert shown["VpcConfig"] == {**network, "VpcId": ""}
    assert shown["SnapStart"]["ApplyOn"] == "PublishedVersions"
    assert call(client) == [1, "$LATEST", None]


def test_an_alias_takes_its_settings_for_asynchronous_events_along(client: Any) -> None:
    client.publish_version(FunctionName="app")
    client.create_alias(FunctionName="app", Name="live", FunctionVersion="1")
    client.put_function_event_invoke_config(FunctionName="app", Qualifier="live", MaximumRetryAttempts=0)
    client.delete_alias(FunctionName="app", Name="live")
    client.create_alias(FunctionName="app", Name="live", FunctionVersion="1")
    code, _ = refused(client, client.get_function_event_invoke_config, FunctionName="app", Qualifier="live")
    assert code == "ResourceNotFoundException"
